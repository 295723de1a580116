"""The question to a person: on record before it is asked, and answered for exactly one call."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import ToolCall as RequestedCall
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_config
from langgraph.func import entrypoint
from langgraph.types import Command, Interrupt
from tests.tools.governed import CLERK, MANAGER, load_policy, pay_tool, request

from bailiwick.policies import Principal
from bailiwick.policies.approvals import Approve
from bailiwick.tools.declared.scoped import scoped_tool
from bailiwick.tools.guard import Guard
from bailiwick.tools.people.asking import Next
from bailiwick.tools.people.principals import acting_as
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.results import ToolResult
from bailiwick.tools.toolsets import Toolset

THREAD: RunnableConfig = {"configurable": {"thread_id": "t"}}
BOTH = Principal(id="chief", roles=frozenset({"manager", "auditor"}))
AUDITORS = [Principal(id=f"auditor-{n}", roles=frozenset({"auditor"})) for n in range(3)]
MUCH = request("pay", {"to": "shop", "amount": "140.00"})


class Desk:
    """Ask about one call in a graph of one node, and keep where the call goes on."""

    def __init__(self, guard: Guard, toolset: Toolset) -> None:
        self.guard = guard
        self.steps: list[Next | ToolResult] = []
        self.saver = InMemorySaver()

        @entrypoint(checkpointer=self.saver)
        def desk(asked: RequestedCall) -> None:
            prepared = toolset.prepare(asked, get_config(), "message-1")
            self.steps.append(toolset.ask(prepared))

        self.graph = desk

    def ask(self, asked: RequestedCall = MUCH) -> Interrupt | None:
        """Ask as the clerk; return the question, if there is one."""
        with acting_as(CLERK):
            return self._question(self.graph.invoke(asked, THREAD))

    def answer(
        self, question: Interrupt, by: Principal = MANAGER, **answer: object
    ) -> Interrupt | None:
        """Answer a question; return the next one, if there is one."""
        given = {"action_digest": question.value["action_digest"], **answer}
        return self.resume(question, given, by)

    def resume(
        self, question: Interrupt, given: object, by: Principal = MANAGER
    ) -> Interrupt | None:
        """Answer a question with anything; return the next one, if there is one."""
        with acting_as(by):
            return self._question(self.graph.invoke(Command(resume={question.id: given}), THREAD))

    def _question(self, result: Any) -> Interrupt | None:  # noqa: ANN401 - LangGraph's own
        return result["__interrupt__"][0] if result else None

    def states(self) -> list[str]:
        """Return where each request stands, oldest first."""
        return [approval.state for approval in self.guard.approvals.list()]


@pytest.fixture
def guard(tmp_path: Path, sqlite_url: str) -> Iterator[Guard]:
    """Give a guard whose ledger is in a file."""
    ledger = Ledger(sqlite_url)
    yield Guard(policy=load_policy(tmp_path), ledger=ledger)
    ledger.close()


@pytest.fixture
def desk(guard: Guard) -> Desk:
    """Give a desk with the tool that pays."""
    return Desk(guard, Toolset(guard, [pay_tool([])], agent="billing"))


def asked(desk: Desk, call: RequestedCall = MUCH) -> Interrupt:
    """Ask about a call that needs a person, and return the question."""
    question = desk.ask(call)
    assert question is not None
    return question


def edit(**args: object) -> dict[str, Any]:
    """Return an answer that puts other arguments in place."""
    return {"type": "edit", "edited_action": {"name": "pay", "args": args}}


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


def test_a_tool_describes_its_calls_itself(guard: Guard) -> None:
    """In the words of whoever wrote it."""

    @scoped_tool(effect="destructive", describe=lambda args: f"Pay {args['amount']} EUR.")
    def pay(to: str, amount: Decimal) -> str:
        """Pay."""
        return f"{to}{amount}"

    question = asked(Desk(guard, Toolset(guard, [pay], agent="billing")))

    assert question.value["description"] == "Pay 140.00 EUR."


def test_an_approved_call_goes_on_to_its_execution(desk: Desk) -> None:
    """As it was asked for."""
    assert desk.answer(asked(desk), type="approve") is None
    assert desk.steps == [Next(node="execute")]
    assert desk.states() == ["approved"]


@pytest.mark.parametrize(
    ("message", "content"),
    [
        ("not this shop", "pay did not run. manager rejected it: not this shop"),
        ("", "pay did not run. manager rejected it."),
    ],
    ids=["with a reason", "without"],
)
def test_a_rejected_call_is_refused_with_the_reason(desk: Desk, message: str, content: str) -> None:
    """The model learns who did not want it and why."""
    desk.answer(asked(desk), type="reject", message=message)

    assert desk.steps == [ToolResult(content=content, outcome="refused")]
    assert desk.states() == ["rejected"]


def test_a_response_stands_in_the_tools_place(desk: Desk) -> None:
    """The tool does not run, and that is no error."""
    desk.answer(asked(desk), type="respond", message="it was paid by hand")

    assert desk.steps == [ToolResult(content="it was paid by hand", outcome="answered")]
    assert desk.states() == ["cancelled"]


def test_an_edit_to_what_is_allowed_goes_on_with_a_note(desk: Desk) -> None:
    """The model reads what was changed, and by whom."""
    desk.answer(asked(desk), **edit(to="shop", amount="40"))

    assert desk.steps == [
        Next(
            node="execute",
            args={"to": "shop", "amount": "40"},
            note='manager changed the arguments to {"to": "shop", "amount": "40"} before this ran.',
        )
    ]
    assert desk.states() == ["cancelled"]


def test_an_edit_counts_as_the_editors_approval_of_it(desk: Desk) -> None:
    """Who may approve the edited call has just said that it is right."""
    desk.answer(asked(desk), **edit(to="shop", amount="150"))

    assert [type(step) is Next and step.node for step in desk.steps] == ["execute"]
    assert sorted(desk.states()) == ["approved", "cancelled"]


def test_an_edit_that_needs_others_is_asked_anew(desk: Desk) -> None:
    """An editor's word counts for the editor's roles alone."""
    desk.answer(asked(desk), **edit(to="shop", amount="240"))

    assert [type(step) is Next and step.node for step in desk.steps] == ["approval"]
    assert sorted(desk.states()) == ["cancelled", "pending"]


def test_an_edit_to_what_is_forbidden_is_left_to_the_guard(desk: Desk) -> None:
    """Which decides it, refuses and records it."""
    desk.answer(asked(desk), **edit(to="shop", amount="900"))

    assert [type(step) is Next and step.node for step in desk.steps] == ["execute"]
    assert desk.states() == ["cancelled"]


OTHER_FORMS: dict[str, tuple[Callable[[str], object], str]] = {
    "batched approve": (
        lambda digest: {"decisions": [{"type": "approve"}], "action_digest": digest},
        "approved",
    ),
    "batched reject": (
        lambda digest: {
            "decisions": [{"type": "reject", "message": "no"}],
            "action_digest": digest,
        },
        "rejected",
    ),
    "batched edit": (
        lambda digest: {
            "decisions": [edit(to="shop", amount="40")],
            "action_digest": digest,
        },
        "cancelled",
    ),
    "inbox accept": (
        lambda digest: [{"type": "accept", "args": None, "action_digest": digest}],
        "approved",
    ),
    "inbox ignore": (
        lambda digest: [{"type": "ignore", "args": None, "action_digest": digest}],
        "rejected",
    ),
    "inbox response": (
        lambda digest: [{"type": "response", "args": "paid by hand", "action_digest": digest}],
        "cancelled",
    ),
    "inbox edit": (
        lambda digest: [
            {
                "type": "edit",
                "args": {"action": "pay", "args": {"to": "shop", "amount": "40"}},
                "action_digest": digest,
            }
        ],
        "cancelled",
    ),
}


@pytest.mark.parametrize(("form", "state"), OTHER_FORMS.values(), ids=OTHER_FORMS.keys())
def test_what_other_interfaces_send_is_taken(
    desk: Desk, form: Callable[[str], object], state: str
) -> None:
    """By interrupt id, and bound to the call by its digest; without that it is refused."""
    question = asked(desk)
    with pytest.raises(ValueError, match=r"does not say which call|to another call"):
        desk.resume(question, form(""))
    with pytest.raises(ValueError, match="to another call"):
        desk.resume(question, form("0" * 64))
    assert desk.states() == ["pending"]
    assert desk.resume(question, form(question.value["action_digest"])) is None
    assert desk.states() == [state]


BAD_ANSWERS: dict[str, tuple[dict[str, Any], Principal, str]] = {
    "nothing": ({}, MANAGER, "discriminator"),
    "unknown": ({"type": "accept"}, MANAGER, "accept"),
    "another call": ({"type": "approve", "action_digest": "0" * 64}, MANAGER, "another call"),
    "more than an answer": ({"type": "approve", "args": {}}, MANAGER, "args"),
    "the one who asked": ({"type": "approve"}, Principal(id="clerk", roles=MANAGER.roles), "asked"),
    "no role": ({"type": "approve"}, Principal(id="passer-by"), "manager"),
    "another tool": (
        {"type": "edit", "edited_action": {"name": "wipe", "args": {}}},
        MANAGER,
        "keep the tool 'pay'",
    ),
    "an unknown argument": (edit(to="x", amount="1", by="y"), MANAGER, "no argument 'by'"),
    "a missing argument": (edit(to="x"), MANAGER, "'amount' is missing"),
    "no amount": (edit(to="x", amount="much"), MANAGER, "valid decimal"),
    "an edit of nothing": (edit(to="shop", amount="140.0"), MANAGER, "changes nothing"),
}


@pytest.mark.parametrize(("answer", "by", "message"), BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
def test_an_answer_that_will_not_do_leaves_the_question_open(
    desk: Desk, guard: Guard, answer: dict[str, Any], by: Principal, message: str
) -> None:
    """It is refused with the reason, nothing of it is kept, and the right one still counts.

    Who tried is on the record, once.
    """
    question = asked(desk)

    for _ in range(2):
        with pytest.raises(ValueError, match=message):
            desk.answer(question, by, **answer)
    assert desk.states() == ["pending"]
    (refused,) = guard.ledger.records("t", "approval.refused")
    assert (refused.body["by"], refused.body["tool_call_id"]) == (
        by.id,
        question.value["tool_call_id"],
    )
    assert desk.answer(question, type="approve") is None
    assert desk.states() == ["approved"]


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


def settle_elsewhere(guard: Guard) -> None:
    """Approve what is pending by other means than the thread."""
    (pending,) = guard.approvals.pending()
    guard.approvals.answer(
        pending.request.id, Approve(action_digest=pending.request.digest), by=MANAGER
    )


def cancel(guard: Guard) -> None:
    """Withdraw what is pending."""
    (pending,) = guard.approvals.pending()
    guard.approvals.cancel(pending.request.id, reason="not needed")


@pytest.mark.parametrize(
    ("settle", "step"),
    [
        (settle_elsewhere, Next(node="execute")),
        (cancel, ToolResult.refused("pay", "The request for its approval was withdrawn.")),
    ],
    ids=["approved", "withdrawn"],
)
def test_what_was_settled_elsewhere_is_not_asked_again(
    desk: Desk, guard: Guard, settle: Callable[[Guard], None], step: object
) -> None:
    """The record tells, not the interrupt."""
    asked(desk)
    settle(guard)
    with acting_as(CLERK):
        desk.graph.invoke(None, THREAD)

    assert desk.steps == [step]


def test_a_question_that_nobody_answered_in_time_is_over(desk: Desk, sqlite_url: str) -> None:
    """By the database's clock; a late answer changes nothing."""
    question = asked(desk)
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE approvals SET expires_at = 1")
        connection.commit()

    desk.answer(question, type="approve")
    assert desk.steps == [ToolResult.refused("pay", "Nobody answered in time.")]


def test_a_question_that_the_conversation_went_past_is_withdrawn(desk: Desk, guard: Guard) -> None:
    """Of this call alone, whatever policy asked it; what others wait for stays open."""
    asked(desk)
    asked(desk, request("pay", {"to": "shop", "amount": "140"}, "call-2"))
    toolset = Toolset(guard, [pay_tool([])], agent="billing")
    with acting_as(CLERK):
        result = toolset.withdraw(toolset.prepare(MUCH, THREAD, "message-1"))

    assert result.outcome == "refused"
    states = {each.request.tool_call_id: each.state for each in guard.approvals.list()}
    assert states == {"call-1": "cancelled", "call-2": "pending"}
    cancelled = next(guard.ledger.records("t", "approval.cancelled"))
    assert cancelled.body["reason"] == "the conversation went on without it"


def test_the_question_about_an_edited_call_is_withdrawn_too(desk: Desk, guard: Guard) -> None:
    """It is about the same call of the model's, with other arguments."""
    desk.answer(asked(desk), **edit(to="shop", amount="240"))
    toolset = Toolset(guard, [pay_tool([])], agent="billing")
    with acting_as(CLERK):
        toolset.withdraw(toolset.prepare(MUCH, THREAD, "message-1"))

    assert desk.states() == ["cancelled", "cancelled"]


def test_an_edited_call_that_ran_is_not_said_to_be_cancelled(desk: Desk, guard: Guard) -> None:
    """The money is gone, whatever became of the conversation."""
    toolset = Toolset(guard, [pay_tool([])], agent="billing")
    edited = request("pay", {"to": "shop", "amount": "40"})
    with acting_as(CLERK):
        toolset.run(toolset.prepare(edited, THREAD, "message-1"), THREAD)
        result = toolset.withdraw(toolset.prepare(MUCH, THREAD, "message-1"))

    assert desk.states() == []
    assert result == ToolResult(content="paid 40 to shop", outcome="succeeded")
