"""Owns the second try of what may be tried twice: reads, and writes that say so."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx
from langchain_core.tools import ToolException
from tenacity import (
    AsyncRetrying,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

T = TypeVar("T")

ATTEMPTS = 3
"""How often a call is tried in all."""

PATIENCE = 15.0
"""Seconds after which no other try begins: a credential is leased for the whole of them."""


class TransientError(ToolException):
    """Say from within a tool that nothing happened, and that another try may well succeed."""


TRANSIENT = (TransientError, ConnectionError, TimeoutError, httpx.TransportError)
"""What is gone the next time, more often than not."""

_POLICY: dict[str, Any] = {
    "retry": retry_if_exception_type(TRANSIENT),
    "stop": stop_after_attempt(ATTEMPTS) | stop_after_delay(PATIENCE),
    "wait": wait_random_exponential(multiplier=0.2, max=1.0),
    "reraise": True,
}


def patiently(run: Callable[[], T]) -> T:
    """Run again what fails for a moment; raise what the last try raised."""
    return Retrying(**_POLICY)(run)


async def apatiently(run: Callable[[], Awaitable[T]]) -> T:
    """Do what `patiently` does, on an event loop."""
    return await AsyncRetrying(**_POLICY)(run)
