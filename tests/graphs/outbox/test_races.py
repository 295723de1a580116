"""Deliverers side by side, stopped and killed: each thread ends, and nothing is paid twice."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
from sqlalchemy import Connection, update
from tests.graphs.till import (
    CUSTOMER,
    REQUEST,
    Book,
    Teller,
    Till,
    config,
    delivered,
    let_pass,
    open_till,
    opened_till,
)
from tests.waiting import wait_for

from bailiwick.graphs.checkpoints.checkpointers import open_async_checkpointer, open_checkpointer
from bailiwick.graphs.outbox.deliveries import Report, adeliver, deliver
from bailiwick.policies import Policy
from bailiwick.policies.approvals import Approval
from bailiwick.policies.calls import ToolCall
from bailiwick.tools.guard import Guard
from bailiwick.tools.people.deliveries import GRACE, Deliveries
from bailiwick.tools.people.principals import acting_as
from bailiwick.tools.records import tables
from bailiwick.tools.records.ledger import Ledger

DELIVERER = Path(__file__).with_name("deliverer.py")


def looked(till: Till) -> list[Report]:
    """Have another thread of this process deliver; return what came of it."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(deliver, till.app, till.guard).result()


def sibling_answered_meanwhile(till: Till) -> None:
    """Answer two calls of a turn: one in the thread, the other on record while the first runs."""
    looks: list[Report] = []
    asked, to = till.guard.approvals.asked, set[object]()

    def ask(connection: Connection, call: ToolCall, version: str) -> Approval | None:
        approval = asked(connection, call, version)
        to.add(call.args["to"])
        return approval

    def look() -> None:
        till.book.before = lambda: None
        # The other task of the step looks for its answer, too: it is not there yet.
        wait_for(lambda: "bank" in to)
        till.approve(*till.guard.approvals.pending())
        looks.extend(looked(till))

    till.ask(text="pay 140 to shop, 150 to bank")
    till.book.before = look
    with patch.object(till.guard.approvals, "asked", ask):
        till.answer(type="approve")
    assert [report.outcome for report in looks] == ["postponed"]
    assert len(till.book.paid()) == 1

    let_pass(till.guard.ledger, 2)
    assert delivered(till) == ["resumed"]
    assert sorted(till.book.paid()) == [("bank", "150.00"), ("shop", "140.00")]
    assert sorted(till.said()[-3:-1]) == ["paid 140.00 to shop", "paid 150.00 to bank"]
    assert till.is_done()


def test_a_run_that_is_under_way_is_left_alone(till: Till) -> None:
    """Its interrupt still shows in the outermost state while the call it released runs."""
    looks: list[Report] = []

    def look() -> None:
        let_pass(till.guard.ledger, GRACE)
        looks.extend(looked(till))

    till.ask()
    till.book.before = look
    till.answer(type="approve")
    assert [report.outcome for report in looks] == ["postponed"]
    assert looks[0].reason == "a run of the thread is under way, or broke off"
    assert till.book.paid() == [("shop", "140.00")]
    assert till.is_done()


def test_a_sibling_is_answered_while_a_call_is_under_way(till: Till) -> None:
    """Whoever carries its answer leaves the thread alone until the call has ended."""
    sibling_answered_meanwhile(till)


def test_a_run_whose_call_takes_long_is_left_alone(till: Till) -> None:
    """Longer than such a call can be under way, for all that anybody else knows."""
    looks: list[Report] = []

    def look() -> None:
        let_pass(till.guard.ledger, GRACE)
        with till.guard.ledger.transaction() as connection:
            connection.execute(update(tables.calls).values(until=0))
        looks.extend(looked(till))

    till.ask()
    till.book.before = look
    till.answer(type="approve")
    assert [report.outcome for report in looks] == ["postponed"]
    assert till.said()[-2:] == ["paid 140.00 to shop", "It is done."]


def test_a_sibling_is_answered_while_a_read_is_under_way(till: Till) -> None:
    """Reads are not among the calls that are kept: the answer that was just taken tells of one."""
    book = replace(till.book, effect="read")
    app = open_till(till.guard, book, till.app.checkpointer, till.model)  # type: ignore[arg-type]  # it has one
    sibling_answered_meanwhile(replace(till, book=book, app=app))


def test_a_run_that_breaks_off_is_tried_again(till: Till) -> None:
    """With the kind of error kept and nothing of its words, further and further apart."""
    till.approve(*till.ask())
    till.model.troubles += [RuntimeError("key sk-123"), RuntimeError("key sk-123")]
    for attempts in (1, 2):
        (report,) = deliver(till.app, till.guard)
        assert (report.outcome, report.reason) == ("failed", "the run broke off (RuntimeError)")
        (waiting,) = Deliveries(till.guard.ledger).list()
        assert (waiting.attempts, waiting.error) == (attempts, report.reason)
        assert delivered(till) == []
        let_pass(till.guard.ledger, 2**attempts)
    assert delivered(till) == ["resumed"]
    assert till.is_done()
    assert till.book.paid() == [("shop", "140.00")]


def test_a_deliverer_that_is_stopped_gives_its_claim_back(till: Till) -> None:
    """Another goes on from where it broke off; the call that was under way is in doubt."""

    def stop() -> None:
        raise KeyboardInterrupt

    till.approve(*till.ask())
    till.book.after = stop
    with pytest.raises(KeyboardInterrupt):
        deliver(till.app, till.guard)
    till.book.after = lambda: None
    assert delivered(till) == ["resumed"]
    assert "its outcome is not known" in till.said()[-2]
    assert till.is_done()
    assert till.book.paid() == [("shop", "140.00")]


def test_many_deliverers_in_threads_resume_each_thread_once(till: Till) -> None:
    """Six at once on eight threads: counted at the book."""
    for number in range(8):
        till.approve(*till.ask(f"t-{number}", f"pay {140 + number} to shop"))
    ready = threading.Barrier(6)

    def work() -> list[Report]:
        ready.wait()
        return deliver(till.app, till.guard)

    with ThreadPoolExecutor(6) as pool:
        reports = [
            report for each in [pool.submit(work) for _ in range(6)] for report in each.result()
        ]
    assert sorted(report.thread for report in reports) == [f"t-{number}" for number in range(8)]
    assert {report.outcome for report in reports} == {"resumed"}
    assert sorted(till.book.paid()) == [("shop", f"{140 + number}.00") for number in range(8)]


def test_it_works_on_an_event_loop(
    database_url: str, checkpoints: str, policy: Policy, tmp_path: Path
) -> None:
    """With an asynchronous checkpointer, and deliverers side by side."""

    async def story(ledger: Ledger) -> list[str]:
        async with open_async_checkpointer(checkpoints) as checkpointer:
            book, guard = Book(tmp_path / "book.db"), Guard(policy=policy, ledger=ledger)
            model = Teller()
            app = open_till(guard, book, checkpointer, model)
            till = Till(app=app, guard=guard, book=book, model=model)
            for thread in ("a", "b"):
                await _aask(till, thread)
            model.troubles.append(RuntimeError())
            till.approve(*guard.approvals.pending())
            both = await asyncio.gather(adeliver(app, guard), adeliver(app, guard))
            let_pass(ledger, 2)
            after = await adeliver(app, guard)
            assert book.paid() == [("shop", "140.00")] * 2
            return sorted(report.outcome for report in [*both[0], *both[1], *after])

    with closing(Ledger(database_url)) as ledger:
        assert asyncio.run(story(ledger)) == ["failed", "resumed", "resumed"]


async def _aask(till: Till, thread: str) -> None:
    with acting_as(CUSTOMER):
        await till.app.ainvoke({"messages": [("user", REQUEST)]}, config(thread))


def test_processes_resume_each_thread_once_though_one_is_killed(
    postgres_url: str, tmp_path: Path, policy: Policy
) -> None:
    """Four deliverers; one gets SIGKILL while it pays: all threads end, each was paid for once."""
    threads = [f"t-{number}" for number in range(12)]
    book = Book(tmp_path / "book.db")
    with (
        open_checkpointer(postgres_url) as checkpointer,
        opened_till(postgres_url, checkpointer, book, policy) as till,
    ):
        for number, thread in enumerate(threads):
            till.approve(*till.ask(thread, f"pay {140 + number} to shop"))
        with _deliverers(postgres_url, tmp_path) as deliverers:
            assert deliverers.stdout is not None
            hanging, *_ = json.loads(deliverers.stdout.readline())
            wait_for((tmp_path / "hangs").exists)
            os.kill(hanging, signal.SIGKILL)
            ended, _ = deliverers.communicate(timeout=60)
        assert json.loads(ended) == [-signal.SIGKILL, 0, 0, 0]
        assert all(till.is_done(thread) for thread in threads)
    assert sorted(book.paid()) == [("shop", f"{140 + number}.00") for number in range(12)]


@contextmanager
def _deliverers(url: str, folder: Path) -> Generator["subprocess.Popen[str]"]:
    root = Path(__file__).parents[3]
    paths = os.pathsep.join(path for path in [str(root), *sys.path] if path)
    with subprocess.Popen(
        [sys.executable, DELIVERER, url, str(folder)],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            # Whichever of them is left, if the test has failed.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
