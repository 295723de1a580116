"""What a tool declares: what it does, which secret it needs, and what a model may give it."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Annotated, Any

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import (
    BaseTool,
    InjectedToolArg,
    InjectedToolCallId,
    StructuredTool,
    tool,
)
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.prebuilt import InjectedState
from pydantic import BaseModel, Field, ValidationError
from typing_extensions import override

from bailiwick.policies.calls import ToolUse
from bailiwick.policies.errors import ScopeError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.secrets.credentials import Credential


class Speed(Enum):
    """Choose how fast something is done."""

    SLOW = "slow"
    FAST = "fast"


class Line(BaseModel):
    """Be an argument that is a model itself."""

    item: str
    price: Decimal


def pay(
    to: Annotated[str, Field(description="Who gets it.")],
    amount: Decimal,
    *,
    credential: Credential,
    speed: Speed = Speed.SLOW,
    lines: list[Line] | None = None,
) -> str:
    """Pay somebody."""
    return f"{to} {amount!r} {speed} {lines} {credential.reveal()}"


async def apay(to: str, *, credential: Credential) -> str:
    """Pay somebody on the event loop."""
    return f"{to} {credential.reveal()}"


def ping(times: int = 1) -> str:
    """Ping."""
    return "pong" * times


@tool
def wave(times: int, hands: int = 2) -> str:
    """Wave."""
    return f"{times} times with {hands} hands"


def credential() -> Credential:
    """Return a credential with one value."""
    return Credential("bank/pay", {"key": "k-123"})


def mcp_tool() -> BaseTool:
    """Return a tool as MCP adapters make them: JSON Schema, async, content and artifact."""

    async def call_tool(
        runtime: Annotated[object | None, InjectedToolArg()] = None, **arguments: object
    ) -> tuple[list[dict[str, str]], dict[str, object]]:
        assert runtime is None
        return [{"type": "text", "text": f"found {arguments}"}], {"structured_content": arguments}

    return StructuredTool(
        name="find",
        description="Find things.",
        args_schema={
            "type": "object",
            "properties": {"what": {"type": "string"}, "limit": {"type": "integer"}},
            "required": ["what"],
        },
        coroutine=call_tool,
        response_format="content_and_artifact",
        metadata={"server": "things"},
    )


def test_a_tool_must_say_what_it_does_to_the_world() -> None:
    """There is no default that could be wrong."""
    with pytest.raises(TypeError, match="effect"):
        scoped_tool(ping)  # type: ignore[call-overload]  # the mistake that is tried
    with pytest.raises(ValidationError, match="effect"):
        scoped_tool(ping, effect="harmless")  # type: ignore[call-overload]  # as above


def test_a_decorated_function_is_a_scoped_tool() -> None:
    """It takes its name and description from the function, its scope from the decorator."""

    @scoped_tool(effect="destructive", credential="bank/pay", ttl=30, mount="kv")
    def transfer(to: str, *, credential: Credential) -> str:
        """Transfer money."""
        return to + credential.reveal()

    assert isinstance(transfer, ScopedTool)
    assert (transfer.name, transfer.description) == ("transfer", "Transfer money.")
    assert transfer.scope == Scope(path="bank/pay", ttl=30, mount="kv")
    assert transfer.use == ToolUse(name="transfer", version=transfer.version, effect="destructive")


def test_a_function_can_be_scoped_by_a_call() -> None:
    """For functions that are somebody else's, and under another name."""
    scoped = scoped_tool(ping, effect="read", name="knock", describe=lambda args: f"{args}")

    assert (scoped.name, scoped.effect, scoped.scope) == ("knock", "read", None)
    assert scoped.describe is not None
    assert scoped.call({"times": 2}, None) == "pongpong"


def test_the_credential_is_in_no_schema() -> None:
    """Whatever a model provider is sent, it does not mention the secret's parameter."""
    scoped = scoped_tool(pay, effect="destructive", credential="bank/pay")
    schema: Any = scoped.tool_call_schema
    expected = {"to", "amount", "speed", "lines"}

    assert set(scoped.args) == expected
    assert set(schema.model_json_schema()["properties"]) == expected
    assert set(scoped.args_check.json_schema["properties"]) == expected
    assert set(convert_to_openai_tool(scoped)["function"]["parameters"]["properties"]) == expected
    assert "redential" not in str(convert_to_openai_tool(scoped))


def test_a_model_cannot_give_the_credential() -> None:
    """An argument of that name is refused like any unknown one."""
    scoped = scoped_tool(pay, effect="destructive", credential="bank/pay")

    with pytest.raises(ValidationError, match="credential"):
        scoped.validate_args({"to": "x", "amount": 1, "credential": "mine"})


def test_descriptions_reach_the_model() -> None:
    """What `Annotated` says of an argument is in the schema."""
    scoped = scoped_tool(pay, effect="destructive", credential="bank/pay")

    assert scoped.args["to"]["description"] == "Who gets it."


def optional(to: str, *, credential: Credential | None = None) -> str:
    """Take a secret or not."""
    return f"{to}{credential}"


def two(*, one: Credential, other: Credential) -> str:
    """Take two secrets."""
    return f"{one}{other}"


@pytest.mark.parametrize(
    ("function", "path", "message"),
    [
        (pay, None, "'pay' must have a parameter annotated `Credential` exactly where"),
        (ping, "bank/pay", "'ping' must have a parameter annotated `Credential` exactly where"),
        (optional, "bank/pay", "'optional' must have a parameter annotated `Credential`"),
        (optional, None, "'optional' has a parameter that no language model can fill"),
        (two, "bank/pay", "'two' has 2 credentials: one call leases one"),
    ],
    ids=["undeclared", "unused", "optional", "optional and undeclared", "two"],
)
def test_declaration_and_parameters_must_agree(
    function: Callable[..., str], path: str | None, message: str
) -> None:
    """A secret that would not be passed, or not be leased, is a mistake found at once."""
    with pytest.raises(ScopeError, match=message):
        scoped_tool(function, effect="write", credential=path)


def test_an_annotated_credential_is_one() -> None:
    """What `Annotated` adds for readers does not hide it."""

    def pay(to: str, *, key: Annotated[Credential, "the bank's"]) -> str:
        """Pay."""
        return to + key.reveal()

    scoped = scoped_tool(pay, effect="write", credential="bank/pay")

    assert set(scoped.args) == {"to"}
    assert scoped.call({"to": "x"}, credential()) == "xk-123"


def generate(times: int) -> Iterator[str]:
    """Give many answers."""
    yield from ["x"] * times


class Callme:
    """Be called like a function."""

    def __call__(self, times: int) -> str:
        """Answer."""
        return "x" * times


@pytest.mark.parametrize(
    ("declared", "kind"),
    [(partial(ping, times=3), "partial"), (Callme(), "Callme"), (generate, "generator")],
    ids=["partial", "callable object", "generator"],
)
def test_only_functions_and_tools_can_be_scoped(declared: Callable[..., Any], kind: str) -> None:
    """A partial's bound arguments could be overridden, a generator runs after its lease."""
    with pytest.raises(ScopeError, match=f"a {kind} cannot be scoped: write a function around it"):
        scoped_tool(declared, effect="read", name="odd")


def test_a_method_can_be_scoped_where_it_is_bound() -> None:
    """Its object is no argument of the model's."""
    scoped = scoped_tool(Callme().__call__, effect="read", name="answer")

    assert set(scoped.args) == {"times"}
    assert scoped.call({"times": 2}, None) == "xx"


def test_a_tool_needs_a_docstring() -> None:
    """Without one a model would not know what it calls."""

    def silent(times: int) -> str:
        return "x" * times

    for declared in (silent, lambda: "x"):
        with pytest.raises(ScopeError, match="needs a docstring"):
            scoped_tool(declared, effect="read", name="silent")


@pytest.mark.parametrize(
    "parameters", ["*args", "**kwargs", "times, /"], ids=["args", "kwargs", "positional"]
)
def test_every_argument_has_a_name(parameters: str) -> None:
    """Calls are recorded and approved by name."""
    space: dict[str, Any] = {}
    exec(f"def odd({parameters}):\n    'Odd.'", space)  # noqa: S102 - three functions from one line

    with pytest.raises(ScopeError, match=r"'odd' takes '\w+' without a name: name every parameter"):
        scoped_tool(space["odd"], effect="read")


def stateful(times: int, state: Annotated[dict[str, Any], InjectedState]) -> str:
    """Look into the graph."""
    return f"{times}{state}"


@pytest.mark.parametrize("declared", [stateful, tool(stateful)], ids=["function", "tool"])
def test_nothing_but_the_credential_is_injected(declared: Any) -> None:  # noqa: ANN401 - of both kinds
    """A guard has no state to give, and a model must not fill such an argument in its place."""
    with pytest.raises(ScopeError, match="'stateful' wants 'state' injected"):
        scoped_tool(declared, effect="read")


def test_annotations_may_be_text() -> None:
    """As in modules that postpone their evaluation."""
    space: dict[str, Any] = {"Credential": Credential}
    exec(  # noqa: S102 - a module of its own future
        "from __future__ import annotations\n"
        "from decimal import Decimal\n"
        "def pay(amount: Decimal, *, key: Credential) -> str:\n"
        "    'Pay.'\n"
        "    return repr(amount)",
        space,
    )
    scoped = scoped_tool(space["pay"], effect="write", credential="bank/pay")

    assert scoped.validate_args({"amount": "1.50"}) == {"amount": Decimal("1.50")}


def test_an_annotation_that_cannot_be_found_is_named() -> None:
    """A type of a local scope is not found by its name from outside."""

    def local(line: "Missing") -> str:  # type: ignore[name-defined]  # noqa: F821 - the mistake that is tried
        """Be."""
        return f"{line}"

    with pytest.raises(ScopeError, match="'local' is annotated with 'Missing', which cannot"):
        scoped_tool(local, effect="read")


async def test_nothing_runs_outside_a_guard() -> None:
    """Every way in that LangChain knows refuses and says what to do."""
    ran: list[int] = []

    @scoped_tool(effect="read")
    def note(times: int) -> str:
        """Note."""
        ran.append(times)
        return "x"

    request = {"type": "tool_call", "name": "note", "args": {"times": 1}, "id": "1"}
    refusal = pytest.raises(ScopeError, match=r"'note' runs only under a guard: .*guard\.bind")
    for given in ({"times": 1}, request):
        with refusal:
            note.invoke(given)
        with refusal:
            await note.ainvoke(given)
    with refusal:
        note.run({"times": 1})
    with refusal:
        await note.arun({"times": 1})
    assert ran == []


def test_arguments_are_completed() -> None:
    """A decision and an approval see the defaults that the function would have used."""
    assert scoped_tool(ping, effect="read").validate_args({}) == {"times": 1}


def test_arguments_are_converted() -> None:
    """Numbers become money, names become members, records become models."""
    scoped = scoped_tool(pay, effect="destructive", credential="bank/pay")
    args = scoped.validate_args(
        {
            "to": "shop",
            "amount": "40.10",
            "speed": "fast",
            "lines": [{"item": "pen", "price": 2}],
        }
    )

    assert args == {
        "to": "shop",
        "amount": Decimal("40.10"),
        "speed": Speed.FAST,
        "lines": [Line(item="pen", price=Decimal(2))],
    }


@pytest.mark.parametrize(
    ("args", "fault"),
    [
        ({}, "to"),
        ({"to": "x", "amount": "much"}, "amount"),
        ({"to": "x", "amount": 1, "speed": "warp"}, "speed"),
        ({"to": "x", "amount": 1, "memo": "y"}, "memo"),
    ],
    ids=["missing", "no number", "no member", "unknown"],
)
def test_arguments_that_do_not_fit_are_refused(args: dict[str, Any], fault: str) -> None:
    """Unknown ones too: the function would never see what the model believed to say."""
    scoped = scoped_tool(pay, effect="destructive", credential="bank/pay")

    with pytest.raises(ValidationError, match=fault):
        scoped.validate_args(args)


async def test_a_function_runs_with_its_credential() -> None:
    """Sync and async, each by both ways where it can."""
    sync = scoped_tool(ping, effect="read")
    asynchronous = scoped_tool(apay, effect="write", credential="bank/pay")

    assert await sync.acall({"times": 2}, None) == "pongpong"
    assert await asynchronous.acall({"to": "x"}, credential()) == "x k-123"
    assert (sync.is_async_only, asynchronous.is_async_only) == (False, True)
    with pytest.raises(ScopeError, match="'apay' is asynchronous: use ainvoke or astream"):
        asynchronous.call({"to": "x"}, credential())


async def test_an_existing_tool_can_be_scoped() -> None:
    """It keeps its name, description and arguments, and the unknown ones are refused."""
    scoped = scoped_tool(wave, effect="write")
    args = scoped.validate_args({"times": "3"})
    found = scoped.call(args, None)

    assert (scoped.name, scoped.description) == ("wave", "Wave.")
    assert args == {"times": 3, "hands": 2}
    assert isinstance(found, ToolMessage)
    assert found.content == "3 times with 2 hands"
    assert (await scoped.acall(args, None)).content == found.content
    with pytest.raises(ValidationError, match="feet"):
        scoped.validate_args({"times": 1, "feet": 2})


def test_a_tool_with_a_class_of_its_own_can_be_scoped() -> None:
    """Community tools are subclasses with a `_run`."""

    class Search(BaseTool):
        """Search."""

        name: str = "search"
        description: str = "Search."

        @override
        def _run(self, query: str) -> str:
            return f"found {query}"

    scoped = scoped_tool(Search(), effect="read", name="search_web")

    assert scoped.name == "search_web"
    assert scoped.call(scoped.validate_args({"query": "x"}), None).content == "found x"


async def test_a_tool_with_a_json_schema_can_be_scoped() -> None:
    """As MCP tools are: asynchronous, with an artifact, and an injected argument of their own."""
    scoped = scoped_tool(mcp_tool(), effect="read")
    found = await scoped.acall(scoped.validate_args({"what": "pens", "limit": 3}), None)

    assert scoped.is_async_only
    assert set(scoped.args) == {"what", "limit"}
    assert found.content == [{"type": "text", "text": "found {'what': 'pens', 'limit': 3}"}]
    assert found.artifact == {"structured_content": {"what": "pens", "limit": 3}}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"what": "x", "runtime": "mine"}, "no argument 'runtime'"),
        ({"what": "x", "more": 1}, "no argument 'more'"),
        ({"limit": 1}, "'what' is missing"),
    ],
    ids=["injected", "unknown", "missing"],
)
def test_a_json_schema_is_held_to_its_names(args: dict[str, Any], message: str) -> None:
    """What a server did not announce is not sent to it."""
    with pytest.raises(ValueError, match=message):
        scoped_tool(mcp_tool(), effect="read").validate_args(args)


def test_a_tool_that_wants_the_id_of_its_call_gets_one() -> None:
    """LangChain's own `invoke` gives it."""

    @tool
    def told(times: int, call_id: Annotated[str, InjectedToolCallId]) -> str:
        """Tell."""
        return f"{times} {call_id}"

    scoped = scoped_tool(told, effect="read")

    assert set(scoped.args) == {"times"}
    assert scoped.call({"times": 1}, None).content == "1 told"


def test_an_existing_tool_has_no_place_for_a_credential() -> None:
    """It would have to be handed over in its arguments, which are recorded."""
    with pytest.raises(ScopeError, match="'wave' has no place for a credential"):
        scoped_tool(wave, effect="write", credential="bank/pay")


def test_a_scoped_tool_is_not_scoped_again() -> None:
    """Two declarations of one tool would contradict each other."""
    with pytest.raises(ScopeError, match="'ping' is a scoped tool already"):
        scoped_tool(scoped_tool(ping, effect="read"), effect="write")
