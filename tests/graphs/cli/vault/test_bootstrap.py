"""`bailiwick vault bootstrap`: what an operator hands on to let agents in."""

import json
import stat
from pathlib import Path

from tests.graphs.cli.outcomes import Command
from tests.graphs.cli.vault.parcels import OWN

from bailiwick.graphs.approles import read_approles
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.vault import Vault


def test_a_bootstrapped_agent_logs_in(
    devvault: DevelopmentVault, bailiwick: Command, home: Path
) -> None:
    """The file is its owner's alone, is good for production, and holds no secret id."""
    bailiwick("vault", "setup", *OWN, "--yes")
    outcome = bailiwick("vault", "bootstrap", "--approles", "logins.json", *OWN)

    assert outcome.status == 0
    assert "start the process within 300 s" in outcome.err
    path = home / "logins.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(json.loads(path.read_text())["courier"]) == {
        "role_id",
        "wrapping_token",
        "secret_id_accessor",
    }
    logins = read_approles(path, production=True)
    with Vault(devvault.address, logins=logins) as vault:
        vault.log_in()
        asked = vault.request("GET", "auth/token/lookup-self", agent="courier", to="look")
        assert asked.status == 200
    assert json.loads(path.read_text())["courier"]["wrapping_token"] == ""


def test_only_who_works_beside_the_agents_is_let_in_with_them(
    devvault: DevelopmentVault, bailiwick: Command
) -> None:
    """What signs the ledger or turns keys over is an operator's, and is let in by its name."""
    bailiwick("vault", "setup", "--yes")

    assert devvault.requests
    assert set(json.loads(bailiwick("vault", "bootstrap").out)) == {
        *("orders", "returns", "billing"),
        *("checkpoints.service", "revocations.service"),
    }
    assert set(json.loads(bailiwick("vault", "bootstrap", "ledger.service").out)) == {
        "ledger.service"
    }


def test_a_restart_with_an_opened_file_is_no_alarm(
    devvault: DevelopmentVault, bailiwick: Command, home: Path
) -> None:
    """The process before took out what it had opened: the operator is only asked for another."""
    bailiwick("vault", "setup", *OWN, "--yes")
    bailiwick("vault", "bootstrap", "--approles", "logins.json", *OWN)
    messages: list[str] = []
    for _ in range(2):
        logins = read_approles(home / "logins.json")
        with Vault(devvault.address, logins=logins) as vault:
            try:
                vault.log_in()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is looked at
                messages.append(str(error))

    (message,) = messages
    assert "SECURITY" not in message
    assert "`bailiwick vault bootstrap courier --approles FILE`" in message


def test_without_a_file_it_prints_what_to_hand_on(
    devvault: DevelopmentVault, bailiwick: Command
) -> None:
    """JSON on stdout, and nothing else there: it can be piped into what keeps it."""
    bailiwick("vault", "setup", *OWN, "--yes")

    outcome = bailiwick("vault", "bootstrap", "courier", "--ttl", "60")

    assert set(json.loads(outcome.out)) == {"courier"}
    assert "within 60 s" in outcome.err
    assert devvault.root_token not in outcome.out + outcome.err


def test_who_was_not_set_up_cannot_be_let_in(
    devvault: DevelopmentVault, bailiwick: Command
) -> None:
    """The remedy is the setup."""
    outcome = bailiwick("vault", "bootstrap", "courier")

    assert devvault.requests
    assert outcome.status == 1
    assert outcome.err == (
        "bailiwick: Vault has no AppRole for 'courier': run `bailiwick vault setup`\n"
    )
