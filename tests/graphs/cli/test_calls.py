"""The words of `bailiwick calls`: what may be in doubt is shown, settled, tried again, undone."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from tests.graphs.cli.called import CANCELLING, REFUND, REGISTERING, begin
from tests.graphs.cli.outcomes import Command, flat

from bailiwick.graphs.surroundings import Surroundings
from bailiwick.tools.effects.calls import Calls
from bailiwick.tools.records import tables
from bailiwick.tools.records.ledger import Ledger


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    """Give an empty ledger where the commands find it."""
    with closing(Ledger(f"sqlite:///{home / 'bailiwick.db'}")) as made:
        yield made


def test_an_empty_ledger_has_no_calls(bailiwick: Command, ledger: Ledger) -> None:
    """Nothing is on record, nothing is in doubt, nothing can be undone."""
    assert list(ledger.records()) == []
    assert bailiwick("calls", "ls").out == "No call is on record.\n"
    assert bailiwick("calls", "ls", "--in-doubt").out == "No call is in doubt.\n"
    assert json.loads(bailiwick("calls", "ls", "--json").out) == []
    missing = bailiwick("calls", "show", "abc")
    assert (missing.status, "there is no call 'abc'" in missing.err) == (1, True)
    assert bailiwick("audit", "show").out == "Nothing is on record.\n"
    outcome = bailiwick("calls", "undo", "thread-1")
    assert outcome.status == 1
    assert "no call of thread 'thread-1' is on record: `bailiwick calls ls`" in outcome.err


def test_what_is_in_doubt_is_listed_with_what_to_do(bailiwick: Command, ledger: Ledger) -> None:
    """What was called, by whom; what may still run is counted, and not among them."""
    key = begin(ledger)
    other = replace(CANCELLING, id="call-2")
    begin(ledger, other, lasts=60)

    listed = bailiwick("calls", "ls", "--in-doubt").out
    assert f"{key[:12]}  in doubt  thread thread-1" in listed
    assert "cancel_return(order_id=A-1001)" in listed
    assert "supervisor > returns" in listed
    assert "1 may still be under way" in listed
    assert f"bailiwick calls settle {key[:12]}" in flat(listed)
    assert len(json.loads(bailiwick("calls", "ls", "--json").out)) == 2


@pytest.mark.parametrize(
    ("column", "damaged"),
    [
        ("chain", "'no JSON'"),
        ("chain", "'[1'"),
        ("chain", "'5'"),
        ("result", "'no JSON'"),
        ("result", "'[1]'"),
        ("started_at", "'yesterday'"),
        ("until", "9e999"),
        ("ended_at", "'yesterday'"),
    ],
)
def test_a_call_whose_row_was_changed_is_named(
    bailiwick: Command, ledger: Ledger, column: str, damaged: str
) -> None:
    """Whoever puts it back has to know which one it is."""
    key = begin(ledger)
    with ledger.transaction() as connection:
        connection.execute(tables.calls.update().values({column: text(damaged)}))
    said = bailiwick("calls", "ls")
    assert (said.status, said.out) == (1, "")
    assert f"the call {key!r} was changed in the ledger's database and cannot be" in said.err


def test_a_person_settles_a_call(bailiwick: Command, ledger: Ledger) -> None:
    """The operating system's user, with a manager's role in development; the next one is late."""
    key = begin(ledger)
    settled = bailiwick("calls", "settle", key[:8], "succeeded", "--reason", "The courier knows.")
    assert (settled.status, "took effect" in settled.out) == (0, True)

    shown = json.loads(bailiwick("calls", "show", key[:8], "--json").out)
    assert (shown["state"], shown["reason"]) == ("succeeded", "The courier knows.")
    late = bailiwick("calls", "settle", key, "failed")
    assert late.status == 1
    assert "was settled as 'succeeded' by" in flat(late.err)
    (record,) = ledger.records("thread-1", "call.settled")
    assert record.body["reason"] == "The courier knows."
    assert "found out that cancel_return took effect" in bailiwick("audit", "show").out


def test_a_call_under_way_is_not_settled(bailiwick: Command, ledger: Ledger) -> None:
    """It may have its effect yet."""
    key = begin(ledger, lasts=60)
    refused = bailiwick("calls", "settle", key, "failed")
    assert refused.status == 1
    assert "may be under way until" in flat(refused.err)
    assert "It may be under way until" in bailiwick("calls", "reconcile", key).out
    undone = flat(bailiwick("calls", "undo", "thread-1").out)
    assert "Of 1 more nobody knows what came of it" in undone
    assert "Nothing is left to undo" not in undone


def test_without_a_role_nobody_settles(
    bailiwick: Command, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Having a shell is no right to say what is true."""
    monkeypatch.setenv("BAILIWICK_ROLES", "[]")
    refused = bailiwick("calls", "settle", begin(ledger), "failed")
    assert refused.status == 1
    assert "having no role: set BAILIWICK_ROLES" in flat(refused.err)


def test_a_call_is_tried_again_with_an_approval(bailiwick: Command, ledger: Ledger) -> None:
    """It waits in a thread of its own, which goes on like any that was approved."""
    key = begin(ledger)
    proposed = bailiwick("calls", "settle", key, "retry", "--reason", "The line was bad.")
    assert proposed.status == 0
    assert "It waits for an approval: Cancel the return of order A-1001." in proposed.out

    (approval,) = json.loads(bailiwick("approvals", "ls", "--json").out)
    assert approval["requester"] == "customer"
    again = approval["thread"]
    assert f"another try  proposed in thread {again}" in bailiwick("calls", "show", key).out
    eager = bailiwick("run", "--thread", again, "And A-1002, please")
    assert eager.status == 1
    assert "does what was proposed and takes no request" in flat(eager.err)
    assert bailiwick("approvals", "approve", approval["id"]).status == 0
    delivered = bailiwick("approvals", "deliver")
    # The shop of this process knows of no such return: nothing happened, so nobody knows still.
    assert "Nothing was cancelled." in flat(delivered.out)
    first = json.loads(bailiwick("calls", "show", key, "--json").out)
    assert first["state"] == "in_doubt"
    assert first["proposals"] == [{"kind": "retry", "thread": again, "state": "dropped"}]
    (second,) = json.loads(bailiwick("calls", "ls", "--thread", again, "--json").out)
    shown = json.loads(bailiwick("calls", "show", second["id"], "--json").out)
    assert shown["fulfils"] == {"kind": "retry", "call": key, "thread": "thread-1"}
    shown = bailiwick("audit", "show", "--thread", "thread-1").out
    assert "wants cancel_return tried again" in shown
    assert "nothing came of what was proposed" in shown


def test_what_the_system_knows_is_asked_first(bailiwick: Command, ledger: Ledger) -> None:
    """The shop has never heard of the refund: that settles it, and nothing is tried again."""
    key = begin(ledger, REFUND)
    refused = bailiwick("calls", "settle", key, "retry")
    assert refused.status == 1
    assert "had no effect, as the system it acts on says" in flat(refused.err)
    assert json.loads(bailiwick("calls", "show", key, "--json").out)["state"] == "failed"
    assert "No call is in doubt." in bailiwick("calls", "reconcile").out


def test_nobody_says_that_a_refund_was_not_made_which_was(
    bailiwick: Command, ledger: Ledger, surroundings: Surroundings
) -> None:
    """The shop knows it, and the next try would pay twice."""
    assert surroundings.shop is not None
    key = begin(ledger, REFUND)
    (call,) = Calls(ledger).list()
    access = surroundings.shop.issue_key(["payments:refund"])
    paid = httpx.post(
        f"{surroundings.shop_address}/refunds",
        json={"order_id": "A-1001", "amount": "40.00"},
        headers={"Authorization": f"Bearer {access}", "Idempotency-Key": call.idempotency_key},
    )
    assert paid.is_success, paid.text
    refused = bailiwick("calls", "settle", key, "failed")
    assert refused.status == 1
    assert "knows what came of it" in flat(refused.err)
    assert json.loads(bailiwick("calls", "show", key, "--json").out)["state"] == "succeeded"


def test_a_vault_that_is_away_leaves_it_to_the_person(
    bailiwick: Command, ledger: Ledger, surroundings: Surroundings
) -> None:
    """Who has found out elsewhere can say so."""
    assert surroundings.vault is not None
    key = begin(ledger, REFUND)
    surroundings.vault.seal()
    settled = bailiwick("calls", "settle", key, "failed")
    assert settled.status == 0, settled.err
    assert "had no effect" in flat(settled.out)


def test_a_call_nobody_can_ask_about_stays_in_doubt(bailiwick: Command, ledger: Ledger) -> None:
    """Its tool has no way to ask."""
    key = begin(ledger)
    assert "Nobody can tell yet" in bailiwick("calls", "reconcile", key).out


def test_what_nothing_undoes_is_left(bailiwick: Command, ledger: Ledger) -> None:
    """Its tool names no way back, and whoever asks is told so."""
    begin(ledger, content="The return is cancelled.", outcome="succeeded")
    told = flat(bailiwick("calls", "undo", "thread-1").out)
    assert "Nothing is left to undo there" in told
    assert "its tool declares nothing that undoes it" in told


def test_a_thread_is_undone(bailiwick: Command, ledger: Ledger) -> None:
    """What undoes it is proposed once, and waits for a manager."""
    key = begin(ledger, REGISTERING, content="The return is registered.", outcome="succeeded")
    assert "undo" not in bailiwick("calls", "show", key).out
    for _ in range(2):
        undone = bailiwick("calls", "undo", "thread-1").out
        assert "It waits for an approval: Cancel the return of order A-1001." in undone
    (asked,) = json.loads(bailiwick("approvals", "ls", "--json").out)
    assert f"undo       proposed in thread {asked['thread']}" in bailiwick("calls", "show", key).out
    assert "proposed to undo it" in bailiwick("audit", "show", "--thread", "thread-1").out

    cancelling = replace(CANCELLING, id=asked["tool_call_id"], thread=asked["thread"])
    other = begin(ledger, cancelling)
    made_to = f"made to    undo call {key[:12]} of thread thread-1"
    assert made_to in bailiwick("calls", "show", other).out
    assert bailiwick("calls", "settle", other, "succeeded").status == 0
    assert f"undone     in thread {asked['thread']}" in bailiwick("calls", "show", key).out


def test_a_tool_that_the_desk_does_not_hold_is_told_as_such(
    bailiwick: Command, ledger: Ledger
) -> None:
    """It is not asked, and nothing is said in its place."""
    other = replace(CANCELLING, tool=replace(CANCELLING.tool, name="wipe"))
    key = begin(ledger, other)
    told = flat(bailiwick("calls", "reconcile", key).out)
    assert "The system was not asked: 'returns' holds no tool 'wipe' here" in told
    failed = flat(bailiwick("calls", "settle", key, "failed").out)
    assert "The system was not asked" in failed
    assert "failed" in bailiwick("calls", "show", key).out

    begin(ledger, replace(other, id="call-2"), content="wiped", outcome="succeeded")
    undone = bailiwick("calls", "undo", "thread-1")
    assert "of 'wipe' is not undone: 'returns' holds no tool 'wipe' here" in flat(undone.out)
    assert "Nothing is left to undo" not in undone.out


def test_the_tool_of_another_application_is_not_asked(bailiwick: Command, ledger: Ledger) -> None:
    """It has the same agent and name, and the shop has never heard of what it did elsewhere."""
    foreign = replace(REFUND, tool=replace(REFUND.tool, version="of another bank"))
    key = begin(ledger, foreign)
    other = "The system was not asked: the tool 'issue_refund' that 'billing' holds here is another"
    assert other in flat(bailiwick("calls", "reconcile").out)
    assert "is another one than was called" in flat(bailiwick("calls", "settle", key, "retry").err)
    shown = json.loads(bailiwick("calls", "show", key, "--json").out)
    assert (shown["state"], shown["tool_version"]) == ("in_doubt", "of another bank")
    assert list(ledger.records("thread-1", "call.reconciled")) == []
    assert other in flat(bailiwick("calls", "settle", key, "failed").out)

    registered = replace(REGISTERING, tool=replace(REGISTERING.tool, version="of another shop"))
    begin(ledger, registered, content="registered", outcome="succeeded")
    told = flat(bailiwick("calls", "undo", "thread-1").out)
    assert "of 'register_return' is not undone: the tool 'register_return' that" in told


def test_a_thread_that_is_undone_in_part_is_told_as_such(
    bailiwick: Command, ledger: Ledger
) -> None:
    """What can be undone is proposed; the command fails, and says which call is left to people."""
    begin(ledger, REGISTERING, content="The return is registered.", outcome="succeeded")
    wiping = replace(REGISTERING, id="call-2", tool=replace(REGISTERING.tool, name="wipe"))
    key = begin(ledger, wiping, content="wiped", outcome="succeeded")

    undone = bailiwick("calls", "undo", "thread-1")
    assert undone.status == 1
    told = flat(undone.out)
    assert "It waits for an approval: Cancel the return of order A-1001." in told
    assert f"Call {key[:12]} of wipe came later there, and is not undone." in told
    assert f"wipe(order_id=A-1001): call '{key[:12]}' of 'wipe' is not undone" in told
    assert "The others are proposed all the same" in told
    assert "not all of thread 'thread-1' can be undone from here" in flat(undone.err)
