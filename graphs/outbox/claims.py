"""Owns how a claim on a thread is kept as long as its run takes, and given back if that stops."""

import logging
import threading
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Self

from bailiwick.policies.errors import LedgerError
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.people.deliveries import Claim, Deliveries
from bailiwick.tools.people.holding import held
from bailiwick.tools.threads import to_its_end

logger = logging.getLogger(__name__)


@contextmanager
def carrying(approvals: Approvals, thread: str) -> Generator[None]:
    """Run a thread, answers included, in a way that others know of and take over if it dies.

    What ends in the thread meanwhile is claimed from the moment on in which it ends. A run that is
    not told of so is left alone for a while, and then nobody knows whether it goes on.

    Args:
        approvals: What is asked in the thread.
        thread: The thread; it is run in this context, to its end or until it waits.
    """
    outbox = approvals.outbox()
    hold, claim = outbox.hold(thread)
    with given_back(outbox, claim):
        with held(hold), Renewal(outbox, claim):
            yield
        outbox.end(claim)


def _give_back(outbox: Deliveries, claim: Claim) -> None:
    outbox.postpone(claim, "its deliverer was stopped", after=0.0)


@contextmanager
def given_back(outbox: Deliveries, claim: Claim) -> Generator[None]:
    """Let others have the claim at once where its run is stopped, by Ctrl-C for one."""
    try:
        yield
    except BaseException:
        _give_back(outbox, claim)
        raise


@asynccontextmanager
async def agiven_back(outbox: Deliveries, claim: Claim) -> AsyncGenerator[None]:
    """Do what `given_back` does, on an event loop."""
    try:
        yield
    except BaseException:
        await to_its_end(lambda: _give_back(outbox, claim))
        raise


class Renewal:
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
        await to_its_end(self._thread.join)

    def _renew(self) -> None:
        while not self._stopped.wait(self._outbox.lapse / 3):
            try:
                self._outbox.renew(self._claim)
            except LedgerError as error:
                logger.warning("the claim on thread %s: %s", self._claim.thread, error)
