"""Which agent held what, and the end of what a process left behind, from the terminal."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.graphs.cli.outcomes import Command

from bailiwick.graphs.approles import write_approles
from bailiwick.graphs.surroundings import Surroundings, start_surroundings
from bailiwick.policies.calls import ToolCall, ToolUse
from bailiwick.policies.scopes import Scope
from bailiwick.tools.leases.lease_records import AHEAD
from bailiwick.tools.leases.revocations import Revocations
from bailiwick.tools.records.ledger import Entry, Ledger
from bailiwick.tools.secrets.leases import Basis, Lease
from bailiwick.tools.vault import Vault

CALL = ToolCall(
    id="call-1",
    thread="first",
    namespace="#message-1",
    requester="customer",
    chain=("supervisor",),
    agent="billing",
    tool=ToolUse(name="issue_refund", version="1", effect="destructive"),
    args={},
)
REFUND = Scope(path="payments/refund")


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Hold what a process leases with."""

    vault: Vault
    revocations: Revocations


@pytest.fixture(scope="module")
def surroundings() -> Iterator[Surroundings]:
    """Start a Vault and a shop."""
    with start_surroundings() as started:
        yield started


@pytest.fixture
def desk(
    surroundings: Surroundings, ledger: Ledger, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    """Give what a process leases with, in a folder whose settings name the same Vault."""
    approles = home / "approles.json"
    write_approles(approles, surroundings.logins)
    monkeypatch.setenv("VAULT_ADDR", surroundings.vault_address)
    monkeypatch.setenv("BAILIWICK_APPROLES", str(approles))
    with ExitStack() as opened:
        vault = opened.enter_context(Vault(surroundings.vault_address, logins=surroundings.logins))
        yield Desk(vault=vault, revocations=Revocations(ledger, vault))


def grant(desk: Desk, call: ToolCall = CALL) -> Lease:
    """Lease for a call, and record it."""
    lease = desk.vault.lease(REFUND, agent="billing", tool="issue_refund", meta={})
    desk.revocations.grant(call, lease, ("manager",))
    return lease


def test_where_nothing_was_leased_nothing_is_listed(bailiwick: Command, ledger: Ledger) -> None:
    """The count says so."""
    assert ledger.has("first")
    listed = bailiwick("audit", "leases")

    assert (listed.status, listed.out) == (0, "0 leases, 0 of them without a known end\n")


def test_a_lease_is_listed_with_who_held_it_and_for_whom(
    bailiwick: Command, ledger: Ledger, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Agent, tool, path, requester, approver, the seconds asked, given and used, the end."""
    monkeypatch.setenv("COLUMNS", "200")
    lease = grant(desk)
    with ledger.transaction() as connection:
        ledger.append(connection, "first", Entry("call.ended", {"tool_call_id": "call-1"}))
    desk.revocations.release(lease)
    assert desk.revocations.drain()

    listed = bailiwick("audit", "leases", "--thread", "first").out
    for told in (
        "supervisor > billing held secret/data/payments/refund for issue_refund",
        "for customer, approved by manager; kv, 60 of 60 s, used ",
        "; revoked",
        "1 lease, 0 of them without a known end",
    ):
        assert told in listed
    assert lease.token not in listed


def test_what_was_made_ahead_and_not_used_is_listed(
    bailiwick: Command, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could have opened the secret, though no call held it."""
    monkeypatch.setenv("COLUMNS", "200")
    scope = replace(REFUND, uses=1, ahead=1)
    child = desk.vault.make_ahead(scope, agent="billing", tool="issue_refund", meta={})
    basis = Basis(agent="billing", tool=CALL.tool, scope=scope, policy_version="1")
    desk.revocations.stand_by(basis, child)
    desk.revocations.release(child)
    assert desk.revocations.drain()

    listed = bailiwick("audit", "leases").out
    assert "billing could have held secret/data/payments/refund for issue_refund" in listed
    assert "for no call, made ahead; kv, 60 of 60 s, used - s; revoked" in listed
    shown = bailiwick("audit", "show", "--thread", AHEAD).out
    assert "is made ready for issue_refund: secret/data/payments/refund" in shown


def test_a_lease_in_json_is_joined_to_vaults_audit(
    bailiwick: Command, ledger: Ledger, desk: Desk, surroundings: Surroundings
) -> None:
    """By its accessor, its role and the ids of its requests, as Vault has them."""
    assert surroundings.vault is not None
    lease = grant(desk)
    desk.revocations.release(lease)
    assert desk.revocations.drain()

    (line,) = bailiwick("audit", "leases", "--json").out.splitlines()
    told = json.loads(line)
    assert told["accessor"] == lease.accessor
    assert (told["role"], told["calls"]) == ("bailiwick-issue_refund", 1)
    paths = {each.id: each.path for each in surroundings.vault.requests}
    assert [paths[request] for request in told["request_ids"]] == [
        "auth/token/create/bailiwick-issue_refund",
        "secret/data/payments/refund",
    ]
    assert ledger.verify().is_sound


def test_a_lease_in_json_is_nothing_that_a_terminal_obeys(bailiwick: Command, desk: Desk) -> None:
    """There are controls that JSON leaves as they are, one that begins a sequence among them."""
    desk.revocations.release(grant(desk, replace(CALL, requester="clerk\x9b2J\u202e")))
    assert desk.revocations.drain()

    listed = bailiwick("audit", "leases", "--json").out
    assert listed.isascii()
    assert json.loads(listed)["requester"] == "clerk\x9b2J\u202e"


def test_a_changed_record_is_told(bailiwick: Command, ledger: Ledger) -> None:
    """And what names it."""
    with ledger.transaction() as connection:
        ledger.append(connection, "first", Entry("lease.granted", {"path": "p"}))

    listed = bailiwick("audit", "leases")
    assert listed.status == 1
    assert "bailiwick audit verify" in listed.err


def test_what_is_alive_is_listed_alone(bailiwick: Command, desk: Desk) -> None:
    """What has ended is left out where only that is asked for."""
    ended = grant(desk)
    desk.revocations.release(ended)
    assert desk.revocations.drain()
    held = grant(desk, replace(CALL, id="call-2"))

    lines = bailiwick("audit", "leases", "--open", "--json").out.splitlines()
    assert [(json.loads(line)["accessor"], json.loads(line)["end"]) for line in lines] == [
        (held.accessor, "alive")
    ]
    desk.revocations.release(held)


def test_what_a_process_left_behind_is_swept(
    bailiwick: Command, ledger: Ledger, desk: Desk, surroundings: Surroundings
) -> None:
    """Vault confirms it, and the ledger says so; the second time there is nothing to do."""
    assert surroundings.vault is not None
    lease = grant(desk)
    desk.revocations.close(0)
    with ledger.transaction() as connection:
        connection.execute(text("UPDATE revocations SET due_at = 1"))

    swept = bailiwick("vault", "sweep")
    assert swept.out == "1 taken over, 0 of all leases without a known end\n"
    assert surroundings.vault.live_tokens(accessor=lease.accessor) == []
    again = bailiwick("vault", "sweep")
    assert again.out == "0 taken over, 0 of all leases without a known end\n"


def test_what_cannot_be_swept_is_listed_with_why(
    bailiwick: Command, ledger: Ledger, desk: Desk, surroundings: Surroundings
) -> None:
    """The operator reads what to look at."""
    assert surroundings.vault is not None
    grant(desk)
    desk.revocations.close(0)
    with ledger.transaction() as connection:
        connection.execute(text("UPDATE revocations SET due_at = 1"))
    surroundings.vault.seal()
    try:
        swept = bailiwick("vault", "sweep", "--seconds", "0.5")
    finally:
        surroundings.vault.unseal()

    assert swept.status == 1
    assert "unseal it" in swept.err
