"""A lease that is given back: asked for until Vault confirms it, and nobody waits."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.tools.leases.revocations.leased import (
    CALL,
    REVOKE,
    SCOPE,
    SECRET,
    Connect,
    ends,
    grant,
    is_alive,
    standing,
)
from tests.waiting import wait_for

from bailiwick.policies.errors import LedgerError
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.vault.methods import AppRole


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
    devvault.faults.add(Fault(path=REVOKE, delay=2))
    begun = time.monotonic()

    revocations.release(lease)

    assert time.monotonic() - begun < 1.5
    assert lease.credential.values() == ()
    assert revocations.drain()
    assert not is_alive(devvault)


def test_ends_do_not_wait_for_each_other(connect: Connect, devvault: DevelopmentVault) -> None:
    """One after the other they would take sixteen seconds, and never keep up with the calls."""
    vault, revocations = connect()
    leases = [grant(vault, revocations) for _ in range(8)]
    devvault.faults.add(Fault(path=REVOKE, delay=2, times=len(leases)))
    for lease in leases:
        revocations.release(lease)

    assert revocations.drain(10)
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


PROGRAM = """
import sys
from tests.tools.leases.revocations.leased import grant
from bailiwick.tools.leases.revocations import Revocations
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import AppRole

ledger, address, role_id, secret_id = sys.argv[1:]
vault = Vault(address, logins={"billing": AppRole(role_id=role_id, secret_id=secret_id)})
revocations = Revocations(Ledger(ledger), vault)
revocations.release(grant(vault, revocations))
print("released", flush=True)
"""


@pytest.mark.parametrize("fails", [False, True], ids=["Vault answers", "Vault is sealed"])
def test_a_program_that_closes_nothing_waits_for_the_ends_and_not_for_ever(
    database_url: str,
    approles: Mapping[str, AppRole],
    ledger: Ledger,
    devvault: DevelopmentVault,
    *,
    fails: bool,
) -> None:
    """What does not end in two seconds stands there for the next process."""
    sealed, slow = Fault(path=REVOKE, status=503, times=50), Fault(path=REVOKE, delay=0.5)
    devvault.faults.add(sealed if fails else slow)
    login = approles["billing"]
    given = [database_url, devvault.address, login.role_id, login.secret_id]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *given],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[4],
        text=True,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "released\n"
        begun = time.monotonic()
        assert program.wait(60) == 0
        took = time.monotonic() - begun
    devvault.faults.clear()

    assert took < 10
    assert is_alive(devvault) is fails
    assert len(standing(ledger)) == fails
    assert len(ends(ledger)) == 1 - fails
