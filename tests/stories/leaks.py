"""Owns the ways in which a tool may let its credential out."""

import base64
import json
import logging
import textwrap
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn, TypedDict
from urllib.parse import quote

from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnablePassthrough
from langgraph.config import get_stream_writer
from langgraph.func import task
from langgraph.graph import START, StateGraph
from langgraph.graph.ui import push_ui_message


class Told(NamedTuple):
    """Hold a credential in a shape of its own."""

    key: str


def fail(error: Exception) -> NoReturn:
    """Raise an error from an expression."""
    raise error


def fail_twice(key: str) -> NoReturn:
    """Raise an error that has another one as its cause."""
    try:
        fail(ValueError(key))
    except ValueError as error:
        raise ConnectionError(f"no way with {key}") from error


def fail_in_a_group(key: str) -> NoReturn:
    """Raise several errors as one, with a note."""
    group = ExceptionGroup(f"with {key}", [ValueError(key), KeyError(key.encode().hex())])
    group.add_note(f"tried {key}")
    raise group


def log(key: str) -> str:
    """Log it, as an argument and with an error that has another one as its cause."""
    for name in ("shop.client", "httpx", "root"):
        logging.getLogger(name).warning("sent %s", key)
    try:
        fail_twice(key)
    except ConnectionError:
        logging.getLogger("shop.client").exception("failed with %r", {"key": key})
    return "Logged."


def stream(key: str) -> str:
    """Write it to the graph's stream."""
    write = get_stream_writer()
    write(f"sending {key}")
    write({"headers": [base64.b64encode(f"user:{key}".encode()).decode()]})
    return "Streamed."


class Held(TypedDict, total=False):
    """Hold a credential as the state of a graph."""

    key: str


def in_a_graph(key: str) -> str:
    """Give it to a graph of the tool's own."""
    graph = StateGraph(Held)
    graph.add_node("use", RunnablePassthrough())
    graph.add_edge(START, "use")
    graph.compile().invoke({"key": key})
    return "Used."


@task
def use(key: str) -> str:
    """Take it, as a task of the graph that runs the tool."""
    return key


def write(key: str) -> str:
    """Write it into the graph's state, for a page to show."""
    push_ui_message("order", {"key": key})
    return "Shown."


def folded(key: str) -> str:
    """Return it broken over lines, plain and in base64."""
    encoded = base64.b64encode(key.encode()).decode()
    return "\n  ".join(textwrap.wrap(key, 7)) + "\n> ".join(textwrap.wrap(encoded, 11))


LEAKS: dict[str, Callable[[str], Any]] = {
    "plain": lambda key: f"Refunded with {key}.",
    "base64": lambda key: base64.b64encode(f"user:{key}".encode()).decode(),
    "urlsafe base64": lambda key: base64.urlsafe_b64encode(f"u:{key}".encode()).decode(),
    "hex": lambda key: key.encode().hex(),
    "upper hex": lambda key: key.encode().hex().upper(),
    "URL-encoded": lambda key: f"https://shop.example/?key={quote(key, safe='')}",
    "JSON": lambda key: json.dumps({"headers": [{"Authorization": f"Bearer {key}"}]}),
    "nested": lambda key: {"deep": [{"deeper": ("er", {key: [key]})}]},
    "bytes": lambda key: key.encode(),
    "blocks": lambda key: [{"type": "text", "text": key}, {"type": "json", "json": {"k": key}}],
    "message": lambda key: ToolMessage(key, tool_call_id=key, status="error"),
    "artifact": lambda key: ToolMessage("ok", tool_call_id="", artifact={"a": [key, Told(key)]}),
    "named": Told,
    "raised": lambda key: fail(ValueError(f"the shop refused {key}")),
    "raised in hex": lambda key: fail(KeyError(key.encode().hex())),
    "raised with notes": lambda key: fail(RuntimeError({"key": key}, [key])),
    "raised from another": fail_twice,
    "raised in a group": fail_in_a_group,
    "logged": log,
    "streamed": stream,
    "folded": folded,
    "in a graph": in_a_graph,
    "in a task": lambda key: use(key).result(),
    "shown": write,
}
"""What a tool returns or raises of its credential, by the way it is hidden."""
