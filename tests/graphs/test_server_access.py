"""Who gets into a started LangGraph Server, and what is closed to everybody: each way by name."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import cast

import pytest
from langgraph_sdk.client import SyncLangGraphClient
from tests.graphs.clients import (
    GRAPH,
    MANAGER,
    SECRET,
    Json,
    Waiting,
    ask,
    bearer,
    forbidden,
    request,
    token,
)
from tests.graphs.served import Server

ORDER = "A-1006"
ANYBODY = "00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def waiting(clerk: SyncLangGraphClient) -> Waiting:
    """A thread of the clerk's that waits."""
    return ask(clerk, ORDER)


def shown(key: str = SECRET, algorithm: str = "HS256", **claims: object) -> dict[str, str]:
    """Return a header with a manager's token that does not hold."""
    given = token(*MANAGER, key=key, algorithm=algorithm, claims=claims)
    return {"Authorization": f"Bearer {given}"}


NO_ENTRY: Mapping[str, Mapping[str, str]] = {
    "no token": {},
    "no such token": {"Authorization": "Bearer no-token-at-all"},
    "another scheme": {"Authorization": "Basic bWFuYWdlcjo="},
    "an expired token": bearer(*MANAGER, ttl=timedelta(seconds=-1)),
    "a token for ever": shown(exp=None),
    "a token of another key": shown(key=SECRET[::-1]),
    "a token without a signature": shown(key="", algorithm="none"),
    "a token of another algorithm": shown(key=SECRET * 2, algorithm="HS512"),
    "a token for another audience": shown(aud="elsewhere"),
    "a token of another issuer": shown(iss="elsewhere"),
    "a token of nobody": shown(sub=""),
    "a key": {"x-api-key": token(*MANAGER)},
    "studio": {"x-auth-scheme": "langsmith"},
}


@pytest.mark.parametrize("name", NO_ENTRY)
@pytest.mark.parametrize("path", ["/threads", "/threads/search", "/assistants/search", "/runs"])
def test_without_a_valid_token_nobody_gets_in(server: Server, name: str, path: str) -> None:
    """Nowhere, and Studio's header opens nothing either."""
    assert server.post(path, {}, NO_ENTRY[name]).status_code == 401


CLOSED: Mapping[str, tuple[str, str, Json]] = {
    "an assistant made": ("POST", "/assistants", {"graph_id": GRAPH, "context": {"x": 1}}),
    "an assistant changed": ("PATCH", "/assistants/{assistant}", {"context": {"x": 1}}),
    "an assistant deleted": ("DELETE", "/assistants/{assistant}", {}),
    "an assistant's version": ("POST", "/assistants/{assistant}/latest", {"version": 1}),
    "a cron": (
        "POST",
        "/runs/crons",
        {"assistant_id": GRAPH, "schedule": "* * * * *", "input": request(ORDER)},
    ),
    "a thread's cron": (
        "POST",
        "/threads/{thread}/runs/crons",
        {"assistant_id": GRAPH, "schedule": "* * * * *", "input": request(ORDER)},
    ),
    "a search of crons": ("POST", "/runs/crons/search", {}),
    "a cron deleted": ("DELETE", f"/runs/crons/{ANYBODY}", {}),
    "a run without a thread": ("POST", "/runs/wait", {"assistant_id": GRAPH, "input": {}}),
    "runs without a thread": ("POST", "/runs/batch", [{"assistant_id": GRAPH, "input": {}}]),  # type: ignore[dict-item]  # a list is what it takes
    "the state written": ("POST", "/threads/{thread}/state", {"values": {}, "as_node": "billing"}),
    "the owner changed": ("PATCH", "/threads/{thread}", {"metadata": {"owner": "manager"}}),
}
"""What nobody may do: an approver with every right to see the thread least of all."""


@pytest.mark.parametrize("user", ["clerk", "manager"])
@pytest.mark.parametrize("name", CLOSED)
def test_what_has_no_rule_is_denied(
    server: Server, clerk: SyncLangGraphClient, waiting: Waiting, name: str, user: str
) -> None:
    """Whoever asks; an assistant brings a context of its own, a cron somebody absent."""
    method, path, body = CLOSED[name]
    (served,) = clerk.assistants.search()
    path = path.format(thread=waiting.thread, assistant=served["assistant_id"])
    roles = ("manager",) if user == "manager" else ()
    answer = server.send(method, path, body, bearer(user, *roles))
    assert answer.status_code == 403, answer.text


ABSENT = ("/mcp/", "/a2a/refund_desk", "/store/items", "/store/items/search", "/ui/refund_desk")


@pytest.mark.parametrize("path", ABSENT)
def test_only_the_desk_is_served(server: Server, path: str) -> None:
    """No protocol in which an approval cannot be answered, no store and no pages."""
    assert server.post(path, {}, bearer(*MANAGER)).status_code == 404


OWN_RUN: Mapping[str, tuple[str, str]] = {
    "listed": ("GET", "/threads/{thread}/runs"),
    "read": ("GET", "/threads/{thread}/runs/{run}"),
    "joined": ("GET", "/threads/{thread}/runs/{run}/join"),
    "streamed": ("GET", "/threads/{thread}/runs/{run}/stream"),
    "cancelled": ("POST", "/threads/{thread}/runs/{run}/cancel"),
    "deleted": ("DELETE", "/threads/{thread}/runs/{run}"),
    "seen in history": ("POST", "/threads/{thread}/history"),
}


@pytest.mark.parametrize("way", OWN_RUN)
def test_the_runs_of_others_do_not_exist(
    server: Server, clerk: SyncLangGraphClient, waiting: Waiting, way: str
) -> None:
    """For whoever holds no role, whatever they want of one."""
    (run,) = clerk.runs.list(waiting.thread)
    method, path = OWN_RUN[way]
    path = path.format(thread=waiting.thread, run=run["run_id"])
    answer = server.send(method, path, {}, bearer("somebody-else"))
    assert waiting.value["id"] not in answer.text
    assert "issue_refund" not in answer.text
    # A stream has begun before the server looks for the run.
    is_empty = answer.text in {"[]", ""} or "not found" in answer.text
    assert answer.status_code in {403, 404} or is_empty, answer.text
    assert clerk.runs.get(waiting.thread, run["run_id"])["status"] == run["status"]


def test_nobody_takes_the_id_of_a_deleted_thread(
    server: Server, clerk: SyncLangGraphClient
) -> None:
    """What is said again in it would count as asked by whoever said it first."""
    deleted = ask(clerk, ORDER)
    (said, *_) = cast("Json", clerk.threads.get_state(deleted.thread)["values"])["messages"]
    clerk.threads.delete(deleted.thread)
    body = {"assistant_id": GRAPH, "input": {"messages": [said]}, "if_not_exists": "create"}
    answer = server.post(f"/threads/{deleted.thread}/runs/wait", body, bearer(*MANAGER))
    assert answer.status_code == 404, answer.text
    assert "take a new id" in answer.text


IDENTITIES: Mapping[str, Json] = {
    "user": {"langgraph_auth_user": {"identity": "manager", "permissions": ["manager"]}},
    "user id": {"langgraph_auth_user_id": "manager"},
    "permissions": {"langgraph_auth_permissions": ["manager"]},
}


@pytest.mark.parametrize("where", ["context", "configurable"])
@pytest.mark.parametrize("name", IDENTITIES)
def test_nobody_says_who_they_are(
    server: Server, clerk: SyncLangGraphClient, name: str, where: str
) -> None:
    """Whatever a client puts where the server keeps it, a run is its token's."""
    thread = clerk.threads.create()["thread_id"]
    said = {"context": IDENTITIES[name]}
    if where == "configurable":
        said = {"config": {"configurable": IDENTITIES[name]}}
    body = {"assistant_id": GRAPH, "input": request(ORDER), **said}
    run = server.post(f"/threads/{thread}/runs", body, bearer("clerk")).json()
    assert run["kwargs"]["config"]["configurable"]["langgraph_auth_user"]["identity"] == "clerk"
    assert "manager" not in json.dumps([run["kwargs"]["config"], run["kwargs"]["context"]])
    clerk.runs.join(thread, run["run_id"])
    (interrupt,) = clerk.threads.get_state(thread)["interrupts"]
    assert cast("Json", interrupt["value"])["requester"] == "clerk"


def test_the_served_graph_can_be_seen(server: Server) -> None:
    """By everybody who was let in."""
    with server.client("somebody-else") as other:
        (served,) = other.assistants.search()
        assert served["graph_id"] == GRAPH
        with forbidden():
            other.assistants.create(GRAPH)
