"""Owns what the outbox does with a thread: find it, look at it, run it on."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias, cast

from langchain_core.runnables import RunnableConfig
from langgraph.errors import is_invalid_resume
from langgraph.types import Command, StateSnapshot

from bailiwick.graphs.outbox.whereabouts import App, Whereabouts, afind, find
from bailiwick.policies.principals import Principal
from bailiwick.tools.people.deliveries import Claim, Due
from bailiwick.tools.people.principals import acting_as

Watch: TypeAlias = Callable[[Mapping[str, Any]], None]
Given: TypeAlias = Command[Any] | None


class UnderWay(Exception):  # noqa: N818 - it is no error: somebody else runs the thread
    """Say that a thread cannot be run on, because a run of it is under way."""


class Threads(Protocol):
    """Give access to the threads that wait, wherever they are kept."""

    def locate(self, due: Due) -> Whereabouts:
        """Tell whether a thread can be carried on here, before anybody is kept from it."""
        ...

    def look(self, claim: Claim) -> StateSnapshot:
        """Return a thread's state with those of its agents; an empty one if it is unknown."""
        ...

    def run(self, claim: Claim, given: Given) -> None:
        """Run a thread as whoever asked, until it ends or waits.

        Where what is given answers nothing there any more, it is given nothing and asks anew.

        Raises:
            UnderWay: If somebody else runs it.
        """
        ...


class AsyncThreads(Protocol):
    """Give access to the threads that wait, on an event loop; see `Threads`."""

    async def alocate(self, due: Due) -> Whereabouts:
        """Do what `Threads.locate` does."""
        ...

    async def alook(self, claim: Claim) -> StateSnapshot:
        """Do what `Threads.look` does."""
        ...

    async def arun(self, claim: Claim, given: Given) -> None:
        """Do what `Threads.run` does."""
        ...


class GraphThreads:
    """Keep to the threads of a compiled graph in this process, in either way.

    Args:
        app: The compiled graph, with the checkpointer that knows the threads.
        watch: Gets each step's update as it comes, those of agents included.
    """

    def __init__(self, app: App, watch: Watch | None = None) -> None:
        self._app = app
        self._watch = watch

    def locate(self, due: Due) -> Whereabouts:
        """Tell whether a thread can be carried on by this graph."""
        return find(self._app, due.thread)

    async def alocate(self, due: Due) -> Whereabouts:
        """Do what `locate` does, on an event loop."""
        return await afind(self._app, due.thread)

    def look(self, claim: Claim) -> StateSnapshot:
        """Return a thread's state with those of its agents; an empty one if it is unknown."""
        return self._app.get_state(_config(claim), subgraphs=True)

    async def alook(self, claim: Claim) -> StateSnapshot:
        """Do what `look` does, on an event loop."""
        return await self._app.aget_state(_config(claim), subgraphs=True)

    def run(self, claim: Claim, given: Given) -> None:
        """Run a thread as whoever asked, until it ends or waits."""
        try:
            with acting_as(Principal(id=claim.requester)):
                for part in self._app.stream(
                    given, _config(claim), stream_mode="updates", subgraphs=True
                ):
                    self._tell(part)
        except Exception as error:
            if given is None or not is_invalid_resume(error):
                raise
            # What waits there asks for another call by now: given nothing, it asks anew.
            self.run(claim, None)

    async def arun(self, claim: Claim, given: Given) -> None:
        """Do what `run` does, on an event loop."""
        try:
            with acting_as(Principal(id=claim.requester)):
                async for part in self._app.astream(
                    given, _config(claim), stream_mode="updates", subgraphs=True
                ):
                    self._tell(part)
        except Exception as error:
            if given is None or not is_invalid_resume(error):
                raise
            await self.arun(claim, None)

    def _tell(self, part: object) -> None:
        if self._watch is not None:
            _, update = cast("tuple[object, Mapping[str, Any]]", part)  # as `subgraphs` gives it
            self._watch(update)


def _config(claim: Claim) -> RunnableConfig:
    return {"configurable": {"thread_id": claim.thread}}
