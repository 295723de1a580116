"""What a process left behind, ended by whatever process is there to ask."""

import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.tools.leases.revocations.leased import (
    REVOKE,
    Connect,
    ends,
    grant,
    is_alive,
    let_lapse,
    standing,
)
from tests.waiting import wait_for

from bailiwick.policies.errors import LedgerError
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.leases import revocation_rows
from bailiwick.tools.leases.ownership import HOLD
from bailiwick.tools.leases.revocations import Revocations
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.secrets.leases import SWEEPER, Lease
from bailiwick.tools.vault.methods import AppRole


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
    # In one transaction: its process says so by itself, too.
    with ledger.transaction() as connection:
        (before,) = revocation_rows.standing(connection)
        revocation_rows.keep(connection, [lease.accessor], 60)
        (after,) = revocation_rows.standing(connection)
    assert after.due_at > before.due_at + 30
    busy.release(lease)


def test_a_lease_under_way_is_kept_however_slow_the_ends_of_others_are(
    connect: Connect, ledger: Ledger, devvault: DevelopmentVault
) -> None:
    """What says that its process lives waits for no revocation."""
    vault, revocations = connect()
    lease, *others = [grant(vault, revocations) for _ in range(20)]
    devvault.faults.add(Fault(path=REVOKE, delay=3, times=len(others)))
    let_lapse(ledger)
    for other in others:
        revocations.release(other)

    def due() -> float:
        return next(row.due_at for row in standing(ledger) if row.accessor == lease.accessor)

    wait_for(lambda: due() > 1)
    assert len(standing(ledger)) > 1
    devvault.faults.clear()
    revocations.release(lease)


def test_who_finds_the_database_again_takes_nothing_over_before_others_could_keep_it(
    connect: Connect, ledger: Ledger, devvault: DevelopmentVault
) -> None:
    """While it was away nobody could say there that they live."""
    busy_vault, busy = connect()
    lease = grant(busy_vault, busy)
    vault, _ = connect()
    now = 1000.0
    sweeper = Revocations(ledger, vault, clock=lambda: now)
    with ledger.transaction() as connection:
        connection.execute(text("ALTER TABLE revocations RENAME TO away"))
    try:
        with pytest.raises(LedgerError):
            sweeper.sweep()
    finally:
        with ledger.transaction() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO revocations"))
    let_lapse(ledger)

    assert sweeper.sweep() == 0
    wait_for(lambda: standing(ledger)[0].due_at > 1)
    now += HOLD
    assert sweeper.sweep() == 0
    busy.close(0)
    let_lapse(ledger)
    assert sweeper.sweep() == 1
    assert sweeper.drain()
    assert not devvault.live_tokens(accessor=lease.accessor)


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


def test_who_may_not_end_a_lease_leaves_it_to_those_who_may(
    connect: Connect, ledger: Ledger, devvault: DevelopmentVault
) -> None:
    """Neither a try nor a word of its end, also when its time is over."""
    killed_vault, killed = connect()
    grant(killed_vault, killed)
    killed.close(0)
    _, other = connect(without=SWEEPER)
    for over in (False, True):
        let_lapse(ledger, over=over)
        assert other.sweep() == 0
        assert [each.tries for each in standing(ledger)] == [0]
    assert is_alive(devvault)
    assert ends(ledger) == []

    _, revocations = connect()
    assert revocations.sweep() == 1
    assert revocations.drain()
    assert len(ends(ledger)) == 1
    assert not is_alive(devvault)


def test_one_leases_trouble_keeps_no_other_from_its_end(
    connect: Connect, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is: the worker goes on, and ends that one later, too."""
    vault, revocations = connect()
    leases = [grant(vault, revocations) for _ in range(3)]
    revoke, troubles = vault.revoke, [RuntimeError("hvs.secret"), ValueError("hvs.secret")]

    def troubled(lease: Lease) -> None:
        if troubles:
            raise troubles.pop()
        revoke(lease)

    monkeypatch.setattr(vault, "revoke", troubled)
    for lease in leases:
        revocations.release(lease)
    wait_for(lambda: len(ends(ledger)) == len(leases))
    assert revocations.drain()


PROCESS = """
import sys
from tests.tools.leases.revocations.leased import CALL, SCOPE
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.leases.revocations import Revocations
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import AppRole

ledger, address, role_id, secret_id = sys.argv[1:]
vault = Vault(address, logins={"billing": AppRole(role_id=role_id, secret_id=secret_id)})
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
        cwd=Path(__file__).parents[4],
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
