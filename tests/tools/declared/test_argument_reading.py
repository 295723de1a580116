"""Arguments come out the same whenever they are read, or nobody is asked about them."""

import itertools
from decimal import Decimal
from posixpath import normpath
from typing import Annotated, Any

import pytest
from langchain_core.tools import BaseTool, InjectedToolCallId, tool
from langgraph.errors import GraphInterrupt
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from bailiwick.policies.errors import ScopeError
from bailiwick.tools.declared.argument_reading import read_args
from bailiwick.tools.declared.scoped import scoped_tool

NUMBERS = itertools.count()
Cents = Annotated[int, BeforeValidator(lambda euros: int(euros) * 100)]
Numbered = Annotated[int, Field(default_factory=lambda: next(NUMBERS))]
Below = Annotated[str, BeforeValidator(lambda path: "/srv/" + str(path))]


class Strict(BaseModel):
    """Take no text for a number."""

    model_config = ConfigDict(strict=True)
    share: float


class Removed(BaseModel):
    """Say what is removed, below one folder."""

    path: str

    @field_validator("path")
    @classmethod
    def below(cls, path: str) -> str:
        """Put the path below the folder, if it is not there."""
        return path if path.startswith("/srv/data/") else normpath("/srv/data/" + path)


class Sent(BaseModel):
    """Say to whom, by another name."""

    to: str = Field(alias="recipient")


@tool(args_schema=Removed)
def remove(path: str) -> str:
    """Remove a file."""
    return path


def taking(kind: Any) -> BaseTool:  # noqa: ANN401 - any annotation
    """Return a wrapped tool and its one argument's kind."""

    def act(given: Any) -> str:  # noqa: ANN401 - as above
        return repr(given)

    act.__annotations__["given"] = kind
    act.__doc__ = "Act."
    return tool(act)


@pytest.mark.parametrize(
    ("kind", "given"), [(Cents, {"given": 4}), (Below, {"given": "x"}), (bytes, {"given": "abc"})]
)
@pytest.mark.parametrize("is_wrapped", [False, True])
def test_what_a_second_reading_changes_is_refused(
    kind: Any,  # noqa: ANN401 - any annotation
    given: dict[str, object],
    *,
    is_wrapped: bool,
) -> None:
    """People would approve 400 and 40000 would run, or be undone, or be looked for."""
    wrapped: Any = taking(kind)
    scoped = scoped_tool(wrapped if is_wrapped else wrapped.func, effect="destructive")

    with pytest.raises(ValueError, match="otherwise each time it is read"):
        scoped.validate_args(given)


def failing(error: Exception) -> BaseTool:
    """Return a tool whose validator raises this."""

    def fail(_: object) -> object:
        raise error

    return taking(Annotated[str, AfterValidator(fail)])


def test_what_breaks_a_reading_off_is_a_refusal() -> None:
    """Pydantic lets a validator's KeyError through, which would end the run and every next one."""
    scoped = scoped_tool(failing(KeyError("XXX")), effect="write")

    with pytest.raises(ValueError, match=r"^they cannot be read \(KeyError\)$"):
        scoped.validate_args({"given": "XXX"})


def test_what_steers_the_graph_passes_through_a_reading() -> None:
    """An interrupt that was taken for an error would be lost."""
    scoped = scoped_tool(failing(GraphInterrupt()), effect="write")

    with pytest.raises(GraphInterrupt):
        scoped.validate_args({"given": "x"})


def test_what_cannot_be_written_down_is_refused_by_name() -> None:
    """As a refusal that its reader can act on, and no error."""
    kind = Annotated[Any, AfterValidator(lambda _: object())]
    scoped = scoped_tool(taking(kind), effect="write")

    with pytest.raises(ValueError, match="'given' cannot be written down as JSON: 'object' has no"):
        scoped.validate_args({"given": 1})


def test_a_default_that_is_made_anew_is_refused() -> None:
    """No answer would ever fit: each reading is another call."""

    @scoped_tool(effect="write")
    def note(number: Numbered) -> str:
        """Note."""
        return str(number)

    with pytest.raises(ValueError, match="a default must not be made anew"):
        note.validate_args({})
    assert note.validate_args({"number": 7}) == {"number": 7}


def test_what_a_tools_own_validators_make_is_what_is_shown() -> None:
    """They run before the decision, and nothing is left for them to change when the tool runs."""
    scoped = scoped_tool(remove, effect="destructive")

    args = scoped.validate_args({"path": "a/../b"})

    assert args == {"path": "/srv/data/b"}
    assert scoped.call(args, None).content == "/srv/data/b"


def test_a_path_that_is_moved_by_each_reading_is_refused() -> None:
    """What is decided on lies below the folder, and what would be removed does not."""
    scoped = scoped_tool(remove, effect="destructive")

    with pytest.raises(ValueError, match="a validator must leave alone what it has made"):
        scoped.validate_args({"path": "../../etc/passwd"})


def test_validators_beside_what_is_injected_are_refused() -> None:
    """They are not in what a model is shown, so nobody would see what they make of a call."""

    class Marked(Removed):
        call_id: Annotated[str, InjectedToolCallId]

    @tool(args_schema=Marked)
    def mark(path: str, call_id: Annotated[str, InjectedToolCallId]) -> str:
        """Mark."""
        return path + call_id

    with pytest.raises(ScopeError, match="validators of its own beside 'call_id'"):
        scoped_tool(mark, effect="write")


def test_a_strict_schema_is_no_hindrance() -> None:
    """Written down, a number stays one."""
    assert read_args(Strict, {"share": 0.5}, is_wrapped=True) == {"share": 0.5}


def test_a_tool_may_change_what_it_is_given() -> None:
    """A second try takes what was approved, and not what the first one left of it."""
    seen: list[list[Decimal]] = []

    @scoped_tool(effect="read")
    def total(amounts: list[Decimal]) -> str:
        """Add up."""
        seen.append(list(amounts))
        amounts.clear()
        return ""

    args = total.validate_args({"amounts": ["1.50"]})
    total.call(args, None)
    total.call(args, None)

    assert seen == [[Decimal("1.50")], [Decimal("1.50")]]


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_an_argument_with_two_names_is_refused(*, is_wrapped: bool) -> None:
    """People are shown its own, and what they edit would be read by the other."""

    def send(to: Annotated[str, Field(alias="recipient")]) -> str:
        """Send."""
        return to

    with pytest.raises(ScopeError, match="'send' takes 'to' by another name"):
        scoped_tool(tool(args_schema=Sent)(send) if is_wrapped else send, effect="write")
