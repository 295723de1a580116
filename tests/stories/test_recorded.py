"""Promise 6: what happened stands in the ledger before it happened, and cannot be changed there."""

import json
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from tests.stories.databases import Place, execute
from tests.stories.desk import Desk, Thread
from tests.stories.edits import edited
from tests.stories.ground import Ground
from tests.stories.outages import operator
from tests.stories.people import CUSTOMER, MANAGER

from bailiwick.tools.records.chain import Record, link
from bailiwick.tools.records.ledger import Ledger, verify_export

BEFORE = [
    "approval.requested",
    "approval.answered",
    "approval.consumed",
    "decision",
    "call.started",
    "lease.granted",
]
"""What stands of a refund before it is made, in this order."""
AFTER = ["call.ended", "lease.revoked"]
PATHS = {
    "issue_refund": "/refunds",
    "look_up_order": "/orders/A-1002",
    "check_return_window": "/orders/A-1002/return-window",
}
"""What each tool asks of the shop."""
TAKEN: list[tuple[str, dict[str, Any]]] = [("approve", {}), ("edit", edited("3.50"))]
NOT_TAKEN: list[tuple[str, dict[str, Any]]] = [
    ("reject", {"message": "no"}),
    ("respond", {"message": "It has been paid in cash."}),
]
"""Answers after which the shop pays, and after which it does not."""


def test_each_refund_has_its_records_before_it(desk: Desk) -> None:
    """By the shop's own time of each refund, and the ledger's time of each record."""
    for kind, fields in TAKEN:
        made = len(desk.shop.refunds())
        thread = desk.thread()
        thread.answer(thread.ask(), kind=kind, **fields)
        (refund,) = desk.shop.refunds()[made:]

        assert thread.ended()
        records = records_of_the_refund(thread)
        assert [record.kind for record in records][-len(BEFORE + AFTER) :] == BEFORE + AFTER
        for record in records:
            stood = datetime.fromisoformat(record.at) <= refund.refunded_at
            assert stood == (record.kind not in AFTER), record.kind
        told = {record.kind: record.body for record in records}
        assert told["approval.answered"]["by"] == MANAGER.id
        assert told["decision"]["requester"] == told["call.started"]["requester"] == CUSTOMER.id
        times = [record.at for record in thread.records()]
        assert all(earlier <= later for earlier, later in pairwise(times))


def test_each_call_that_the_shop_saw_is_recorded(desk: Desk) -> None:
    """Approved, edited, rejected, answered, forbidden: the shop's log and the ledger agree."""
    seen, recorded = len(desk.shop.requests), calls(desk)

    for kind, fields in TAKEN + NOT_TAKEN:
        thread = desk.thread()
        thread.answer(thread.ask(), kind=kind, **fields)
    forbidden = desk.thread()
    forbidden.run({"messages": [HumanMessage("Please refund 600.00 EUR of order A-1002")]})

    asked = Counter(exchange.path for exchange in desk.shop.requests[seen:])
    assert asked == {PATHS[tool]: count for tool, count in (calls(desk) - recorded).items()}
    assert asked["/refunds"] == len(desk.refunded) == 2
    assert forbidden.denials()


def test_each_lease_is_found_in_vaults_own_log(desk: Desk) -> None:
    """By the ids of its requests, and there is no credential that the ledger does not know."""
    begun = len(desk.vault.requests)
    thread = desk.thread()
    thread.answer(thread.ask())

    exchanges = {exchange.id: exchange for exchange in desk.vault.requests[begun:]}
    leases = thread.records("lease.granted")
    joined: list[str] = []
    for lease in leases:
        minted, read = ids(lease)
        assert exchanges[minted].path == f"auth/token/create/{lease.body['role']}"
        assert exchanges[read].path == lease.body["path"]
        joined += (minted, read)
    given = {
        exchange.id
        for exchange in exchanges.values()
        if exchange.path.startswith(("auth/token/create", "secret/data"))
    }
    assert given == set(joined)
    assert len(leases) == 3


def test_vaults_audit_says_who_leased_for_what(desk: Desk, ground: Ground, tmp_path: Path) -> None:
    """Vault's audit and the ledger tell the same of a lease, each from its own side."""
    file = tmp_path / "audit.log"
    thread = desk.thread()
    interrupt = thread.ask()
    with audited(ground, file):
        thread.answer(interrupt)

    (lease,) = [each for each in thread.records("lease.granted") if each.body["agent"] == "billing"]
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    answers = {line["request"]["id"]: line for line in lines if line["type"] == "response"}
    minted, read = (answers[each] for each in ids(lease))
    assert read["request"]["path"] == lease.body["path"]
    assert read["auth"]["metadata"] == {
        "agent": "billing",
        "chain": "supervisor",
        "requester": CUSTOMER.id,
        "thread": thread.id,
        "tool": "issue_refund",
        "tool_call_id": lease.body["tool_call_id"],
        "approver": MANAGER.id,
    }
    assert minted["auth"]["metadata"]["role_name"] == "bailiwick-billing"


def test_the_ledger_of_a_desk_verifies(desk: Desk) -> None:
    """In its database, and offline from nothing but its export."""
    thread = desk.thread()
    thread.answer(thread.ask())
    # The lease may end behind its call.
    assert thread.ended()
    ledger = desk.guard.ledger

    assert ledger.verify(thread.id).is_sound
    offline = verify_export(f"{line}\n" for line in ledger.export(thread.id))
    assert offline == ledger.verify(thread.id)
    assert offline.records == len(thread.records())
    assert verify_export(ledger.export()).is_sound


Tamper = Callable[[Ledger, str, int], list[str]]


def change(ledger: Ledger, thread: str, seq: int) -> list[str]:
    """Say that somebody else approved."""
    (record,) = [each for each in ledger.records(thread) if each.seq == seq]
    body = record.text.replace(MANAGER.id, "nobody").replace("'", "''")
    assert body != record.text
    return [f"UPDATE records SET body = '{body}' WHERE {at(thread, seq)}"]  # noqa: S608 - it is what an attacker does


def change_and_rehash(ledger: Ledger, thread: str, seq: int) -> list[str]:
    """Do so, with a hash that fits."""
    (record,) = [each for each in ledger.records(thread) if each.seq == seq]
    text = record.text.replace(MANAGER.id, "nobody")
    hashed = link(
        record.previous, thread=thread, seq=seq, at=record.at, kind=record.kind, text=text
    )
    rehash = f"UPDATE records SET hash = '{hashed}' WHERE {at(thread, seq)}"  # noqa: S608 - as above
    return [*change(ledger, thread, seq), rehash]


def rename(_: Ledger, thread: str, seq: int) -> list[str]:
    """Say that something else happened."""
    return [f"UPDATE records SET kind = 'handoff' WHERE {at(thread, seq)}"]  # noqa: S608 - as above


def predate(_: Ledger, thread: str, seq: int) -> list[str]:
    """Say that it happened earlier."""
    time = "2020-01-01T00:00:00.000000Z"
    return [f"UPDATE records SET at = '{time}' WHERE {at(thread, seq)}"]  # noqa: S608 - as above


def delete(_: Ledger, thread: str, seq: int) -> list[str]:
    """Take a record out."""
    return [f"DELETE FROM records WHERE {at(thread, seq)}"]  # noqa: S608 - as above


def delete_and_close(_: Ledger, thread: str, seq: int) -> list[str]:
    """Take a record out, and number those after it anew."""
    return [*delete(_, thread, seq), *shift(thread, seq, -1)]


def swap(_: Ledger, thread: str, seq: int) -> list[str]:
    """Put a record after the next one."""
    moved = ((seq, -1), (seq + 1, seq), (-1, seq + 1))
    return [f"UPDATE records SET seq = {to} WHERE {at(thread, of)}" for of, to in moved]  # noqa: S608 - as above


def insert(_: Ledger, thread: str, seq: int) -> list[str]:
    """Put a copy of a record before it."""
    fields = "thread, at, kind, body, previous, hash"
    copied = f"SELECT {seq}, {fields} FROM records WHERE {at(thread, seq + 1)}"  # noqa: S608 - as above
    return [*shift(thread, seq, 1), f"INSERT INTO records (seq, {fields}) {copied}"]


TAMPERINGS: dict[str, tuple[Tamper, str, int]] = {
    "changed": (change, "changed", 0),
    "changed and rehashed": (change_and_rehash, "moved", 1),
    "renamed": (rename, "changed", 0),
    "predated": (predate, "changed", 0),
    "deleted": (delete, "gap", 0),
    "deleted and closed": (delete_and_close, "moved", 0),
    "swapped": (swap, "moved", 0),
    "inserted": (insert, "moved", 1),
}
"""What somebody with access to the database does, what it is called, and how far after it."""


@pytest.mark.parametrize("tampering", TAMPERINGS.values(), ids=TAMPERINGS.keys())
def test_a_tampered_ledger(desk: Desk, place: Place, tampering: tuple[Tamper, str, int]) -> None:
    """The first place that does not hold is named, in the database and offline."""
    tamper, what, further = tampering
    thread = desk.thread()
    thread.answer(thread.ask())
    ledger = desk.guard.ledger
    (answered,) = thread.records("approval.answered")

    execute(place.ledger, *tamper(ledger, thread.id, answered.seq))
    found = ledger.verify(thread.id)
    offline = verify_export(ledger.export(thread.id))
    execute(place.ledger, f"DELETE FROM records WHERE thread = '{thread.id}'")  # noqa: S608 - as above

    assert found.broken is not None
    assert (found.broken.thread, found.broken.what) == (thread.id, what)
    assert found.broken.seq == answered.seq + further
    assert found.records == answered.seq + further - 1
    assert offline == found


def at(thread: str, seq: int) -> str:
    """Return the condition that names one record."""
    return f"thread = '{thread}' AND seq = {seq}"


def shift(thread: str, seq: int, by: int) -> list[str]:
    """Number the records from one on anew."""
    return [
        f"UPDATE records SET seq = -(seq + {by}) WHERE thread = '{thread}' AND seq >= {seq}",  # noqa: S608 - as above
        f"UPDATE records SET seq = -seq WHERE thread = '{thread}' AND seq < 0",  # noqa: S608 - as above
    ]


def records_of_the_refund(thread: Thread) -> list[Record]:
    """Return what is recorded of the refund tool, without what was decided before the question."""
    return [
        record
        for record in thread.records()
        if record.kind.startswith("approval") or record.body.get("tool") == "issue_refund"
    ]


def calls(desk: Desk) -> Counter[str]:
    """Count the calls that the whole ledger says were started, by their tools."""
    return Counter(
        str(each.body["tool"]) for each in desk.guard.ledger.records(kind="call.started")
    )


def ids(lease: Record) -> tuple[str, str]:
    """Return the ids of the requests that made and read a lease."""
    given = lease.body["request_ids"]
    assert isinstance(given, list)
    minted, read = map(str, given)
    return minted, read


@contextmanager
def audited(ground: Ground, file: Path) -> Generator[None]:
    """Have Vault write its audit to a file."""
    with operator(ground) as root:
        root.write("sys/audit/file", type="file", options={"file_path": str(file)})
        try:
            yield
        finally:
            root.delete("sys/audit/file")
