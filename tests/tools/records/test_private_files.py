"""Databases are their owner's alone."""

import stat
from pathlib import Path

import pytest

from bailiwick.tools.records.ledger import Entry, Ledger
from bailiwick.tools.records.private_files import make_private


def rights(path: Path) -> int:
    """Return who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("path", [None, "", ":memory:", "file:x?mode=memory", "no/such/folder/x"])
def test_what_is_no_new_file_is_left_alone(
    path: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database in memory, a URI, a folder that is missing: nothing is made."""
    monkeypatch.chdir(tmp_path)
    make_private(path)
    assert list(tmp_path.iterdir()) == []


def test_the_ledgers_files_are_their_owners_alone(tmp_path: Path) -> None:
    """The write-ahead log holds what the ledger holds."""
    path = tmp_path / "ledger.db"
    ledger = Ledger(f"sqlite:///{path}")
    with ledger.transaction() as connection:
        ledger.append(connection, "t", Entry("request", {}))
    try:
        assert {each.name: rights(each) for each in tmp_path.iterdir()} == {
            "ledger.db": 0o600,
            "ledger.db-shm": 0o600,
            "ledger.db-wal": 0o600,
        }
    finally:
        ledger.close()


def test_a_file_that_is_there_keeps_its_rights(tmp_path: Path) -> None:
    """Somebody may share a ledger with a group on purpose."""
    path = tmp_path / "ledger.db"
    path.touch()
    path.chmod(0o660)
    Ledger(f"sqlite:///{path}").close()
    assert rights(path) == 0o660
