"""The end of leases: asked for until Vault confirms it, by whatever process is there to ask."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.tools.governed import CLERK
from tests.waiting import wait_for

from bailiwick.policies.calls import ToolCall, ToolUse
from bailiwick.policies.errors import LedgerError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.provision import (
    AgentIdentity,
    Registry,
    ToolScope,
    VaultOperator,
    set_up,
    write_secret,
)
from bailiwick.tools.provision.services import REVOCATIONS
from bailiwick.tools.records.ledger import Ledger, Record
from bailiwick.tools.secrets import revocation_rows
from bailiwick.tools.secrets.leases import SWEEPER, Lease
from bailiwick.tools.secrets.revocation_rows import OpenLease
from bailiwick.tools.secrets.revocations import Revocations
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import AppRole

SCOPE = Scope(path="payments/refund", ttl=30)
SECRET = "refund-secret-91ab"
CALL = ToolCall(
    id="call-1",
    thread="t",
    namespace="#message-1",
    requester=CLERK.id,
    agent="billing",
    tool=ToolUse(name="issue_refund", version="1", effect="destructive"),
    args={},
)
REVOKE = "auth/token/revoke-*"


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """Give a ledger on each database in turn."""
    with closing(Ledger(database_url)) as opened:
        yield opened


@pytest.fixture
def approles(devvault: DevelopmentVault) -> Mapping[str, AppRole]:
    """Set Vault up for one agent with one tool, and for the sweeper."""
    agent = AgentIdentity(name="billing", tools=(ToolScope(tool="issue_refund", scope=SCOPE),))
    with closing(VaultOperator(devvault.address, devvault.root_token)) as operator:
        write_secret(operator, SCOPE, {"key": SECRET})
        return set_up(operator, Registry(agents=(agent,), services=(REVOCATIONS,)))


@pytest.fixture
def connect(
    devvault: DevelopmentVault, approles: Mapping[str, AppRole], ledger: Ledger
) -> Iterator[Callable[..., tuple[Vault, Revocations]]]:
    """Return a function that starts a process: a connection of its own, and its revocations."""
    opened: list[Vault] = []

    def start(*, without: str = "") -> tuple[Vault, Revocations]:
        known = {name: login for name, login in approles.items() if name != without}
        vault = Vault(devvault.address, approles=known, timeout=(0.5, 0.5))
        opened.append(vault)
        return vault, Revocations(ledger, vault)

    yield start
    for vault in opened:
        vault.close()


def grant(vault: Vault, revocations: Revocations) -> Lease:
    """Lease for a call, and record it."""
    lease = vault.lease(SCOPE, agent="billing", tool="issue_refund", meta={})
    revocations.grant(CALL, lease)
    return lease


def ends(ledger: Ledger) -> list[Record]:
    """Return what the ledger says of leases that have ended."""
    return list(ledger.records(kind="lease.revoked"))


def standing(ledger: Ledger) -> list[OpenLease]:
    """Return what is still to end."""
    with ledger.reading() as connection:
        return revocation_rows.standing(connection)


def let_lapse(ledger: Ledger, *, over: bool = False) -> None:
    """Make every lease one that its process has not looked after for a while."""
    ended = ", ends_at = 1" if over else ""
    with ledger.transaction() as connection:
        connection.execute(text(f"UPDATE revocations SET due_at = 1{ended}"))  # noqa: S608 - a word of our own


def is_alive(devvault: DevelopmentVault) -> bool:
    """Tell whether a child token is alive."""
    return any(token.role for token in devvault.live_tokens())


Connect = Callable[..., tuple[Vault, Revocations]]


def test_where_nothing_was_leased_there_is_nothing_to_end(connect: Connect, ledger: Ledger) -> None:
    """Draining, sweeping and closing are no effort then."""
    _, revocations = connect()
    revocations.sweep()

    assert revocations.drain(0)
    revocations.close()
    assert ends(ledger) == []


def test_a_lease_stands_with_its_record_until_it_has_ended(
    connect: Connect, ledger: Ledger, devvault: DevelopmentVault
) -> None:
    """By its handles alone: what stands in the database opens nothing."""
    vault, revocations = connect()
    lease = grant(vault, revocations)

    (row,) = standing(ledger)
    assert (row.accessor, row.thread, row.tries) == (lease.accessor, "t", 0)
    assert 25 < row.left <= 30
    written = json.dumps(dict(row.body)) + "".join(ledger.export())
    assert lease.token not in written
    assert SECRET not in written

    revocations.release(lease)
    assert revocations.drain()
    assert standing(ledger) == []
    assert not is_alive(devvault)
    (end,) = ends(ledger)
    assert (end.body["end"], end.body["tries"], end.body["failure"]) == ("revoked", 1, None)
    assert end.body["accessor"] == lease.accessor


def test_a_lease_whose_record_fails_is_not_to_end_and_has_no_end_recorded(
    connect: Connect, ledger: Ledger, devvault: DevelopmentVault
) -> None:
    """Both or neither; it is given back to Vault all the same."""
    vault, revocations = connect()
    lease = vault.lease(SCOPE, agent="billing", tool="issue_refund", meta={})
    with ledger.transaction() as connection:
        connection.execute(text("ALTER TABLE records RENAME TO away"))
    try:
        with pytest.raises(LedgerError):
            revocations.grant(CALL, lease)
    finally:
        with ledger.transaction() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO records"))
    assert standing(ledger) == []

    revocations.release(lease)
    assert revocations.drain()
    assert not is_alive(devvault)
    assert ends(ledger) == []


def test_giving_back_does_not_wait_for_vault(connect: Connect, devvault: DevelopmentVault) -> None:
    """The credential is over at once, the token a moment later."""
    vault, revocations = connect()
    lease = grant(vault, revocations)
    devvault.faults.add(Fault(path=REVOKE, delay=0.3))
    begun = time.monotonic()

    revocations.release(lease)

    assert time.monotonic() - begun < 0.1
    assert lease.credential.values() == ()
    assert revocations.drain()
    assert not is_alive(devvault)


@pytest.mark.parametrize("times", [1, 3])
def test_an_end_that_fails_is_asked_for_again(
    connect: Connect, ledger: Ledger, devvault: DevelopmentVault, times: int
) -> None:
    """With longer and longer pauses; the row says why in the meantime."""
    vault, revocations = connect()
    lease = grant(vault, revocations)
    devvault.faults.add(Fault(path=REVOKE, status=500, times=times))

    revocations.release(lease)
    wait_for(lambda: [row.tries for row in standing(ledger)] == [times])
    assert "answered 500" in str(standing(ledger)[0].error)
    assert revocations.drain()
    assert ends(ledger)[0].body["tries"] == times + 1
    assert not is_alive(devvault)


def test_an_end_whose_answer_is_lost_is_confirmed_by_the_next_try(
    connect: Connect, ledger: Ledger, devvault: DevelopmentVault
) -> None:
    """A token that Vault no longer knows has ended."""
    vault, revocations = connect()
    lease = grant(vault, revocations)
    devvault.faults.add(Fault(path=REVOKE, loses="answer"))

    revocations.release(lease)

    assert revocations.drain()
    assert [(end.body["end"], end.body["tries"]) for end in ends(ledger)] == [("revoked", 2)]


def test_what_a_killed_process_left_behind_is_ended_by_the_next(
    connect: Connect, ledger: Ledger, devvault: DevelopmentVault
) -> None:
    """By its handles, at the next process's first look; the record says whose it was."""
    killed_vault, killed = connect()
    grant(killed_vault, killed)
    killed.close(0)
    let_lapse(ledger)

    _, revocations = connect()
    revocations.sweep()

    assert revocations.drain()
    assert not is_alive(devvault)
    assert standing(ledger) == []
    (end,) = ends(ledger)
    assert (end.body["end"], end.body["agent"]) == ("revoked", "billing")


def test_a_lease_under_way_elsewhere_is_left_alone(
    connect: Connect, ledger: Ledger, devvault: DevelopmentVault
) -> None:
    """Its process says every few seconds that it is still there."""
    busy_vault, busy = connect()
    lease = grant(busy_vault, busy)
    _, revocations = connect()

    revocations.sweep()

    assert revocations.drain()
    assert is_alive(devvault)
    before = standing(ledger)[0].due_at
    with ledger.transaction() as connection:
        revocation_rows.keep(connection, [lease.accessor], 60)
    assert standing(ledger)[0].due_at > before + 30
    busy.release(lease)


def test_of_many_who_sweep_one_records_the_end(connect: Connect, ledger: Ledger) -> None:
    """Each lease is claimed by one of them."""
    killed_vault, killed = connect()
    for _ in range(5):
        grant(killed_vault, killed)
    killed.close(0)
    let_lapse(ledger)
    sweepers = [connect()[1] for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(Revocations.sweep, sweepers))

    assert all(each.drain() for each in sweepers)
    assert len(ends(ledger)) == 5
    assert ledger.verify().is_sound


def test_what_outlived_its_time_is_confirmed_gone(
    connect: Connect, ledger: Ledger, devvault: DevelopmentVault
) -> None:
    """Vault was away all the while; the ledger then says that time has ended it."""
    killed_vault, killed = connect()
    grant(killed_vault, killed)
    killed.close(0)
    devvault.let_pass(31)
    let_lapse(ledger, over=True)

    _, revocations = connect()
    revocations.sweep()

    assert revocations.drain()
    assert [end.body["end"] for end in ends(ledger)] == ["expired"]


def test_without_the_service_a_lease_waits_for_its_time(
    connect: Connect, ledger: Ledger, devvault: DevelopmentVault
) -> None:
    """Nobody here could have ended it, and nobody can tell; the ledger says so."""
    killed_vault, killed = connect()
    grant(killed_vault, killed)
    killed.close(0)
    let_lapse(ledger)
    _, revocations = connect(without=SWEEPER)
    revocations.sweep()
    wait_for(lambda: standing(ledger)[0].tries)
    assert is_alive(devvault)
    revocations.close(0)

    let_lapse(ledger, over=True)
    _, later = connect(without=SWEEPER)
    later.sweep()

    assert later.drain()
    (end,) = ends(ledger)
    assert end.body["end"] == "unknown"
    assert "revocations.service" in str(end.body["failure"])


def test_closing_waits_for_what_is_still_to_end_and_not_for_ever(
    connect: Connect, ledger: Ledger, devvault: DevelopmentVault
) -> None:
    """What does not end in time stands there for the next process."""
    vault, revocations = connect()
    quick = grant(vault, revocations)
    revocations.release(quick)
    revocations.close()
    assert len(ends(ledger)) == 1

    other_vault, other = connect()
    slow = grant(other_vault, other)
    devvault.faults.add(Fault(path=REVOKE, status=503, times=50))
    other.release(slow)
    begun = time.monotonic()
    other.close(0.2)
    devvault.faults.clear()

    assert time.monotonic() - begun < 2
    assert [row.accessor for row in standing(ledger)] == [slow.accessor]
    assert is_alive(devvault)


def test_a_vault_that_closes_waits_for_its_leases(
    connect: Connect, ledger: Ledger, devvault: DevelopmentVault
) -> None:
    """They are recorded as revoked before their agents are logged out."""
    vault, revocations = connect()
    lease = grant(vault, revocations)
    revocations.release(lease)

    vault.close()

    assert [end.body["end"] for end in ends(ledger)] == ["revoked"]
    assert devvault.live_tokens() == []


PROCESS = """
import sys
from tests.tools.secrets.test_revocations import CALL, SCOPE
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.secrets.revocations import Revocations
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import AppRole

ledger, address, role_id, secret_id = sys.argv[1:]
vault = Vault(address, approles={"billing": AppRole(role_id=role_id, secret_id=secret_id)})
lease = vault.lease(SCOPE, agent="billing", tool="issue_refund", meta={})
Revocations(Ledger(ledger), vault).grant(CALL, lease)
print(lease.accessor, flush=True)
sys.stdin.read()
"""


def test_a_process_is_killed_while_its_tool_runs(
    connect: Connect,
    ledger: Ledger,
    database_url: str,
    devvault: DevelopmentVault,
    approles: Mapping[str, AppRole],
) -> None:
    """By a signal that nobody hears: what it held is known, and ended once it is taken for dead."""
    login = approles["billing"]
    given = [database_url, devvault.address, login.role_id, login.secret_id]
    with subprocess.Popen(
        [sys.executable, "-c", PROCESS, *given],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        text=True,
    ) as process:
        assert process.stdout is not None
        accessor = process.stdout.readline().strip()
        _, revocations = connect()
        revocations.sweep()
        assert devvault.live_tokens(accessor=accessor)
        process.kill()

    let_lapse(ledger)
    revocations.sweep()

    assert revocations.drain()
    assert devvault.live_tokens(accessor=accessor) == []
    assert [end.body["accessor"] for end in ends(ledger)] == [accessor]
