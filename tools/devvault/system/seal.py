"""Owns the seal and the paths that tell about it: health, seal status, initialisation."""

import secrets
from collections.abc import Callable, Sequence

from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request
from bailiwick.tools.devvault.refusals import invalid
from bailiwick.tools.devvault.routes import Route
from bailiwick.tools.devvault.system.quorum import Quorum, Shares, made, new_shares

_HEALTHY, _UNINITIALISED, _SEALED = "200", "501", "503"


class Seal:
    """Answer the system paths that work while the Vault is sealed, and seal and unseal it.

    Args:
        clock: Gives the Unix time.
        version: The version that it says it has.
        is_initialised: Whether there is a key already, of one share; otherwise it is made by
            `sys/init`.
        make_root: Makes the first root token and returns it.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        version: str,
        *,
        is_initialised: bool,
        make_root: Callable[[], str],
    ) -> None:
        self._clock = clock
        self._version = version
        self._make_root = make_root
        self._quorum = Quorum()
        self._nonce = ""
        self.is_initialised = is_initialised
        self.is_sealed = not is_initialised
        self.shares = made(1, 1) if is_initialised else Shares(texts=(), threshold=0)

    @property
    def unseal_key(self) -> str:
        """The key's first share; it is all there is where one was made at the start."""
        return self.shares.texts[0] if self.shares.texts else ""

    @property
    def routes(self) -> Sequence[Route]:
        """The paths of the seal."""
        return (
            Route(pattern=r"health", read=self._health, is_open=True, works_sealed=True),
            Route(pattern=r"seal-status", read=self._status, is_open=True, works_sealed=True),
            Route(pattern=r"unseal", update=self._unseal, is_open=True, works_sealed=True),
            Route(pattern=r"leader", read=self._leader, is_open=True, works_sealed=True),
            Route(
                pattern=r"init",
                read=lambda _: Answer(body={"initialized": self.is_initialised}),
                update=self._initialise,
                is_open=True,
                works_sealed=True,
            ),
            Route(pattern=r"seal", update=self._seal, is_sudo=True),
        )

    def _health(self, request: Request) -> Answer:
        code, default = "activecode", _HEALTHY
        if not self.is_initialised:
            code, default = "uninitcode", _UNINITIALISED
        elif self.is_sealed:
            code, default = "sealedcode", _SEALED
        status = request.query.get(code, default)
        if not status.isdecimal():
            raise invalid(f"bad {code} parameter")
        cluster = {} if self.is_sealed else {"cluster_name": "bailiwick-development"}
        return Answer(
            status=int(status),
            body={
                "initialized": self.is_initialised,
                "sealed": self.is_sealed,
                "standby": False,
                "performance_standby": False,
                "replication_performance_mode": "disabled",
                "replication_dr_mode": "disabled",
                "server_time_utc": int(self._clock()),
                "version": self._version,
                **cluster,
            },
        )

    def _status(self, _: Request) -> Answer:
        return Answer(
            body={
                "type": "shamir",
                "initialized": self.is_initialised,
                "sealed": self.is_sealed,
                "t": self.shares.threshold,
                "n": len(self.shares.texts),
                "progress": len(self._quorum),
                "nonce": self._nonce,
                "version": self._version,
                "migration": False,
                "recovery_seal": False,
                "storage_type": "inmem",
            }
        )

    def _leader(self, _: Request) -> Answer:
        return Answer(body={"ha_enabled": False, "is_self": False, "leader_address": ""})

    def _initialise(self, request: Request) -> Answer:
        if self.is_initialised:
            raise invalid("Vault is already initialized")
        self.shares = new_shares(request.body, default=(0, 0))
        self.is_initialised = True
        return Answer(body={**self.shares.shown, "root_token": self._make_root()})

    def _seal(self, _: Request) -> Answer:
        self.is_sealed = True
        return EMPTY

    def _unseal(self, request: Request) -> Answer:
        if not self.is_initialised:
            raise invalid("Vault is not initialized")
        key, resets = request.body.text("key"), request.body.boolean("reset")
        if not key and not resets:
            raise invalid("'key' must be specified in request body as JSON, or 'reset' set to true")
        if resets:
            self._quorum.clear()
        elif self.is_sealed:
            self._nonce = self._nonce or secrets.token_hex(16)
            self.is_sealed = not self._quorum.bring(key, self.shares, to="Unseal")
        if not len(self._quorum):
            self._nonce = ""
        return self._status(request)
