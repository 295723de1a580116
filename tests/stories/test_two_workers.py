"""Promise 2: any number of workers on one thread make one refund."""

from contextlib import ExitStack

import pytest
from langgraph.types import Command
from tests.stories.databases import Place
from tests.stories.desk import CUSTOMER, MANAGER, SECOND_MANAGER, Desk, Thread, decision, resume
from tests.stories.workers import PATIENCE, await_ready, start_worker, tell


def carry_to_its_end(thread: Thread) -> None:
    """Run a thread on until nothing is left to do, whatever its workers left behind."""
    for _ in range(5):
        if thread.is_done():
            return
        thread.run(None, CUSTOMER)
    assert thread.is_done()


def test_the_same_answer_from_eight_workers_at_once(desk: Desk) -> None:
    """Whoever is late finds that it is done."""
    thread = desk.thread()
    interrupt = thread.ask()

    runs = [thread.as_run(resume(interrupt), who) for who in (MANAGER, SECOND_MANAGER) * 4]
    thread.run_together(*runs)
    carry_to_its_end(thread)

    assert desk.refunded == [500]
    assert desk.live_children() == []
    assert len(thread.records("call.started")) == len(thread.records("call.ended"))


def test_approvals_rejections_and_runs_without_input_at_once(desk: Desk) -> None:
    """Whoever decided first has decided; nothing is made twice, or made and rejected."""
    thread = desk.billing()
    interrupt = thread.ask()

    thread.run_together(
        thread.as_run(resume(interrupt), MANAGER),
        thread.as_run(resume(interrupt, "reject"), SECOND_MANAGER),
        thread.as_run(None, CUSTOMER),
        thread.as_run(Command(resume=decision(interrupt)), MANAGER),
        thread.as_run(resume(interrupt), SECOND_MANAGER),
    )
    carry_to_its_end(thread)

    record = desk.guard.approvals.get(interrupt.value["id"])
    assert (record.state, desk.refunded) in [("consumed", [500]), ("rejected", [])]


def test_one_approval_in_eight_graphs_at_once(desk: Desk) -> None:
    """Approved in the database while eight workers run the thread on."""
    thread = desk.billing()
    thread.ask()
    (pending,) = desk.guard.approvals.pending(thread.id)
    interrupt = thread.waiting_for_one()
    runs = [thread.as_run(resume(interrupt), MANAGER) for _ in range(8)]

    thread.run_together(*runs, *[thread.as_run(None, CUSTOMER) for _ in range(8)])
    carry_to_its_end(thread)

    assert desk.refunded == [500]
    assert desk.guard.approvals.get(pending.request.id).state == "consumed"


@pytest.mark.parametrize("way", ["postgresql-sync"], indirect=True, scope="module")
def test_two_processes_answer_at_once(desk: Desk, place: Place) -> None:
    """Safety lies in the database, not in a process."""
    thread = desk.thread()
    interrupt = thread.ask()

    with ExitStack() as started:
        workers = [
            started.enter_context(start_worker(desk, place, thread, interrupt)) for _ in range(2)
        ]
        for worker in workers:
            await_ready(worker)
        for worker in workers:
            tell(worker)
        for worker in workers:
            worker.wait(PATIENCE)
    carry_to_its_end(thread)

    assert desk.refunded == [500]
    assert desk.live_children() == []
