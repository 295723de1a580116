"""The refund desk on a started LangGraph Server, driven by its clients."""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langgraph_sdk.client import SyncLangGraphClient
from tests.graphs.clients import (
    GRAPH,
    MANAGER,
    Json,
    Waiting,
    ask,
    bearer,
    forbidden,
    refusal,
    request,
    run,
)
from tests.graphs.served import (
    CONFIGURATION,
    LANGGRAPH,
    READY,
    Server,
    environment,
    free_port,
    start_server,
)

from bailiwick.tools.records.ledger import Ledger

PAID, UNPAID = "A-1001", "A-1006"
"""Only one test pays, and only the first of these orders, so that they may run in any order."""


@pytest.fixture(scope="module")
def waiting(clerk: SyncLangGraphClient) -> Waiting:
    """A thread of the clerk's that waits; nothing in this module may release it."""
    return ask(clerk, UNPAID)


@pytest.fixture
def still_waits(server: Server, clerk: SyncLangGraphClient, waiting: Waiting) -> Iterator[None]:
    """Look afterwards whether that thread still waits, nothing ran in it, and nothing was paid."""
    paid = server.shop.refunds(UNPAID)
    yield
    thread = clerk.threads.get(waiting.thread)
    assert (thread["status"], (thread["metadata"] or {})["owner"]) == ("interrupted", "clerk")
    (interrupt,) = clerk.threads.get_state(waiting.thread)["interrupts"]
    assert interrupt["id"] == waiting.interrupt
    assert len(clerk.runs.list(waiting.thread, limit=100)) == 1
    assert server.shop.refunds(UNPAID) == paid


def test_an_approved_refund_is_paid_once(
    server: Server, clerk: SyncLangGraphClient, manager: SyncLangGraphClient
) -> None:
    """Asked by the clerk, seen and approved by the manager; a second answer finds nothing."""
    waiting = ask(clerk, PAID)
    assert clerk.threads.get(waiting.thread)["status"] == "interrupted"
    assert waiting.value["requester"] == "clerk"
    assert waiting.value["name"] == "issue_refund"
    assert waiting.value["args"] == {"order_id": PAID, "amount": "42"}
    assert waiting.value["credential"] == {"kind": "kv", "path": "payments/refund", "ttl": 60}
    assert server.shop.refunds(PAID) == ()

    (seen,) = manager.threads.get_state(waiting.thread)["interrupts"]
    assert seen["id"] == waiting.interrupt
    ended = run(manager, waiting, waiting.resume())
    assert f"refund on order {PAID} is made" in ended["messages"][-1]["content"]
    (refund,) = server.shop.refunds(PAID)
    assert refund.cents == 4200

    assert "approved and used by 'manager'" in refusal(manager, waiting, waiting.resume())
    run(clerk, waiting, None)
    assert server.shop.refunds(PAID) == (refund,)


def test_a_rejected_refund_is_not_paid(
    server: Server, clerk: SyncLangGraphClient, manager: SyncLangGraphClient
) -> None:
    """The model learns why."""
    paid = server.shop.refunds(UNPAID)
    waiting = ask(clerk, UNPAID)
    ended = run(manager, waiting, waiting.resume("reject", message="ask the customer first"))
    assert "ask the customer first" in json.dumps(ended["messages"])
    assert server.shop.refunds(UNPAID) == paid


OTHER_FORMS: Mapping[str, Callable[[str], Json | list[Json]]] = {
    "a batch": lambda digest: {
        "decisions": [{"type": "reject", "message": "ask the customer first"}],
        "action_digest": digest,
    },
    "an inbox": lambda digest: [
        {"type": "response", "args": "ask the customer first", "action_digest": digest}
    ],
}


@pytest.mark.parametrize("form", OTHER_FORMS)
def test_what_other_interfaces_send_is_taken(
    clerk: SyncLangGraphClient, manager: SyncLangGraphClient, form: str
) -> None:
    """LangChain's batch and Agent Inbox's list, by interrupt id and with the digest."""
    waiting = ask(clerk, UNPAID)
    for digest in ("", "0" * 64):
        stale = {"resume": {waiting.interrupt: OTHER_FORMS[form](digest)}}
        assert "action_digest" in refusal(manager, waiting, stale)
    answer = OTHER_FORMS[form](waiting.value["action_digest"])
    ended = run(manager, waiting, {"resume": {waiting.interrupt: answer}})
    assert "ask the customer first" in json.dumps(ended["messages"])


def test_new_input_withdraws_what_waits(
    server: Server, clerk: SyncLangGraphClient, manager: SyncLangGraphClient
) -> None:
    """The old answer is nobody's any more, and no call is left open in the history."""
    paid = server.shop.refunds(UNPAID)
    waiting = ask(clerk, UNPAID)
    values: Any = clerk.runs.wait(waiting.thread, GRAPH, input=request("A-1004"))
    assert "nothing is left to answer" in refusal(manager, waiting, waiting.resume())
    messages = values["messages"]
    called = {call["id"] for each in messages for call in each.get("tool_calls") or []}
    assert called == {each["tool_call_id"] for each in messages if each["type"] == "tool"}
    assert server.shop.refunds(UNPAID) == paid


def test_a_manager_may_not_approve_their_own_request(
    server: Server, manager: SyncLangGraphClient
) -> None:
    """The role does not help; and the thread still shows what it waits for."""
    paid = server.shop.refunds(UNPAID)
    waiting = ask(manager, UNPAID)
    assert "may not approve" in refusal(manager, waiting, waiting.resume())
    assert manager.threads.get(waiting.thread)["status"] == "interrupted"
    assert server.shop.refunds(UNPAID) == paid


def _stale(waiting: Waiting) -> Json:
    return {"command": {"resume": {waiting.interrupt: {**waiting.answer(), "action_digest": "0"}}}}


ROUND_ABOUT: Mapping[str, Callable[[Waiting], Json]] = {
    "scalar resume": lambda waiting: {"command": {"resume": waiting.answer()}},
    "stale answer": _stale,
    "malformed answer": lambda waiting: {"command": {"resume": {waiting.interrupt: "yes"}}},
    "goto": lambda _: {"command": {"goto": "billing"}},
    "update": lambda waiting: {"command": {**waiting.resume(), "update": {"messages": []}}},
    "context": lambda waiting: {"command": waiting.resume(), "context": {"requester": "x"}},
    "configurable": lambda waiting: {
        "command": waiting.resume(),
        "config": {"configurable": {"requester": "x"}},
    },
    "checkpoint": lambda waiting: {
        "command": waiting.resume(),
        "checkpoint": {"checkpoint_ns": ""},
    },
    "rollback": lambda waiting: {"command": waiting.resume(), "multitask_strategy": "rollback"},
    "stopping before anybody has asked": lambda _: {
        "input": request(UNPAID),
        "interrupt_before": "*",
    },
    "ending the run under way": lambda waiting: {
        "command": waiting.resume(),
        "multitask_strategy": "interrupt",
    },
}


@pytest.mark.usefixtures("still_waits")
@pytest.mark.parametrize("way", ROUND_ABOUT)
@pytest.mark.parametrize("path", ["runs", "runs/wait", "runs/stream"])
def test_not_even_a_manager_gets_around_the_question(
    server: Server, waiting: Waiting, way: str, path: str
) -> None:
    """Whichever way a run is asked for, what is no plain answer by interrupt id starts none."""
    body = {"assistant_id": GRAPH, **ROUND_ABOUT[way](waiting)}
    answer = server.post(f"/threads/{waiting.thread}/{path}", body, bearer(*MANAGER))
    assert answer.status_code == 403, answer.text


@pytest.mark.usefixtures("still_waits")
def test_the_requester_may_not_answer(
    server: Server, clerk: SyncLangGraphClient, waiting: Waiting
) -> None:
    """Without a role nobody may, and who tried is on the record."""
    assert "holds no role" in refusal(clerk, waiting, waiting.resume())
    with closing(Ledger(server.settings["BAILIWICK_DATABASE_URL"])) as ledger:
        (refused,) = (
            record.body
            for record in ledger.records(waiting.thread, "approval.refused")
            if record.body["by"] == "clerk"
        )
    assert (refused["id"], refused["answer"]) == (waiting.value["id"], {"type": "approve"})


def _respond(server: Server, waiting: Waiting, response: Json, **beside: Json) -> Json:
    params = {"namespace": [], "interrupt_id": waiting.interrupt, "response": response, **beside}
    body = {"id": 1, "method": "input.respond", "params": params}
    answered = server.post(f"/threads/{waiting.thread}/commands", body, bearer(*MANAGER))
    answer: Json = answered.json()
    return answer


@pytest.mark.usefixtures("still_waits")
def test_an_event_stream_is_no_way_around_it(server: Server, waiting: Waiting) -> None:
    """The newer protocol's commands go through the same door."""
    answer = _respond(server, waiting, waiting.answer(), update={"messages": []})
    assert "'update' may not be sent" in answer["message"]


def test_an_event_stream_answers_by_interrupt_id(
    server: Server, clerk: SyncLangGraphClient
) -> None:
    """A plain answer of the newer protocol is taken."""
    waiting = ask(clerk, UNPAID)
    assert _respond(server, waiting, waiting.answer("reject"))["type"] == "success"
    clerk.runs.join(waiting.thread, clerk.runs.list(waiting.thread)[0]["run_id"])
    assert clerk.threads.get(waiting.thread)["status"] == "idle"


@pytest.mark.usefixtures("still_waits")
@pytest.mark.parametrize("user", ["clerk", "manager"])
def test_nobody_writes_a_thread_from_outside(
    request: pytest.FixtureRequest, waiting: Waiting, user: str
) -> None:
    """Neither its owner nor an approver, neither the state nor whose it is."""
    client: SyncLangGraphClient = request.getfixturevalue(user)
    with forbidden():
        client.threads.update_state(waiting.thread, {"messages": []}, as_node="billing")
    with forbidden():
        client.threads.update(waiting.thread, metadata={"owner": "manager"})


@pytest.mark.usefixtures("still_waits")
def test_the_threads_of_others_do_not_exist(server: Server, waiting: Waiting) -> None:
    """For whoever holds no role: not to be found, read, run, copied, claimed or deleted."""
    with server.client("somebody-else") as other:
        assert other.threads.search() == []
        with forbidden(404):
            other.threads.get(waiting.thread)
        with forbidden(404):
            other.threads.get_state(waiting.thread)
        with forbidden(404):
            other.runs.wait(waiting.thread, GRAPH, input=request(UNPAID))
        with forbidden(404, 409):
            other.threads.copy(waiting.thread)
        with forbidden(409):
            other.threads.create(thread_id=waiting.thread, if_exists="do_nothing")
        with forbidden(404):
            other.threads.delete(waiting.thread)


@pytest.mark.usefixtures("still_waits")
def test_an_approver_reads_and_answers_but_does_not_ask(
    manager: SyncLangGraphClient, waiting: Waiting
) -> None:
    """New input in somebody's thread is that person's to give."""
    assert waiting.thread in {thread["thread_id"] for thread in manager.threads.search(limit=100)}
    with forbidden(404):
        manager.runs.wait(waiting.thread, GRAPH, input=request(UNPAID))
    with forbidden(404):
        manager.threads.delete(waiting.thread)


def test_a_run_without_a_thread_is_refused(clerk: SyncLangGraphClient) -> None:
    """Nobody could answer what it asks."""
    with forbidden():
        clerk.runs.wait(None, GRAPH, input=request(UNPAID))


def test_a_wrong_setting_is_one_sentence(tmp_path: Path) -> None:
    """The server ends with it, and with no traceback."""
    with start_server(tmp_path, {"VAULT_ADDR": "http://127.0.0.1:1"}, free_port()) as process:
        assert process.wait(READY) == 1
    output = (tmp_path / "server.log").read_text(encoding="utf-8")
    last = output.strip().splitlines()[-1]
    assert last.startswith("bailiwick: BAILIWICK_APPROLES, BAILIWICK_SHOP_URL must be set too")
    assert "Traceback" not in output


@pytest.mark.parametrize("command", ["validate", "dockerfile"])
def test_the_configuration_can_be_built(command: str, tmp_path: Path) -> None:
    """Without Docker and without a network."""
    target = [tmp_path / "Dockerfile"] if command == "dockerfile" else []
    built = subprocess.run(
        [LANGGRAPH, command, *target, "--config", CONFIGURATION],
        cwd=tmp_path,
        env=environment(tmp_path, {}),
        check=False,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
