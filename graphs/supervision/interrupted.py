"""Owns what a guarded supervisor reads of work that a new message has broken off."""

from collections.abc import Sequence

from langchain_core.messages import BaseMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableConfig

from bailiwick.graphs.handoff import METADATA_KEY_HANDOFF_DESTINATION
from bailiwick.graphs.supervision.states import State, value_of, with_messages
from bailiwick.policies.approval_requests import ApprovalRequest
from bailiwick.policies.questions import spelled
from bailiwick.tools.effects.call_rows import CallRecord
from bailiwick.tools.guard import Guard
from bailiwick.tools.locations import Location
from bailiwick.tools.results import ToolResult

_INTERRUPTED = "__interrupted"
"""Key in `response_metadata` of the answers that say so already."""


def interrupted(
    guard: Guard | None, messages: Sequence[BaseMessage], config: RunnableConfig
) -> list[BaseMessage]:
    """Return the answers to hand-offs that a new message broke off, with what was begun by then.

    LangGraph drops the agents then, and the results of calls that have run. What changed something
    stands on the guard's record, and would be asked for again if nobody said so.

    Args:
        guard: The guard, if there is one.
        messages: The supervisor's history.
        config: The config of its node.

    Raises:
        LedgerError: If the database fails.
    """
    if guard is None or not (answers := _unreported(messages)):
        return []
    where = Location.of(config)
    asked = [each.request for each in guard.approvals.list(thread=where.thread)]
    calls = guard.calls.list(thread=where.thread)
    return [_told(answer, asked, calls, where.namespace) for answer in answers]


async def ainterrupted(
    guard: Guard | None, messages: Sequence[BaseMessage], config: RunnableConfig
) -> list[BaseMessage]:
    """Do what `interrupted` does, on an event loop."""
    if guard is None or not _unreported(messages):
        return []
    return await guard.ledger.off_loop(lambda: interrupted(guard, messages, config))


def with_interrupted(state: State, answers: Sequence[BaseMessage]) -> State:
    """Return a supervisor's state with other messages in the place of those that have their ids."""
    others = {message.id: message for message in answers}
    if not others:
        return state
    messages: Sequence[BaseMessage] = value_of(state, "messages")
    return with_messages(state, [others.get(each.id, each) for each in messages])


def _unreported(messages: Sequence[BaseMessage]) -> list[ToolMessage]:
    """Return the answers to hand-offs right before the last messages of a person."""
    rest = list(messages)
    while rest and isinstance(rest[-1], HumanMessage):
        rest.pop()
    found: list[ToolMessage] = []
    if len(rest) == len(messages):
        return found
    while rest and isinstance(answer := rest.pop(), ToolMessage):
        if not answer.response_metadata.get(METADATA_KEY_HANDOFF_DESTINATION):
            break
        if not answer.response_metadata.get(_INTERRUPTED):
            found.append(answer)
    return found


def _told(
    answer: ToolMessage,
    asked: Sequence[ApprovalRequest],
    calls: Sequence[CallRecord],
    namespace: str,
) -> ToolMessage:
    agent = answer.response_metadata[METADATA_KEY_HANDOFF_DESTINATION]
    above = f"{namespace}|" if namespace else ""
    # What a person had been asked last is what the message went past.
    tasks = [_task(each.namespace, above) for each in reversed(asked)]
    task = next((each for each in tasks if each.startswith(f"{agent}:")), "")
    told = [f"{answer.text}.", "The next message broke its work off."]
    if task:
        begun = [_line(each) for each in calls if _task(each.namespace, above) == task]
        told += begun or ["It had changed nothing."]
    metadata = {**answer.response_metadata, _INTERRUPTED: True}
    return answer.model_copy(update={"content": " ".join(told), "response_metadata": metadata})


def _task(namespace: str, above: str) -> str:
    """Return the task of the supervisor's graph in which something arose; empty if in none."""
    if not namespace.startswith(above):
        return ""
    return namespace.removeprefix(above).partition("#")[0].partition("|")[0]


def _line(call: CallRecord) -> str:
    return f"{spelled(call.tool, call.args)}: {ToolResult.standing(call.tool, call).content}"
