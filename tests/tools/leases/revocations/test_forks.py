"""A server that loads the application once and forks its workers from that."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.tools.leases.revocations.leased import ends, is_alive

from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.vault.methods import AppRole

PROGRAM = """
import os, sys
from tests.tools.leases.revocations.leased import SCOPE, grant
from bailiwick.policies.errors import LedgerError, VaultError
from bailiwick.tools.leases.revocations import Revocations
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import AppRole

url, address, role_id, secret_id = sys.argv[1:]
ledger = Ledger(url)
vault = Vault(address, logins={"billing": AppRole(role_id=role_id, secret_id=secret_id)})
revocations = Revocations(ledger, vault)
before = grant(vault, revocations)
revocations.release(before, after=60)

if not (child := os.fork()):
    for what, use in [
        ("reads", lambda: ledger.has("t")),
        ("writes", lambda: grant(vault, revocations)),
        ("leases", lambda: vault.lease(SCOPE, agent="billing", tool="issue_refund", meta={})),
        ("asks", vault.ping),
    ]:
        try:
            use()
        except (LedgerError, VaultError) as error:
            print(what, type(error).__name__, "before this process was forked" in str(error))
    print("drained", revocations.drain(60))
    vault.close()
    ledger.close()
    raise SystemExit(7)

print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print("kept", revocations.retain(before))
revocations.release(grant(vault, revocations))
revocations.release(before)
print("ended", revocations.drain(30))
"""

TOLD = """\
reads LedgerError True
writes VaultError True
leases VaultError True
asks VaultError True
drained True
child 7
kept True
ended True
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on this system")
def test_a_fork_uses_and_ends_nothing_of_its_parent_s(
    database_url: str,
    approles: Mapping[str, AppRole],
    ledger: Ledger,
    devvault: DevelopmentVault,
) -> None:
    """Neither its connections nor its login nor its leases, which the parent goes on with."""
    login = approles["billing"]
    given = [database_url, devvault.address, login.role_id, login.secret_id]
    run = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM, *given],
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )

    assert (run.stdout, run.stderr) == (TOLD, "")
    assert [end.body["end"] for end in ends(ledger)] == ["revoked", "revoked"]
    assert not is_alive(devvault)
