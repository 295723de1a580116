"""Whoever decides in the database wakes the thread that waits at a started LangGraph Server."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from langgraph_sdk.client import SyncLangGraphClient
from pydantic import SecretStr
from sqlalchemy import update
from tests.graphs.clients import (
    GRAPH,
    SECRET,
    Json,
    Waiting,
    ask,
    bearer,
    has_ended,
    request,
    said,
    token,
)
from tests.graphs.served import Server
from tests.waiting import wait_for

from bailiwick.graphs.server.tokens import DELIVERY, issue_delivery_token
from bailiwick.graphs.settings import Settings
from bailiwick.policies.answers import Approve
from bailiwick.policies.principals import Principal
from bailiwick.tools.effects.calls import Calls
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.people.deliveries import Deliveries
from bailiwick.tools.records import tables
from bailiwick.tools.records.ledger import Ledger


def test_an_approval_from_the_command_line_is_carried_out_once(
    server: Server, clerk: SyncLangGraphClient
) -> None:
    """By the server itself, and as whoever asked: neither as the manager nor as the outbox."""
    waiting = ask(clerk, "A-1001")
    approved = server.bailiwick("approvals", "approve", waiting.value["id"])
    assert "The server goes on with thread" in approved.stdout, approved.stderr
    wait_for(lambda: has_ended(clerk, waiting))
    assert "refund on order A-1001 is made" in said(clerk, waiting)
    (refund,) = server.shop.refunds("A-1001")
    assert refund.cents == 4200

    run: Any = clerk.runs.list(waiting.thread)[0]
    user = run["kwargs"]["config"]["configurable"]["langgraph_auth_user"]
    assert (user["identity"], user["permissions"], user["actor"]) == ("clerk", [], DELIVERY)
    again = server.bailiwick("approvals", "approve", waiting.value["id"])
    assert "was approved and used by" in again.stderr
    assert server.shop.refunds("A-1001") == (refund,)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(("reject", "--message", "not today"), "rejected it: not today", id="reject"),
        pytest.param(("respond", "--message", "paid by hand"), "paid by hand", id="respond"),
    ],
)
def test_other_answers_reach_the_thread_too(
    server: Server, clerk: SyncLangGraphClient, words: tuple[str, ...], told: str
) -> None:
    """And pay nothing."""
    paid = server.shop.refunds("A-1006")
    waiting = ask(clerk, "A-1006")
    kind, *options = words
    answered = server.bailiwick("approvals", kind, waiting.value["id"], *options)
    assert answered.returncode == 0, answered.stderr
    wait_for(lambda: has_ended(clerk, waiting))
    assert told in said(clerk, waiting)
    assert server.shop.refunds("A-1006") == paid


def test_an_edited_call_is_the_one_that_runs(server: Server, clerk: SyncLangGraphClient) -> None:
    """Its editor's word counts for it, though the run is the clerk's."""
    paid = server.shop.refunds("A-1006")
    waiting = ask(clerk, "A-1006")
    words = ("edit", waiting.value["id"], "--args", '{"amount": "10.00"}')
    assert "It is another call now" in server.bailiwick("approvals", *words).stdout
    wait_for(lambda: has_ended(clerk, waiting))
    (refund,) = server.shop.refunds("A-1006")[len(paid) :]
    assert refund.cents == 1000


def test_an_undoing_that_was_approved_is_carried_out_once(
    server: Server, clerk: SyncLangGraphClient
) -> None:
    """Its thread is none of the server's, and the server carries it on all the same."""
    order = "A-1002"
    thread = clerk.threads.create()["thread_id"]
    wanted: Json = {
        "messages": [{"role": "user", "content": f"Please register the return of {order}"}]
    }
    clerk.runs.wait(thread, GRAPH, input=wanted)
    (registered,) = [each for each in server.shop.returns() if each.order_id == order]
    assert registered.cancelled_at is None

    proposed = server.bailiwick("calls", "undo", thread)
    assert f"Cancel the return of order {order}." in proposed.stdout, proposed.stderr
    waiting = json.loads(server.bailiwick("approvals", "ls", "--json").stdout)
    (asked,) = [each for each in waiting if each["thread"].startswith("undo-")]
    approved = server.bailiwick("approvals", "approve", asked["id"])
    assert "goes on at once where the server" in " ".join(approved.stdout.split())

    with closing(Ledger(server.settings["BAILIWICK_DATABASE_URL"])) as ledger:
        wait_for(lambda: not Deliveries(ledger).list(asked["thread"]))
        begun = list(ledger.records(asked["thread"], "call.started"))
        assert [each.state for each in Calls(ledger).list(thread=asked["thread"])] == ["succeeded"]
    assert len(begun) == 1
    (cancelled,) = [each for each in server.shop.returns() if each.order_id == order]
    assert cancelled.cancelled_at is not None


def test_what_nobody_answered_in_time_ends_in_a_refusal(
    server: Server, clerk: SyncLangGraphClient
) -> None:
    """The server finds it by itself, and the thread goes on."""
    paid = server.shop.refunds("A-1006")
    waiting = ask(clerk, "A-1006")
    with closing(Ledger(server.settings["BAILIWICK_DATABASE_URL"])) as ledger:
        this = tables.approvals.c.id == waiting.value["id"]
        with ledger.transaction() as connection:
            connection.execute(update(tables.approvals).where(this).values(expires_at=0.0))
    wait_for(lambda: has_ended(clerk, waiting))
    assert "Nobody answered in time" in said(clerk, waiting)
    assert server.shop.refunds("A-1006") == paid


NOBODY_S = "7" * 64
"""A digest that belongs to no request."""


def delivery(requester: str, secret: str = SECRET) -> dict[str, str]:
    """Return the header that the outbox of a deployment shows."""
    settings = Settings(auth_secret=SecretStr(secret))
    return {"Authorization": f"Bearer {issue_delivery_token(settings, requester)}"}


def resume(waiting: Waiting, **changed: str) -> Json:
    """Return a run that tells a thread that it was approved."""
    return {"assistant_id": GRAPH, "command": waiting.resume(**changed)}


def claiming(
    key: str = SECRET,
    algorithm: str = "HS256",
    ttl: timedelta = timedelta(hours=1),
    **claims: object,
) -> dict[str, str]:
    """Return a header with a token that claims to be the outbox's."""
    stated = {"act": {"sub": DELIVERY}, **claims}
    given = token("clerk", ttl=ttl, key=key, algorithm=algorithm, claims=stated)
    return {"Authorization": f"Bearer {given}"}


AUDIENCE = f"bailiwick/{DELIVERY}"

PRETENDERS: Mapping[str, Mapping[str, str]] = {
    "a role of that name": bearer("clerk", DELIVERY),
    "an actor in a person's token": claiming(actor=DELIVERY),
    "a user of that name": bearer(DELIVERY),
}
FORGERIES: Mapping[str, Mapping[str, str]] = {
    "the people's key": claiming(aud=AUDIENCE),
    "another secret": delivery("clerk", SECRET[::-1]),
    "no key": claiming(aud=AUDIENCE, key="", algorithm="none"),
    "expired": claiming(aud=AUDIENCE, ttl=timedelta(seconds=-1)),
}


@pytest.fixture
def decided(server: Server, clerk: SyncLangGraphClient) -> Iterator[Waiting]:
    """A thread whose request has just been approved, and that the outbox has not reached yet."""
    paid = server.shop.refunds("A-1006")
    waiting = ask(clerk, "A-1006")
    # As if a run had taken the answer: the outbox leaves it a minute.
    with closing(Ledger(server.settings["BAILIWICK_DATABASE_URL"])) as ledger:
        answer = Approve(action_digest=waiting.value["action_digest"])
        manager = Principal(id="manager", roles=frozenset({"manager"}))
        approvals = Approvals(ledger)
        approvals.take(approvals.get(waiting.value["id"]), answer, by=manager)
    yield waiting
    assert clerk.threads.get(waiting.thread)["status"] == "interrupted"
    assert server.shop.refunds("A-1006") == paid


@pytest.mark.parametrize("name", PRETENDERS)
def test_nobody_becomes_the_outbox_by_saying_so(
    server: Server, decided: Waiting, name: str
) -> None:
    """It is a person who answers a request that was decided: refused."""
    answer = server.post(f"/threads/{decided.thread}/runs", resume(decided), PRETENDERS[name])
    assert answer.status_code == 403, answer.text


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_token_of_the_outbox_opens_nothing(
    server: Server, decided: Waiting, name: str
) -> None:
    """Whoever signs people's tokens has not signed one of the outbox by that."""
    answer = server.post(f"/threads/{decided.thread}/runs", resume(decided), FORGERIES[name])
    assert answer.status_code == 401, answer.text


OVERSTEPS: Mapping[str, Callable[[Waiting], Json]] = {
    "another call": lambda waiting: resume(waiting, action_digest=NOBODY_S),
    "new input": lambda _: {"assistant_id": GRAPH, "input": request("A-1006")},
    "goto": lambda _: {"assistant_id": GRAPH, "command": {"goto": "billing"}},
    "update": lambda waiting: {
        "assistant_id": GRAPH,
        "command": {**waiting.resume(), "update": {"messages": []}},
    },
    "no interrupt": lambda waiting: {
        "assistant_id": GRAPH,
        "command": {"resume": waiting.answer()},
    },
}


@pytest.mark.parametrize("way", OVERSTEPS)
def test_the_outbox_itself_brings_news_and_nothing_else(
    server: Server, decided: Waiting, way: str
) -> None:
    """Its token, in wrong hands, lets a decided thread go on a minute early."""
    body = OVERSTEPS[way](decided)
    answer = server.post(f"/threads/{decided.thread}/runs", body, delivery("clerk"))
    assert answer.status_code == 403, answer.text


def test_the_outbox_brings_news_as_nobody_but_who_asked(server: Server, decided: Waiting) -> None:
    """Not as the manager who answered, and not as itself."""
    for somebody in ("manager", DELIVERY):
        path = f"/threads/{decided.thread}/runs"
        answer = server.post(path, resume(decided), delivery(somebody))
        assert answer.status_code == 403, answer.text


def test_the_outbox_decides_nothing(server: Server, clerk: SyncLangGraphClient) -> None:
    """A request that is open stays open, whatever the outbox says."""
    waiting = ask(clerk, "A-1006")
    path = f"/threads/{waiting.thread}/runs"
    answer = server.post(path, resume(waiting), delivery("clerk"))
    assert (answer.status_code, "has ended" in answer.text) == (403, True)
    assert clerk.threads.get(waiting.thread)["status"] == "interrupted"


@pytest.mark.parametrize(
    "path", ["/threads", "/threads/search", "/threads/count", "/assistants/search"]
)
def test_the_outbox_has_no_other_business(server: Server, path: str) -> None:
    """It makes, finds and changes nothing."""
    answer = server.post(path, {}, delivery("clerk"))
    assert answer.status_code == 403, answer.text
