"""Owns whose leases are in the database: kept while a process lives, taken over when it is gone."""

import logging
import math
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from bailiwick.policies.errors import LedgerError
from bailiwick.tools.leases import revocation_rows as rows
from bailiwick.tools.leases.revocation_rows import OpenLease
from bailiwick.tools.records.ledger import Ledger

logger = logging.getLogger(__name__)

HOLD = 20.0
"""Seconds for which a lease is its own process's to end; then any other may take it for dead."""

BEAT = HOLD / 4
"""Seconds after which a process says that its leases are still its own."""

RETRY = 0.25
"""Seconds after which it says so again where the database did not hear it."""

_BATCH = 50


class Ownership:
    """Keep a process's leases its own, and find those of processes that are gone.

    The database's clock decides what has lapsed. While the database was away it heard of nobody,
    and each process keeps what it holds as soon as it is back. So whoever found it away, or slow,
    takes nothing over for as long as a lease is held.

    Args:
        ledger: Where the leases stand.
        held: Returns the handles of the leases to keep, or nothing where none is held at all.
        sweep: Takes over what has lapsed; asked for once for each time that a lease is held.
        clock: Gives monotonic seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        held: Callable[[], Sequence[str] | None],
        sweep: Callable[[], object],
        clock: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._held = held
        self._sweep = sweep
        self._clock = clock
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._is_away = False
        self._found = self._swept = -math.inf

    def begin(self) -> None:
        """Keep what is held from now on: in a thread of its own, which waits for no Vault."""
        with self._changed:
            if self._thread is None and not self._is_closed:
                self._thread = threading.Thread(target=self._run, name="lease-beat", daemon=True)
                self._thread.start()

    def claim(self) -> list[OpenLease]:
        """Take over leases that have lapsed; there may be more where these are any.

        Raises:
            LedgerError: If the ledger's database fails.
        """
        self._swept = self._clock()
        with self._asking(), self._ledger.reading() as connection:
            is_any_due = rows.is_any_due(connection)
        if not is_any_due or self._clock() < self._found + HOLD:
            return []
        with self._asking(), self._ledger.transaction(flushes=False) as connection:
            return rows.claim(connection, limit=_BATCH, seconds=HOLD)

    def close(self) -> None:
        """Keep nothing any more: what is left, any process may take over."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        pause = BEAT
        while (held := self._wait(pause)) is not None:
            try:
                self._keep(held)
                if self._clock() >= self._swept + HOLD:
                    self._sweep()
                pause = BEAT
            except LedgerError as error:
                if pause == BEAT:
                    logger.warning("leases cannot be kept this process's own yet: %s", error)
                pause = RETRY
            except Exception as error:  # noqa: BLE001 - one trouble must not give every lease away
                logger.error("the keeping of leases failed (%s)", type(error).__name__)  # noqa: TRY400 - its words may hold a token
                pause = RETRY

    def _wait(self, pause: float) -> Sequence[str] | None:
        with self._changed:
            if not self._is_closed:
                self._changed.wait(pause)
            held = None if self._is_closed else self._held()
            if held is None:
                self._thread = None
            return held

    def _keep(self, held: Sequence[str]) -> None:
        if held:
            with self._asking(), self._ledger.transaction(flushes=False) as connection:
                rows.keep(connection, held, HOLD)

    @contextmanager
    def _asking(self) -> Generator[None]:
        begun = self._clock()
        try:
            yield
        except LedgerError:
            self._is_away = True
            raise
        if self._is_away or self._clock() - begun > BEAT:
            self._is_away, self._found = False, self._clock()
