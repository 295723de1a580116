"""What is due has one deliverer: claimed, renewed, put off, lapsed."""

import threading
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import func, select
from tests.tools.people.due import approve, ask, claim_next, claimed, ids, let_pass

from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.people.deliveries import FIRST, LONGEST, Claim, Deliveries, backoff
from bailiwick.tools.records import tables
from bailiwick.tools.records.ledger import Ledger


def test_what_is_claimed_is_nobody_else_s(approvals: Approvals, outbox: Deliveries) -> None:
    """And what was delivered is not due again."""
    request = ask(approvals)
    approve(approvals, request)
    claim = claimed(outbox)
    assert claim_next(outbox) is None
    assert outbox.begin(claim)
    assert outbox.renew(claim)
    assert claim_next(outbox) is None
    assert [(each.approval, each.attempts) for each in outbox.list()] == [(request.id, 1)]
    assert outbox.end(claim)
    assert claim_next(outbox) is None
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
    assert claim_next(outbox) is None
    assert claim_next(outbox, "thread-1") is None
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
    assert claim_next(outbox) is None
    outbox.end(claim)
    claim = claimed(outbox)
    assert (claim.requester, ids(claim)) == ("clerk", [other.id])


def test_threads_do_not_wait_for_each_other(approvals: Approvals, outbox: Deliveries) -> None:
    """Oldest first, or only those of one thread."""
    for thread in ("a", "b", "c"):
        approve(approvals, ask(approvals, thread=thread))
    assert claimed(outbox, "b").thread == "b"
    assert [claimed(outbox).thread, claimed(outbox).thread] == ["a", "c"]
    assert claim_next(outbox) is None


def test_a_claim_lapses(ledger: Ledger, approvals: Approvals) -> None:
    """Whoever held it is told, and can change nothing any more."""
    outbox = Deliveries(ledger, lapse=1000)
    approve(approvals, ask(approvals))
    lost = claimed(outbox)
    let_pass(ledger, 900)
    assert claim_next(outbox) is None
    assert outbox.renew(lost)
    let_pass(ledger, 900)
    assert claim_next(outbox) is None
    let_pass(ledger, 200)
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
    assert claim_next(outbox) is None
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
        while claim := claim_next(outbox):
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
        assert claim_next(approvals.outbox()) is None
