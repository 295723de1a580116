"""Owns the graph whose checkpoints are sealed, how it is run, and what is read of it."""

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

SECRET = "the lamp arrived broken"


class State(TypedDict, total=False):
    """Values that savers keep in different ways."""

    text: str
    count: int
    done: bool
    items: list[str]
    answer: str


class Inner(TypedDict, total=False):
    """The state of the subgraph."""

    text: str
    answer: str


def graph() -> StateGraph[State]:
    """Return a graph with a subgraph that asks a person."""

    def wait(state: Inner) -> Inner:
        return {"answer": interrupt("may it?"), "text": state.get("text", "")}

    inner = StateGraph(Inner)
    inner.add_node("wait", wait)
    inner.add_edge(START, "wait")

    def work(state: State) -> State:
        text = state.get("text", "")
        return {"count": 41, "done": True, "items": [text, text], "text": f"{text}!"}

    made = StateGraph(State)
    made.add_node("work", work)
    made.add_node("inner", inner.compile())
    made.add_edge(START, "work")
    made.add_edge("work", "inner")
    made.add_edge("inner", END)
    return made


def at(thread: str, **more: object) -> RunnableConfig:
    """Return the config of a thread."""
    return {"configurable": {"thread_id": thread, **more}}
