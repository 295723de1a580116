"""Owns the HTTP edge of the development Vault: an ASGI application around its core."""

import asyncio
import json
import uuid
from collections import deque
from dataclasses import dataclass
from typing import cast

from starlette.datastructures import Headers, QueryParams
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bailiwick.tools.devvault.core import Core
from bailiwick.tools.devvault.envelope import Operation, Request
from bailiwick.tools.devvault.faults import Faults, hang_up
from bailiwick.tools.devvault.fields import Fields, duration
from bailiwick.tools.devvault.refusals import Refusal, invalid, no_mount, unsupported
from bailiwick.tools.devvault.verbs import ON_THE_WIRE

MARK = "X-Bailiwick-Development"
"""The header by which every answer says that this is no vault."""

_HEADERS = {
    MARK: "true",
    "Cache-Control": "no-store",
    "Content-Type": "application/json",
}
_OPERATIONS: dict[str, Operation] = {
    "GET": "read",
    "HEAD": "read",
    "POST": "update",
    "PUT": "update",
    "DELETE": "delete",
    "LIST": "list",
    "PATCH": "patch",
}
_MERGE_PATCH = "application/merge-patch+json"
_KEPT = 10_000
_ROOT = ("", "root")
_NO_NAMESPACES = "a development Vault has no namespaces: unset VAULT_NAMESPACE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Remember one request that was answered.

    Attributes:
        id: Its request id.
        method: Its HTTP method.
        path: Its path below `/v1/`.
        status: The HTTP status; 0 where the answer was lost.
    """

    id: str
    method: str
    path: str
    status: int


class App:
    """Speak Vault's HTTP API."""

    def __init__(self, core: Core, faults: Faults) -> None:
        self._core = core
        self._faults = faults
        self.exchanges: deque[Exchange] = deque(maxlen=_KEPT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            return
        # A reset while this request waits must not move it into what comes after.
        core, exchanges = self._core, self.exchanges
        method, path = _method(scope), _path(scope)
        body = await _body(receive)
        fault = self._faults.take(method, path)
        if fault.delay:
            await asyncio.sleep(fault.delay)
        request_id = str(uuid.uuid4())
        if fault.loses == "request":
            status, content = 0, b""
        elif fault.status:
            status, content = fault.status, fault.body
        else:
            status, content = _answer(core, request_id, scope, body)
        status = 0 if fault.loses else status
        exchanges.append(Exchange(id=request_id, method=method, path=path, status=status))
        if fault.loses:
            await hang_up(receive, send)
            return
        await Response(content, status, _HEADERS)(scope, receive, send)

    def reset(self, core: Core) -> None:
        """Go on with another core, and forget the exchanges."""
        self._core = core
        self.exchanges = deque(maxlen=_KEPT)


def _answer(core: Core, request_id: str, scope: Scope, body: bytes) -> tuple[int, bytes]:
    try:
        answer = core.answer(_request(request_id, scope, body))
    except Refusal as refusal:
        errors = {"errors": list(refusal.errors)}
        return refusal.status, json.dumps(errors).encode()
    content = b"" if scope["method"] == "HEAD" else answer.render(request_id)
    return answer.status, content


def _method(scope: Scope) -> str:
    method = str(scope["method"])
    return "LIST" if method == ON_THE_WIRE else method


def _path(scope: Scope) -> str:
    return str(scope["path"]).removeprefix("/v1/")


def _request(request_id: str, scope: Scope, body: bytes) -> Request:
    if not str(scope["path"]).startswith("/v1/"):
        raise no_mount(str(scope["path"]))
    headers = Headers(scope=scope)
    if headers.get("x-vault-namespace", "").strip("/") not in _ROOT:
        raise invalid(_NO_NAMESPACES)
    query = QueryParams(scope["query_string"])
    operation = _OPERATIONS.get(_method(scope))
    if operation is None:
        raise unsupported()
    if operation == "read" and query.get("list", "").lower() in ("1", "t", "true"):
        operation = "list"
    if operation == "patch" and _media_type(headers) != _MERGE_PATCH:
        raise Refusal(415, f"PATCH requires the content type {_MERGE_PATCH}")
    client = scope.get("client")
    return Request(
        id=request_id,
        operation=operation,
        path=_list_path(_path(scope), operation),
        body=_fields(body),
        query=query,
        token=_token(headers),
        wrap_ttl=_wrap_ttl(headers),
        remote=str(client[0]) if client else "",
    )


def _list_path(path: str, operation: Operation) -> str:
    return f"{path.rstrip('/')}/" if operation == "list" else path


def _token(headers: Headers) -> str:
    token = headers.get("x-vault-token", "")
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    return token or (credentials if scheme.lower() == "bearer" else "")


def _wrap_ttl(headers: Headers) -> int:
    given = headers.get("x-vault-wrap-ttl", "")
    if not given:
        return 0
    try:
        seconds = duration(given)
    except ValueError:
        seconds = 0
    if seconds <= 0:
        raise invalid("requested wrap ttl must be a positive duration")
    return seconds


def _media_type(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _fields(body: bytes) -> Fields:
    if not body:
        return Fields()
    try:
        found = json.loads(body)
    except ValueError:
        raise invalid("failed to parse JSON input") from None
    if not isinstance(found, dict):
        raise invalid("failed to parse JSON input: an object is expected")
    return Fields(cast("dict[str, object]", found))


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)
