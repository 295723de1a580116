"""What ends a request puts its thread into the outbox, and each thread has one deliverer."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import func, select, text, update

from bailiwick.policies.approvals import (
    Answer,
    ApprovalRequest,
    Approve,
    Edit,
    EditedAction,
    Reject,
    Respond,
)
from bailiwick.policies.calls import ToolCall, ToolUse
from bailiwick.policies.decisions import Decision, Requirement
from bailiwick.policies.errors import ApprovalError
from bailiwick.policies.principals import Principal
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.people.deliveries import FIRST, GRACE, LONGEST, Claim, Deliveries, backoff
from bailiwick.tools.records import tables
from bailiwick.tools.records.ledger import Ledger

MANAGER = Principal(id="manager", roles=frozenset({"manager"}))
DEPUTY = Principal(id="deputy", roles=frozenset({"manager"}))
NEEDED = Requirement(rule="refund-needs-a-manager", role="manager", reason="money moves")
TOOL = ToolUse(name="issue_refund", version="v1", effect="destructive")


@pytest.fixture
def outbox(ledger: Ledger) -> Deliveries:
    """Give the outbox of that ledger."""
    return Deliveries(ledger)


def ask(
    approvals: Approvals,
    *,
    thread: str = "thread-1",
    call: str = "call-1",
    requester: str = "customer",
    quorum: int = 1,
) -> ApprovalRequest:
    """Request the approval of a refund."""
    asked = ToolCall(
        id=call, thread=thread, requester=requester, agent="billing", tool=TOOL, args={"amount": 4}
    )
    decision = Decision(
        verdict="review",
        rules=("refund-needs-a-manager",),
        reason="a refund moves money",
        requirements=(replace(NEEDED, quorum=quorum),),
        policy_version="p1",
    )
    return approvals.request(asked, decision, scope=None, description="Refund 4")


def approve(approvals: Approvals, request: ApprovalRequest, by: Principal = MANAGER) -> None:
    """Approve it, not in a run of its thread."""
    approvals.answer(request.id, Approve(action_digest=request.digest), by=by)


def let_pass(ledger: Ledger, seconds: float) -> None:
    """Make everything in the outbox as much older."""
    due_at = tables.deliveries.c.due_at
    with ledger.transaction() as connection:
        connection.execute(update(tables.deliveries).values(due_at=due_at - seconds))


def let_expire(ledger: Ledger, request: ApprovalRequest) -> None:
    """Move a request's end into the past."""
    with ledger.transaction() as connection:
        connection.execute(
            update(tables.approvals)
            .where(tables.approvals.c.id == request.id)
            .values(expires_at=request.created_at)
        )


def claimed(outbox: Deliveries, thread: str | None = None) -> Claim:
    """Claim something that must be there."""
    claim = outbox.claim(thread)
    assert claim is not None
    return claim


def ids(claim: Claim) -> list[str]:
    """Return which requests a claim is about."""
    return [approval.request.id for approval in claim.approvals]


def test_nothing_is_due_at_first(outbox: Deliveries) -> None:
    """No request, nothing to deliver."""
    assert outbox.claim() is None
    assert outbox.list() == ()


def test_a_request_that_is_open_is_not_due(approvals: Approvals, outbox: Deliveries) -> None:
    """Nor is one that lacks an approval."""
    request = ask(approvals, quorum=2)
    assert outbox.claim() is None
    approve(approvals, request)
    assert outbox.claim() is None
    approve(approvals, request, by=DEPUTY)
    assert ids(claimed(outbox)) == [request.id]


ANSWERS: dict[str, Callable[[str], Answer]] = {
    "approve": lambda digest: Approve(action_digest=digest),
    "edit": lambda digest: Edit(
        action_digest=digest, edited_action=EditedAction(name="issue_refund", args={"amount": 3})
    ),
    "reject": lambda digest: Reject(action_digest=digest, message="no"),
    "respond": lambda digest: Respond(action_digest=digest, message="done by phone"),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_every_answer_that_ends_a_request_is_due_at_once(
    approvals: Approvals, outbox: Deliveries, kind: str
) -> None:
    """With the answer, and with who asked."""
    request = ask(approvals)
    answer = ANSWERS[kind](request.digest)
    approvals.answer(request.id, answer, by=MANAGER)
    claim = claimed(outbox)
    assert (claim.thread, claim.requester, claim.attempts) == ("thread-1", "customer", 0)
    assert [approval.answer for approval in claim.approvals] == [answer]
    assert claim.approvals[0].decided_roles == {"manager"}
    assert 0 <= claim.age < 60


def test_a_cancelled_request_is_due(approvals: Approvals, outbox: Deliveries) -> None:
    """Its thread must hear, too."""
    request = ask(approvals)
    assert approvals.cancel(request.id, reason="the order is closed")
    assert not approvals.cancel(request.id, reason="the order is closed")
    assert ids(claimed(outbox)) == [request.id]


def test_an_expired_request_is_due_when_it_was_swept(
    ledger: Ledger, approvals: Approvals, outbox: Deliveries
) -> None:
    """Once, with one record; an open one and one of another thread are left alone."""
    request, other, _ = ask(approvals), ask(approvals, thread="b"), ask(approvals, call="2")
    assert approvals.expire() == 0
    let_expire(ledger, request)
    let_expire(ledger, other)
    assert approvals.expire("thread-1") == 1
    assert approvals.expire("thread-1") == 0
    (expired,) = ledger.records(kind="approval.expired")
    assert (expired.body["id"], expired.body["tool"]) == (request.id, "issue_refund")
    assert ids(claimed(outbox)) == [request.id]
    assert approvals.expire() == 1
    assert ids(claimed(outbox)) == [other.id]


def test_an_answer_that_comes_too_late_is_due_as_expired(
    ledger: Ledger, approvals: Approvals, outbox: Deliveries
) -> None:
    """The answer is refused, the thread hears of the expiry."""
    request = ask(approvals)
    let_expire(ledger, request)
    with pytest.raises(ApprovalError, match="expired"):
        approve(approvals, request)
    assert [approval.state for approval in claimed(outbox).approvals] == ["expired"]


def test_a_refused_answer_is_not_due(approvals: Approvals, outbox: Deliveries) -> None:
    """What ends nothing, wakes nobody."""
    request = ask(approvals, requester="manager")
    with pytest.raises(ApprovalError, match="may not approve it"):
        approve(approvals, request)
    assert outbox.list() == ()


def test_a_transaction_that_fails_delivers_nothing(
    ledger: Ledger, approvals: Approvals, outbox: Deliveries
) -> None:
    """Answer and delivery are kept together, or neither is."""
    request = ask(approvals)
    with ledger.transaction() as connection:
        connection.execute(text("DROP TABLE deliveries"))
        tables.deliveries.create(connection)
        connection.execute(text("ALTER TABLE deliveries RENAME COLUMN due_at TO gone"))
    with pytest.raises(Exception, match="ledger"):
        approve(approvals, request)
    assert approvals.get(request.id).state == "pending"
    with ledger.transaction() as connection:
        connection.execute(text("ALTER TABLE deliveries RENAME COLUMN gone TO due_at"))
    approve(approvals, request)
    assert ids(claimed(outbox)) == [request.id]


def test_a_run_that_took_the_answer_itself_gets_time(
    ledger: Ledger, approvals: Approvals, outbox: Deliveries
) -> None:
    """It goes on by itself; only if it did not, somebody has to see to it."""
    request = ask(approvals)
    answer = Approve(action_digest=request.digest)
    approvals.take(request, answer, by=MANAGER)
    assert outbox.claim() is None
    let_pass(ledger, GRACE)
    assert ids(claimed(outbox)) == [request.id]


def test_what_is_claimed_is_nobody_else_s(approvals: Approvals, outbox: Deliveries) -> None:
    """And what was delivered is not due again."""
    request = ask(approvals)
    approve(approvals, request)
    claim = claimed(outbox)
    assert outbox.claim() is None
    assert outbox.begin(claim)
    assert outbox.renew(claim)
    assert outbox.claim() is None
    assert [(each.approval, each.attempts) for each in outbox.list()] == [(request.id, 1)]
    assert outbox.end(claim)
    assert outbox.claim() is None
    assert outbox.list() == outbox.list("thread-1") == ()
    assert not outbox.end(claim)


def test_a_thread_has_one_deliverer(approvals: Approvals, outbox: Deliveries) -> None:
    """Two requests answered at once are one claim; one answered later waits for the first."""
    first, second, third = (ask(approvals, call=str(number)) for number in range(3))
    approve(approvals, first)
    approve(approvals, second)
    claim = claimed(outbox)
    assert sorted(ids(claim)) == sorted([first.id, second.id])
    approve(approvals, third)
    assert outbox.claim() is None
    assert outbox.claim("thread-1") is None
    outbox.end(claim)
    assert ids(claimed(outbox)) == [third.id]


def test_each_thread_goes_on_as_whoever_asked(approvals: Approvals, outbox: Deliveries) -> None:
    """Two people who asked in one thread are two claims, one after the other."""
    mine = ask(approvals)
    other = ask(approvals, call="2", requester="clerk")
    approve(approvals, mine)
    approve(approvals, other)
    claim = claimed(outbox)
    assert (claim.requester, ids(claim)) == ("customer", [mine.id])
    assert outbox.claim() is None
    outbox.end(claim)
    claim = claimed(outbox)
    assert (claim.requester, ids(claim)) == ("clerk", [other.id])


def test_threads_do_not_wait_for_each_other(approvals: Approvals, outbox: Deliveries) -> None:
    """Oldest first, or only those of one thread."""
    for thread in ("a", "b", "c"):
        approve(approvals, ask(approvals, thread=thread))
    assert claimed(outbox, "b").thread == "b"
    assert [claimed(outbox).thread, claimed(outbox).thread] == ["a", "c"]
    assert outbox.claim() is None


def test_a_claim_lapses(ledger: Ledger, approvals: Approvals) -> None:
    """Whoever held it is told, and can change nothing any more."""
    outbox = Deliveries(ledger, lapse=100)
    approve(approvals, ask(approvals))
    lost = claimed(outbox)
    let_pass(ledger, 99)
    assert outbox.claim() is None
    assert outbox.renew(lost)
    let_pass(ledger, 99)
    assert outbox.claim() is None
    let_pass(ledger, 2)
    claim = claimed(outbox)
    assert not outbox.begin(lost)
    assert not outbox.renew(lost)
    assert not outbox.end(lost)
    assert not outbox.postpone(lost, "too late", after=1)
    assert outbox.begin(claim)
    assert outbox.end(claim)


def test_what_failed_is_tried_again_later(
    ledger: Ledger, approvals: Approvals, outbox: Deliveries
) -> None:
    """With the reason, and the count of runs that were begun."""
    approve(approvals, ask(approvals))
    claim = claimed(outbox)
    assert outbox.begin(claim)
    assert outbox.postpone(claim, "the run broke off", after=backoff(1))
    assert outbox.claim() is None
    (delivery,) = outbox.list()
    assert (delivery.attempts, delivery.error) == (1, "the run broke off")
    let_pass(ledger, backoff(1))
    claim = claimed(outbox)
    assert claim.attempts == 1
    assert outbox.end(claim)


def test_tries_are_further_and_further_apart() -> None:
    """Twice as far each time, up to an hour."""
    assert [backoff(attempts) for attempts in range(4)] == [FIRST, 2.0, 4.0, 8.0]
    assert backoff(12) == backoff(10_000) == LONGEST


def test_of_many_deliverers_each_thread_has_one(
    ledger: Ledger, approvals: Approvals, outbox: Deliveries
) -> None:
    """Eight at once on twelve threads with two requests each."""
    for number in range(12):
        for call in ("1", "2"):
            approve(approvals, ask(approvals, thread=f"thread-{number}", call=call))
    ready, held = threading.Barrier(8), list[Claim]()

    def work() -> None:
        ready.wait()
        while claim := outbox.claim():
            held.append(claim)

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(work) for _ in range(8)]:
            future.result()
    assert sorted(claim.thread for claim in held) == sorted(f"thread-{n}" for n in range(12))
    assert all(len(claim.approvals) == 2 for claim in held)
    with ledger.reading() as connection:
        free = select(func.count()).where(tables.deliveries.c.claim.is_(None))
        assert connection.scalar(free) == 0


def test_only_threads_of_its_own_place_are_claimed(ledger: Ledger) -> None:
    """A server's threads are unknown to the terminal, and the other way round."""
    places = {place: Approvals(ledger, place=place) for place in ("", "server")}
    for place, approvals in places.items():
        approve(approvals, ask(approvals, thread=f"thread-{place}"))
    for place, approvals in places.items():
        held = claimed(approvals.outbox())
        assert held.thread == f"thread-{place}"
        assert approvals.outbox().claim() is None
