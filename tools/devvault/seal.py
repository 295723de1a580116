"""Owns the seal and the paths that tell about it: health, seal status, initialisation."""

import secrets
from collections.abc import Callable, Sequence

from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request
from bailiwick.tools.devvault.refusals import invalid
from bailiwick.tools.devvault.routes import Route

VERSION = "1.18.0+bailiwick-dev"
"""The version of Vault whose ways are followed, and the mark that this is none."""


class Seal:
    """Answer the system paths that work while the Vault is sealed, and seal and unseal it.

    One unseal key is enough; it is made anew for each development Vault.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.is_sealed = False
        self.unseal_key = secrets.token_hex(32)

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
                read=lambda _: Answer(body={"initialized": True}),
                update=_initialise,
                is_open=True,
                works_sealed=True,
            ),
            Route(pattern=r"seal", update=self._seal, is_sudo=True),
        )

    def _health(self, request: Request) -> Answer:
        code = "sealedcode" if self.is_sealed else "activecode"
        status = request.query.get(code, "503" if self.is_sealed else "200")
        if not status.isdecimal():
            raise invalid(f"bad {code} parameter")
        return Answer(
            status=int(status),
            body={
                "initialized": True,
                "sealed": self.is_sealed,
                "standby": False,
                "performance_standby": False,
                "replication_performance_mode": "disabled",
                "replication_dr_mode": "disabled",
                "server_time_utc": int(self._clock()),
                "version": VERSION,
                "cluster_name": "bailiwick-development",
            },
        )

    def _status(self, _: Request) -> Answer:
        return Answer(
            body={
                "type": "shamir",
                "initialized": True,
                "sealed": self.is_sealed,
                "t": 1,
                "n": 1,
                "progress": 0,
                "nonce": "",
                "version": VERSION,
                "migration": False,
                "recovery_seal": False,
                "storage_type": "inmem",
            }
        )

    def _leader(self, _: Request) -> Answer:
        return Answer(body={"ha_enabled": False, "is_self": False, "leader_address": ""})

    def _seal(self, _: Request) -> Answer:
        self.is_sealed = True
        return EMPTY

    def _unseal(self, request: Request) -> Answer:
        key = request.body.text("key")
        if not key and not request.body.boolean("reset"):
            raise invalid("'key' must be specified in request body as JSON, or 'reset' set to true")
        if key and not secrets.compare_digest(key.encode(), self.unseal_key.encode()):
            raise invalid("Unseal failed, invalid key")
        self.is_sealed = self.is_sealed and not key
        return self._status(request)


def _initialise(_: Request) -> Answer:
    raise invalid("Vault is already initialized")
