"""Owns the threads that LangGraph Server keeps: looked at and run on through its API."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
from langchain_core.runnables import RunnableConfig
from langgraph.types import Interrupt, PregelTask, StateSnapshot
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import (
    APIConnectionError,
    AuthenticationError,
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    UnprocessableEntityError,
)

from bailiwick.graphs.outbox.threads import Given, UnderWay
from bailiwick.graphs.outbox.whereabouts import Whereabouts
from bailiwick.graphs.server.tokens import issue_delivery_token
from bailiwick.graphs.settings import Settings
from bailiwick.policies.errors import BailiwickError
from bailiwick.tools.people.deliveries import SERVER, Claim, Due

Sign = Callable[[str], str]
Headers = dict[str, str]

_TIMEOUT = httpx.Timeout(30.0, read=None)
"""A run takes as long as it takes."""

_UNKNOWN = StateSnapshot({}, (), {}, None, None, None, (), ())


class ServerThreads:
    """Look at the threads of a server and run them on, as whoever asked in each.

    A run belongs to the server and goes on without whoever began it. The server refuses to begin
    one in a thread that has another.

    Args:
        client: Talks to the server, with no authority of its own.
        sign: Makes the token that stands for one requester; see `issue_delivery_token`.
    """

    def __init__(self, client: LangGraphClient, sign: Sign) -> None:
        self._client = client
        self._sign = sign

    async def alocate(self, due: Due) -> Whereabouts:
        """Tell whether the server has a thread; it keeps each to the graph that it began with."""
        try:
            async with _plainly():
                await self._client.threads.get(due.thread, headers=self._as(due))
        except (NotFoundError, UnprocessableEntityError):
            # The server's ids are UUIDs: it does not look for others.
            return "nowhere"
        return "here"

    async def alook(self, claim: Claim) -> StateSnapshot:
        """Return a thread's state with those of its agents; an empty one if it is unknown."""
        try:
            async with _plainly():
                state = await self._client.threads.get_state(
                    claim.thread, subgraphs=True, headers=self._as(claim)
                )
        except (NotFoundError, UnprocessableEntityError):
            return _UNKNOWN
        return _snapshot(cast("Mapping[str, Any]", state))

    async def arun(self, claim: Claim, given: Given) -> None:
        """Run a thread as whoever asked, until it ends or waits.

        Raises:
            UnderWay: If the server has a run of it.
            BailiwickError: If the server refuses, or the run fails.
        """
        async with _plainly():
            ended = await self._run(claim, given)
            if ended == "error" and given is not None:
                # What waits there may ask for another call by now: given nothing, it asks anew.
                ended = await self._run(claim, None)
        if ended not in {"success", "interrupted"}:
            raise BailiwickError(f"the server says it ended as {ended!r}: read the server's log")

    async def _run(self, claim: Claim, given: Given) -> str:
        runs, thread = self._client.runs, claim.thread
        known = await self._client.threads.get(thread, headers=self._as(claim))
        graph = str((known["metadata"] or {})["graph_id"])
        try:
            begun = await runs.create(
                thread,
                graph,
                command=None if given is None else {"resume": given.resume},
                multitask_strategy="reject",
                headers=self._as(claim),
            )
        except ConflictError:
            raise UnderWay("the server has a run of the thread") from None
        await runs.join(thread, begun["run_id"], headers=self._as(claim))
        ended = await runs.get(thread, begun["run_id"], headers=self._as(claim))
        return ended["status"]

    def _as(self, carried: Claim | Due) -> Headers:
        return {"Authorization": f"Bearer {self._sign(carried.requester)}"}


@asynccontextmanager
async def open_threads(
    settings: Settings, transport: httpx.AsyncBaseTransport, address: str
) -> AsyncGenerator[ServerThreads]:
    """Connect to the threads of a server whose tokens this deployment signs.

    Args:
        settings: They hold the secret that the tokens are made of.
        transport: The way to the server.
        address: The server's address.

    Raises:
        SettingsError: If there is no secret.
    """
    issue_delivery_token(settings, SERVER)
    async with httpx.AsyncClient(
        transport=transport, base_url=address, timeout=_TIMEOUT
    ) as connection:
        client = LangGraphClient(connection)
        yield ServerThreads(client, lambda requester: issue_delivery_token(settings, requester))


@asynccontextmanager
async def _plainly() -> AsyncGenerator[None]:
    try:
        yield
    except AuthenticationError:
        raise BailiwickError(
            "the server does not know the outbox: give both the same BAILIWICK_AUTH_SECRET"
        ) from None
    except PermissionDeniedError as error:
        raise BailiwickError(f"the server refuses it: {error.message}") from None
    except (APIConnectionError, httpx.TransportError):
        raise BailiwickError("the server does not answer: is it running?") from None


def _snapshot(state: Mapping[str, Any]) -> StateSnapshot:
    tasks = tuple(_task(task) for task in state["tasks"])
    interrupts = tuple(each for task in tasks for each in task.interrupts)
    config: RunnableConfig = {"configurable": dict(state.get("checkpoint") or {})}
    return StateSnapshot(
        {},
        tuple(state["next"] or ()),
        config,
        None,
        state["created_at"],
        None,
        tasks,
        interrupts,
    )


def _task(task: Mapping[str, Any]) -> PregelTask:
    return PregelTask(
        id=task["id"],
        name=task["name"],
        path=(),
        interrupts=tuple(
            Interrupt(value=each["value"], id=each["id"]) for each in task["interrupts"]
        ),
        state=_snapshot(task["state"]) if task["state"] else None,
    )
