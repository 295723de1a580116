"""Owns the renewal of the keys: new shares for old ones, and the rotation of the inner key."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request
from bailiwick.tools.devvault.refusals import invalid
from bailiwick.tools.devvault.routes import Route
from bailiwick.tools.devvault.system.quorum import Quorum, Shares, new_shares
from bailiwick.tools.devvault.system.seal import Seal
from bailiwick.tools.devvault.tokens import iso


@dataclass(slots=True, kw_only=True)
class _Attempt:
    """A rekey under way; once the old shares are brought, the new ones may have to be proven."""

    shares: Shares
    must_verify: bool
    nonce: str = field(default_factory=lambda: str(uuid.uuid4()))
    verification_nonce: str = ""
    quorum: Quorum = field(default_factory=Quorum)


class Rekey:
    """Answer `sys/rekey`, `sys/rotate` and `sys/key-status`."""

    def __init__(self, seal: Seal, clock: Callable[[], float]) -> None:
        self._seal = seal
        self._clock = clock
        self._attempt: _Attempt | None = None
        self._term, self._installed = 1, clock()

    @property
    def routes(self) -> Sequence[Route]:
        """The paths below `sys/`."""
        return (
            Route(
                pattern=r"rekey/init",
                read=lambda _: self._status(),
                update=self._start,
                delete=self._cancel,
                is_open=True,
            ),
            Route(pattern=r"rekey/update", update=self._update, is_open=True),
            Route(
                pattern=r"rekey/verify",
                read=self._verification,
                update=self._verify,
                delete=self._restart_verification,
                is_open=True,
            ),
            Route(pattern=r"rekey/backup", read=_no_backup, delete=lambda _: EMPTY, is_sudo=True),
            Route(pattern=r"rotate", update=self._rotate, is_sudo=True),
            Route(pattern=r"key-status", read=self._key_status),
        )

    def _status(self) -> Answer:
        attempt = self._attempt
        shares = attempt.shares if attempt else None
        return Answer(
            body={
                "nonce": attempt.nonce if attempt else "",
                "started": attempt is not None,
                "t": shares.threshold if shares else 0,
                "n": len(shares.texts) if shares else 0,
                "progress": len(attempt.quorum) if attempt else 0,
                "required": self._seal.shares.threshold,
                "pgp_fingerprints": None,
                "backup": False,
                "verification_required": bool(attempt and attempt.must_verify),
                **(
                    {"verification_nonce": attempt.verification_nonce}
                    if attempt and attempt.verification_nonce
                    else {}
                ),
            }
        )

    def _start(self, request: Request) -> Answer:
        if self._attempt is not None:
            raise invalid("rekey already in progress")
        if request.body.boolean("backup"):
            raise invalid("cannot request a backup of the new keys without providing PGP keys")
        known = self._seal.shares
        self._attempt = _Attempt(
            shares=new_shares(request.body, default=(len(known.texts), known.threshold)),
            must_verify=request.body.boolean("require_verification"),
        )
        return self._status()

    def _cancel(self, _: Request) -> Answer:
        self._attempt = None
        return EMPTY

    def _update(self, request: Request) -> Answer:
        attempt = self._brought(request, verifying=False)
        if not attempt.quorum.bring(request.body.text("key"), self._seal.shares, to="Rekey"):
            return self._status()
        answer: dict[str, object] = {
            "nonce": attempt.nonce,
            "complete": True,
            **attempt.shares.shown,
            "pgp_fingerprints": None,
            "backup": False,
            "verification_required": attempt.must_verify,
        }
        if attempt.must_verify:
            attempt.verification_nonce = str(uuid.uuid4())
            answer["verification_nonce"] = attempt.verification_nonce
        else:
            self._finish(attempt)
        return Answer(body=answer)

    def _verification(self, _: Request) -> Answer:
        attempt = self._attempt
        if attempt is None or not attempt.verification_nonce:
            raise invalid("no rekey verification in progress")
        return Answer(
            body={
                "nonce": attempt.verification_nonce,
                "started": True,
                "t": attempt.shares.threshold,
                "n": len(attempt.shares.texts),
                "progress": len(attempt.quorum),
            }
        )

    def _verify(self, request: Request) -> Answer:
        attempt = self._brought(request, verifying=True)
        if not attempt.quorum.bring(request.body.text("key"), attempt.shares, to="Rekey verify"):
            return self._verification(request)
        self._finish(attempt)
        return Answer(body={"nonce": attempt.verification_nonce, "complete": True})

    def _restart_verification(self, request: Request) -> Answer:
        if self._attempt is not None and self._attempt.verification_nonce:
            self._attempt.quorum.clear()
            self._attempt.verification_nonce = str(uuid.uuid4())
        return self._verification(request)

    def _brought(self, request: Request, *, verifying: bool) -> _Attempt:
        attempt = self._attempt
        if attempt is None or bool(attempt.verification_nonce) != verifying:
            raise invalid("no rekey in progress")
        if not request.body.text("key"):
            raise invalid("'key' must be specified in request body as JSON")
        nonce = attempt.verification_nonce if verifying else attempt.nonce
        if request.body.text("nonce") != nonce:
            raise invalid("incorrect nonce supplied")
        return attempt

    def _finish(self, attempt: _Attempt) -> None:
        self._seal.shares = attempt.shares
        self._attempt = None

    def _rotate(self, _: Request) -> Answer:
        self._term, self._installed = self._term + 1, self._clock()
        return EMPTY

    def _key_status(self, _: Request) -> Answer:
        installed = iso(self._installed)
        return Answer(
            data={"term": self._term, "install_time": installed, "encryptions": 0}, hoisted=True
        )


def _no_backup(_: Request) -> Answer:
    raise invalid("no backed-up keys found")
