"""Owns the way from the outbox to the threads: those that wait go on once the request has ended."""

import asyncio
import logging
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias, cast

from langchain_core.runnables import RunnableConfig
from langgraph.errors import is_invalid_resume
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command

from bailiwick.graphs.waiting import Move, next_move
from bailiwick.policies.approvals import Approval
from bailiwick.policies.errors import BailiwickError, LedgerError
from bailiwick.policies.principals import Principal
from bailiwick.tools.deliveries import FIRST, LAPSE, LONGEST, Claim, Deliveries, backoff
from bailiwick.tools.guard import Guard
from bailiwick.tools.principals import acting_as

App: TypeAlias = CompiledStateGraph[Any, Any, Any, Any]
Watch: TypeAlias = Callable[[Mapping[str, Any]], None]
Given: TypeAlias = Command[Any] | None

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Tell what came of one look at a thread.

    Attributes:
        thread: The thread.
        approvals: The requests that had ended.
        outcome: `resumed` (it went on, and ended or waits for something else), `passed` (it had
            gone on already), `postponed` (to be looked at again) or `failed` (its run broke off; to
            be tried again).
        reason: Why it was postponed or failed.
    """

    thread: str
    approvals: tuple[Approval, ...]
    outcome: Literal["resumed", "passed", "postponed", "failed"]
    reason: str = ""


def deliver(  # noqa: PLR0913 - which threads and how, each optional
    app: App,
    guard: Guard,
    *,
    thread: str | None = None,
    limit: int | None = None,
    watch: Watch | None = None,
    lapse: float = LAPSE,
) -> list[Report]:
    """Carry on every thread that waits for a request which has ended: answered, expired, cancelled.

    However many do this at once, in threads or processes, each thread is resumed by one of them.
    If that one dies, another takes over when its claim has lapsed. A thread goes on as whoever
    asked, never as whoever answered.

    Args:
        app: The compiled graph, with the checkpointer that knows the threads.
        guard: The guard of its tools.
        thread: Only this thread; left out, every thread of the guard's ledger.
        limit: At most so many threads.
        watch: Gets each step's update as it comes, those of agents included.
        lapse: Seconds after which others take over from a deliverer that died.

    Returns:
        What came of each thread, in order.

    Raises:
        LedgerError: If the ledger's database fails.
    """
    _sweep(guard, thread)
    outbox, reports = Deliveries(guard.ledger, lapse=lapse), list[Report]()
    while len(reports) != limit and (claim := outbox.claim(thread)):
        with _given_back(outbox, claim):
            reports.append(_carry(app, outbox, claim, watch))
    return reports


async def adeliver(  # noqa: PLR0913 - as above
    app: App,
    guard: Guard,
    *,
    thread: str | None = None,
    limit: int | None = None,
    watch: Watch | None = None,
    lapse: float = LAPSE,
) -> list[Report]:
    """Do what `deliver` does, on an event loop and with an asynchronous checkpointer."""
    await asyncio.to_thread(_sweep, guard, thread)
    outbox, reports = Deliveries(guard.ledger, lapse=lapse), list[Report]()
    while len(reports) != limit and (claim := await asyncio.to_thread(outbox.claim, thread)):
        with _given_back(outbox, claim):
            reports.append(await _acarry(app, outbox, claim, watch))
    return reports


def _sweep(guard: Guard, thread: str | None) -> None:
    while guard.approvals.expire(thread):
        pass


def _carry(app: App, outbox: Deliveries, claim: Claim, watch: Watch | None) -> Report:
    config, attempts = _config(claim), claim.attempts
    try:
        move = next_move(app.get_state(config, subgraphs=True), claim)
        if move.kind == "run" and outbox.begin(claim):
            attempts += 1
            with _Renewal(outbox, claim), acting_as(Principal(id=claim.requester)):
                _run(app, move.given, config, watch)
    except Exception as error:  # noqa: BLE001 - whatever a graph raises, the thread is tried again
        return _failed(outbox, claim, error, attempts)
    return _done(outbox, claim, move)


async def _acarry(app: App, outbox: Deliveries, claim: Claim, watch: Watch | None) -> Report:
    config, attempts = _config(claim), claim.attempts
    try:
        move = next_move(await app.aget_state(config, subgraphs=True), claim)
        if move.kind == "run" and await asyncio.to_thread(outbox.begin, claim):
            attempts += 1
            async with _Renewal(outbox, claim):
                with acting_as(Principal(id=claim.requester)):
                    await _arun(app, move.given, config, watch)
    except Exception as error:  # noqa: BLE001 - as above
        return await asyncio.to_thread(_failed, outbox, claim, error, attempts)
    return await asyncio.to_thread(_done, outbox, claim, move)


def _run(app: App, given: Given, config: RunnableConfig, watch: Watch | None) -> None:
    try:
        for part in app.stream(given, config, stream_mode="updates", subgraphs=True):
            _tell(watch, part)
    except Exception as error:
        if given is None or not is_invalid_resume(error):
            raise
        # What waits there asks for another call by now: given nothing, it asks anew.
        _run(app, None, config, watch)


async def _arun(app: App, given: Given, config: RunnableConfig, watch: Watch | None) -> None:
    try:
        async for part in app.astream(given, config, stream_mode="updates", subgraphs=True):
            _tell(watch, part)
    except Exception as error:
        if given is None or not is_invalid_resume(error):
            raise
        await _arun(app, None, config, watch)


def _tell(watch: Watch | None, part: object) -> None:
    if watch is not None:
        _, update = cast("tuple[object, Mapping[str, Any]]", part)  # as `subgraphs` gives it
        watch(update)


def _done(outbox: Deliveries, claim: Claim, move: Move) -> Report:
    match move.kind:
        case "look":
            # As long again as it has taken until now, and half of that: no count is needed.
            after = min(LONGEST, max(FIRST, claim.age / 2))
            outbox.postpone(claim, move.reason, after=after)
            return _report(claim, "postponed", move.reason)
        case "run" | "rest":
            if not outbox.end(claim):
                return _report(claim, "postponed", "another deliverer has taken over")
            return _report(claim, "resumed" if move.kind == "run" else "passed")


def _failed(outbox: Deliveries, claim: Claim, error: Exception, attempts: int) -> Report:
    # What a foreign error says may hold values of the conversation, addresses and keys.
    reason = f"the run broke off ({type(error).__name__})"
    if isinstance(error, BailiwickError):
        reason = f"{reason}: {error}"
    logger.warning("thread %s: %s", claim.thread, reason)
    outbox.postpone(claim, reason, after=backoff(attempts))
    return _report(claim, "failed", reason)


def _report(
    claim: Claim, outcome: Literal["resumed", "passed", "postponed", "failed"], reason: str = ""
) -> Report:
    return Report(thread=claim.thread, approvals=claim.approvals, outcome=outcome, reason=reason)


def _config(claim: Claim) -> RunnableConfig:
    return {"configurable": {"thread_id": claim.thread}}


@contextmanager
def _given_back(outbox: Deliveries, claim: Claim) -> Generator[None]:
    """Let others have the claim at once where this deliverer is stopped, by Ctrl-C for one."""
    try:
        yield
    except BaseException:
        outbox.postpone(claim, "its deliverer was stopped", after=0.0)
        raise


class _Renewal:
    """Renew a claim from a thread of its own, as long as the run takes."""

    def __init__(self, outbox: Deliveries, claim: Claim) -> None:
        self._outbox = outbox
        self._claim = claim
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *_: object) -> None:
        self._stopped.set()
        await asyncio.to_thread(self._thread.join)

    def _renew(self) -> None:
        while not self._stopped.wait(self._outbox.lapse / 3):
            try:
                self._outbox.renew(self._claim)
            except LedgerError as error:
                logger.warning("the claim on thread %s: %s", self._claim.thread, error)
