"""What a tool declares, and which declarations are refused."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import Annotated, Any

import pytest
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.prebuilt import InjectedState, ToolRuntime
from tests.tools.declared.functions import credential, pay, ping

from bailiwick.policies.calls import ToolUse
from bailiwick.policies.errors import ScopeError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.secrets.credentials import Credential


def test_a_tool_must_say_what_it_does_to_the_world() -> None:
    """There is no default that could be wrong."""
    says = r"'ping' must say what it does .* scoped_tool\(effect=\.\.\.\), which is 'read', 'write'"
    with pytest.raises(ScopeError, match=says):
        scoped_tool(ping)  # type: ignore[call-overload]  # `@scoped_tool` without parentheses
    with pytest.raises(ScopeError, match=says):
        scoped_tool(ping, effect="harmless")  # type: ignore[call-overload]  # the mistake that is tried


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("efect", r"did you mean 'effect'\?"),
        ("credentials", "'credential'"),
        ("x", "it takes effect"),
    ],
)
def test_a_misspelled_declaration_is_told_as_such(word: str, meant: str) -> None:
    """By the name that comes nearest; that the right one is missing says less."""
    misspelled: dict[str, Any] = {word: "read"}
    with pytest.raises(ScopeError, match=f"scoped_tool takes no '{word}': .*{meant}"):
        scoped_tool(ping, **misspelled)


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


def test_a_method_without_its_object_is_refused() -> None:
    """As one that is decorated in its class: a model would have to make the object up."""
    with pytest.raises(ScopeError, match=r"'answer' takes 'self'.*scoped_tool\(obj\.answer, "):
        scoped_tool(Callme.__call__, effect="read", name="answer")


def test_a_tool_needs_a_docstring() -> None:
    """Without one a model would not know what it calls."""

    def silent(times: int) -> str:
        return "x" * times

    for declared in (silent, lambda: "x"):
        with pytest.raises(ScopeError, match="needs a docstring"):
            scoped_tool(declared, effect="read", name="silent")


DOCUMENTED = """
from bailiwick.policies.errors import ScopeError
from bailiwick.tools.declared.scoped import scoped_tool

def ping(times: int) -> str:
    'Answer as often as asked.'
    return "x" * times

try:
    scoped_tool(ping, effect="read")
except ScopeError as error:
    print(error)
"""


def test_a_docstring_that_python_took_away_is_told() -> None:
    """It is there in the file, and nobody would find what is wrong with it."""
    ran = subprocess.run(
        [sys.executable, "-OO", "-c", DOCUMENTED], capture_output=True, text=True, check=True
    )
    assert ran.stdout == (
        "'ping' needs a docstring, and -OO (or PYTHONOPTIMIZE=2) takes docstrings away: "
        "run Python without it\n"
    )


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


def perhaps_stateful(
    times: int, state: Annotated[dict[str, Any] | None, InjectedState] = None
) -> str:
    """Look into the graph, if there is one."""
    return f"{times}{state}"


@pytest.mark.parametrize(
    "declared",
    [stateful, tool(stateful), perhaps_stateful, tool(perhaps_stateful)],
    ids=["function", "tool", "optional", "optional of a tool"],
)
def test_nothing_but_the_credential_is_injected(declared: Any) -> None:  # noqa: ANN401 - of both kinds
    """A guard has no state to give, and a model must not fill such an argument in its place."""
    with pytest.raises(ScopeError, match="stateful' wants 'state' injected"):
        scoped_tool(declared, effect="read")


def configured(times: int, config: RunnableConfig) -> str:
    """Look into the run."""
    return f"{times}{config}"


def perhaps_configured(times: int, config: RunnableConfig | None = None) -> str:
    """Look into the run, if there is one."""
    return f"{times}{config}"


@pytest.mark.parametrize("declared", [configured, perhaps_configured, tool(perhaps_configured)])
def test_a_model_does_not_make_up_the_config(declared: Any) -> None:  # noqa: ANN401 - any function
    """LangChain's own tools get the run's; ours can ask LangGraph for it."""
    with pytest.raises(ScopeError, match="wants 'config' injected"):
        scoped_tool(declared, effect="read")


def running(times: int, runtime: ToolRuntime) -> str:
    """Look into the run."""
    return f"{times}{runtime}"


def perhaps_running(times: int, runtime: ToolRuntime[Any, Any] | None = None) -> str:
    """Look into the run, if there is one."""
    return f"{times}{runtime}"


@pytest.mark.parametrize("declared", [running, perhaps_running, tool(running)])
def test_a_runtime_is_asked_for_inside(declared: Any) -> None:  # noqa: ANN401 - any function
    """The error names what stands in its place."""
    with pytest.raises(ScopeError, match=r"wants 'runtime' injected.*get_runtime"):
        scoped_tool(declared, effect="read")


def perhaps_told(times: int, tell: Callable[[str], None] | None = None) -> str:
    """Take what is no value."""
    return f"{times}{tell}"


@pytest.mark.parametrize("declared", [perhaps_told, tool(perhaps_told)])
def test_what_no_model_can_give_is_no_argument(declared: Any) -> None:  # noqa: ANN401 - of both kinds
    """LangChain makes such a tool, and fails when the tool is shown to a model."""
    with pytest.raises(ScopeError, match="'perhaps_told' has a parameter that no language model"):
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


def test_a_scoped_tool_is_not_scoped_again() -> None:
    """Two declarations of one tool would contradict each other."""
    with pytest.raises(ScopeError, match="'ping' is a scoped tool already"):
        scoped_tool(scoped_tool(ping, effect="read"), effect="write")
