"""Approval records are asked once, answered by the right people, used once, and all recorded."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import StateGraph
from langgraph.types import Command, interrupt
from pydantic import ValidationError
from sqlalchemy import bindparam, func, select, update

from bailiwick.policies.approvals import (
    Answer,
    Approval,
    ApprovalRequest,
    Approve,
    Edit,
    EditedAction,
    Reject,
    Respond,
    answer_type,
)
from bailiwick.policies.calls import ToolCall, ToolUse
from bailiwick.policies.decisions import Decision, Requirement
from bailiwick.policies.errors import ApprovalError
from bailiwick.policies.principals import Principal
from bailiwick.policies.scopes import Scope
from bailiwick.tools import tables
from bailiwick.tools.approvals import Approvals
from bailiwick.tools.ledger import Ledger

CLERK = Principal(id="clerk", roles=frozenset({"manager"}))
MANAGER = Principal(id="manager", roles=frozenset({"manager"}))
DEPUTY = Principal(id="deputy", roles=frozenset({"manager"}))
AUDITOR = Principal(id="auditor", roles=frozenset({"audit"}))

NEEDED = Requirement(rule="refund-needs-a-manager", role="manager", reason="money moves")
TWO_NEEDED = replace(NEEDED, quorum=2)
CALL = ToolCall(
    id="call-1",
    thread="thread-1",
    namespace="billing",
    requester="clerk",
    chain=("supervisor",),
    agent="billing",
    tool=ToolUse(name="issue_refund", version="v1", effect="destructive"),
    args={"order_id": "A-17", "amount": "40"},
)


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """Give an empty ledger on each kind of database."""
    opened = Ledger(database_url)
    yield opened
    opened.close()


@pytest.fixture
def approvals(ledger: Ledger) -> Approvals:
    """Give the approvals of that ledger."""
    return Approvals(ledger)


def review(*requirements: Requirement) -> Decision:
    """Return a decision that asks for these approvals."""
    return Decision(
        verdict="review",
        rules=tuple(rule.rule for rule in requirements),
        reason="a refund moves money",
        requirements=requirements,
        policy_version="p1",
    )


def ask(approvals: Approvals, *requirements: Requirement, call: ToolCall = CALL) -> ApprovalRequest:
    """Request the approvals of a call."""
    scope = Scope(path="payments/refund", ttl=30)
    decision = review(*(requirements or (NEEDED,)))
    return approvals.request(call, decision, scope=scope, description="Refund 40 on order A-17")


def approve(request: ApprovalRequest) -> Approve:
    """Return the answer that lets the call run."""
    return Approve(action_digest=request.digest)


def rejected(request: ApprovalRequest) -> Reject:
    """Return the answer that forbids the call."""
    return Reject(action_digest=request.digest, message="too much")


def responded(request: ApprovalRequest) -> Respond:
    """Return the answer that stands in the tool's place."""
    return Respond(action_digest=request.digest, message="by phone")


def edited(request: ApprovalRequest) -> Edit:
    """Return the answer that lets another call run."""
    action = EditedAction(name="issue_refund", args={"order_id": "A-17", "amount": "30"})
    return Edit(action_digest=request.digest, edited_action=action)


def consumed(ledger: Ledger, request: ApprovalRequest) -> bool:
    """Use the approval in a transaction of its own."""
    with ledger.transaction() as connection:
        return Approvals(ledger).consume(connection, request.id, request.digest)


def kinds(ledger: Ledger) -> list[str]:
    """Return what the ledger has recorded, which must be sound."""
    assert ledger.verify().is_sound
    return [record.kind for record in ledger.records()]


def let_expire(ledger: Ledger, request: ApprovalRequest) -> None:
    """Move the expiry of a request to a millisecond ago by the database's clock."""
    with ledger.transaction() as connection:
        row = update(tables.approvals).where(tables.approvals.c.id == request.id)
        connection.execute(row.values(expires_at=tables.database_clock() - 0.001))


def test_nothing_is_pending_at_first(approvals: Approvals) -> None:
    """No request, nothing granted, nothing to consume, nothing to answer."""
    assert approvals.pending() == ()
    assert approvals.list() == ()
    assert approvals.granted(None, "0" * 32, "0" * 64) == frozenset()
    with pytest.raises(ApprovalError, match="there is no request 'nothing'"):
        approvals.get("nothing")
    with pytest.raises(ApprovalError, match="there is no request"):
        approvals.answer("nothing", Approve(action_digest="0" * 64), by=MANAGER)


def test_an_unknown_request_cannot_be_consumed(ledger: Ledger, approvals: Approvals) -> None:
    """Nor does the attempt leave a record."""
    with ledger.transaction() as connection:
        assert not approvals.consume(connection, "0" * 32, "0" * 64)
    assert kinds(ledger) == []


@pytest.mark.parametrize(
    "decision",
    [
        review(),
        replace(review(NEEDED), verdict="allow"),
        replace(review(NEEDED), verdict="deny"),
    ],
    ids=["review-without-requirements", "allow", "deny"],
)
def test_nothing_is_asked_where_no_approval_would_help(decision: Decision) -> None:
    """A request that needs nothing would be approved by nothing."""
    ledger = Ledger("sqlite://")
    with pytest.raises(ApprovalError, match="nobody can approve 'issue_refund'"):
        Approvals(ledger).request(CALL, decision, scope=None, description="")
    ledger.close()


def test_a_request_says_all_and_is_recorded(ledger: Ledger, approvals: Approvals) -> None:
    """What comes back out of the database is what was put in."""
    request = ask(approvals, TWO_NEEDED, Requirement(rule="audit", role="audit", expires=60))
    assert request.id == CALL.key("p1")[:32]
    assert request.digest == CALL.digest("p1")
    assert request.expires_at - request.created_at == pytest.approx(60)
    assert abs(request.created_at - time.time()) < 60
    assert approvals.get(request.id) == Approval(request=request, state="pending")

    (record,) = ledger.records("thread-1")
    assert record.kind == "approval.requested"
    shown = request.to_interrupt()
    del shown["type"]
    assert record.body == {
        **shown,
        "effect": "destructive",
        "tool_version": "v1",
        "policy_version": "p1",
    }


def test_a_request_is_made_once(ledger: Ledger, approvals: Approvals) -> None:
    """A node that runs again finds what stands; whoever resumes is not the one who asked."""
    first = ask(approvals)
    assert ask(approvals, call=replace(CALL, requester="manager")) == first
    with pytest.raises(ApprovalError, match="'clerk' asked for"):
        approvals.answer(first.id, approve(first), by=CLERK)
    approvals.answer(first.id, approve(first), by=MANAGER)
    assert ask(approvals) == first
    assert approvals.get(first.id).state == "approved"
    assert kinds(ledger) == ["approval.requested", "approval.answered"]


def test_a_request_is_made_once_by_many_at_a_time(ledger: Ledger, approvals: Approvals) -> None:
    """One row and one record, whoever is first."""
    with ThreadPoolExecutor(8) as pool:
        requests = list(pool.map(ask, [approvals] * 16))
    assert len({request.created_at for request in requests}) == 1
    assert kinds(ledger) == ["approval.requested"]


def test_other_calls_are_other_requests(approvals: Approvals) -> None:
    """Other arguments, another place, another thread: each is asked for."""
    calls = [
        CALL,
        CALL.with_args({"amount": "41"}),
        replace(CALL, id="2"),
        replace(CALL, thread="b"),
    ]
    assert len({ask(approvals, call=call).id for call in calls}) == 4
    assert len(approvals.pending()) == 4
    assert [found.request.thread for found in approvals.pending("b")] == ["b"]


def test_an_approval_releases_the_call_once(ledger: Ledger, approvals: Approvals) -> None:
    """Pending, approved, consumed; each step recorded before it counts."""
    request = ask(approvals)
    assert approvals.granted(None, request.id, request.digest) == frozenset()
    assert not consumed(ledger, request)

    answered = approvals.answer(request.id, approve(request), by=MANAGER)
    assert (answered.state, answered.decided_by) == ("approved", "manager")
    assert answered == approvals.get(request.id)
    assert [(grant.principal, grant.role) for grant in answered.grants] == [("manager", "manager")]
    assert approvals.granted(None, request.id, request.digest) == {"manager"}
    assert approvals.pending() == ()

    assert consumed(ledger, request)
    assert not consumed(ledger, request)
    assert approvals.get(request.id).state == "consumed"
    assert approvals.granted(None, request.id, request.digest) == frozenset()
    assert kinds(ledger) == ["approval.requested", "approval.answered", "approval.consumed"]
    answer = next(ledger.records(kind="approval.answered")).body
    assert answer == {
        "id": request.id,
        "by": "manager",
        "roles": ["manager"],
        "answer": {"type": "approve", "action_digest": request.digest},
        "state": "approved",
    }


def test_an_approval_is_found_by_its_exact_call(ledger: Ledger, approvals: Approvals) -> None:
    """Under the same policy, with the same arguments, at the same place."""
    request = ask(approvals)
    approvals.answer(request.id, approve(request), by=MANAGER)
    with ledger.reading() as connection:
        found = approvals.approved(connection, CALL, "p1")
        assert found is not None
        assert found.request == request
        assert found.roles == {"manager"}
        assert approvals.granted(connection, request.id, request.digest) == {"manager"}
        assert approvals.granted(connection, request.id, CALL.digest("p2")) == frozenset()
        assert approvals.approved(connection, CALL, "p2") is None
        assert approvals.approved(connection, CALL.with_args({}), "p1") is None


def test_another_digest_consumes_nothing(ledger: Ledger, approvals: Approvals) -> None:
    """The approval stays for the call it was given for."""
    request = ask(approvals)
    approvals.answer(request.id, approve(request), by=MANAGER)
    assert not consumed(ledger, replace(request, digest="0" * 64))
    assert consumed(ledger, request)


def test_a_transaction_that_fails_consumes_nothing(ledger: Ledger, approvals: Approvals) -> None:
    """The use and the intent of the call are kept together, or neither is."""
    request = ask(approvals)
    approvals.answer(request.id, approve(request), by=MANAGER)

    def fail() -> None:
        with ledger.transaction() as connection:
            assert approvals.consume(connection, request.id, request.digest)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert approvals.get(request.id).state == "approved"
    assert "approval.consumed" not in kinds(ledger)


def test_a_quorum_takes_different_people(ledger: Ledger, approvals: Approvals) -> None:
    """One person twice is refused; the second one completes it."""
    request = ask(approvals, TWO_NEEDED)
    first = approvals.answer(request.id, approve(request), by=MANAGER)
    assert (first.state, first.decided_by, first.answer) == ("pending", None, None)
    assert not consumed(ledger, request)
    with pytest.raises(ApprovalError, match="'manager' has approved"):
        approvals.answer(request.id, approve(request), by=MANAGER)
    second = approvals.answer(request.id, approve(request), by=DEPUTY)
    assert second.state == "approved"
    assert [grant.principal for grant in approvals.get(request.id).grants] == ["manager", "deputy"]
    states = [record.body["state"] for record in ledger.records(kind="approval.answered")]
    assert states == ["pending", "approved"]


def test_one_person_at_many_screens_is_one_approval(ledger: Ledger, approvals: Approvals) -> None:
    """Also when all of them click at once."""
    request = ask(approvals, TWO_NEEDED)

    def click(_: int) -> bool:
        try:
            approvals.answer(request.id, approve(request), by=MANAGER)
        except ApprovalError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(click, range(8))) == 1
    found = approvals.get(request.id)
    assert (found.state, len(found.grants)) == ("pending", 1)
    assert kinds(ledger) == ["approval.requested", "approval.answered"]


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (rejected, "rejected"),
        (responded, "cancelled"),
        (edited, "cancelled"),
    ],
    ids=["reject", "respond", "edit"],
)
def test_other_answers_end_the_request(
    ledger: Ledger,
    approvals: Approvals,
    answer: Callable[[ApprovalRequest], Answer],
    state: str,
) -> None:
    """The answer is kept, this call can never run, and a second answer learns who was first."""
    request = ask(approvals, TWO_NEEDED)
    approvals.answer(request.id, approve(request), by=DEPUTY)
    given = answer(request)
    ended = approvals.answer(request.id, given, by=MANAGER)
    assert (ended.state, ended.answer, ended.decided_by) == (state, given, "manager")
    assert approvals.get(request.id) == ended
    assert not consumed(ledger, request)
    with pytest.raises(ApprovalError, match=rf"was {state} by 'manager' at .*: nothing is left"):
        approvals.answer(request.id, approve(request), by=Principal(id="x", roles=MANAGER.roles))
    recorded = list(ledger.records(kind="approval.answered"))[-1].body
    assert (recorded["answer"], recorded["roles"]) == (given.model_dump(), [])


def test_a_loser_learns_who_decided(approvals: Approvals) -> None:
    """Ten people answer at once; one decides."""
    request = ask(approvals)
    people = [Principal(id=f"manager-{n}", roles=MANAGER.roles) for n in range(10)]

    def answer(person: Principal) -> str:
        kind = Reject if int(person.id[-1]) % 2 else Approve
        try:
            return approvals.answer(request.id, kind(action_digest=request.digest), by=person).state
        except ApprovalError as error:
            return str(error)

    with ThreadPoolExecutor(10) as pool:
        outcomes = list(pool.map(answer, people))
    found = approvals.get(request.id)
    assert outcomes.count(found.state) == 1
    assert sum(f"{found.state} by {found.decided_by!r}" in outcome for outcome in outcomes) == 9


@pytest.mark.parametrize(
    ("by", "why"),
    [(CLERK, "asked for"), (AUDITOR, "takes the role"), (Principal(id="x"), "takes the role")],
    ids=["requester", "other-role", "no-role"],
)
def test_who_may_not_answer_changes_nothing(
    ledger: Ledger, approvals: Approvals, by: Principal, why: str
) -> None:
    """Whatever got past the interrupt's own check."""
    request = ask(approvals)
    for attempt in (approvals.check, approvals.answer):
        with pytest.raises(ApprovalError, match=why):
            attempt(request.id, approve(request), by=by)
    assert approvals.get(request.id) == Approval(request=request, state="pending")
    assert kinds(ledger) == ["approval.requested"]


def test_a_stale_answer_changes_nothing(ledger: Ledger, approvals: Approvals) -> None:
    """It is the answer to another call."""
    request = ask(approvals)
    stale = Approve(action_digest=CALL.digest("p0"))
    for attempt in (approvals.check, approvals.answer):
        with pytest.raises(ApprovalError, match="to another call"):
            attempt(request.id, stale, by=MANAGER)
    assert kinds(ledger) == ["approval.requested"]


def test_checking_changes_nothing(ledger: Ledger, approvals: Approvals) -> None:
    """It refuses what answering would refuse, and only that."""
    request = ask(approvals)
    approvals.check(request.id, approve(request), by=MANAGER)
    assert approvals.get(request.id).state == "pending"
    approvals.answer(request.id, approve(request), by=MANAGER)
    with pytest.raises(ApprovalError, match="was approved by 'manager'"):
        approvals.check(request.id, approve(request), by=DEPUTY)
    assert len(kinds(ledger)) == 2


def test_an_answer_that_comes_late_is_too_late(ledger: Ledger, approvals: Approvals) -> None:
    """The request is expired for good, once, and the ledger says so."""
    request = ask(approvals)
    let_expire(ledger, request)
    assert approvals.get(request.id).state == "expired"
    assert approvals.pending() == ()
    for _ in range(2):
        with pytest.raises(ApprovalError, match=r"expired at .*: have the agent ask again"):
            approvals.answer(request.id, approve(request), by=MANAGER)
    assert [found.request.id for found in approvals.list(state="expired")] == [request.id]
    assert not consumed(ledger, request)
    assert kinds(ledger) == ["approval.requested", "approval.expired"]


def test_an_approval_that_was_not_used_in_time_is_void(
    ledger: Ledger, approvals: Approvals
) -> None:
    """By the clock of the database, without any sweep."""
    request = ask(approvals)
    approvals.answer(request.id, approve(request), by=MANAGER)
    assert approvals.list(state="approved")
    let_expire(ledger, request)
    assert approvals.get(request.id).state == "expired"
    assert approvals.granted(None, request.id, request.digest) == frozenset()
    with ledger.reading() as connection:
        assert approvals.approved(connection, CALL, "p1") is None
    assert not consumed(ledger, request)
    assert approvals.list(state="approved") == ()
    assert len(approvals.list(state="expired")) == 1


def test_a_request_expires_while_time_passes(ledger: Ledger, approvals: Approvals) -> None:
    """Also within one open transaction."""
    request = ask(approvals, replace(NEEDED, expires=1))
    approvals.answer(request.id, approve(request), by=MANAGER)
    with ledger.transaction() as connection:
        assert approvals.granted(connection, request.id, request.digest) == {"manager"}
        time.sleep(1.01)
        assert approvals.granted(connection, request.id, request.digest) == frozenset()
        assert not approvals.consume(connection, request.id, request.digest)


def test_the_clock_is_the_database_s(ledger: Ledger) -> None:
    """In seconds with fractions, also in comparisons with what is stored."""
    clock = tables.database_clock()
    with ledger.reading() as connection:
        first, second = (connection.execute(select(clock)).scalar_one() for _ in range(2))
        assert isinstance(first, float)
        assert 0 < second - first < 5
        assert connection.execute(select(clock < bindparam("then", first + 60))).scalar_one()
        assert connection.execute(select(func.round(clock))).scalar_one() > 1_700_000_000


def test_a_request_that_nobody_needs_is_cancelled(ledger: Ledger, approvals: Approvals) -> None:
    """Once, and only while it is pending."""
    request = ask(approvals)
    assert approvals.cancel(request.id, reason="new input")
    assert not approvals.cancel(request.id, reason="new input")
    with pytest.raises(ApprovalError, match="is cancelled: nothing is left"):
        approvals.answer(request.id, approve(request), by=MANAGER)
    with pytest.raises(ApprovalError, match="there is no request"):
        approvals.cancel("nothing", reason="")
    assert kinds(ledger) == ["approval.requested", "approval.cancelled"]


def test_requests_are_listed_oldest_first(approvals: Approvals) -> None:
    """By state, by thread, and not more than asked for."""
    requests = [ask(approvals, call=replace(CALL, id=str(n))) for n in range(3)]
    approvals.answer(requests[1].id, approve(requests[1]), by=MANAGER)
    ids = [request.id for request in requests]
    assert [found.request.id for found in approvals.list()] == ids
    assert [found.request.id for found in approvals.list(limit=2)] == ids[:2]
    assert [found.request.id for found in approvals.list(state="approved")] == [ids[1]]
    assert [found.request.id for found in approvals.pending("thread-1")] == [ids[0], ids[2]]
    assert approvals.list(thread="elsewhere") == ()


def test_of_many_threads_one_consumes(ledger: Ledger, approvals: Approvals) -> None:
    """Thirty-two at once, one wins, one record."""
    request = ask(approvals)
    approvals.answer(request.id, approve(request), by=MANAGER)
    with ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(consumed, [ledger] * 32, [request] * 32)) == 1
    assert kinds(ledger).count("approval.consumed") == 1


# Forked after the imports, which cost more than all the rest.
CONSUMERS = """
import sys
from multiprocessing import get_context
from bailiwick.tools.approvals import Approvals
from bailiwick.tools.ledger import Ledger

url, request, digest = sys.argv[1:]

def consume(worker):
    ledger = Ledger(url)
    won = 0
    for _ in range(5):
        with ledger.transaction() as connection:
            won += Approvals(ledger).consume(connection, request, digest)
    ledger.close()
    return won

with get_context("fork").Pool(4) as pool:
    print(sum(pool.map(consume, range(4), chunksize=1)))
"""


def test_of_many_processes_one_consumes(
    database_url: str, ledger: Ledger, approvals: Approvals
) -> None:
    """Four workers, whatever they share."""
    request = ask(approvals)
    approvals.answer(request.id, approve(request), by=MANAGER)
    command = [sys.executable, "-c", CONSUMERS, database_url, request.id, request.digest]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "1\n"
    assert kinds(ledger).count("approval.consumed") == 1


def test_answers_and_uses_at_once_do_not_wait_for_each_other(
    ledger: Ledger, approvals: Approvals
) -> None:
    """Every transaction takes the thread first, so none ends in a deadlock."""
    requests = [ask(approvals, call=replace(CALL, id=str(n))) for n in range(8)]

    def work(request: ApprovalRequest) -> bool:
        approvals.answer(request.id, approve(request), by=MANAGER)
        return consumed(ledger, request)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, requests))
    assert len(kinds(ledger)) == 24


class Asked(TypedDict, total=False):
    """The state of the graph below."""

    answer: Answer


def test_langgraph_keeps_nothing_of_a_refused_answer(approvals: Approvals) -> None:
    """A stale, a malformed and an unentitled answer leave it waiting; the right one is taken."""
    acting = [CLERK]

    def approval(state: Asked) -> Asked:
        assert state == {}
        request = ask(approvals)

        def check(answer: Answer) -> None:
            approvals.check(request.id, answer, by=acting[0])

        schema = answer_type(request, check=check)
        return {"answer": interrupt(request.to_interrupt(), response_schema=schema)}

    graph = StateGraph(Asked).add_node(approval).set_entry_point("approval")
    app = graph.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "thread-1"}}
    (waiting,) = app.invoke({}, config)["__interrupt__"]
    digest = waiting.value["action_digest"]
    right = {"type": "approve", "action_digest": digest}
    refused = [
        ({"type": "approve", "action_digest": "0" * 64}, MANAGER),
        ({"decisions": [{"type": "approve"}]}, MANAGER),
        (right, CLERK),
        (right, AUDITOR),
    ]
    for answer, person in refused:
        acting[0] = person
        with pytest.raises(ValidationError):
            app.invoke(Command(resume={waiting.id: answer}), config)
    assert [task.interrupts[0].id for task in app.get_state(config).tasks] == [waiting.id]

    acting[0] = MANAGER
    done = app.invoke(Command(resume={waiting.id: right}), config)
    assert done["answer"] == Approve(action_digest=digest)
    assert len(approvals.list()) == 1
