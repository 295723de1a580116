"""Owns how the shop's tools ask it: with which key, and what its silence means."""

from http import HTTPStatus
from typing import Any

import httpx
from langchain_core.tools import ToolException

from bailiwick.policies.errors import BailiwickError, ScopeError
from bailiwick.tools.retries import TransientError
from bailiwick.tools.secrets.credentials import Credential
from bailiwick.tools.shop.answers import AnswerT, parsed, refusal

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_UNREACHED = "The shop cannot be reached; nothing was done. Try again later."

# Whoever stands between us and the shop says so of a request that may have reached it.
_UNDECIDED = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY)

# Longer than the shop ever takes, shorter than the shortest lease.
_SECONDS = 10.0


class OutcomeUnknownError(BailiwickError):
    """Say that the shop was asked to do something and no answer came: it may have done it."""


class NotThereError(ToolException):
    """Say that the shop knows of no such thing."""


class UnusableKeyError(ScopeError, ToolException):
    """Say that what was leased is no key of the shop; nothing was sent."""


def connect(address: str) -> httpx.Client:
    """Return a client of the shop at an address."""
    # No proxies or .netrc of the machine: the keys go to the shop and nowhere else.
    # Reading the machine's certificates takes 25 ms, for nothing where there is no TLS.
    is_tls = not address.startswith("http://")
    return httpx.Client(base_url=address, timeout=_SECONDS, trust_env=False, verify=is_tls)


def look(client: httpx.Client, path: str, kind: type[AnswerT], credential: Credential) -> AnswerT:
    """Read something.

    Raises:
        ToolException: If the shop refuses or cannot be understood; a `NotThereError` where there
            is no such thing, a `TransientError` where another try may help.
    """
    response = _sent(client, "GET", path, headers=headers(credential))
    if isinstance(response, str):
        raise TransientError(_UNREACHED)
    if response.status_code == HTTPStatus.NOT_FOUND:
        raise NotThereError(refusal(response))
    if not response.is_success:
        raise (TransientError if response.is_server_error else ToolException)(refusal(response))
    if (answer := parsed(response, kind)) is None:
        raise ToolException("The shop's answer cannot be read.")
    return answer


def change(  # noqa: PLR0913 - a request and how it is read
    client: httpx.Client,
    method: str,
    path: str,
    kind: type[AnswerT],
    *,
    given: dict[str, str],
    doing: str,
    undone: str,
    **request: Any,  # noqa: ANN401 - as httpx takes it
) -> AnswerT:
    """Have something done.

    Args:
        client: The client.
        method: The HTTP method.
        path: The path.
        kind: What the answer is read as.
        given: The headers.
        doing: What is done, for whoever has to find out whether it was.
        undone: What was not done, where the shop refuses.
        **request: The rest, such as `json`.

    Raises:
        ToolException: If nothing was done.
        OutcomeUnknownError: If nobody knows.
    """
    response = _sent(client, method, path, headers=given, **request)
    if isinstance(response, str):
        raise _unknown(doing, response) if response else TransientError(_UNREACHED)
    if response.is_client_error and response.status_code not in _UNDECIDED:
        raise ToolException(f"{undone} {refusal(response)}")
    answer = parsed(response, kind) if response.is_success else None
    if answer is None:
        raise _unknown(doing, f"status {response.status_code}")
    return answer


def headers(credential: Credential, idempotency_key: str = "") -> dict[str, str]:
    """Return a request's headers.

    Raises:
        UnusableKeyError: If what was leased is no key.
    """
    key = credential.reveal().strip()
    # httpx would name the value in its own error.
    if not (key.isascii() and key.isprintable()):
        raise UnusableKeyError(f"{credential!r} is no API key: store the shop's key again")
    once = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
    return {"Authorization": f"Bearer {key}", **once}


def _sent(client: httpx.Client, method: str, path: str, **request: Any) -> httpx.Response | str:  # noqa: ANN401 - as above
    """Return the answer, or by what it was lost: empty if the request was never sent."""
    # Not raised from in here: the foreign error holds the request, and with it the key.
    try:
        return client.request(method, path, **request)
    except _NEVER_SENT:
        return ""
    except httpx.RequestError as error:
        return type(error).__name__


def _unknown(doing: str, what: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        f"the shop broke off {doing} ({what}): look there and see whether it was made before "
        "asking again"
    )
