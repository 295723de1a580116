"""Owns the keys of checkpoints as a process holds them: unwrapped, counted, for a while only."""

import base64
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from bailiwick.policies.errors import CheckpointError
from bailiwick.tools.keys.checkpoint_keys import LOT, CheckpointKeys, Forgotten
from bailiwick.tools.keys.key_rows import WrappedKey

ID, NONCE, TAG = 8, 12, 16
"""Bytes of a sealed value before and after what it holds: the key's id, the nonce; the tag."""

FRESH = 30.0
"""Seconds after which a process looks whether a thread's keys are still there."""

_SPARE = 2**12
_THREADS = 4096
_LOCKS = 32


class Unopened(CheckpointError):  # noqa: N818 - whoever knows which value it was says so
    """Say why a sealed value could not be opened."""


@dataclass(slots=True)
class _Lot:
    """Hold the uses of one key that are this process's own."""

    id: bytes
    cipher: AESGCM = field(repr=False)
    uses: Iterator[int] = field(default_factory=count)
    last: int = 0

    def seal(self, content: bytes, bound: bytes) -> bytes:
        # Taking the next number is atomic; a nonce may be used by one thread alone.
        self.last = number = next(self.uses)
        if number >= LOT:
            raise CheckpointError(
                "this key of checkpoints is used up before the next was fetched: try again"
            )
        nonce = os.urandom(NONCE)
        return b"".join((self.id, nonce, self.cipher.encrypt(nonce, content, bound)))


@dataclass(slots=True)
class _Ring:
    """Hold the keys of one thread."""

    ciphers: dict[bytes, AESGCM] = field(default_factory=dict[bytes, AESGCM], repr=False)
    checked: float = 0.0
    lot: _Lot | None = None

    def is_stocked(self) -> bool:
        return self.lot is not None and self.lot.last < LOT - _SPARE


class Keyring:
    """Seal and open values with a thread's keys, which were fetched beforehand.

    Fetching talks to the database and to Vault; sealing and opening never do, so that they may run
    on an event loop. What was fetched is good without Vault, as long as the database says that
    the key was not destroyed. Safe to share between threads.

    Args:
        keys: Where the wrapped keys are.
        shared: Whether all threads share one key; none of them can then be forgotten.
        clock: Gives monotonic seconds.
    """

    def __init__(
        self,
        keys: CheckpointKeys,
        *,
        shared: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = keys
        self._is_shared = shared
        self._clock = clock
        self._rings: OrderedDict[str | None, _Ring] = OrderedDict()
        self._locks = [threading.Lock() for _ in range(_LOCKS)]
        self._turn = threading.Lock()

    def is_ready(self, thread: str, *, sealing: bool) -> bool:
        """Tell whether `prepare` would have nothing to fetch."""
        if not (self._is_fresh(thread) and self._is_fresh(None)):
            return False
        ring = self._rings.get(self._owner(thread))
        return not sealing or (ring is not None and ring.is_stocked())

    def prepare(self, thread: str, *, sealing: bool) -> None:
        """Fetch what a thread's values are opened with and, if they are to be, sealed with.

        Raises:
            Forgotten: If the thread was forgotten.
            VaultError: If a key is needed and Vault refuses or is not there.
            LedgerError: If the database fails.
        """
        for owner in (None, thread):
            if not self._is_fresh(owner):
                with self._lock(owner):
                    self._look(owner)
        owner = self._owner(thread)
        if sealing and not self.is_ready(thread, sealing=True):
            with self._lock(owner):
                self._stock(owner)

    def seal(self, thread: str, content: bytes, bound: bytes) -> bytes:
        """Return a value sealed with a thread's key.

        Args:
            thread: The thread.
            content: The value.
            bound: What must be the same when it is opened.

        Raises:
            CheckpointError: If no key was prepared.
        """
        ring = self._rings.get(self._owner(thread))
        if ring is None or ring.lot is None:
            raise CheckpointError(
                f"no key was prepared to seal checkpoints of thread {thread!r} with: nothing was "
                "kept; try again"
            )
        return ring.lot.seal(content, bound)

    def open(self, thread: str, sealed: bytes, bound: bytes) -> bytes:
        """Return what a sealed value of a thread holds.

        Raises:
            Unopened: If it is not what was sealed for this thread and bound to this.
        """
        cipher = self._cipher(thread, sealed[:ID])
        if cipher is None:
            raise Unopened("it was sealed with a key that this thread does not have")
        try:
            return cipher.decrypt(sealed[ID : ID + NONCE], sealed[ID + NONCE :], bound)
        except (InvalidTag, ValueError):
            raise Unopened("it was changed, cut short or put in another's place") from None

    def _owner(self, thread: str) -> str | None:
        return None if self._is_shared else thread

    def _cipher(self, thread: str, key: bytes) -> AESGCM | None:
        ring = self._rings.get(thread)
        cipher = ring.ciphers.get(key) if ring else None
        if cipher is None and (shared := self._rings.get(None)):
            return shared.ciphers.get(key)
        return cipher

    def _is_fresh(self, owner: str | None) -> bool:
        ring = self._rings.get(owner)
        # A thread without a key may get one from another process at any moment.
        if ring is None or (owner is not None and not ring.ciphers and not self._is_shared):
            return False
        return self._clock() - ring.checked < FRESH

    def _look(self, owner: str | None) -> _Ring:
        now, known = self._clock(), self._rings.get(owner) or _Ring()
        if self._is_fresh(owner):
            return known
        try:
            stored = self._keys.of(owner)
        except Forgotten:
            self._rings.pop(owner, None)
            raise
        ciphers = {
            bytes.fromhex(key.id): known.ciphers.get(bytes.fromhex(key.id))
            or _cipher(self._keys.unwrap(key))
            for key in stored
        }
        lot = known.lot if known.lot and known.lot.id in ciphers else None
        return self._keep(owner, _Ring(ciphers=ciphers, checked=now, lot=lot))

    def _stock(self, owner: str | None) -> None:
        """Take a lot of a key that there is, or make a key."""
        ring = self._rings.get(owner) or self._look(owner)
        if ring.is_stocked():
            return
        for _ in range(3):
            stored = self._keys.of(owner)
            if (lot := self._lot(ring, stored)) or (lot := self._made(ring, owner)):
                ring.lot = lot
                return
        raise CheckpointError(
            "no key could be made to seal checkpoints with, as others made and retired theirs: try "
            "again; or this is another Vault than the keys are from, or it was started anew: "
            "`bailiwick checkpoints rekey --rotate`"
        )

    def _lot(self, ring: _Ring, stored: list[WrappedKey]) -> _Lot | None:
        for key in stored:
            name = bytes.fromhex(key.id)
            if self._keys.take(key):
                cipher = ring.ciphers.get(name) or _cipher(self._keys.unwrap(key))
                ring.ciphers[name] = cipher
                return _Lot(name, cipher)
        return None

    def _made(self, ring: _Ring, owner: str | None) -> _Lot | None:
        made = self._keys.make(owner)
        if made is None:
            return None
        key, plain = made
        name, cipher = bytes.fromhex(key.id), _cipher(plain)
        ring.ciphers[name] = cipher
        return _Lot(name, cipher)

    def _keep(self, owner: str | None, ring: _Ring) -> _Ring:
        with self._turn:
            self._rings[owner] = ring
            self._rings.move_to_end(owner)
            if len(self._rings) > _THREADS:
                oldest = next(each for each in self._rings if each not in {None, owner})
                del self._rings[oldest]
        return ring

    def _lock(self, owner: str | None) -> threading.Lock:
        return self._locks[hash(owner) % _LOCKS]


def _cipher(key: SecretStr) -> AESGCM:
    return AESGCM(base64.b64decode(key.get_secret_value()))
