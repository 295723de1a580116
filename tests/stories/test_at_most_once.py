"""Promise 4: a worker may die at any moment; no refund is made twice, and no thread is stuck."""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import pytest
from tests.stories.databases import Place
from tests.stories.desk import CUSTOMER, MANAGER, ORDER, Desk, Ground, Thread, asks
from tests.stories.gates import GatedGround, Stop, When, open_gated_ground
from tests.stories.leasing import REFUND, UNKNOWN
from tests.stories.nursery import Job, Nursery, open_nursery
from tests.stories.outages import TTL

from bailiwick.policies.answers import ANSWERS
from bailiwick.tools.credentials import Credential
from bailiwick.tools.scoped import scoped_tool

REQUEST = f"Please refund 1.00 EUR of order {ORDER}"
MADE = f"The refund on order {ORDER} is made."
LOOKUPS = 2
"""Leases of a thread before the refund's: the order, and its return window."""
PATIENCE = 60.0
"""Seconds after which a worker will not come any more."""
KNOWN, IN_DOUBT, NOT_MADE = "refunded, and known", "refunded, in doubt", "in doubt, not refunded"
REQUESTS: dict[tuple[str, str, When], str] = {
    ("vault", "/v1/auth/approle/login", "before"): NOT_MADE,
    ("vault", "/v1/auth/token/create/*", "before"): NOT_MADE,
    ("vault", "/v1/auth/token/create/*", "after"): NOT_MADE,
    ("vault", "/v1/secret/data/payments/refund", "before"): NOT_MADE,
    ("vault", "/v1/secret/data/payments/refund", "after"): NOT_MADE,
    ("shop", "/refunds", "before"): NOT_MADE,
    ("shop", "/refunds", "after"): IN_DOUBT,
    ("vault", "/v1/auth/token/revoke-self", "before"): IN_DOUBT,
    ("vault", "/v1/auth/token/revoke-self", "after"): IN_DOUBT,
}
"""Each request of a refund, held before or after its effect, and what becomes of the refund."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """Hold what a story of deaths is told with, and count how they ended."""

    desk: Desk
    place: Place
    nursery: Nursery
    gates: GatedGround
    way: str

    def job(self, thread: Thread, dies_at: int = -1, *, waits: bool = False) -> Job:
        """Return the job of carrying a thread to its end in another process."""
        ground = self.desk.ground
        return Job(
            thread=thread.id,
            way=self.way.partition("-")[2],
            ledger=self.place.ledger,
            checkpoints=self.place.checkpoints,
            vault=ground.surroundings.vault_address,
            shop=ground.surroundings.shop_address,
            approles=str(ground.approles),
            dies_at=dies_at,
            waits=waits,
        )

    def ask(self) -> Thread:
        """Ask for a refund, up to the question to the manager."""
        thread = self.desk.thread()
        thread.ask(REQUEST)
        return thread

    def settle(self, thread: Thread, before: int) -> str:
        """Carry a thread to its end in a new process; check and tell what became of it."""
        assert self.nursery.work(self.job(thread))[0] == 0
        refunds = self.desk.shop.refunds()[before:]
        assert len(refunds) <= 1
        # What LangGraph calls `next` is empty where a task has ended and nothing was made of it.
        assert not self.desk.engine.state(thread.app, thread.config).tasks
        assert self.desk.guard.ledger.verify(thread.id).is_sound
        assert len(thread.records("approval.consumed")) == 1
        (call,) = self.desk.guard.calls.list(thread=thread.id)
        (started,) = [r for r in thread.records("call.started") if r.body["call"] == call.key]
        for refund in refunds:
            assert datetime.fromisoformat(started.at) <= refund.refunded_at
        self.desk.vault.let_pass(TTL)
        assert self.desk.live_children() == []
        if MADE in thread.said():
            assert call.state == "succeeded"
            assert len(refunds) == 1
            return KNOWN
        assert UNKNOWN in thread.said()
        # By the ledger's clock, which no story turns forward, it may still run somewhere.
        assert call.state == "under_way"
        return IN_DOUBT if refunds else NOT_MADE


Report = Callable[[Matrix, Mapping[str, int]], None]


def ways(*names: str) -> pytest.MarkDecorator:
    """Tell a story on some databases, with some ways to run a graph."""
    return pytest.mark.parametrize("way", names, indirect=True, scope="module")


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatedGround]:
    """Start a Vault and a shop with a gate before each."""
    with open_gated_ground(tmp_path_factory.mktemp("logins") / "approles.json") as opened:
        yield opened


@pytest.fixture(scope="module")
def ground(gated: GatedGround) -> Ground:
    """Stand on the gated ground."""
    return gated.ground


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """Start what workers are forked from."""
    with open_nursery() as opened:
        yield opened


@pytest.fixture(scope="module")
def second_nursery() -> Iterator[Nursery]:
    """Start what other workers are forked from."""
    with open_nursery() as opened:
        yield opened


@pytest.fixture
def report(
    capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
) -> Report:
    """Give what prints how many trials there were, and how they ended."""

    def tell(matrix: Matrix, outcomes: Mapping[str, int]) -> None:
        ended = ", ".join(f"{name}: {count}" for name, count in sorted(outcomes.items()))
        line = f"{matrix.way}: {sum(outcomes.values())} trials ({ended})"
        record_property("trials", line)
        with capsys.disabled():
            print(f"\n{line}")  # noqa: T201 - the counts are to be seen

    return tell


@pytest.fixture
def matrix(desk: Desk, place: Place, nursery: Nursery, gated: GatedGround, way: str) -> Matrix:
    """Give what a story of deaths is told with."""
    return Matrix(desk=desk, place=place, nursery=nursery, gates=gated, way=way)


@ways("sqlite-sync", "postgresql-async")
def test_a_worker_dies_at_each_of_its_steps(matrix: Matrix, report: Report) -> None:
    """Killed before each transaction of the ledger and each checkpoint, one after the other.

    Of reads in a row the last one is taken: they leave nothing behind that could differ.
    """
    thread = matrix.ask()
    status, steps = matrix.nursery.work(matrix.job(thread))
    assert status == 0
    outcomes: Counter[str] = Counter()

    for n in [n for n, step in enumerate(steps) if step != "ledger begin" or steps[n + 1] != step]:
        before = len(matrix.desk.shop.refunds())
        thread = matrix.ask()
        status, _ = matrix.nursery.work(matrix.job(thread, dies_at=n))
        # LangGraph keeps checkpoints in the background: one run may take a step less than another.
        assert status in {-signal.SIGKILL, 0}
        outcomes[matrix.settle(thread, before) if status else "lived"] += 1

    assert {"ledger begin", "ledger commit", "writes", "checkpoint"} == set(steps)
    assert outcomes.keys() >= {KNOWN, IN_DOUBT, NOT_MADE}
    assert outcomes["lived"] <= 2
    report(matrix, outcomes)


@ways("sqlite-async", "postgresql-sync")
def test_a_worker_dies_in_the_middle_of_a_request(matrix: Matrix, report: Report) -> None:
    """Killed while Vault or the shop has its request, and while it waits for their answer."""
    outcomes: Counter[str] = Counter()

    for (service, path, when), expected in REQUESTS.items():
        gate = matrix.gates.vault if service == "vault" else matrix.gates.shop
        before = len(matrix.desk.shop.refunds())
        thread = matrix.ask()
        with gate.striking(Stop(path=path, when=when)) as stop:
            worker = matrix.nursery.start(matrix.job(thread))
            assert stop.reached.wait(PATIENCE)
            os.kill(worker, signal.SIGKILL)
            assert matrix.nursery.end()[0] == -signal.SIGKILL
        outcome = matrix.settle(thread, before)
        assert outcome == expected, (path, when)
        outcomes[outcome] += 1

    report(matrix, outcomes)


@ways("sqlite-sync", "postgresql-sync", "postgresql-async")
def test_two_workers_execute_one_approved_call(
    matrix: Matrix, second_nursery: Nursery, report: Report
) -> None:
    """Both find the approval and run the call on at the same moment: one of them refunds."""
    outcomes: Counter[str] = Counter()

    for _ in range(4):
        before = len(matrix.desk.shop.refunds())
        thread = matrix.ask()
        approve(thread)
        workers = (matrix.nursery, second_nursery)
        for worker in workers:
            worker.start(matrix.job(thread, waits=True))
        for worker in workers:
            worker.go()
        assert [worker.end()[0] for worker in workers] == [0, 0]
        assert len(matrix.desk.shop.refunds()) == before + 1
        assert len(thread.records("lease.granted")) == LOOKUPS + 1
        assert matrix.desk.guard.ledger.verify(thread.id).is_sound
        (call,) = matrix.desk.guard.calls.list(thread=thread.id)
        outcomes[call.state] += 1

    assert outcomes == {"succeeded": 4}
    report(matrix, outcomes)


def test_the_shop_breaks_off_its_answer(desk: Desk, gated: GatedGround) -> None:
    """The refund is made, nobody is told so, and the model reads that it must not ask again."""
    thread = desk.thread(desk.specialist(asks(REFUND), desk.tools.issue_refund))
    interrupt = thread.ask()
    with gated.shop.striking(Stop(path="/refunds", when="after", drops=True)):
        thread.answer(interrupt)

    assert desk.refunded == [500]
    assert "see whether it was made before asking again" in thread.results()[0]
    thread.run(None, MANAGER)
    assert desk.refunded == [500]


def test_a_finished_call_is_executed_again(desk: Desk) -> None:
    """From the checkpoint before its execution: its stored result comes back, nothing else."""
    thread = desk.thread(desk.specialist(asks(REFUND), desk.tools.issue_refund))
    thread.answer(thread.ask())
    (result,) = thread.results()
    begun = len(desk.vault.requests)

    (earlier,) = [
        snapshot.config
        for snapshot in desk.engine.history(thread.app, thread.config)
        if snapshot.next == ("execute",)
    ]
    for who in (MANAGER, CUSTOMER):
        thread.run(None, who, earlier)

    assert desk.refunded == [500]
    assert thread.results() == [result]
    assert len(desk.vault.requests) == begun
    assert len(thread.records("call.started")) == 1


def test_a_finished_call_is_executed_by_another_version_of_its_tool(desk: Desk) -> None:
    """A deployment in between makes it no other call: it has run."""

    @scoped_tool(effect="destructive", credential="payments/refund")
    def issue_refund(order_id: str, amount: Decimal, *, credential: Credential) -> str:
        """Refund an amount on an order, better than before."""
        args = {"order_id": order_id, "amount": amount}
        return str(desk.tools.issue_refund.call(args, credential))

    script = asks(REFUND)
    thread = desk.thread(desk.specialist(script, desk.tools.issue_refund))
    thread.answer(thread.ask())
    (result,) = thread.results()
    redeployed = thread.under(desk.specialist(script, issue_refund))

    for snapshot in desk.engine.history(thread.app, thread.config):
        if snapshot.next == ("execute",):
            redeployed.run(None, MANAGER, snapshot.config)

    assert desk.refunded == [500]
    assert redeployed.results() == [result]


def approve(thread: Thread) -> None:
    """Approve what a thread waits for in the database, and leave its run to others."""
    shown = thread.waiting_for_one().value
    answer = ANSWERS.validate_python({"type": "approve", "action_digest": shown["action_digest"]})
    thread.desk.guard.approvals.answer(shown["id"], answer, by=MANAGER)
