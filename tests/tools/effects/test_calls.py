"""The intent of a call outlives whoever started it, and a call is begun once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from bailiwick.policies import CallError, Principal
from bailiwick.policies.calls import ToolCall, ToolUse
from bailiwick.tools.effects.call_rows import Intent
from bailiwick.tools.effects.calls import Calls
from bailiwick.tools.records.ledger import Ledger

TOOL = ToolUse(name="issue_refund", version="v1", effect="destructive")
CALL = ToolCall(
    id="call-1",
    thread="thread-1",
    namespace="billing",
    requester="clerk",
    agent="billing",
    tool=TOOL,
    args={"amount": "40"},
)


@pytest.fixture
def calls(ledger: Ledger) -> Calls:
    """Give the calls of that ledger."""
    return Calls(ledger)


def begin(
    ledger: Ledger, call: ToolCall = CALL, policy_version: str = "p1", lasts: float = 60
) -> Intent:
    """Begin a call in a transaction of its own."""
    with ledger.transaction() as connection:
        return Calls(ledger).begin(connection, call, policy_version, lasts=lasts)


def end(ledger: Ledger, intent: Intent, result: str = "refunded") -> bool:
    """End a call in a transaction of its own."""
    with ledger.transaction() as connection:
        return Calls(ledger).end(connection, intent.key, "succeeded", result)


def test_no_call_stands_at_first(ledger: Ledger, calls: Calls) -> None:
    """Nothing begun, nothing in doubt, nothing to end."""
    assert calls.list() == ()
    with ledger.transaction() as connection:
        assert calls.standing(connection, CALL) is None
        assert not calls.end(connection, "0" * 64, "failed", None)


def test_a_call_begins_once_and_keeps_its_outcome(ledger: Ledger, calls: Calls) -> None:
    """Executed again, it gives what it gave the first time."""
    intent = begin(ledger)
    assert (intent.key, intent.state) == (CALL.digest("p1"), "new")
    assert end(ledger, intent)
    ended = replace(intent, state="succeeded", result="refunded")
    assert begin(ledger) == ended
    with ledger.transaction() as connection:
        assert calls.standing(connection, CALL) == ended
    (stored,) = calls.list()
    assert (stored.thread, stored.tool, stored.effect) == (
        "thread-1",
        "issue_refund",
        "destructive",
    )
    assert stored.key == CALL.digest("p1")
    assert stored.ended_at is not None
    assert stored.ended_at >= stored.started_at


def test_a_call_without_outcome_is_in_doubt(ledger: Ledger, calls: Calls) -> None:
    """From when it can be under way no longer; it is not new again, whoever asks."""
    intent = begin(ledger, lasts=0)
    assert begin(ledger) == replace(intent, state="in_doubt")
    assert [call.key for call in calls.list(in_doubt=True)] == [intent.key]
    assert calls.under_way() == ()
    assert calls.list(thread="elsewhere") == ()
    end(ledger, intent)
    assert calls.list(in_doubt=True) == ()


def test_a_misspelt_outcome_settles_nothing(ledger: Ledger, calls: Calls) -> None:
    """The call stays in doubt, and the error says what can be said of it."""
    intent = begin(ledger, lasts=0)
    outcome: Any = "faild"

    with pytest.raises(CallError, match="settled as 'faild': say 'succeeded' or 'failed'"):
        calls.settle(intent.key, outcome, by=Principal(id="m", roles=frozenset({"manager"})))
    assert len(calls.list(in_doubt=True)) == 1


def test_a_call_that_may_be_under_way_is_not_in_doubt(ledger: Ledger, calls: Calls) -> None:
    """It may still run elsewhere, so it is no more new than one in doubt."""
    intent = begin(ledger)
    assert begin(ledger) == replace(intent, state="under_way")
    assert calls.list(in_doubt=True) == ()
    assert [call.state for call in calls.under_way()] == ["under_way"]
    assert calls.under_way("thread-1") == calls.under_way() == calls.list()
    assert calls.under_way("elsewhere") == ()


def test_an_outcome_is_written_once(ledger: Ledger) -> None:
    """The second is told that it came late."""
    intent = begin(ledger)
    assert end(ledger, intent)
    assert not end(ledger, intent, "something else")
    assert begin(ledger).result == "refunded"


def test_what_is_rolled_back_never_began(ledger: Ledger) -> None:
    """The intent and what is recorded beside it are kept together."""

    def fail() -> None:
        with ledger.transaction() as connection:
            Calls(ledger).begin(connection, CALL, "p1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert begin(ledger).state == "new"


@pytest.mark.parametrize(
    "call",
    [
        CALL.with_args({"amount": "41"}),
        replace(CALL, id="call-2"),
        replace(CALL, namespace="elsewhere"),
        replace(CALL, thread="copy"),
        replace(CALL, tool=replace(TOOL, name="send_refund")),
    ],
    ids=["args", "id", "namespace", "thread", "tool"],
)
def test_another_call_begins_by_itself(ledger: Ledger, call: ToolCall) -> None:
    """Other arguments, another place, another tool."""
    begin(ledger)
    assert begin(ledger, call).state == "new"


@pytest.mark.parametrize(
    ("call", "policy_version"),
    [
        (CALL, "p2"),
        (replace(CALL, tool=replace(TOOL, version="v2")), "p1"),
        (replace(CALL, requester="manager"), "p1"),
        (CALL.with_args({"amount": "40"}), "p1"),
        (replace(CALL, args={"amount": "40", "note": ""}, written={"amount": "40"}), "p1"),
        (replace(CALL, written={"amount": "40.00"}), "p1"),
    ],
    ids=["policy", "tool-version", "requester", "equal-args", "an-argument-more", "spelling"],
)
def test_a_started_call_is_not_begun_anew_under_another_version(
    ledger: Ledger, call: ToolCall, policy_version: str
) -> None:
    """A deployment between a crash and the resume must not run it a second time."""
    intent = begin(ledger)
    assert begin(ledger, call, policy_version) == replace(intent, state="under_way")


def test_of_many_threads_one_begins(ledger: Ledger) -> None:
    """Also where each has looked before that nothing stands."""

    def work(_: int) -> bool:
        with ledger.transaction() as connection:
            calls = Calls(ledger)
            if calls.standing(connection, CALL) is not None:
                return False
            return calls.begin(connection, CALL, "p1").state == "new"

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(work, range(16))) == 1


def test_arguments_are_kept_as_they_are(ledger: Ledger, calls: Calls) -> None:
    """A number stays one, however large or small: what is tried again is the same call."""
    args: dict[str, object] = {
        "rate": 1.5,
        "least": 5e-324,
        "most": 1e20,
        "whole": 2,
        "text": "1.5",
    }
    call = replace(CALL, args=args)
    begin(ledger, call)

    (stored,) = calls.list()
    assert stored.args == args
    assert call.with_args(stored.args).digest("p1") == stored.key
