"""Children made ahead: the end of the process that made them is theirs, however it ends."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import text
from tests.tools.leases.pools.process import (
    SCOPE,
    Process,
    ends,
    waiting,
)

from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.vault.methods import AppRole

_WORKER = """
import json, os, signal, sys, time
from contextlib import suppress
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.vault.methods import AppRole
from tests.tools.leases.pools.process import SCOPE, Process
given = json.load(sys.stdin)
approles = {name: AppRole(**login) for name, login in given["approles"].items()}
process = Process(given["address"], approles, Ledger(given["ledger"]))
process.call()
while len(list(process.ledger.records(kind="lease.ready"))) < SCOPE.ahead:
    time.sleep(0.02)
print("ready", flush=True)
if given["dies"]:
    os.kill(os.getpid(), signal.SIGKILL)
"""


def work(
    devvault: DevelopmentVault, approles: Mapping[str, AppRole], url: str, *, dies: bool
) -> None:
    """Have another process make children ahead, and end without closing anything."""
    given = {
        "address": devvault.address,
        "ledger": url,
        "dies": dies,
        "approles": {
            name: {"role_id": login.role_id, "secret_id": login.secret_id}
            for name, login in approles.items()
        },
    }
    ended = subprocess.run(
        [sys.executable, "-c", _WORKER],
        input=json.dumps(given),
        text=True,
        capture_output=True,
        timeout=60,
        cwd=Path(__file__).parents[4],
        check=False,
    )
    assert ended.stdout == "ready\n", ended.stderr


def test_a_process_that_ends_leaves_none_behind(
    process: Process, devvault: DevelopmentVault, approles: Mapping[str, AppRole], sqlite_url: str
) -> None:
    """Also one that closes nothing."""
    work(devvault, approles, sqlite_url, dies=False)

    assert waiting(process, devvault) == []
    assert ends(process).count("revoked") == SCOPE.ahead


def test_what_a_killed_process_had_made_is_swept(
    process: Process, devvault: DevelopmentVault, approles: Mapping[str, AppRole], sqlite_url: str
) -> None:
    """By its handles, once it is taken for dead; a call in flight never has one of them."""
    work(devvault, approles, sqlite_url, dies=True)
    assert len(waiting(process, devvault)) == SCOPE.ahead
    with process.ledger.transaction() as connection:
        connection.execute(text("UPDATE revocations SET due_at = 1"))

    assert process.revocations.sweep() == SCOPE.ahead
    assert process.revocations.drain()
    assert waiting(process, devvault) == []
