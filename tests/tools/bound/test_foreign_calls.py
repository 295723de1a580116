"""Governed tools in graphs that are not ours: each call decides, asks and records by itself."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from langchain_core.tools import BaseTool
from tests.driven import THREAD, Drive, Graph, questions
from tests.tools.bound.foreign import Paid, agent_graph, last_text
from tests.tools.governed import MANAGER

from bailiwick.policies import Approve, Principal
from bailiwick.tools.guard import Guard


def test_an_allowed_call_runs(
    graph_of: Callable[..., Graph], drive: Drive, bound: list[BaseTool], paid: Paid
) -> None:
    """Nobody is asked, and the result is the model's."""
    result = drive.start(graph_of(bound, "40"))

    assert last_text(result) == "paid 40 to shop"
    assert paid == [("shop", Decimal(40))]


def test_a_denied_call_is_refused(
    graph_of: Callable[..., Graph], drive: Drive, bound: list[BaseTool], paid: Paid
) -> None:
    """The model reads why, and the graph goes on."""
    result = drive.start(graph_of(bound, "900"))

    assert last_text(result) == "pay did not run. Forbidden: it is too much (too-much)."
    assert result["messages"][-2].status == "error"
    assert paid == []


def test_arguments_that_do_not_fit_are_refused(
    graph_of: Callable[..., Graph], drive: Drive, bound: list[BaseTool], paid: Paid
) -> None:
    """As under a specialist."""
    result = drive.start(graph_of(bound, "much"))

    assert "Its arguments do not fit: amount: " in last_text(result)
    assert paid == []


def test_a_call_that_needs_a_person_asks_before_any_effect(
    graph_of: Callable[..., Graph],
    drive: Drive,
    guard: Guard,
    bound: list[BaseTool],
    paid: Paid,
) -> None:
    """The interrupt is the same as a specialist's, and the approved call runs once."""
    graph = graph_of(bound, "140")
    (question,) = drive.start(graph)["__interrupt__"]

    assert paid == []
    assert question.value["agent"] == "billing"
    kinds = [record.kind for record in guard.ledger.records()]
    assert kinds == ["request", "approval.requested"]
    result = drive.answer(graph, question, type="approve")
    assert last_text(result) == "paid 140 to shop"
    assert paid == [("shop", Decimal(140))]
    assert guard.approvals.list()[0].state == "consumed"


def test_an_edited_call_runs_as_edited(
    graph_of: Callable[..., Graph], drive: Drive, bound: list[BaseTool], paid: Paid
) -> None:
    """With a note of the change before the result."""
    graph = graph_of(bound, "140")
    (question,) = drive.start(graph)["__interrupt__"]
    action = {"name": "pay", "args": {"to": "shop", "amount": "110"}}
    result = drive.answer(graph, question, type="edit", edited_action=action)

    assert last_text(result) == (
        'manager changed the arguments to {"to": "shop", "amount": "110"} before this ran.\n'
        "paid 110 to shop"
    )
    assert paid == [("shop", Decimal(110))]


REJECT = {"type": "reject", "message": "not now"}
RESPOND = {"type": "respond", "message": "by hand"}


@pytest.mark.parametrize(
    ("answer", "text"),
    [(REJECT, "pay did not run. manager rejected it: not now"), (RESPOND, "by hand")],
    ids=["reject", "respond"],
)
def test_an_answer_can_stand_in_the_tools_place(
    drive: Drive, bound: list[BaseTool], paid: Paid, answer: dict[str, object], text: str
) -> None:
    """The tool does not run."""
    graph = agent_graph(bound, "140")
    (question,) = drive.start(graph)["__interrupt__"]

    assert last_text(drive.answer(graph, question, **answer)) == text
    assert paid == []


def test_a_stale_answer_releases_nothing(
    graph_of: Callable[..., Graph], drive: Drive, bound: list[BaseTool], paid: Paid
) -> None:
    """The question stays, and its own answer still counts."""
    graph = graph_of(bound, "140")
    (question,) = drive.start(graph)["__interrupt__"]

    with pytest.raises(ValueError, match="another call"):
        drive.answer(graph, question, type="approve", action_digest="0" * 64)
    assert paid == []
    drive.answer(graph, question, type="approve")
    assert paid == [("shop", Decimal(140))]


def test_two_calls_in_one_turn_are_approved_one_by_one(
    drive: Drive, bound: list[BaseTool], paid: Paid
) -> None:
    """Even with one call id for both: each is asked about and runs exactly once."""
    graph = agent_graph(bound, "140", "150", "40")
    drive.start(graph)
    rounds = 0
    while open_questions := questions(graph):
        drive.answer(graph, open_questions[0], type="approve")
        rounds += 1

    assert rounds == 2
    assert sorted(amount for _, amount in paid) == [Decimal(40), Decimal(140), Decimal(150)]
    assert sorted(last_text(graph.get_state(THREAD).values).splitlines()) == [
        "paid 140 to shop",
        "paid 150 to shop",
        "paid 40 to shop",
    ]


def test_what_was_approved_on_the_record_runs_without_an_answer_in_the_thread(
    graph_of: Callable[..., Graph], drive: Drive, guard: Guard, bound: list[BaseTool], paid: Paid
) -> None:
    """A node with several calls in one task cannot tell answers apart; the record can."""
    graph = graph_of(bound, "140", "150")
    drive.start(graph)
    while len(guard.approvals.pending()) < 2:
        drive(graph, None)
    for pending in guard.approvals.pending():
        answer = Approve(action_digest=pending.request.digest)
        guard.approvals.answer(pending.request.id, answer, by=MANAGER)
    drive(graph, None)

    assert questions(graph) == []
    assert sorted(amount for _, amount in paid) == [Decimal(140), Decimal(150)]


def test_a_call_that_needs_several_people_is_refused(
    graph_of: Callable[..., Graph], drive: Drive, guard: Guard, bound: list[BaseTool], paid: Paid
) -> None:
    """A foreign node cannot wait twice, and nobody else is left to approve it in vain."""
    graph = graph_of(bound, "240")
    (question,) = drive.start(graph)["__interrupt__"]
    result = drive.answer(graph, question, type="approve")

    assert "needs the approval of several people" in last_text(result)
    assert paid == []
    assert [each.state for each in guard.approvals.list()] == ["cancelled"]


def test_several_people_approve_a_call_on_the_record(
    graph_of: Callable[..., Graph], drive: Drive, guard: Guard, bound: list[BaseTool], paid: Paid
) -> None:
    """None of them is in the thread, which goes on when they all have."""
    graph = graph_of(bound, "240")
    drive.start(graph)
    auditors = [Principal(id=name, roles=frozenset({"auditor"})) for name in ("one", "two")]
    (asked,) = guard.approvals.pending()
    for person in (MANAGER, *auditors):
        answer = Approve(action_digest=asked.request.digest)
        guard.approvals.answer(asked.request.id, answer, by=person)
    drive(graph, None)

    assert paid == [("shop", Decimal(240))]
