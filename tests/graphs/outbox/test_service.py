"""The server's outbox carries proposals itself, whoever else does so at the same time."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import NoReturn

import pytest
from pydantic import SecretStr
from tests.graphs.bank import UNDOING, Bank, paid
from tests.tools.governed import CLERK, MANAGER, RULES, load_policy
from tests.waiting import wait_for

from bailiwick.graphs.checkpoints.checkpointers import open_checkpointer
from bailiwick.graphs.outbox.deliveries import deliver
from bailiwick.graphs.outbox.service import create_outbox
from bailiwick.graphs.proposals import ProposalDesk
from bailiwick.graphs.settings import Settings
from bailiwick.policies.answers import Approve
from bailiwick.policies.errors import LedgerError
from bailiwick.tools.guard import Guard
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.records.ledger import Ledger

ASKED = """
@id("cancelling-needs-a-manager") @approval("manager") @reason("it was promised")
forbid (principal, action == Action::"call", resource == Tool::"cancel_return")
unless { context.approvals.contains("manager") };
"""
SECRET = SecretStr("a-secret-of-the-tests-that-is-long-enough")
PEOPLE = ("a", "b", "c")
MANY = 10


@pytest.fixture
def guard(database_url: str) -> Iterator[Guard]:
    """Give a guard whose rules ask a manager before anything is cancelled."""
    with closing(Ledger(database_url)) as ledger:
        yield Guard(policy=load_policy(RULES + UNDOING + ASKED), ledger=ledger)


@asynccontextmanager
async def serving(settings: Settings, guard: Guard, desk: ProposalDesk) -> AsyncGenerator[None]:
    """Run a server's outbox, as the server does while it lives."""
    app = create_outbox(settings, guard.approvals, proposals=desk)
    async with app.router.lifespan_context(app):
        yield


async def happens(condition: Callable[[], object]) -> None:
    """Wait until something holds, and let the event loop go on meanwhile."""
    await asyncio.to_thread(wait_for, condition)


async def test_whoever_wins_an_undoing_is_carried_out_once(guard: Guard, checkpoints: str) -> None:
    """Two servers and a deliverer at a terminal at once: three calls, each undone once."""
    bank = Bank()
    paid(guard, bank, *PEOPLE)
    desk = ProposalDesk(guard, {"billing": [bank.pay]})
    settings = Settings(checkpoint_url=checkpoints, auth_secret=SECRET)

    def deliver_once() -> None:
        with open_checkpointer(checkpoints) as checkpointer:
            deliver(desk.compile(checkpointer), desk.guard)

    with open_checkpointer(checkpoints) as checkpointer:
        await asyncio.to_thread(desk.undo, desk.compile(checkpointer), "t", requester=CLERK)
    async with serving(settings, guard, desk), serving(settings, guard, desk):
        for _ in PEOPLE:
            await happens(guard.approvals.pending)
            (asked,) = guard.approvals.pending()
            answer = Approve(action_digest=asked.request.digest)
            guard.approvals.answer(asked.request.id, answer, by=MANAGER)
            await asyncio.to_thread(deliver_once)
        await happens(lambda: len(bank.done) == 2 * len(PEOPLE))
        await happens(lambda: not desk.guard.approvals.outbox(lapse=1.0).list())

    undone = [each for each in bank.done if each.startswith("cancelled")]
    assert undone == [f"cancelled {each}" for each in reversed(PEOPLE)]


async def test_without_checkpoints_the_server_lives_on(
    guard: Guard, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What is proposed waits for another process, which the log says."""
    nowhere = f"sqlite:///{tmp_path / 'missing' / 'checkpoints.db'}"
    settings = Settings(checkpoint_url=nowhere, auth_secret=SECRET)
    async with serving(settings, guard, ProposalDesk(guard, {})):
        pass
    assert "what is proposed waits for another process" in caplog.text


@pytest.mark.parametrize("trouble", [LedgerError("it is away"), KeyError("a row's field")])
async def test_trouble_with_the_outbox_is_told_of_once_and_ends_nothing(
    guard: Guard,
    checkpoints: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Exception,
) -> None:
    """For the server's threads and for those of proposals, however often it looks."""
    looks: list[object] = []

    def away(*looking: object) -> NoReturn:
        looks.append(looking)
        raise trouble

    monkeypatch.setattr("bailiwick.graphs.outbox.deliveries.PAUSE", 0.01)
    monkeypatch.setattr(Approvals, "expire", away)
    settings = Settings(checkpoint_url=checkpoints, auth_secret=SECRET)
    async with serving(settings, guard, ProposalDesk(guard, {})):
        await happens(lambda: len(looks) > MANY)
    assert caplog.text.count("the outbox cannot be read") == 2


async def test_without_a_secret_nothing_is_carried(
    guard: Guard, checkpoints: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody gets into such a server either."""
    async with serving(Settings(checkpoint_url=checkpoints), guard, ProposalDesk(guard, {})):
        pass
    assert "BAILIWICK_AUTH_SECRET is not set" in caplog.text
