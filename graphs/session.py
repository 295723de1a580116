"""Owns one conversation with a compiled graph: run, stop at approvals, go on by interrupt id."""

from collections.abc import Mapping
from typing import Any, cast

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.types import Command, Interrupt, StateSnapshot

from bailiwick.graphs.outbox.threads import Watch
from bailiwick.graphs.outbox.waiting import interrupts
from bailiwick.graphs.outbox.whereabouts import App, find
from bailiwick.policies.principals import Principal
from bailiwick.tools.people.principals import acting_as


class Session:
    """Hold a thread of a graph, for hosts that know who is who.

    Args:
        app: The compiled graph, with a checkpointer.
        thread: The thread's id.
        watch: Gets each step's update as it comes, those of agents included.
    """

    def __init__(self, app: App, thread: str, watch: Watch) -> None:
        self.app = app
        self.thread = thread
        self._watch = watch
        self._config: RunnableConfig = {"configurable": {"thread_id": thread}}

    def request(self, text: str, requester: Principal) -> None:
        """Run a person's request until it ends or waits."""
        self._run({"messages": [HumanMessage(text)]}, requester)

    def answer(self, interrupt: Interrupt, answer: Mapping[str, Any], approver: Principal) -> None:
        """Answer one interrupt, and run on until the graph ends or waits again.

        Raises:
            pydantic.ValidationError: If the answer is malformed, stale or not the approver's to
                give; the request stays open.
        """
        self._run(Command(resume={interrupt.id: dict(answer)}), approver)

    def go_on(self, requester: Principal) -> None:
        """Run on from where a run broke off, until it ends or waits."""
        self._run(None, requester)

    def exists(self) -> bool:
        """Tell whether anything was ever asked in this thread."""
        return self.app.get_state(self._config).created_at is not None

    def is_foreign(self) -> bool:
        """Tell whether the thread is another graph's, which must not be run by this one."""
        return find(self.app, self.thread) == "elsewhere"

    def is_broken_off(self) -> bool:
        """Tell whether a run of this thread ended before its end, and waits for nobody."""
        state = self._state()
        # Not `next`: a task that has written, in a step that has not ended, is not in it.
        return bool(state.tasks) and not any(interrupts(state))

    def waiting(self) -> list[Interrupt]:
        """Return the interrupts that wait for an answer."""
        return list(interrupts(self._state()))

    def last(self) -> str:
        """Return the last message's text; empty in a new thread."""
        messages = self.app.get_state(self._config).values.get("messages", [])
        return str(messages[-1].text) if messages else ""

    def _state(self) -> StateSnapshot:
        # The outermost graph alone still shows the interrupts that a run has left behind.
        return self.app.get_state(self._config, subgraphs=True)

    def _run(self, given: Any, principal: Principal) -> None:  # noqa: ANN401 - input, command or nothing
        with acting_as(principal):
            for part in self.app.stream(given, self._config, stream_mode="updates", subgraphs=True):
                _, update = cast(
                    "tuple[object, Mapping[str, Any]]", part
                )  # as `subgraphs` gives it
                self._watch(update)
