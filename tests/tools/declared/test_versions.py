"""The version of a tool: another with every change of what it is, the same in every process."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any

from langchain_core.tools import BaseTool, StructuredTool

from bailiwick.tools.declared.scoped import scoped_tool
from bailiwick.tools.secrets.credentials import Credential


async def apay(to: str, *, credential: Credential) -> str:
    """Pay somebody on the event loop."""
    return f"{to} {credential.reveal()}"


def ping(times: int = 1) -> str:
    """Ping."""
    return "pong" * times


def remote(what: str) -> BaseTool:
    """Return a tool that a server announces by a JSON Schema."""

    async def call_tool(**arguments: object) -> str:
        return f"{arguments}"

    return StructuredTool(
        name="find",
        description="Find things.",
        args_schema={"type": "object", "properties": {what: {"type": "string"}}},
        coroutine=call_tool,
    )


def test_the_same_declaration_has_the_same_version() -> None:
    """So that an approval outlives a restart."""
    one, other = (scoped_tool(ping, effect="read") for _ in range(2))

    assert one.version == other.version


def longer(times: int = 1) -> str:
    """Ping."""
    return "pong" * times + "!"


def once(function: Callable[..., str]) -> Callable[..., str]:
    """Decorate a function: it runs once."""

    @wraps(function)
    def run(*args: Any, **named: Any) -> str:  # noqa: ANN401 - whatever the function takes
        return function(*args, **named)

    return run


def twice(function: Callable[..., str]) -> Callable[..., str]:
    """Decorate a function: it runs twice."""

    @wraps(function)
    def run(*args: Any, **named: Any) -> str:  # noqa: ANN401 - as above
        return function(*args, **named) + function(*args, **named)

    return run


def test_what_decorates_a_function_is_in_the_version() -> None:
    """It runs before it, and may do more."""
    versions = [scoped_tool(each(ping), effect="write").version for each in (once, once, twice)]

    assert versions[0] == versions[1] != versions[2]


def test_a_tool_around_a_cached_function_has_a_version() -> None:
    """What caches it has no source."""
    cached = StructuredTool.from_function(ping)
    cached.func = lru_cache(ping)

    assert scoped_tool(cached, effect="read").version


def test_every_part_of_a_declaration_is_in_the_version() -> None:
    """An approval of one version is none of another."""

    def declare(**changes: Any) -> str:  # noqa: ANN401 - any part of a declaration
        given: dict[str, Any] = {"effect": "write", "credential": "bank/pay", "ttl": 60, **changes}
        return scoped_tool(apay, **given).version

    changed = [
        declare(),
        declare(effect="destructive"),
        declare(credential="bank/look"),
        declare(ttl=61),
        declare(mount="kv"),
        declare(name="other"),
        scoped_tool(ping, effect="read").version,
        scoped_tool(longer, effect="read", name="ping").version,
        scoped_tool(remote(""), effect="read").version,
        scoped_tool(remote("pens"), effect="read").version,
    ]

    assert len(set(changed)) == len(changed)


class Sender(BaseTool):
    """A tool whose class is somebody's own."""

    name: str = "pay"
    description: str = "Pay."

    def _run(self, to: str) -> str:
        return to


class OtherSender(Sender):
    """What inherits what it runs."""

    def _run(self, to: str) -> str:
        return f"{to} and another"


class Heir(Sender):
    """A class of its own around the same code."""


class OtherHeir(OtherSender):
    """A class of its own around the same code."""


def test_all_code_of_a_wrapped_tool_is_in_its_version() -> None:
    """Which of its functions runs, and which class that comes from, says the way it is called."""

    async def alone(times: int = 1) -> str:
        return "pong" * times

    async def other(times: int = 1) -> str:
        return "pang" * times

    def both(coroutine: Callable[..., Any]) -> str:
        wrapped = StructuredTool.from_function(func=ping, coroutine=coroutine)
        return scoped_tool(wrapped, effect="write").version

    def bare(kind: type[BaseTool]) -> str:
        return scoped_tool(type("Pay", (kind,), {})(), effect="write").version

    assert both(alone) == both(alone) != both(other)
    assert bare(Heir) == bare(Heir) != bare(OtherHeir)


def test_a_class_without_a_source_stands_by_its_code() -> None:
    """A notebook's cell that is run again may make another tool of the same name."""
    text = """
class Pick(Tool):
    name: str = "pick"
    description: str = "Pick."
    def _run(self, it: str) -> str:
        return it + "a"
"""

    def typed(source: str) -> str:
        space: dict[str, Any] = {"Tool": BaseTool, "__name__": "typed"}
        exec(source, space)  # noqa: S102 - the way a notebook or a prompt defines classes
        return scoped_tool(space["Pick"](), effect="read").version

    assert typed(text) == typed(text)
    assert typed(text) != typed(text.replace('"a"', '"b"'))


def test_the_schema_of_a_wrapped_tool_is_in_its_version() -> None:
    """A server that announces other arguments announces another tool."""
    versions = {scoped_tool(remote(what), effect="read").version for what in ("pens", "paper")}
    assert len(versions) == 2


def build(source: str) -> str:
    """Return the version of a function that was built at run time, without a source."""
    space: dict[str, Any] = {}
    exec(source, space)  # noqa: S102 - the way a notebook or a prompt defines functions
    return scoped_tool(space["pick"], effect="read").version


def test_code_without_a_source_stands_for_itself() -> None:
    """What is typed at a prompt has no file, and yet a version of its own."""
    text = "def pick(it: str) -> bool:\n    'Pick.'\n    return it in {'a', 'b', 'c'}"

    assert build(text) == build(text)
    assert build(text) != build(text.replace("'c'", "'d'"))
    assert build(text) != build(text.replace("it in", "it not in"))
    assert build(text) != build(text.replace("'a', 'b', 'c'", "len('a'), 1"))


PROGRAM = """
from functools import partial
from typing import Annotated, Literal
from langchain_core.tools import StructuredTool
from bailiwick.tools import Credential, scoped_tool

def outer(word):
    def pick(it: Literal["x", "y"], among: frozenset[str] = frozenset("defghijk")) -> bool:
        "Pick."
        return it in {"a", "b", "c"} and word in ("é", frozenset({"f", "g"}))
    return pick

space = {}
exec('''
def pick(it: str) -> bool:
    "Pick."
    return it in {"a", "b", "c"} or (lambda x: x in {"h", "i", "j"})(it)
''', space)
pick = lambda it: it in {"a", "b", "c"}
pick.__doc__ = "Pick."
schema = {"type": "object", "properties": {"b": {}, "a": {}}}
wrapped = StructuredTool(name="p", description="P.", func=space["pick"], args_schema=schema)
for declared in (outer("w"), space["pick"], pick, wrapped):
    print(scoped_tool(declared, effect="read", name="pick").version)
"""


def test_a_version_is_the_same_in_every_process() -> None:
    """Neither the order of sets nor an address in memory is part of it."""

    def versions(seed: int) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        return subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    found = versions(1)
    assert len(set(found.split())) == 4
    assert versions(2) == found
