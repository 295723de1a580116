"""Owns the way from a supervisor's message to what runs next: agents, tools, or the end."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from langchain_core.messages import AIMessage, BaseMessage, RemoveMessage, ToolCall, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END
from langgraph.graph.message import REMOVE_ALL_MESSAGES
from langgraph.types import Command, Send

from bailiwick.graphs.handoff import FORWARD_TOOL_NAME, ForwardTool, HandoffTool
from bailiwick.graphs.supervision.foreign import ForeignHandoffs, Reading, transferred
from bailiwick.graphs.supervision.governance import refuse_hand_off
from bailiwick.graphs.supervision.history import call_view, narrow, task_of
from bailiwick.graphs.supervision.own_tools import OwnTools
from bailiwick.graphs.supervision.states import State, fields, with_messages
from bailiwick.tools.guard import Guard


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Hold one message of the supervisor and where it stands.

    Attributes:
        said: The message.
        history: What came before it.
        answered: The ids of its calls that have an answer already.
        is_stored: Whether the state holds the message already.
    """

    said: AIMessage
    history: Sequence[BaseMessage]
    answered: frozenset[str] = frozenset()
    is_stored: bool = False

    @property
    def calls(self) -> list[ToolCall]:
        """The calls that still need an answer."""
        return [call for call in self.said.tool_calls if call["id"] not in self.answered]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """Hold what becomes of one call.

    Attributes:
        call: The call.
        answer: The message that answers it; `None` if a task will.
        agent: The agent that it hands over to, if it does.
        reading: What a foreign hand-off tool returned.
        is_kept: Whether the call and its answer belong into the history.
    """

    call: ToolCall
    answer: ToolMessage | None = None
    agent: str | None = None
    reading: Reading | None = None
    is_kept: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Router:
    """Route a supervisor's message.

    Attributes:
        supervisor: The supervisor's name, which is that of its node.
        finish: The node that ends a run, or `END`.
        handoffs: Our hand-off tools by name.
        forwards: Our forwarding tools by name.
        foreign: Hand-off tools made by others, if there are any.
        own_tools: The node of the supervisor's own tools, if there are any.
        direct: Names of the own tools whose result ends the run.
        orders_answers: Whether the message channel puts an answer right after its call, whenever it
            comes.
        guard: Decides about hand-offs, if there is one.
    """

    supervisor: str
    finish: str
    handoffs: Mapping[str, HandoffTool]
    forwards: Mapping[str, ForwardTool]
    foreign: ForeignHandoffs | None
    own_tools: OwnTools | None
    direct: frozenset[str]
    orders_answers: bool
    guard: Guard | None

    def route(self, turn: Turn, state: State, config: RunnableConfig) -> Command[str]:
        """Return the state update and the next nodes for a message of the supervisor."""
        if not turn.calls:
            return self._end(turn)
        refusals = self._refusals(turn, config)
        foreign = self.foreign
        readings = {
            place: foreign.read(call, turn.said, _before(turn, state), config)
            for place, call in self._foreign_calls(turn)
            if foreign
        }
        return self._command(turn, state, refusals, readings)

    async def aroute(self, turn: Turn, state: State, config: RunnableConfig) -> Command[str]:
        """Return the state update and the next nodes, without blocking the event loop."""
        if not turn.calls:
            return self._end(turn)
        refusals: dict[int, str] = {}
        if self.guard is not None:
            ledger = self.guard.ledger
            refusals = await ledger.off_loop(lambda: self._refusals(turn, config))
        foreign = self.foreign
        readings = {
            place: await foreign.aread(call, turn.said, _before(turn, state), config)
            for place, call in self._foreign_calls(turn)
            if foreign
        }
        return self._command(turn, state, refusals, readings)

    def _end(self, turn: Turn) -> Command[str]:
        if turn.answered:
            return Command(update={"messages": []}, goto=self.supervisor)
        said = [] if turn.is_stored else [turn.said]
        return Command(update={"messages": said}, goto=self.finish)

    def _refusals(self, turn: Turn, config: RunnableConfig) -> dict[int, str]:
        """Ask the guard about each hand-off; return the refusals by the places of their calls.

        A hook, or whoever writes into a thread, may have given two calls one id.
        """
        guard, name = self.guard, self.supervisor
        if guard is None:
            return {}
        asked = {
            place: refuse_hand_off(guard, name, tool.agent_name, turn.history, config)
            for place, call in enumerate(turn.calls)
            if (tool := self.handoffs.get(call["name"]))
        }
        return {place: refusal for place, refusal in asked.items() if refusal is not None}

    def _foreign_calls(self, turn: Turn) -> list[tuple[int, ToolCall]]:
        agents = self.foreign.agents if self.foreign else {}
        return [(place, call) for place, call in enumerate(turn.calls) if call["name"] in agents]

    def _command(
        self,
        turn: Turn,
        state: State,
        refusals: Mapping[int, str],
        readings: Mapping[int, Reading],
    ) -> Command[str]:
        if len(turn.said.tool_calls) == 1 and (tool := self.forwards.get(turn.calls[0]["name"])):
            return self._forward(tool, turn)
        handled = [
            self._handle(call, refusals.get(place), readings.get(place))
            for place, call in enumerate(turn.calls)
        ]
        goto = self._goto(turn, state, handled)
        values = {k: v for one in handled if one.reading for k, v in one.reading.values.items()}
        # Also where there are none: whoever reads the stream of updates looks for them.
        update = {**values, "messages": _messages(turn, handled)}
        return Command(update=update, goto=goto or [self.supervisor])

    def _forward(self, tool: ForwardTool, turn: Turn) -> Command[str]:
        call = turn.calls[0]
        found = tool.forwarded(turn.history, str(call["args"].get("from_agent", "")))
        if isinstance(found, str):
            answer = ToolMessage(found, name=call["name"], tool_call_id=str(call["id"]))
            update = [*([] if turn.is_stored else [turn.said]), answer]
            return Command(update={"messages": update}, goto=self.supervisor)
        gone = [RemoveMessage(id=str(turn.said.id))] if turn.is_stored else []
        return Command(update={"messages": [*gone, found]}, goto=self.finish)

    def _handle(self, call: ToolCall, refusal: str | None, reading: Reading | None) -> Handled:
        name = call["name"]
        if refusal is not None:
            return Handled(call=call, answer=_error(call, refusal))
        if tool := self.handoffs.get(name):
            answer = tool.answer(str(call["id"]))
            kept = tool.add_handoff_messages
            return Handled(call=call, answer=answer, agent=tool.agent_name, is_kept=kept)
        if reading is not None:
            return Handled(
                call=call, answer=reading.answer, reading=reading, is_kept=reading.is_kept
            )
        if name in self.forwards:
            return Handled(call=call, answer=_error(call, BESIDE_OTHERS))
        if self.own_tools and name in self.own_tools.tool_node.tools_by_name:
            return Handled(call=call)
        return Handled(call=call, answer=_error(call, self._unknown(name)))

    def _unknown(self, name: str) -> str:
        known = [*self.handoffs, *self.forwards, *(self.foreign.agents if self.foreign else ())]
        own = self.own_tools.tool_node.tools_by_name if self.own_tools else {}
        names = dict.fromkeys([*own, *known])
        return f"Error: {name} is not a valid tool, try one of [{', '.join(names)}]."

    def _goto(self, turn: Turn, state: State, handled: Sequence[Handled]) -> list[str | Send]:
        """Return the next nodes: tools first, so that their results come first if order counts."""
        is_direct = any(one.call["name"] in self.direct for one in handled)
        then = self.finish if is_direct else self.supervisor
        asked = [one.call for one in handled if one.answer is None and one.reading is None]
        orders: list[str | Send] = [self.own_tools.order(c, then) for c in asked if self.own_tools]
        agents = Counter(one.agent for one in handled if one.agent)
        read = [node for one in handled if one.reading for node in one.reading.goto]
        handed = [
            self._send(turn, state, one)
            if self._needs_view(one, agents, is_beside_tools=bool(orders))
            else one.agent
            for one in handled
            if one.agent
        ]
        return [*orders, *(self.finish if node == END else node for node in read), *handed]

    def _send(self, turn: Turn, state: State, one: Handled) -> Send:
        answer = one.answer if one.is_kept else None
        view = call_view(turn.history, turn.said, one.call, answer, task=task_of(one.call))
        return Send(str(one.agent), {**fields(state), "messages": view})

    def _needs_view(self, one: Handled, agents: Counter[str], *, is_beside_tools: bool) -> bool:
        """Tell whether the agent cannot make its view from the state by itself.

        A view sent along is stored once more, so this is the exception.
        """
        return (
            agents[one.agent or ""] > 1
            or (not one.is_kept and bool(task_of(one.call)))
            or (is_beside_tools and not self.orders_answers)
        )


BESIDE_OTHERS = f"Call {FORWARD_TOOL_NAME} alone: it ends the run, so nothing can stand beside it."


def _error(call: ToolCall, text: str) -> ToolMessage:
    return ToolMessage(text, name=call["name"], tool_call_id=str(call["id"]), status="error")


def _before(turn: Turn, state: State) -> State:
    return with_messages(state, list(turn.history))


def _messages(turn: Turn, handled: Sequence[Handled]) -> list[BaseMessage]:
    """Return the supervisor's message with the calls that are kept, their answers, and the rest."""
    kept = [one for one in handled if one.is_kept]
    ids = {str(one.call["id"]) for one in kept} | turn.answered
    said = narrow(turn.said, ids) if ids else RemoveMessage(id=str(turn.said.id))
    is_unchanged = said is turn.said
    needs_write = not is_unchanged if turn.is_stored else bool(ids)
    answers = [one.answer or transferred(one.call) for one in kept if one.answer or one.reading]
    extra = [message for one in handled if one.reading for message in one.reading.messages]
    # What a tool removes is what came before its call.
    removed = [message for message in extra if isinstance(message, RemoveMessage)]
    if ids and any(message.id == REMOVE_ALL_MESSAGES for message in removed):
        needs_write = True
    rest = [message for message in extra if not isinstance(message, RemoveMessage)]
    return [*removed, *([said] if needs_write else []), *answers, *rest]
