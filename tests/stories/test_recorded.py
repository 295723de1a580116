"""Promise 6: what happens is in the ledger before it happens, and what was written stays."""

import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import datetime

import pytest
from langchain_core.messages import HumanMessage
from tests.stories.databases import Place, execute
from tests.stories.desk import CUSTOMER, MANAGER, REQUEST, Desk, resume

from bailiwick.policies.errors import LedgerError
from bailiwick.tools.ledger import verify_export

WAY_OF_A_REFUND = [
    "approval.requested",
    "approval.answered",
    "approval.consumed",
    "decision",
    "call.started",
    "lease.granted",
    "lease.revoked",
    "call.ended",
]


@contextmanager
def without_records(place: Place) -> Generator[None]:
    """Take the ledger's records away for a while."""
    execute(place.ledger, "ALTER TABLE records RENAME TO lost")
    try:
        yield
    finally:
        execute(place.ledger, "ALTER TABLE lost RENAME TO records")


def test_nothing_runs_without_a_ledger(desk: Desk, place: Place) -> None:
    """A ledger that cannot be written stops the run before anything is read or asked."""
    asked_of_the_shop = len(desk.shop.requests)

    with without_records(place), pytest.raises(LedgerError):
        desk.thread().run({"messages": [HumanMessage(REQUEST)]}, CUSTOMER)

    assert len(desk.shop.requests) == asked_of_the_shop
    assert desk.refunded == []


def test_an_approved_refund_does_not_run_without_a_ledger(desk: Desk, place: Place) -> None:
    """An answer that cannot be recorded counts for nothing, and can be given again."""
    thread = desk.thread()
    interrupt = thread.ask()

    with without_records(place), pytest.raises(LedgerError):
        thread.answer(interrupt)
    assert desk.refunded == []
    assert desk.live_children() == []

    for _ in range(2):
        thread.run(resume(interrupt), MANAGER)
    assert desk.refunded == [500]
    assert thread.is_done()


@pytest.mark.parametrize("way", ["sqlite-sync"], indirect=True, scope="module")
def test_nothing_runs_while_the_ledger_is_locked(desk: Desk, place: Place) -> None:
    """A database that somebody else keeps locked is one clear error, and no effect."""
    thread = desk.thread()
    interrupt = thread.ask()
    path = place.ledger.removeprefix("sqlite:///")

    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LedgerError, match="lock"):
            thread.answer(interrupt)
        other.execute("ROLLBACK")
    assert desk.refunded == []

    thread.run(resume(interrupt), MANAGER)
    assert desk.refunded == [500]


def test_each_refund_was_recorded_before_it_was_made(desk: Desk) -> None:
    """Decision, approval, intent and lease stand before the shop's own time of the refund."""
    for _ in range(2):
        thread = desk.thread()
        thread.answer(thread.ask())
        refund = desk.shop.refunds()[-1]
        records = [each for each in thread.records() if is_of_refund(each.body, each.kind)]

        assert [each.kind for each in records] == WAY_OF_A_REFUND
        times = {each.kind: datetime.fromisoformat(each.at) for each in records}
        assert times["lease.granted"] <= refund.refunded_at <= times["lease.revoked"]
        assert records[0].body["requester"] == records[3].body["requester"] == CUSTOMER.id
        assert records[1].body["by"] == MANAGER.id
    assert desk.refunded == [500, 500]


def test_the_ledger_and_its_export_are_sound(desk: Desk) -> None:
    """What was recorded verifies where it lies, and again where it was exported to."""
    thread = desk.thread()
    thread.answer(thread.ask())

    there = desk.guard.ledger.verify(thread.id)
    exported = verify_export(desk.guard.ledger.export(thread.id))

    assert there.is_sound
    assert there.records == exported.records == len(thread.records())
    assert exported.is_sound


SWAP = "UPDATE records SET body = replace(body, '5.00', '4.00')"
TAMPERINGS = {
    "another amount": (
        [SWAP + " WHERE {t} AND kind = 'approval.requested'"],
        "changed",
    ),
    "another kind": (["UPDATE records SET kind = 'handoff' WHERE {t} AND seq = 3"], "changed"),
    "another time": (["UPDATE records SET at = '2020-01-01' WHERE {t} AND seq = 2"], "changed"),
    "a gap": (["DELETE FROM records WHERE {t} AND seq = 5"], "gap"),
    "a gap closed": (
        [
            "DELETE FROM records WHERE {t} AND seq = 5",
            "UPDATE records SET seq = seq - 1000 WHERE {t} AND seq > 5",
            "UPDATE records SET seq = seq + 999 WHERE {t} AND seq < 0",
        ],
        "moved",
    ),
}


@pytest.mark.parametrize(("statements", "what"), TAMPERINGS.values(), ids=TAMPERINGS.keys())
def test_tampering_is_named(desk: Desk, place: Place, statements: list[str], what: str) -> None:
    """Whoever can write to the database cannot change what stands there unseen."""
    thread = desk.thread()
    thread.answer(thread.ask())

    its_own = f"thread = '{thread.id}'"
    execute(place.ledger, *[each.format(t=its_own) for each in statements])
    verified = desk.guard.ledger.verify(thread.id)

    assert verified.broken is not None
    assert (verified.broken.thread, verified.broken.what) == (thread.id, what)
    assert thread.id in verified.broken.sentence


def is_of_refund(body: object, kind: str) -> bool:
    """Tell the records of the refund from those of the calls before it."""
    return "issue_refund" in str(body) or "payments/refund" in str(body) or is_approval(kind)


def is_approval(kind: str) -> bool:
    """Tell the records of approvals, of which only a refund has any."""
    return kind.startswith("approval.")
