"""A reviewer's arguments run as they were written, or do not run at all."""

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, BaseModel, ValidationError
from tests.tools.governed import MANAGER, request
from tests.tools.people.asking.desk import Desk, asked, edit

from bailiwick.policies.answers import Edit, EditedAction
from bailiwick.tools.declared.scoped import scoped_tool
from bailiwick.tools.guard import Guard
from bailiwick.tools.people.following import Next
from bailiwick.tools.results import ToolResult
from bailiwick.tools.toolsets import Toolset

GIVEN: dict[str, Any] = {"to": "shop", "amount": "140"}
UNFIT = ToolResult.refused("pay", "manager gave it arguments that do not fit.")


class Line(BaseModel):
    """Order something."""

    sku: str
    quantity: int = 1


def paying_for(guard: Guard, function: Callable[..., str]) -> Desk:
    """Return a desk with this function as the tool that pays."""
    return Desk(
        guard, Toolset(guard, [scoped_tool(function, effect="destructive")], agent="billing")
    )


def on_record(guard: Guard, **args: Any) -> None:  # noqa: ANN401 - any JSON
    """Edit what is asked in the database, where no tool is at hand."""
    (pending,) = guard.approvals.pending()
    action = EditedAction(name="pay", args=args)
    answer = Edit(action_digest=pending.request.digest, edited_action=action)
    guard.approvals.answer(pending.request.id, answer, by=MANAGER)


@pytest.fixture
def ordering(guard: Guard) -> Desk:
    """Give a desk with a tool that pays for a line."""

    def pay(to: str, amount: Decimal, line: Line) -> str:
        """Pay."""
        return f"{amount} {line} {to}"

    return paying_for(guard, pay)


CALL = request("pay", {**GIVEN, "line": {"sku": "A", "quantity": 500}})
MISTYPED = {**GIVEN, "line": {"sku": "A", "qantity": 50}}


def test_a_typing_error_inside_an_argument_leaves_the_question_open(ordering: Desk) -> None:
    """The default in its place is not what the reviewer agreed to."""
    question = asked(ordering, CALL)

    with pytest.raises(ValueError, match=r"reads nothing from 'line\.qantity': leave it out"):
        ordering.answer(question, **edit(**MISTYPED))
    assert ordering.states() == ["pending"]


def test_a_typing_error_on_the_record_runs_nothing(ordering: Desk, guard: Guard) -> None:
    """Who answers there need not have the tool at hand, so the call is refused when it goes on."""
    asked(ordering, CALL)
    on_record(guard, **MISTYPED)

    assert ordering.ask(CALL) is None
    assert ordering.steps == [UNFIT]


def test_the_model_is_told_what_will_run(ordering: Desk) -> None:
    """With the defaults that the reviewer left out."""
    ordering.answer(asked(ordering, CALL), **edit(to="shop", amount="40.0", line={"sku": "B"}))

    (step,) = ordering.steps
    assert isinstance(step, Next)
    assert step.note == (
        'manager changed the arguments to {"to": "shop", "amount": "40", '
        '"line": {"sku": "B", "quantity": 1}} before this ran.'
    )


RATES = {"EUR": 1}
Currency = Annotated[str, AfterValidator(lambda name: RATES[name] and name)]


@pytest.fixture
def exchanging(guard: Guard) -> Desk:
    """Give a desk with a tool whose validator raises what pydantic lets through."""

    def pay(to: str, amount: Decimal, currency: Currency = "EUR") -> str:
        """Pay."""
        return f"{amount} {currency} {to}"

    return paying_for(guard, pay)


def test_an_edit_that_cannot_be_read_leaves_the_question_open(exchanging: Desk) -> None:
    """Another answer still counts."""
    question = asked(exchanging)

    with pytest.raises(ValidationError, match=r"cannot be read \(KeyError\)"):
        exchanging.answer(question, **edit(**GIVEN, currency="XXX"))
    assert exchanging.answer(question, type="approve") is None
    assert exchanging.states() == ["approved"]


def test_an_edit_on_the_record_that_cannot_be_read_runs_nothing(
    exchanging: Desk, guard: Guard
) -> None:
    """The call ends, and the thread goes on."""
    asked(exchanging)
    on_record(guard, **GIVEN, currency="XXX")

    assert exchanging.ask() is None
    assert exchanging.steps == [UNFIT]


def test_a_call_that_cannot_be_read_is_refused_to_the_model(exchanging: Desk) -> None:
    """It has asked for what the tool cannot take."""
    exchanging.ask(request("pay", {**GIVEN, "currency": "XXX"}))

    assert exchanging.steps == [Next(node="execute")]
    assert exchanging.states() == []


def test_a_number_stays_a_number_when_something_else_is_edited(guard: Guard) -> None:
    """What is shown fits the schema that is shown with it, and runs as it is shown."""

    def pay(to: str, amount: Decimal, rate: float, more: Any) -> str:  # noqa: ANN401 - any JSON
        """Pay."""
        return f"{amount} {to} {rate} {more}"

    desk = paying_for(guard, pay)
    question = asked(desk, request("pay", {**GIVEN, "rate": 2.5, "more": [0.1, "0.1"]}))
    shown = question.value["args"]
    desk.answer(question, **edit(**{**shown, "to": "bank"}))

    (step,) = desk.steps
    assert isinstance(step, Next)
    assert step.args == {"to": "bank", "amount": "140", "rate": 2.5, "more": [0.1, "0.1"]}
