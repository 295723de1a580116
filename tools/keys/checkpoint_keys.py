"""Owns the wrapped keys that checkpoints are sealed with: one table, a row for each key."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import SecretStr
from sqlalchemy import Connection, or_, select, update

from bailiwick.policies.errors import CheckpointError
from bailiwick.tools.keys import key_rows as rows
from bailiwick.tools.keys.key_rows import WrappedKey
from bailiwick.tools.keys.transit import Transit, version_of
from bailiwick.tools.people.withdrawals import withdraw_all
from bailiwick.tools.records.ledger import Entry, Ledger
from bailiwick.tools.records.tables import checkpoint_keys, database_clock

MOST_USES = 2**32
"""Values that one key seals at most, by all processes together.

Each is sealed under a random nonce of 96 bits, for which NIST SP 800-38D, section 8.3, allows as
many: the chance that two are alike then stays below 2**-32.
"""

LOT = 2**16
"""Uses that a process takes of a key at once. What it leaves over is lost, and never used twice."""

_LOCK = "bailiwick.checkpoint_keys"
_PASSES = 5
_FORGOTTEN = "the thread was forgotten"
_NEVER = (
    "this ledger never had a key of checkpoints, so no version was retired, which others may need: "
    "set BAILIWICK_DATABASE_URL to the ledger whose keys are meant"
)
_TABLE = checkpoint_keys.c


class Forgotten(CheckpointError):  # noqa: N818 - what it says of the thread
    """Say that a thread's keys were destroyed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewrapped:
    """Tell what a rewrapping came to.

    Attributes:
        version: The newest version of the transit key, or where some were retired the oldest left.
        keys: How many keys it has newly wrapped; where that took several passes, in the largest.
        lost: The threads whose keys Vault cannot unwrap.
    """

    version: int
    keys: int
    lost: tuple[str | None, ...]


class CheckpointKeys:
    """Keep the keys of checkpoints in the ledger's database, wrapped by a key that is Vault's.

    Args:
        ledger: Whose database holds them.
        transit: The key that wraps them: derived, so that each thread's can be unwrapped for that
            thread alone.
    """

    def __init__(self, ledger: Ledger, transit: Transit) -> None:
        self._ledger = ledger
        self._transit = transit

    def check(self) -> None:
        """Return if Vault is there and lets us use the key that wraps.

        Raises:
            VaultError: If not, with the remedy.
        """
        self._transit.latest()

    def check_own(self, thread: str) -> None:
        """Return if a thread has a key of its own.

        Raises:
            CheckpointError: If it has none, or none any more.
            LedgerError: If the database fails.
        """
        own = select(_TABLE.id).where(_TABLE.thread == thread, _TABLE.wrapped.is_not(None)).limit(1)
        with self._ledger.reading() as connection:
            if connection.scalar(own) is None:
                raise CheckpointError(_no_key(connection, thread))

    def check_any(self) -> None:
        """Return if the ledger has keys, or had some that were destroyed.

        Raises:
            CheckpointError: If it never had one.
            LedgerError: If the database fails.
        """
        with self._ledger.reading() as connection:
            if not rows.is_any(connection):
                raise CheckpointError(_NEVER)

    def of(self, thread: str | None) -> list[WrappedKey]:
        """Return the keys of a thread, or those that every thread shares.

        Raises:
            Forgotten: If the thread was forgotten.
            LedgerError: If the database fails.
        """
        with self._ledger.reading() as connection:
            return _alive(connection, thread)

    def unwrap(self, key: WrappedKey) -> SecretStr:
        """Return a key, in base64.

        Raises:
            VaultError: If Vault refuses or is not there.
        """
        return self._transit.unwrap(key.wrapped, _context(key.thread))

    def take(self, key: WrappedKey) -> bool:
        """Take a lot of uses of a key, and tell whether there was one left.

        Raises:
            LedgerError: If the database fails.
        """
        with self._ledger.transaction() as connection:
            taken = connection.execute(
                update(checkpoint_keys)
                .where(_TABLE.id == key.id, _TABLE.wrapped.is_not(None))
                .where(_TABLE.uses <= MOST_USES - LOT)
                .values(uses=_TABLE.uses + LOT)
            )
            return taken.rowcount == 1

    def make(self, thread: str | None) -> tuple[WrappedKey, SecretStr] | None:
        """Make a key for a thread, a lot of it taken already.

        Returns:
            The key as it is stored, and in base64; None where somebody else has made one meanwhile
            or the version that has wrapped it was just retired: look again.

        Raises:
            Forgotten: If the thread was forgotten.
            VaultError: If Vault refuses or is not there.
            LedgerError: If the database fails.
        """
        made = self._transit.make(_context(thread))
        with self._ledger.transaction() as connection:
            self._ledger.lock(connection, _LOCK)
            others = _alive(connection, thread, with_uses=True)
            if others or version_of(made.wrapped) < rows.oldest(connection, self._transit.name):
                return None
            return rows.add(connection, thread, made.wrapped, uses=LOT), made.plain

    def rewrap(self) -> Rewrapped:
        """Have every key wrapped by the newest version of Vault's key; no checkpoint is touched.

        Raises:
            VaultError: If Vault refuses or is not there.
            LedgerError: If the database fails.
        """
        newest, count, lost = self._transit.latest(), 0, list[str | None]()
        for page in rows.pages(self._ledger):
            old = [key for key in page if version_of(key.wrapped) < newest]
            given = [(key.wrapped, _context(key.thread)) for key in old]
            pairs = list(zip(old, self._transit.rewrap(given), strict=True))
            replaced, gone = self._replace(pairs)
            count += replaced
            lost += gone
        return Rewrapped(version=newest, keys=count, lost=tuple(lost))

    def rotate(self) -> None:
        """Have Vault make a new version of the key that wraps.

        Raises:
            VaultError: If Vault refuses or is not there.
        """
        self._transit.rotate()

    def retire(self) -> Rewrapped:
        """Rewrap every key, then have Vault destroy the versions that wrapped them before.

        Copies of the table from before, in backups for one, then hold nothing that could be
        unwrapped; nor does any other ledger whose keys the versions wrap. Several may retire
        versions for one ledger at once.

        Raises:
            CheckpointError: If a key cannot be rewrapped, or the ledger never had one; then nothing
                was destroyed.
            VaultError: If Vault refuses or is not there.
            LedgerError: If the database fails.
        """
        self.check_any()
        with self._ledger.transaction() as connection:
            self._ledger.lock(connection, _LOCK)
            # Asked in turn: whoever comes later sets no older one.
            rows.set_oldest(connection, self._transit.name, self._transit.latest())
        count = 0
        for _ in range(_PASSES):
            done = self.rewrap()
            if done.lost:
                raise CheckpointError(_not_retired(done.lost))
            count = max(count, done.keys)
            if oldest := self._retired():
                return Rewrapped(version=oldest, keys=count, lost=())
        raise CheckpointError(
            "some keys are still wrapped by an older version, as others rotate Vault's key: no "
            "version was retired; try again"
        )

    def forget(self, thread: str, by: str) -> int:
        """Destroy every key of a thread and record who did it; return how many there were.

        What was asked in it is withdrawn: the thread can never go on. Copies of the table from
        before still hold them, until `retire`.

        Raises:
            CheckpointError: If the thread has no key of its own.
            LedgerError: If the database fails.
        """
        with self._ledger.transaction() as connection:
            self._ledger.lock(connection, thread)
            self._ledger.lock(connection, _LOCK)
            destroyed = connection.execute(
                update(checkpoint_keys)
                .where(_TABLE.thread == thread, _TABLE.wrapped.is_not(None))
                .values(wrapped=None, destroyed_at=database_clock())
            ).rowcount
            if not destroyed:
                raise CheckpointError(_no_key(connection, thread))
            body = {"by": by, "keys": destroyed}
            self._ledger.append(connection, thread, Entry("checkpoints.forgotten", body))
            withdraw_all(self._ledger, connection, thread, _FORGOTTEN)
            return destroyed

    def _replace(
        self, pairs: Sequence[tuple[WrappedKey, str | None]]
    ) -> tuple[int, list[str | None]]:
        if not pairs:
            return 0, []
        with self._ledger.transaction() as connection:
            self._ledger.lock(connection, _LOCK)
            oldest = rows.oldest(connection, self._transit.name)
            # Others may have wrapped some of them meanwhile, and retired what Vault was given.
            same = rows.unchanged(connection, (key for key, _ in pairs))
            replaced = sum(
                rows.replace(connection, key, wrapped)
                for key, wrapped in pairs
                if key in same and wrapped and version_of(wrapped) >= oldest
            )
        return replaced, [key.thread for key, wrapped in pairs if key in same and not wrapped]

    def _retired(self) -> int | None:
        """Retire what wraps no key any more, and return the oldest version that is left.

        Nobody stores a key meanwhile. Where an older version wraps one yet nothing is done.
        """
        with self._ledger.transaction() as connection:
            self._ledger.lock(connection, _LOCK)
            oldest = rows.oldest(connection, self._transit.name)
            if rows.is_any_older(connection, oldest):
                return None
            self._transit.retire(oldest)
            return oldest


def _alive(
    connection: Connection, thread: str | None, *, with_uses: bool = False
) -> list[WrappedKey]:
    mine = _TABLE.thread.is_(None) if thread is None else _TABLE.thread == thread
    query = select(_TABLE.id, _TABLE.thread, _TABLE.wrapped).where(mine)
    if with_uses:
        query = query.where(or_(_TABLE.uses <= MOST_USES - LOT, _TABLE.wrapped.is_(None)))
    found = connection.execute(query).mappings().all()
    if any(row["wrapped"] is None for row in found):
        raise Forgotten(
            f"thread {thread!r} was forgotten: its checkpoints cannot be read, and no new ones "
            "kept: use another thread"
        )
    return [WrappedKey(**row) for row in found]


def _not_retired(lost: Sequence[str | None]) -> str:
    return (
        f"{len(lost)} keys cannot be unwrapped, such as that of thread {lost[0]!r}: no version was "
        "retired; forget these threads, or use the Vault that has wrapped their keys"
    )


def _no_key(connection: Connection, thread: str) -> str:
    if connection.scalar(select(_TABLE.id).where(_TABLE.thread == thread).limit(1)):
        return f"thread {thread!r} was forgotten before"
    return (
        f"thread {thread!r} has no key of its own to destroy: it is unknown, was kept unsealed, or "
        "shares its key with all threads"
    )


def _context(thread: str | None) -> bytes:
    return b"shared" if thread is None else b"thread:" + thread.encode()
