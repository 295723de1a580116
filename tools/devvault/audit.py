"""Owns the audit devices: a record of each request and of its answer, its secrets as digests."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bailiwick.tools.devvault.envelope import Answer, Request
from bailiwick.tools.devvault.refusals import Refusal, failed
from bailiwick.tools.devvault.tokens import Token, iso

# What is told in the clear of an answer's token.
_PLAIN_AUTH = ("display_name", "policies", "token_policies", "metadata", "entity_id", "token_type")


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Write records into a file, one JSON object a line.

    Attributes:
        path: The device's name, with a trailing slash.
        kind: Its type, in Vault's word; always `file` here.
        description: A sentence for people.
        options: Its settings as they were given.
        file: Where it writes; None writes nowhere.
        log_raw: Whether secrets stand in the clear.
        hmac_accessor: Whether accessors are digests too.
        elide_lists: Whether a list's answer is told by its length alone.
    """

    path: str
    kind: str = "file"
    description: str = ""
    options: Mapping[str, str]
    file: Path | None
    log_raw: bool = False
    hmac_accessor: bool = True
    elide_lists: bool = False
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    @property
    def shown(self) -> dict[str, object]:
        """What the listing answers."""
        return {
            "type": self.kind,
            "description": self.description,
            "options": dict(self.options),
            "local": False,
            "path": self.path,
        }

    def digest(self, text: str) -> str:
        """Return how a text stands in the records."""
        return f"hmac-sha256:{hmac.new(self.salt, text.encode(), hashlib.sha256).hexdigest()}"

    def mask(self, value: object) -> object:
        """Return a value with every text in it as its digest."""
        if self.log_raw:
            return value
        if isinstance(value, str):
            return self.digest(value) if value else value
        if isinstance(value, Mapping):
            return {str(key): self.mask(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.mask(item) for item in value]
        return value

    def write(self, record: Mapping[str, object]) -> bool:
        """Append a record and tell whether that went well."""
        if self.file is None:
            return True
        with suppress(OSError), self.file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(record) + "\n")
            return True
        return False


class Audit:
    """Hold the devices and write to all of them; one that writes is enough."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.devices: dict[str, Device] = {}

    def trail(self, request: Request) -> "Trail":
        """Return what records one request."""
        return Trail(self, request)

    def write(self, make: Callable[[Device], Mapping[str, object]]) -> None:
        """Write one record to every device.

        Raises:
            Refusal: With status 500, if there are devices and none of them writes.
        """
        wrote = [device.write(make(device)) for device in self.devices.values()]
        if wrote and not any(wrote):
            raise failed("failed to audit request, cannot continue: no audit backend succeeded")

    def time(self) -> str | None:
        """Return the time as it stands in the records."""
        return iso(self._clock())


class Trail:
    """Record one request: before it is done, and when it is answered."""

    def __init__(self, audit: Audit, request: Request) -> None:
        self._audit = audit
        self._request = request
        self._caller: Token | None = None
        self._is_recorded = False

    def asked_by(self, caller: Token) -> None:
        """Note who asks, for the records to come."""
        self._caller = caller

    def asked(self, *, error: str = "") -> None:
        """Record the request, before it is done.

        Raises:
            Refusal: With status 500, if no device can write.
        """
        self._is_recorded = True
        self._audit.write(lambda device: self._record(device, "request", error))

    def answered(self, answer: Answer) -> None:
        """Record the answer.

        Raises:
            Refusal: With status 500, if no device can write.
        """
        self._audit.write(lambda device: self._response(device, answer))

    def refused(self, refusal: Refusal) -> None:
        """Record that the request was refused.

        Raises:
            Refusal: With status 500, if no device can write.
        """
        error = "; ".join(refusal.errors)
        if not self._is_recorded:
            self.asked(error=error)
        self._audit.write(lambda device: self._record(device, "response", error))

    def _record(self, device: Device, kind: str, error: str) -> dict[str, object]:
        request = self._request
        record: dict[str, object] = {
            "time": self._audit.time(),
            "type": kind,
            "auth": self._auth(device),
            "request": {
                "id": request.id,
                "client_token": device.mask(request.token),
                "operation": request.operation,
                "mount_point": request.mount,
                "path": request.path,
                "data": device.mask(request.body) if request.body else None,
                "remote_address": request.remote,
                "wrap_ttl": request.wrap_ttl,
            },
        }
        return {**record, "error": error} if error else record

    def _auth(self, device: Device) -> dict[str, object]:
        caller = self._caller
        if caller is None:
            return {}
        accessor = device.mask(caller.accessor) if device.hmac_accessor else caller.accessor
        return {
            "client_token": device.mask(caller.id),
            "accessor": accessor,
            "display_name": caller.display_name,
            "policies": list(caller.policies),
            "token_policies": list(caller.policies),
            "metadata": dict(caller.meta),
            "entity_id": caller.entity_id,
            "token_type": caller.kind,
            "token_ttl": caller.ttl,
            "token_issue_time": iso(caller.created),
            "remaining_uses": caller.num_uses,
        }

    def _response(self, device: Device, answer: Answer) -> dict[str, object]:
        response: dict[str, object] = {}
        if answer.lease_id:
            response["secret"] = {"lease_id": answer.lease_id}
        if answer.data is not None:
            response["data"] = self._data(device, answer.data)
        if answer.auth is not None:
            response["auth"] = _shown_auth(device, answer.auth)
        if answer.wrap_info is not None:
            response["wrap_info"] = _shown_wrapping(device, answer.wrap_info)
        return {**self._record(device, "response", ""), "response": response}

    def _data(self, device: Device, found: Mapping[str, object]) -> object:
        listed = found.get("keys")
        if device.elide_lists and self._request.operation == "list" and isinstance(listed, list):
            return {"keys": len(listed)}
        return device.mask(found)


def _shown_auth(device: Device, auth: Mapping[str, object]) -> dict[str, object]:
    accessor = auth.get("accessor")
    return {
        **{name: auth[name] for name in _PLAIN_AUTH if name in auth},
        "client_token": device.mask(auth.get("client_token")),
        "accessor": device.mask(accessor) if device.hmac_accessor else accessor,
    }


def _shown_wrapping(device: Device, info: Mapping[str, object]) -> dict[str, object]:
    masked = ("token", "accessor", "wrapped_accessor")
    return {k: device.mask(v) if k in masked else v for k, v in info.items()}
