"""However many ask, answer or use an approval at once, one of them does."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import StateGraph
from langgraph.types import Command, interrupt
from pydantic import ValidationError
from tests.tools.asked import (
    AUDITOR,
    CALL,
    CLERK,
    MANAGER,
    TWO_NEEDED,
    approve,
    ask,
    consumed,
    kinds,
)

from bailiwick.policies.answers import Answer, Approve, Reject, answer_type
from bailiwick.policies.approval_requests import ApprovalRequest
from bailiwick.policies.errors import ApprovalError
from bailiwick.policies.principals import Principal
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.records.ledger import Ledger


def test_a_request_is_made_once_by_many_at_a_time(ledger: Ledger, approvals: Approvals) -> None:
    """One row and one record, whoever is first."""
    with ThreadPoolExecutor(8) as pool:
        requests = list(pool.map(ask, [approvals] * 16))
    assert len({request.created_at for request in requests}) == 1
    assert kinds(ledger) == ["approval.requested"]


def test_one_person_at_many_screens_is_one_approval(ledger: Ledger, approvals: Approvals) -> None:
    """Also when all of them click at once."""
    request = ask(approvals, TWO_NEEDED)

    def click(_: int) -> bool:
        try:
            approvals.answer(request.id, approve(request), by=MANAGER)
        except ApprovalError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(click, range(8))) == 1
    found = approvals.get(request.id)
    assert (found.state, len(found.grants)) == ("pending", 1)
    assert kinds(ledger) == ["approval.requested", "approval.answered", "approval.refused"]


def test_a_loser_learns_who_decided(approvals: Approvals) -> None:
    """Ten people answer at once; one decides."""
    request = ask(approvals)
    people = [Principal(id=f"manager-{n}", roles=MANAGER.roles) for n in range(10)]

    def answer(person: Principal) -> str:
        kind = Reject if int(person.id[-1]) % 2 else Approve
        try:
            return approvals.answer(request.id, kind(action_digest=request.digest), by=person).state
        except ApprovalError as error:
            return str(error)

    with ThreadPoolExecutor(10) as pool:
        outcomes = list(pool.map(answer, people))
    found = approvals.get(request.id)
    assert outcomes.count(found.state) == 1
    assert sum(f"{found.state} by {found.decided_by!r}" in outcome for outcome in outcomes) == 9


def test_of_many_threads_one_consumes(ledger: Ledger, approvals: Approvals) -> None:
    """Thirty-two at once, one wins, one record."""
    request = ask(approvals)
    approvals.answer(request.id, approve(request), by=MANAGER)
    with ThreadPoolExecutor(32) as pool:
        assert sum(pool.map(consumed, [ledger] * 32, [request] * 32)) == 1
    assert kinds(ledger).count("approval.consumed") == 1


# Forked after the imports, which cost more than all the rest.
CONSUMERS = """
import sys
from multiprocessing import get_context
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.records.ledger import Ledger

url, request = sys.argv[1:]

def consume(worker):
    ledger = Ledger(url)
    asked = Approvals(ledger).get(request).request
    won = 0
    for _ in range(5):
        with ledger.transaction() as connection:
            won += Approvals(ledger).consume(connection, asked)
    ledger.close()
    return won

with get_context("fork").Pool(4) as pool:
    print(sum(pool.map(consume, range(4), chunksize=1)))
"""


def test_of_many_processes_one_consumes(
    database_url: str, ledger: Ledger, approvals: Approvals
) -> None:
    """Four workers, whatever they share."""
    request = ask(approvals)
    approvals.answer(request.id, approve(request), by=MANAGER)
    command = [sys.executable, "-c", CONSUMERS, database_url, request.id]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "1\n"
    assert kinds(ledger).count("approval.consumed") == 1


def test_answers_and_uses_at_once_do_not_wait_for_each_other(
    ledger: Ledger, approvals: Approvals
) -> None:
    """Every transaction takes the thread first, so none ends in a deadlock."""
    requests = [ask(approvals, call=replace(CALL, id=str(n))) for n in range(8)]

    def work(request: ApprovalRequest) -> bool:
        approvals.answer(request.id, approve(request), by=MANAGER)
        return consumed(ledger, request)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, requests))
    assert len(kinds(ledger)) == 24


class Asked(TypedDict, total=False):
    """The state of the graph below."""

    answer: Answer | None


def test_langgraph_keeps_nothing_of_a_refused_answer(approvals: Approvals) -> None:
    """A stale, a malformed and an unentitled answer leave it waiting; the right one is taken."""
    acting = [CLERK]

    def approval(state: Asked) -> Asked:
        assert state == {}
        request = ask(approvals)

        def check(answer: Answer) -> None:
            approvals.check(request.id, answer, by=acting[0])

        schema = answer_type(request, check=check)
        return {"answer": interrupt(request.to_interrupt(), response_schema=schema)}

    graph = StateGraph(Asked).add_node(approval).set_entry_point("approval")
    app = graph.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "thread-1"}}
    (waiting,) = app.invoke({}, config)["__interrupt__"]
    digest = waiting.value["action_digest"]
    right = {"type": "approve", "action_digest": digest}
    refused = [
        ({"type": "approve", "action_digest": "0" * 64}, MANAGER),
        ({"decisions": [{"type": "approve"}]}, MANAGER),
        (right, CLERK),
        (right, AUDITOR),
    ]
    for answer, person in refused:
        acting[0] = person
        with pytest.raises(ValidationError):
            app.invoke(Command(resume={waiting.id: answer}), config)
    assert [task.interrupts[0].id for task in app.get_state(config).tasks] == [waiting.id]

    acting[0] = MANAGER
    done = app.invoke(Command(resume={waiting.id: right}), config)
    assert done["answer"] == Approve(action_digest=digest)
    assert len(approvals.list()) == 1
