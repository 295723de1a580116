"""Owns where a call arises: its thread, its place in the graph, and the agents above it."""

from dataclasses import dataclass

from langchain_core.runnables import RunnableConfig

from bailiwick.tools.delegation import current

UNTHREADED = "unthreaded"
"""The thread of runs without a checkpointer: they cannot wait for an approval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Say where in the running graphs a call arises.

    Attributes:
        thread: The LangGraph thread, or `UNTHREADED`.
        namespace: The checkpoint namespace of the graph that holds the calling node; without a
            thread that of its task, which is another one in each run.
        chain: The agents above the calling one, from the supervisor down.
        agent: The agent the current hand-off went to, if any.
        requester: Who asked, where a supervisor's hand-off says so.
        request: The key of the person's message, where a supervisor's hand-off says so.
        is_outermost: Whether the graph is the one that was given the run's input.
    """

    thread: str
    namespace: str
    chain: tuple[str, ...]
    agent: str | None
    requester: str | None
    request: str
    is_outermost: bool

    @classmethod
    def of(cls, config: RunnableConfig) -> "Location":
        """Read the location from a node's config and the current hand-off."""
        configurable = config.get("configurable", {})
        task = str(configurable.get("checkpoint_ns", ""))
        delegation, graph = current(), task.rpartition("|")[0]
        thread = str(configurable.get("thread_id") or UNTHREADED)
        return cls(
            thread=thread,
            namespace=task if thread == UNTHREADED else graph,
            chain=delegation.chain if delegation else (),
            agent=delegation.agent if delegation else None,
            requester=delegation.requester if delegation else None,
            request=delegation.request if delegation else "",
            is_outermost=not graph,
        )
