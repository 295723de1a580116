"""Owns the development Vault as a program uses it: started, sealed, struck, looked into."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Self

from bailiwick.policies.errors import VaultError
from bailiwick.tools.devvault.app import App, Exchange
from bailiwick.tools.devvault.core import Core
from bailiwick.tools.devvault.faults import Faults
from bailiwick.tools.devvault.flavors import FLAVORS, FlavorName
from bailiwick.tools.devvault.mounts import EngineFactory
from bailiwick.tools.devvault.tokens import Token
from bailiwick.tools.devvault.verbs import protocol
from bailiwick.tools.loopback import serve

BANNER = (
    "This is Bailiwick's development Vault: it keeps everything in memory, unencrypted, "
    "and forgets it when it stops. It is no vault. Never give it a real secret."
)


class DevelopmentVault:
    """Run a Vault for development, demonstrations and tests in this process.

    Args:
        port: The TCP port on loopback; 0 takes a free one.
        clock: Gives the Unix time.
        flavor: The server it speaks like, where Vault and OpenBao differ on the wire.
        engines: What makes further secrets engines, by the types under which they are mounted.

    Attributes:
        app: The ASGI application.
        faults: What shall go wrong next.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        clock: Callable[[], float] = time.time,
        flavor: FlavorName = "vault",
        engines: Mapping[str, EngineFactory] | None = None,
    ) -> None:
        self._port = port
        self._clock = clock
        self._flavor = FLAVORS[flavor]
        self._engines = engines
        self._passed = 0.0
        self._core = self._new_core()
        self._stack = ExitStack()
        self._address = ""
        self.faults = Faults()
        self.app = App(self._core, self.faults)

    @property
    def root_token(self) -> str:
        """The token that may do everything."""
        return self._core.root.id if self._core.root else ""

    @property
    def unseal_key(self) -> str:
        """The key that unseals it over HTTP."""
        return self._core.seal.unseal_key

    @property
    def address(self) -> str:
        """The address while it runs, such as `http://127.0.0.1:8200`.

        Raises:
            VaultError: If it does not run.
        """
        if not self._address:
            raise VaultError("the development Vault is not running: start it first")
        return self._address

    @property
    def requests(self) -> list[Exchange]:
        """The requests answered so far, the oldest first; the last ten thousand are kept."""
        return list(self.app.exchanges)

    def start(self) -> Self:
        """Serve it on loopback from a thread of this process; no effect where it runs already.

        Raises:
            SettingsError: If the port is taken.
        """
        if not self._address:
            served = serve(self.app, port=self._port, protocol=protocol())
            self._address = self._stack.enter_context(served)
        return self

    def stop(self) -> None:
        """Stop serving; what it holds stays until it is forgotten."""
        self._address = ""
        self._stack.close()

    def reset(self) -> None:
        """Forget everything, as a restart would, and go on at the same address."""
        self._passed = 0.0
        self._core = self._new_core()
        self.faults.clear()
        self.app.reset(self._core)

    def seal(self) -> None:
        """Seal it: everything but its status is refused."""
        with self._core.lock:
            self._core.seal.is_sealed = True

    def unseal(self) -> None:
        """Unseal it without its key."""
        with self._core.lock:
            self._core.seal.is_sealed = False

    def let_pass(self, seconds: float) -> None:
        """Move its time forward, so that a story need not wait for what expires."""
        self._passed += seconds

    def live_tokens(self, *, role: str | None = None, accessor: str | None = None) -> list[Token]:
        """Return the tokens alive now, root's own excepted.

        Args:
            role: Only those made through this token role; empty for those made without one.
            accessor: Only the one with this accessor.
        """
        with self._core.lock:
            self._core.tokens.sweep()
            return [
                token
                for token in self._core.tokens
                if not token.is_root
                and role in (None, token.role)
                and accessor in (None, token.accessor)
            ]

    def _new_core(self) -> Core:
        return Core(self._now, self._flavor, engines=self._engines)

    def _now(self) -> float:
        return self._clock() + self._passed

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
