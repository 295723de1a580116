"""Owns the faults that a story injects: wrong answers, slow ones, lost ones, none at all."""

import threading
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal, Protocol, runtime_checkable

from starlette.types import Receive, Send

Loss = Literal["", "request", "answer"]


@dataclass(slots=True, kw_only=True)
class Fault:
    """Describe what shall happen to the next requests that match.

    Attributes:
        path: A pattern for the path below `/v1/`, such as `auth/token/create/*`.
        method: The HTTP method, or empty for any.
        times: How many requests are struck.
        status: Answer with this status instead of the engine's answer; nothing is done.
        delay: Seconds to wait first.
        loses: Close the connection before the `request` is done, or after it, without `answer`.
        body: The text answered with `status`, for proxies that speak no JSON.
    """

    path: str = "*"
    method: str = ""
    times: int = 1
    status: int = 0
    delay: float = 0
    loses: Loss = ""
    body: bytes = field(default=b'{"errors":["injected fault"]}')

    def strikes(self, method: str, path: str) -> bool:
        """Tell whether a request matches."""
        return fnmatchcase(path, self.path) and self.method in ("", method)


@runtime_checkable
class _Abortable(Protocol):
    def abort(self) -> None: ...


NO_FAULT = Fault(times=0)


class Faults:
    """Hold the faults to come, in the order in which they were added."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Strike the next requests that match."""
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Strike nothing any more."""
        with self._lock:
            self._faults.clear()

    def take(self, method: str, path: str) -> Fault:
        """Return the fault that strikes this request, used up once; `NO_FAULT` mostly."""
        if not self._faults:
            return NO_FAULT
        with self._lock:
            fault = next((each for each in self._faults if each.strikes(method, path)), None)
            if fault is None:
                return NO_FAULT
            fault.times -= 1
            if fault.times <= 0:
                self._faults.remove(fault)
        return fault


async def hang_up(receive: Receive, send: Send) -> None:
    """Close a request's connection without an answer."""
    # ASGI has no message for it; uvicorn's `send` is a method of the cycle that owns the transport.
    transport: object = getattr(getattr(send, "__self__", None), "transport", None)
    if isinstance(transport, _Abortable):
        transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass
