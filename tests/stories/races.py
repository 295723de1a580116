"""Owns races: many runs of one thread at the same moment, and what may come of them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from langchain_core.messages import AIMessage
from langgraph.types import Command, Interrupt, Send
from tests.stories.answers import decision, resume
from tests.stories.desk import Desk, Thread
from tests.stories.engines import Run
from tests.stories.kills import Carriers, Trial
from tests.stories.people import CUSTOMER, MANAGER, SECOND_MANAGER

from bailiwick.agents.nodes import Requested
from bailiwick.policies.answers import Approve
from bailiwick.policies.principals import Principal

THREADS, PROCESSES = 32, 4
ONE_REFUND, REJECTED = "one refund", "rejected"


def ask(desk: Desk) -> tuple[Thread, Interrupt]:
    """Return a new thread of billing alone, and the question it waits at."""
    fresh = desk.anew()
    thread = fresh.billing()
    return thread, thread.ask()


def the_same_answer(desk: Desk) -> str:
    """Answer one question from every thread at once."""
    thread, interrupt = ask(desk)
    managers = (MANAGER, SECOND_MANAGER) * (THREADS // 2)
    return run_together(thread, [thread.as_run(resume(interrupt), who) for who in managers])


def every_answer(desk: Desk) -> str:
    """Approve, reject, answer without an id and run on without an answer, all at once."""
    thread, interrupt = ask(desk)
    no = resume(interrupt, "reject")
    scalar: Command[Any] = Command(resume=decision(interrupt))
    sent = (resume(interrupt), no, None, scalar)
    runs = [thread.as_run(given, MANAGER) for given in sent * (THREADS // 4)]
    return run_together(thread, runs)


def on_the_record(desk: Desk) -> str:
    """Approve in the database, and run the thread on from every thread at once."""
    thread, interrupt = ask(desk)
    approve(desk, interrupt)
    return run_together(thread, [thread.as_run(None, CUSTOMER)] * THREADS)


def past_the_question(desk: Desk) -> str:
    """Approve in the database, and send the call to its execution from every thread at once."""
    thread, interrupt = ask(desk)
    (asked,) = [message for message in thread.messages() if isinstance(message, AIMessage)]
    approve(desk, interrupt)
    sent = Requested(call=asked.tool_calls[0], origin=str(asked.id), request="")
    goto: Command[Any] = Command(goto=Send("execute", sent))
    return run_together(thread, [thread.as_run(goto, MANAGER)] * THREADS)


def run_together(thread: Thread, runs: Sequence[Run]) -> str:
    """Start runs at the same moment and tell what came of it."""
    thread.run_together(*runs)
    return outcome(thread)


def the_same_answer_from_processes(carriers: Carriers) -> str:
    """Answer one question from four processes at once."""
    trial = carriers.trial()
    question = trial.thread.waiting_for_one()
    return trial_of_processes(carriers, trial, {question.id: decision(question)})


def on_the_record_from_processes(carriers: Carriers) -> str:
    """Approve in the database, and run the thread on from four processes at once."""
    trial = carriers.trial()
    approve(carriers.desk, trial.thread.waiting_for_one())
    return trial_of_processes(carriers, trial, {})


def trial_of_processes(carriers: Carriers, trial: Trial, answers: dict[str, Any]) -> str:
    """Have four processes run a thread once, at the same moment, and tell what came of it."""
    jobs = [replace(trial.job, answers=answers)] * PROCESSES
    assert [ending.status for ending in carriers.nursery.work(*jobs)] == [0] * PROCESSES
    return outcome(replace(trial.thread, desk=trial.desk), cents=100)


def outcome(thread: Thread, cents: int = 500) -> str:
    """Carry a thread to its end; check that one run at most did something, and tell what."""
    finish(thread)
    desk = thread.desk
    assert desk.live_children() == []
    assert desk.guard.ledger.verify(thread.id).is_sound
    states = [approval.state for approval in desk.guard.approvals.list(thread=thread.id)]
    calls = [call.state for call in desk.guard.calls.list(thread=thread.id)]
    if "consumed" not in states:
        assert (set(states), calls, desk.refunded) == ({"rejected"}, [], [])
        return REJECTED
    assert states.count("consumed") == len(thread.records("approval.consumed")) == 1
    assert (calls, desk.refunded) == (["succeeded"], [cents])
    return ONE_REFUND


def finish(thread: Thread) -> None:
    """Carry a thread to its end: nothing more is approved.

    LangGraph runs a specialist anew below a supervisor where another worker has just finished it,
    and the model may ask again. That is another call: the answer to the first is none to it.
    """
    for _ in range(5):
        if waiting := thread.waiting():
            thread.answer(waiting[0], SECOND_MANAGER, "reject", message="It has been made.")
        elif not thread.is_done():
            thread.run(None, CUSTOMER)
    assert thread.is_done()


def approve(desk: Desk, interrupt: Interrupt, by: Principal = MANAGER) -> None:
    """Approve in the database what an interrupt shows, and leave the run to others."""
    request = desk.guard.approvals.get(interrupt.value["id"]).request
    desk.guard.approvals.answer(request.id, Approve(action_digest=request.digest), by=by)


AT_ONCE = [the_same_answer, on_the_record, past_the_question]
"""The races of threads in one process, in which each that is run makes one refund."""

FROM_PROCESSES = [the_same_answer_from_processes, on_the_record_from_processes]
"""The races of processes."""
