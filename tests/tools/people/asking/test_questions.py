"""The question to a person: on record before it is asked, and not asked in vain."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, Field
from tests.tools.governed import CLERK, MANAGER, pay_tool, request
from tests.tools.people.asking.desk import MUCH, THREAD, Desk, asked

from bailiwick.policies import Principal
from bailiwick.tools.declared.scoped import scoped_tool
from bailiwick.tools.guard import Guard
from bailiwick.tools.people.following import Next
from bailiwick.tools.people.principals import acting_as
from bailiwick.tools.results import ToolResult
from bailiwick.tools.toolsets import Toolset

AUDITORS = [Principal(id=f"auditor-{n}", roles=frozenset({"auditor"})) for n in range(3)]


@pytest.mark.parametrize("amount", ["40", "900"], ids=["allowed", "forbidden"])
def test_nobody_is_asked_about_what_no_person_can_change(desk: Desk, amount: str) -> None:
    """An allowed call and a forbidden one go on to the guard, which decides them again."""
    assert desk.ask(request("pay", {"to": "shop", "amount": amount})) is None
    assert desk.steps == [Next(node="execute")]
    assert desk.states() == []


def test_nobody_is_asked_about_a_call_that_cannot_run(desk: Desk) -> None:
    """A reviewer's time is not spent on arguments that do not fit."""
    assert desk.ask(request("pay", {"to": "shop", "amount": "much"})) is None
    assert desk.ask(request("wipe", {})) is None
    assert desk.states() == []


def test_without_a_checkpointer_nobody_can_be_waited_for(guard: Guard) -> None:
    """The call is refused, on the record, instead of an interrupt that nobody can answer."""
    toolset = Toolset(guard, [pay_tool([])], agent="billing")
    with acting_as(CLERK):
        result = toolset.ask(toolset.prepare(MUCH, {}, "message-1"))

    assert isinstance(result, ToolResult)
    assert result.content == (
        "pay did not run. It needs an approval, and a graph without a checkpointer cannot wait "
        "for one."
    )
    assert next(guard.ledger.records()).body["verdict"] == "deny"


def test_the_record_stands_when_the_question_arrives(desk: Desk, guard: Guard) -> None:
    """What a reviewer reads is what the database holds, and what the answer is bound to."""
    question = asked(desk)
    (pending,) = guard.approvals.pending("t")
    value = question.value

    assert (value["id"], value["action_digest"]) == (pending.request.id, pending.request.digest)
    assert (
        value.items()
        >= {
            "type": "tool_approval",
            "tool_call_id": "call-1",
            "name": "pay",
            "args": {"to": "shop", "amount": "140"},
            "description": "pay(to=shop, amount=140.00)",
            "agent": "billing",
            "requester": "clerk",
            "credential": None,
        }.items()
    )
    assert "it is much" in value["reason"]
    assert pending.request.digest in str(question.response_schema)
    assert [record.kind for record in guard.ledger.records("t")] == ["approval.requested"]


def test_asking_again_asks_the_same(desk: Desk, guard: Guard) -> None:
    """LangGraph runs the node anew whenever it likes; there is one request, and one record."""
    question = asked(desk)
    with acting_as(MANAGER):
        (again,) = desk.graph.invoke(None, THREAD)["__interrupt__"]

    assert again.value == question.value
    assert desk.states() == ["pending"]
    assert len(list(guard.ledger.records("t"))) == 1


def test_a_question_is_about_one_tool_alone(guard: Guard) -> None:
    """Models give one id to two calls of one turn; an allowed one does not wait for the other."""

    @scoped_tool(effect="read")
    def look() -> str:
        """Look."""
        return "seen"

    desk = Desk(guard, Toolset(guard, [pay_tool([]), look], agent="billing"))
    asked(desk)
    assert desk.ask(request("look", {})) is None

    assert desk.steps == [Next(node="execute")]
    assert desk.states() == ["pending"]


def test_what_is_nested_is_asked_about_in_full(guard: Guard) -> None:
    """A person approves exactly what they read: no field is left out because its model says so."""

    class Line(BaseModel):
        sku: str
        price: Decimal = Field(exclude=True)

    @scoped_tool(effect="destructive")
    def pay(to: str, amount: Decimal, lines: list[Line]) -> str:
        """Pay."""
        return f"{to}{amount}{lines}"

    desk = Desk(guard, Toolset(guard, [pay], agent="billing"))
    lines = [{"sku": "a), amount=1", "price": "9.5"}]
    desk.ask(request("pay", {"to": "shop", "amount": "140.00", "lines": lines}))

    (pending,) = guard.approvals.pending("t")
    told = '[{"sku": "a), amount=1", "price": "9.5"}]'
    assert pending.request.description == f"pay(to=shop, amount=140.00, lines={told})"


def test_a_tool_describes_its_calls_itself(guard: Guard) -> None:
    """In the words of whoever wrote it."""

    @scoped_tool(effect="destructive", describe=lambda args: f"Pay {args['amount']} EUR.")
    def pay(to: str, amount: Decimal) -> str:
        """Pay."""
        return f"{to}{amount}"

    question = asked(Desk(guard, Toolset(guard, [pay], agent="billing")))

    assert question.value["description"] == "Pay 140.00 EUR."


@pytest.mark.parametrize(
    "described",
    [{}, {"said": None}, {"said": b"Pay."}, {"said": "\ud800"}],
    ids=["an error", "nothing", "bytes", "half a character"],
)
def test_a_tool_that_cannot_describe_its_call_is_asked_about_all_the_same(
    guard: Guard, described: dict[str, Any]
) -> None:
    """By its arguments."""

    @scoped_tool(effect="destructive", describe=lambda _: described["said"])
    def pay(to: str, amount: Decimal) -> str:
        """Pay."""
        return f"{to}{amount}"

    question = asked(Desk(guard, Toolset(guard, [pay], agent="billing")))

    assert question.value["description"] == "pay(to=shop, amount=140.00)"


def test_several_people_are_asked_one_after_the_other(desk: Desk) -> None:
    """Each answer leads to the next question, until all that is required was given."""
    asked_of = [MANAGER, *AUDITORS[:2]]
    for number, person in enumerate(asked_of):
        question = asked(desk, request("pay", {"to": "shop", "amount": "240"}))
        given = {grant["by"] for grant in question.value["approvals"]}
        assert given == {each.id for each in asked_of[:number]}
        assert desk.answer(question, person, type="approve") is None

    nodes = [step.node if isinstance(step, Next) else "" for step in desk.steps]
    assert nodes == ["approval", "approval", "execute"]
    assert desk.states() == ["approved"]
