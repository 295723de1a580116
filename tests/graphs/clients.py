"""Owns the clients of a started server: their tokens, what they ask, and what they are told."""

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import httpx
import jwt
import pytest
from langgraph_sdk.client import SyncLangGraphClient

GRAPH = "refund_desk"
SECRET = "a-secret-of-the-tests-that-is-long-enough"
MANAGER = ("manager", "manager")
"""A user and the role, of the same name."""
Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Hold a thread that waits for an approval."""

    thread: str
    interrupt: str
    value: Json

    def answer(self, kind: str = "approve", **more: str) -> Json:
        """Return an answer to what it waits for."""
        return {"type": kind, "action_digest": self.value["action_digest"], **more}

    def resume(self, kind: str = "approve", **more: str) -> Json:
        """Return the command that gives this answer."""
        return {"resume": {self.interrupt: self.answer(kind, **more)}}


def token(
    user: str,
    *roles: str,
    ttl: timedelta = timedelta(hours=1),
    key: str | bytes = SECRET,
    algorithm: str = "HS256",
    claims: Mapping[str, object] | None = None,
) -> str:
    """Sign a token, also one that does not hold."""
    stated = {
        "sub": user,
        "roles": list(roles),
        "iss": "bailiwick",
        "aud": "bailiwick",
        "exp": datetime.now(UTC) + ttl,
        **(claims or {}),
    }
    return jwt.encode(stated, key, algorithm)


def bearer(user: str, *roles: str, ttl: timedelta = timedelta(hours=1)) -> dict[str, str]:
    """Return the header that shows a token."""
    return {"Authorization": f"Bearer {token(user, *roles, ttl=ttl)}"}


def request(order: str) -> Json:
    """Return the input that asks for a refund."""
    return {"messages": [{"role": "user", "content": f"Please refund order {order}"}]}


def ask(client: SyncLangGraphClient, order: str) -> Waiting:
    """Ask for a refund in a new thread, up to the question."""
    thread = client.threads.create()["thread_id"]
    client.runs.wait(thread, GRAPH, input=request(order))
    (interrupt,) = client.threads.get_state(thread)["interrupts"]
    value: Any = interrupt["value"]
    return Waiting(thread=thread, interrupt=str(interrupt["id"]), value=value)


def run(client: SyncLangGraphClient, waiting: Waiting, command: Json | None) -> Json:
    """Run a thread on, with a command or with nothing, and return its values."""
    ended: Any = client.runs.wait(waiting.thread, GRAPH, command=command)  # type: ignore[arg-type]  # plain JSON
    values: Json = ended
    return values


def has_ended(client: SyncLangGraphClient, waiting: Waiting) -> bool:
    """Tell whether a thread has come to its end."""
    return client.threads.get(waiting.thread)["status"] == "idle"


def said(client: SyncLangGraphClient, waiting: Waiting) -> str:
    """Return the conversation as one text."""
    return json.dumps(client.threads.get_state(waiting.thread)["values"])


def refusal(client: SyncLangGraphClient, waiting: Waiting, command: Json) -> str:
    """Return why a server refuses to run a thread on."""
    with forbidden() as refused:
        run(client, waiting, command)
    return str(refused.value.response.json()["detail"])


@contextmanager
def forbidden(*also: int) -> Generator[pytest.ExceptionInfo[httpx.HTTPStatusError]]:
    """Expect that a server refuses what its client asks; with 403, or as it says instead."""
    with pytest.raises(httpx.HTTPStatusError) as refused:
        yield refused
    assert refused.value.response.status_code in (also or {403}), refused.value.response.text
