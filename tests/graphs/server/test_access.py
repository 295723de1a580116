"""Who is let in, and what a client may ask, where no server is needed to see it."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langgraph_sdk import Auth
from tests.graphs.clients import token

from bailiwick.graphs.server.access import Access, create_auth
from bailiwick.graphs.server.admission import admit
from bailiwick.graphs.settings import Settings
from bailiwick.policies import Policy
from bailiwick.tools.guard import Guard
from bailiwick.tools.records.ledger import Ledger

THREAD = "0b4d7f1c-5a0e-4d8e-9a56-0d6a3c1f2b11"
INTERRUPT = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def guard(sqlite_url: str) -> Iterator[Guard]:
    """A guard with the shipped policy and an empty ledger."""
    with closing(Ledger(sqlite_url)) as ledger:
        yield Guard(policy=Policy.shipped(), ledger=ledger)


def _context(user: str, *roles: str) -> Auth.types.AuthContext:
    class User:
        identity = display_name = user
        is_authenticated = True
        permissions = roles

    return Auth.types.AuthContext(
        permissions=roles,
        user=User(),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] # read as one
        resource="threads",
        action="create_run",
    )


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(
            {b"authorization": b"Bearer " + token("clerk", "manager").encode()}, id="bytes"
        ),
        pytest.param({"Authorization": f"bearer {token('clerk', 'manager')}"}, id="text"),
    ],
)
async def test_headers_may_be_bytes_or_text(
    settings: Settings, guard: Guard, headers: dict[Any, Any]
) -> None:
    """LangGraph Server hands over the former, Aegra the latter."""
    user = await Access(settings, guard).authenticate(headers)
    assert (user["identity"], user.get("permissions")) == ("clerk", ["manager"])


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="none"),
        pytest.param({"authorization": "Basic Y2xlcms6"}, id="another scheme"),
        pytest.param({"authorization": "Bearer "}, id="no token"),
        pytest.param({"x-api-key": token("clerk", "manager")}, id="another header"),
    ],
)
async def test_no_token_no_entry(settings: Settings, guard: Guard, headers: dict[Any, Any]) -> None:
    """A token is sent as a bearer token, or not at all."""
    with pytest.raises(Auth.exceptions.HTTPException) as refused:
        await Access(settings, guard).authenticate(headers)
    assert refused.value.status_code == 401


async def test_what_has_no_rule_is_denied(settings: Settings, guard: Guard) -> None:
    """Assistants, crons and the store can be neither made nor changed."""
    auth = create_auth(settings, guard)
    # Which rules there are has no public face.
    covered = {key for key in auth._handlers if key[0] != "*"}  # pyright: ignore[reportPrivateUsage]
    assert covered == {
        *(("threads", action) for action in ("create", "read", "search", "update", "delete")),
        ("threads", "create_run"),
        ("assistants", "read"),
        ("assistants", "search"),
    }
    (fallback,) = auth._global_handlers  # pyright: ignore[reportPrivateUsage]
    ctx = _context("manager-1", "manager")
    assert await fallback(ctx=ctx, value={}) is False


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"thread_id": THREAD, "metadata": {"status": "idle"}}, id="metadata"),
        pytest.param({"thread_id": THREAD}, id="state"),
        pytest.param({"thread_id": THREAD, "action": "rollback"}, id="rollback"),
        pytest.param({"thread_id": None, "action": "interrupt"}, id="runs of all threads"),
    ],
)
async def test_threads_are_not_changed_from_outside(
    settings: Settings, guard: Guard, value: Mapping[str, Any]
) -> None:
    """Neither by their owners nor by approvers."""
    access = Access(settings, guard)
    assert await access.stop_run(_context("clerk"), value) is False
    assert await access.stop_run(_context("manager-1", "manager"), value) is False


async def test_owners_stop_their_own_runs(settings: Settings, guard: Guard) -> None:
    """The filter keeps everybody else's out."""
    value = {"thread_id": THREAD, "action": "interrupt"}
    assert await Access(settings, guard).stop_run(_context("clerk"), value) == {"owner": "clerk"}


async def test_a_run_belongs_to_who_started_it(settings: Settings, guard: Guard) -> None:
    """Whatever owner the client claims, and where the server hands over no metadata."""
    access = Access(settings, guard)
    for sent in (None, {"owner": "somebody-else"}):
        value: dict[str, Any] = {"thread_id": THREAD, "metadata": sent, "input": {}}
        assert await access.create_run(_context("clerk"), value) == {"owner": "clerk"}
        assert value["metadata"] == {"owner": "clerk"}


@pytest.mark.parametrize("nested", [True, False], ids=["LangGraph Server", "Aegra"])
@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        pytest.param({"command": {"goto": "billing"}}, "goto", id="goto"),
        pytest.param({"command": {"goto": []}}, "goto", id="an empty goto"),
        pytest.param({"command": {"update": {"messages": []}}}, "update", id="update"),
        pytest.param(
            {"command": {"resume": {INTERRUPT: {}}, "update": {}}}, "update", id="resume and update"
        ),
        pytest.param({"command": {"resume": "approve"}}, "name its interrupt", id="scalar"),
        pytest.param({"command": {"resume": [{"type": "accept"}]}}, "name its", id="list"),
        pytest.param({"command": {"resume": {"decisions": []}}}, "32 hex", id="no interrupt id"),
        pytest.param({"command": {"resume": {}}}, "name its interrupt", id="no answer"),
        pytest.param({"command": {"resume": None, "other": 1}}, "other", id="unknown command"),
        pytest.param({"context": {"limit": 9}}, "limit", id="context"),
        pytest.param({"config": {"configurable": {"limit": 9}}}, "limit", id="configurable"),
        pytest.param({"config": {"configurable": {"checkpoint_id": "1"}}}, "checkpoint", id="fork"),
        pytest.param({"checkpoint": {"checkpoint_id": "1"}}, "checkpoint", id="checkpoint"),
        pytest.param({"webhook": "https://example.com"}, "webhook", id="webhook"),
        pytest.param({"interrupt_before": "*"}, "interrupt_before", id="stop before"),
        pytest.param({"interrupt_after": ["billing"]}, "interrupt_after", id="stop after"),
        pytest.param({"thread_id": None}, "thread", id="no thread"),
        pytest.param({"multitask_strategy": "rollback"}, "takes back", id="rollback"),
        pytest.param(
            {"multitask_strategy": "interrupt", "command": {"resume": {INTERRUPT: {}}}},
            "waits for the run under way",
            id="interrupting answer",
        ),
        pytest.param(
            {"input": {}, "command": {"resume": {INTERRUPT: {}}}}, "one of both", id="both"
        ),
    ],
)
def test_a_run_is_input_or_answers_and_nothing_else(
    sent: Mapping[str, Any], reason: str, *, nested: bool
) -> None:
    """What would go around an approval is refused before there is a run."""
    value = {"thread_id": THREAD, **sent}
    if nested:
        beside = {"thread_id", "multitask_strategy"}
        run = {key: each for key, each in sent.items() if key not in beside}
        value = {key: each for key, each in value.items() if key in beside}
        value["kwargs"] = {"input": None, **run}
    with pytest.raises(ValueError, match=reason):
        admit(value)


def test_input_and_answers_are_admitted() -> None:
    """Beside what the server writes into a run by itself."""
    server = {"langgraph_auth_user": object(), "__after_seconds__": 0, "thread_id": THREAD}
    run = {"config": {"configurable": server}, "context": {"__event_streaming_v2": True}}
    asked = admit({"thread_id": THREAD, "kwargs": {"input": {}, "command": None, **run}})
    assert (asked.thread, asked.resume) == (THREAD, None)
    answered = admit({"thread_id": THREAD, "kwargs": {"command": {"resume": {INTERRUPT: 1}}}})
    assert answered.resume == {INTERRUPT: 1}


async def test_an_answer_to_nothing_is_refused(settings: Settings, guard: Guard) -> None:
    """An empty ledger waits for no answer."""
    answer = {"type": "approve", "action_digest": "0" * 64}
    value = {"thread_id": THREAD, "command": {"resume": {INTERRUPT: answer}}}
    with pytest.raises(Auth.exceptions.HTTPException) as refused:
        await Access(settings, guard).create_run(_context("manager-1", "manager"), value)
    assert "asks for no approval" in str(refused.value.detail)


async def test_without_the_ledger_nothing_is_answered(settings: Settings, tmp_path: Path) -> None:
    """The client learns that it is not its answer that is wrong."""
    with closing(Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")) as ledger:
        guard = Guard(policy=Policy.shipped(), ledger=ledger)
        with closing(sqlite3.connect(tmp_path / "ledger.db")) as connection:
            connection.execute("DROP TABLE approvals")
        answer = {"type": "approve", "action_digest": "0" * 64}
        value = {"thread_id": THREAD, "command": {"resume": {INTERRUPT: answer}}}
        with pytest.raises(Auth.exceptions.HTTPException) as refused:
            await Access(settings, guard).create_run(_context("manager-1", "manager"), value)
    assert refused.value.status_code == 503
