"""Promise 6, behind a seal: what the ledger held when it was sealed cannot go unmissed."""

import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage
from tests.stories.databases import Place, execute
from tests.stories.desk import Desk, Thread
from tests.stories.ground import Ground
from tests.stories.people import CUSTOMER, REQUEST
from tests.stories.ways import ONE_OF_EACH

from bailiwick.graphs.cli import main

Audit = Callable[..., str]

pytestmark = ONE_OF_EACH


@pytest.fixture
def audit(
    ground: Ground, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Audit]:
    """Give `bailiwick audit` as an operator calls it; what it printed, or its error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BAILIWICK_DATABASE_URL", place.ledger)
    monkeypatch.setenv("VAULT_ADDR", ground.surroundings.vault_address)
    monkeypatch.setenv("BAILIWICK_APPROLES", str(ground.approles))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*args: str) -> str:
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main(["audit", *args])
        return err.getvalue() if ended.value.code else out.getvalue()

    yield run
    for table in ("sealed_heads", "seals", "records"):
        execute(place.ledger, f"DELETE FROM {table}")  # noqa: S608 - ours


@pytest.fixture
def sealed(desk: Desk, audit: Audit, tmp_path: Path) -> Thread:
    """Two requests, sealed; the public key and the seal kept elsewhere; then one request more."""
    thread, _, later = desk.thread(), ask(desk.thread()), desk.thread()
    ask(thread)
    (tmp_path / "seals.jsonl").write_text(audit("seal"))
    (tmp_path / "ledger.pem").write_text(audit("key"))
    ask(later)
    return thread


def ask(thread: Thread) -> Thread:
    """Ask for a refund that waits for a manager."""
    thread.run({"messages": [HumanMessage(REQUEST)]}, CUSTOMER)
    return thread


CHECK = ("verify", "--key", "ledger.pem", "--seal", "seals.jsonl")


def test_a_ledger_that_was_only_added_to_is_sound(sealed: Thread, audit: Audit) -> None:
    """The seal says what it covers, and by whom it is signed."""
    said = audit(*CHECK)
    assert "sound:" in said
    assert "in 2 threads, seal 1 of" in said
    assert "Its signature is good." in said
    assert sealed.records()


def test_a_chain_cut_off_behind_the_seal_is_named(
    sealed: Thread, audit: Audit, place: Place
) -> None:
    """Thread, first and last record; without a seal nobody would know."""
    last = len(sealed.records())
    execute(
        place.ledger,
        f"DELETE FROM records WHERE thread = '{sealed.id}' AND seq > 2",  # noqa: S608 - ours
    )
    said = audit(*CHECK)
    assert f"thread '{sealed.id}' was cut off since it was sealed (seal 1 of" in said
    assert f"records 3 to {last} are missing" in said
    execute(place.ledger, "DELETE FROM sealed_heads", "DELETE FROM seals")
    assert "sound:" in audit("verify")


def test_a_thread_removed_whole_is_named(sealed: Thread, audit: Audit, place: Place) -> None:
    """It was there when the ledger was sealed."""
    count = len(sealed.records())
    execute(place.ledger, f"DELETE FROM records WHERE thread = '{sealed.id}'")  # noqa: S608 - ours
    assert f"thread '{sealed.id}' was removed with its {count} records" in audit(*CHECK)
    assert f"thread '{sealed.id}' was removed" in audit("seal")


def test_the_last_seal_removed_is_found_with_the_one_kept_elsewhere(
    sealed: Thread, audit: Audit, place: Place
) -> None:
    """The ledger alone looks as it did before; whoever expects a seal is told of its absence."""
    execute(
        place.ledger,
        "DELETE FROM sealed_heads",
        "DELETE FROM seals",
        f"DELETE FROM records WHERE thread = '{sealed.id}'",  # noqa: S608 - ours
    )
    assert "sound:" in audit("verify")
    assert "the ledger has no seal" in audit("verify", "--key", "ledger.pem")
    assert "seal 1 of" in audit("verify", "--seal", "seals.jsonl")
    assert "kept elsewhere, is not in the ledger" in audit("verify", "--seal", "seals.jsonl")


def test_a_seal_by_somebody_elses_key_is_found(
    sealed: Thread, audit: Audit, tmp_path: Path
) -> None:
    """Whoever can write the database alone cannot seal."""
    assert sealed.records()
    made = json.loads((tmp_path / "seals.jsonl").read_text())
    made["statement"]["records"] -= 1
    (tmp_path / "seals.jsonl").write_text(json.dumps(made))
    assert "is not signed with the key given" in audit(*CHECK)
