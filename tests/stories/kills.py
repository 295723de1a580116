"""Owns the deaths of workers: threads carried on by processes that are killed, and what is left."""

import os
import signal
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tests.conftest import LIVED
from tests.stories.databases import Place, execute
from tests.stories.desk import Desk, Thread
from tests.stories.gates import GatedGround, Stop, When
from tests.stories.leasing import UNKNOWN
from tests.stories.nursery import Job, Nursery
from tests.stories.outages import TTL
from tests.stories.people import ORDER

from bailiwick.tools.effects.call_rows import CallRecord
from bailiwick.tools.effects.reconciliations import reconcile

REQUEST = f"Please refund 1.00 EUR of order {ORDER}"
MADE = f"The refund on order {ORDER} is made."
KNOWN, IN_DOUBT, NOT_MADE = "refunded, and known", "refunded, in doubt", "in doubt, not refunded"


KILLED = -signal.SIGKILL
PATIENCE = 60.0
"""Seconds after which a worker will not come any more."""

REQUESTS: dict[tuple[str, str, When], str] = {
    ("vault", "/v1/auth/approle/login", "before"): NOT_MADE,
    ("vault", "/v1/auth/token/create/*", "before"): NOT_MADE,
    ("vault", "/v1/auth/token/create/*", "after"): NOT_MADE,
    ("vault", "/v1/secret/data/payments/refund", "before"): NOT_MADE,
    ("vault", "/v1/secret/data/payments/refund", "after"): NOT_MADE,
    ("shop", "/refunds", "before"): NOT_MADE,
    ("shop", "/refunds", "after"): IN_DOUBT,
    ("vault", "/v1/auth/token/revoke-self", "before"): KNOWN,
    ("vault", "/v1/auth/token/revoke-self", "after"): KNOWN,
}
"""Each request of a refund, held before or after its effect, and what becomes of the refund."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carriers:
    """Hold what carries threads on: workers in processes of their own, on one desk's databases.

    With a policy, which is a folder, nobody is asked about a refund.
    """

    desk: Desk
    place: Place
    nursery: Nursery
    gates: GatedGround
    way: str
    policy: str = ""

    def job(self, thread: Thread, dies_at: int = -1, *, from_the_request: bool = False) -> Job:
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
            request=REQUEST if from_the_request else "",
            policy=self.policy,
        )

    def trial(self, *, from_the_request: bool = False) -> "Trial":
        """Begin a trial: a new thread, up to the question to the manager or not even asked."""
        thread = self.desk.thread()
        if not from_the_request:
            thread.ask(REQUEST)
        desk = self.desk.anew()
        job = self.job(thread, from_the_request=from_the_request)
        return Trial(nursery=self.nursery, desk=desk, thread=thread, job=job)

    def steps(self, *, from_the_request: bool = False) -> list[int]:
        """Return the numbers of the steps at which a death can leave something else behind.

        Of reads in a row that is the last: they leave nothing.
        """
        status, steps = self.trial(from_the_request=from_the_request).work()
        assert status == 0
        assert {"ledger begin", "ledger commit", "writes", "checkpoint"} == set(steps)
        return [n for n, step in enumerate(steps) if step != "ledger begin" or steps[n + 1] != step]

    def die_at(
        self, deaths: Iterable[Sequence[int]], *, from_the_request: bool = False
    ) -> Counter[str]:
        """Kill workers at steps of theirs, one after the other in one thread; count the outcomes.

        A thread that is at its end before its last worker reaches its step counts as lived: two
        runs need not have the same steps, as LangGraph keeps checkpoints in the background.
        """
        outcomes: Counter[str] = Counter()
        for steps in deaths:
            trial = self.trial(from_the_request=from_the_request)
            statuses = [trial.work(dies_at=step)[0] for step in steps]
            assert set(statuses) <= {KILLED, 0}
            outcome = trial.settle()
            outcomes[outcome if all(statuses) else LIVED] += 1
        return outcomes

    def die_in(self, service: str, path: str, when: When) -> str:
        """Kill a worker while a service has its request; tell what became of the refund."""
        gate = self.gates.vault if service == "vault" else self.gates.shop
        trial = self.trial()
        with gate.striking(Stop(path=path, when=when)) as stop:
            (worker,) = self.nursery.start(trial.job)
            assert stop.reached.wait(PATIENCE)
            os.kill(worker, signal.SIGKILL)
            (ending,) = self.nursery.end()
        assert ending.status == KILLED
        return trial.settle()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """Hold one thread whose workers die."""

    nursery: Nursery
    desk: Desk
    thread: Thread
    job: Job

    def work(self, dies_at: int = -1) -> tuple[int, tuple[str, ...]]:
        """Have a worker carry the thread on; tell how it ended, and its steps."""
        (ending,) = self.nursery.work(replace(self.job, dies_at=dies_at))
        return ending.status, ending.steps

    def settle(self) -> str:
        """Carry the thread to its end in a new process; check and tell what became of it."""
        assert self.work()[0] == 0
        desk, thread = self.desk, self.thread
        assert thread.is_done()
        assert desk.guard.ledger.verify(thread.id).is_sound
        assert len(thread.records("approval.consumed")) == (0 if self.job.policy else 1)
        (call,) = desk.guard.calls.list(thread=thread.id)
        refunds = self.recorded_refunds(call)
        desk.vault.let_pass(TTL)
        assert desk.live_children() == []
        if MADE in thread.said():
            assert (call.state, refunds) == ("succeeded", 1)
            return KNOWN
        assert UNKNOWN in thread.said()
        assert self.found_out(call) == ("succeeded" if refunds else "failed")
        return IN_DOUBT if refunds else NOT_MADE

    def recorded_refunds(self, call: CallRecord) -> int:
        """Return how many refunds the shop made, one at most, its call recorded before it."""
        refunds = self.desk.shop.refunds()[self.desk.before :]
        started = [r for r in self.thread.records("call.started") if r.body["call"] == call.key]
        assert len(started) == 1
        assert len(refunds) == len(self.desk.refunded) <= 1
        for refund in refunds:
            assert datetime.fromisoformat(started[0].at) <= refund.refunded_at
        return len(refunds)

    def found_out(self, call: CallRecord) -> str:
        """Return what the shop says of a call that its dead worker can have under way no more."""
        guard = self.desk.guard
        assert call.state == "under_way"
        execute(self.job.ledger, f"UPDATE calls SET until = 0 WHERE key = '{call.key}'")  # noqa: S608 - a digest
        (in_doubt,) = guard.calls.list(thread=self.thread.id, in_doubt=True)
        return reconcile(guard, in_doubt, self.desk.tools.issue_refund).state
