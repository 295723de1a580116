"""Owns one exchange: the request as an engine sees it, the answer, and Vault's JSON around it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.tokens import Token

Operation = Literal["read", "list", "create", "update", "delete", "patch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """State what a client asks for.

    Attributes:
        id: The request id, Vault's join key between answer and audit.
        operation: Vault's word for the verb.
        path: The path below `/v1/`.
        body: The fields of the JSON body.
        query: The query string's parameters.
        token: The client token as sent.
        wrap_ttl: Seconds for which the answer shall be wrapped; 0 where it shall not.
        remote: The address of the client.
        caller: The live token's entry, once it is known.
        params: What the route's pattern took from the path.
        mount: The path of the mount that answers, with its trailing slash.
    """

    id: str
    operation: Operation
    path: str
    body: Fields = field(default_factory=Fields, repr=False)
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    token: str = field(default="", repr=False)
    wrap_ttl: int = 0
    remote: str = ""
    caller: Token | None = None
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    mount: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """State that an answer's secret is leased: how long it lives and what ends it.

    Attributes:
        ttl: Seconds to live.
        max_ttl: Seconds that no renewal exceeds; 0 is the system's maximum.
        renewable: Whether it can be prolonged.
        revoke: Takes the secret's power away; may raise, and is tried again then.
        renew: Prolongs the secret by seconds where something besides the lease must know.
    """

    ttl: int
    max_ttl: int = 0
    renewable: bool = True
    revoke: Callable[[], None]
    renew: Callable[[int], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """State what the client gets.

    Attributes:
        status: The HTTP status.
        data: The engine's answer, for the envelope.
        auth: The token that a login or a creation gave.
        warnings: Sentences for the person who reads the answer.
        hoisted: Whether `data` also stands at the top level, as on some old system paths.
        body: A body without the envelope, as on the status paths.
        raw: A body that is JSON already, as it was wrapped.
        grant: What is leased with the answer, before it has an id.
        lease_id: The id of the lease that comes with the answer.
        renewable: Whether that lease can be prolonged.
        lease_duration: Seconds that it lives.
        wrap_info: The wrapping token that stands for the answer.
    """

    status: int = 200
    data: Mapping[str, object] | None = field(default=None, repr=False)
    auth: Mapping[str, object] | None = field(default=None, repr=False)
    warnings: Sequence[str] = ()
    hoisted: bool = False
    body: Mapping[str, object] | None = None
    raw: bytes | None = field(default=None, repr=False)
    grant: Grant | None = None
    lease_id: str = ""
    renewable: bool = False
    lease_duration: int = 0
    wrap_info: Mapping[str, object] | None = field(default=None, repr=False)

    def render(self, request_id: str) -> bytes:
        """Return the HTTP body: empty where the answer is empty."""
        if self.status == 204:  # noqa: PLR2004 - HTTP's "no content"
            return b""
        if self.raw is not None:
            return self.raw
        if self.body is not None:
            return json.dumps(self.body).encode()
        envelope = {
            "request_id": request_id,
            "lease_id": self.lease_id,
            "renewable": self.renewable,
            "lease_duration": self.lease_duration,
            "data": self.data,
            "wrap_info": self.wrap_info,
            "warnings": list(self.warnings) or None,
            "auth": self.auth,
        }
        if self.hoisted and self.data is not None:
            envelope = {**self.data, **envelope}
        return json.dumps(envelope).encode()


EMPTY = Answer(status=204)


def keys(found: Sequence[str], **more: object) -> Answer:
    """Answer a list: its keys, or 404 where there are none."""
    if not found:
        return Answer(status=404, body={"errors": []})
    return Answer(data={"keys": list(found), **more})
