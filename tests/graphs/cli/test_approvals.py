"""`bailiwick approvals`: people who are not in the conversation decide, and the thread goes on."""

import io
import json
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from tests.graphs.cli.terminals import Outcome, Terminal

from bailiwick.policies.approvals import ApprovalRequest
from bailiwick.policies.calls import ToolCall, ToolUse
from bailiwick.policies.decisions import Decision, Requirement
from bailiwick.policies.scopes import Scope
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.people.system_user import system_user
from bailiwick.tools.records import tables
from bailiwick.tools.records.ledger import Ledger

Command = Callable[..., Outcome]


@pytest.fixture
def approvals(home: Path) -> Iterator[Approvals]:
    """Give the approvals that commands find here; there are none yet."""
    with closing(Ledger(f"sqlite:///{home / 'bailiwick.db'}")) as ledger:
        yield Approvals(ledger)


def ask(
    approvals: Approvals,
    call: str = "call-1",
    *,
    quorum: int = 1,
    description: str = "Refund 40.00 EUR on order A-17.",
) -> ApprovalRequest:
    """Ask for a refund's approval."""
    asked = ToolCall(
        id=call,
        thread="thread-1",
        requester="customer",
        chain=("supervisor",),
        agent="billing",
        tool=ToolUse(name="issue_refund", version="v1", effect="destructive"),
        args={"order_id": "A-17", "amount": "40"},
    )
    needed = Requirement(rule="needs-a-manager", role="manager", reason="money", quorum=quorum)
    decision = Decision(
        verdict="review",
        rules=("needs-a-manager",),
        reason="money",
        requirements=(needed,),
        policy_version="p1",
    )
    scope = Scope(path="payments/refund", ttl=60)
    return approvals.request(asked, decision, scope=scope, description=description)


def flat(text: str) -> str:
    """Return text as one line."""
    return " ".join(text.split())


def done(outcome: Outcome) -> str:
    """Return what a command that ended well has printed, as one line."""
    assert outcome.status == 0, outcome.err
    return flat(outcome.out)


def refused(outcome: Outcome) -> str:
    """Return why a command ended with status 1; it printed nothing else."""
    assert (outcome.status, outcome.out) == (1, "")
    return flat(outcome.err)


@pytest.mark.parametrize("words", [("ls",), ("show", "a"), ("approve", "a"), ("reject", "a")])
def test_a_ledger_that_is_not_there_is_not_made(
    bailiwick: Command, home: Path, words: tuple[str, ...]
) -> None:
    """A misspelt path would else have nothing to decide."""
    assert "there is no ledger at" in refused(bailiwick("approvals", *words))
    assert list(home.iterdir()) == []


@pytest.mark.usefixtures("approvals")
def test_nothing_is_listed_at_first(bailiwick: Command) -> None:
    """It says so; a script gets an empty list."""
    assert done(bailiwick("approvals", "ls")) == "Nothing waits for an answer."
    assert done(bailiwick("approvals", "ls", "--all")) == "Nothing is on record."
    assert json.loads(bailiwick("approvals", "ls", "--json").out) == []


def test_what_a_person_needs_to_decide_is_listed(bailiwick: Command, approvals: Approvals) -> None:
    """What, by whom, why, who may, with which credential, until when."""
    request = ask(approvals)
    shown = done(bailiwick("approvals", "ls"))
    for part in (
        request.id[:12],
        "pending thread thread-1",
        "Refund 40.00 EUR on order A-17.",
        "issue_refund(order_id=A-17, amount=40)",
        "supervisor > billing",
        "asked by customer",
        "money: a manager must agree, but not who asked (rule needs-a-manager)",
        "payments/refund for 60 s, leased after the approval",
        "15 min from now",
    ):
        assert part in shown
    assert request.digest not in shown


def test_everything_is_shown_of_one(bailiwick: Command, approvals: Approvals) -> None:
    """By the beginning of its id: the digest, the versions, the tool call."""
    request = ask(approvals)
    shown = done(bailiwick("approvals", "show", request.id[:5]))
    for part in (request.id, request.digest, "tool version v1", "policy p1", "tool call call-1"):
        assert part in shown


def test_a_script_reads_json(bailiwick: Command, approvals: Approvals) -> None:
    """The same of one and of all, with the answer once there is one."""
    request = ask(approvals)
    (listed,) = json.loads(bailiwick("approvals", "ls", "--json").out)
    assert listed == json.loads(bailiwick("approvals", "show", request.id, "--json").out)
    assert (listed["id"], listed["action_digest"]) == (request.id, request.digest)
    assert listed["args"] == {"order_id": "A-17", "amount": "40"}
    assert (listed["state"], listed["answer"]) == ("pending", None)
    bailiwick("approvals", "reject", request.id, "--message", "no")
    (listed,) = json.loads(bailiwick("approvals", "ls", "--all", "--json").out)
    assert listed["state"] == "rejected"
    assert listed["answer"]["message"] == "no"
    assert listed["decided_by"] == system_user()


def test_an_id_must_tell_one_request_apart(bailiwick: Command, approvals: Approvals) -> None:
    """Neither none nor several; a pattern is no beginning."""
    first = ask(approvals)
    number = 2
    while ask(approvals, f"call-{number}").id[0] != first.id[0]:
        number += 1
    assert "begins the ids of several" in refused(bailiwick("approvals", "show", first.id[0]))
    for unknown in ("zz", "%", "_", ""):
        assert "there is no request" in refused(bailiwick("approvals", "approve", unknown))
    assert len(approvals.pending()) == number


def test_an_approval_is_the_system_user_s(bailiwick: Command, approvals: Approvals) -> None:
    """And it says how the thread goes on."""
    request = ask(approvals)
    told = done(bailiwick("approvals", "approve", request.id[:8]))
    assert f"{system_user()} approves: Refund 40.00 EUR on order A-17." in told
    assert "`bailiwick run --thread thread-1`" in told
    approval = approvals.get(request.id)
    assert (approval.state, approval.decided_by) == ("approved", system_user())
    shown = done(bailiwick("approvals", "show", request.id))
    assert "given " + system_user() + " (manager)" in shown
    assert "delivery due" in shown
    again = refused(bailiwick("approvals", "approve", request.id))
    assert f"was approved by {system_user()!r}" in again


def test_who_answers_cannot_be_said(bailiwick: Command, approvals: Approvals) -> None:
    """No argument and no variable of the shell makes somebody else of a person."""
    request = ask(approvals)
    assert bailiwick("approvals", "approve", request.id, "--by", "chief").status == 2
    assert approvals.get(request.id).state == "pending"


def test_without_the_role_nothing_is_answered(
    bailiwick: Command, approvals: Approvals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Roles come from the settings; in production there are none by themselves."""
    request = ask(approvals)
    for name, value in (("BAILIWICK_ROLES", "clerk"), ("BAILIWICK_ENV", "production")):
        with monkeypatch.context() as context:
            context.setenv(name, value)
            told = refused(bailiwick("approvals", "approve", request.id))
            assert "it takes the role 'manager'" in told
    assert approvals.get(request.id).state == "pending"


def test_a_quorum_says_what_is_missing(bailiwick: Command, approvals: Approvals) -> None:
    """One person counts once."""
    request = ask(approvals, quorum=2)
    told = done(bailiwick("approvals", "approve", request.id))
    assert "It still waits for 2 x manager" in told
    assert "has approved 'issue_refund' already" in refused(
        bailiwick("approvals", "approve", request.id)
    )


def test_whoever_wants_to_be_exact_names_the_digest(
    bailiwick: Command, approvals: Approvals
) -> None:
    """Another digest answers nothing."""
    request = ask(approvals)
    told = refused(bailiwick("approvals", "approve", request.id, "--digest", "0" * 64))
    assert "the answer is to another call" in told
    done(bailiwick("approvals", "approve", request.id, "--digest", request.digest))


@pytest.mark.parametrize(
    ("args", "why"),
    [
        ("nonsense", "--args takes a JSON object"),
        ("[1]", "--args takes a JSON object"),
        ('{"to": "B"}', "the call has no argument 'to': it has order_id, amount"),
        ("{}", "the edit changes nothing"),
        ('{"amount": 40}', "the edit changes nothing"),
        ('{"amount": -1}', "amount: Input should be greater than 0"),
        ('{"amount": "much"}', "amount: Input should be a valid decimal"),
    ],
)
def test_an_edit_must_fit_and_change_something(
    bailiwick: Command, approvals: Approvals, args: str, why: str
) -> None:
    """The person is told, and the request stays open."""
    request = ask(approvals)
    assert why in refused(bailiwick("approvals", "edit", request.id, "--args", args))
    assert approvals.get(request.id).state == "pending"


def test_an_edit_keeps_what_it_does_not_change(bailiwick: Command, approvals: Approvals) -> None:
    """And says that it is another call now."""
    request = ask(approvals)
    told = done(bailiwick("approvals", "edit", request.id, "--args", '{"amount": 30.5}'))
    assert "decided anew: issue_refund(order_id=A-17, amount=30.5)" in told
    answer: Any = approvals.get(request.id).answer
    assert answer.edited_action.args == {"order_id": "A-17", "amount": "30.5"}


def test_a_response_stands_in_the_tool_s_place(bailiwick: Command, approvals: Approvals) -> None:
    """With its text kept."""
    request = ask(approvals)
    done(bailiwick("approvals", "respond", request.id, "--message", "paid by hand"))
    answer: Any = approvals.get(request.id).answer
    assert answer.message == "paid by hand"


def test_what_others_wrote_is_printed_and_not_obeyed(
    bailiwick: Command, approvals: Approvals
) -> None:
    """An escape sequence could repaint what a person is about to approve."""
    request = ask(approvals, description="Refund 1.00 \x1b[2J [bold]on order\u202e A-17")
    for words in (("ls",), ("show", request.id), ("ls", "--json"), ("approve", request.id)):
        shown = bailiwick("approvals", *words).out
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "[bold]" in shown


def requested(bailiwick: Command, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Ask for a refund with nobody there to answer; return thread and request."""
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    waits = bailiwick("run", "Please refund order A-1001")
    found = re.search(r"--thread (\S+)", waits.out)
    assert found
    (listed,) = json.loads(bailiwick("approvals", "ls", "--json", "--thread", found[1]).out)
    return found[1], listed["id"]


def test_an_approved_refund_is_delivered(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked in one process, approved in another, carried on by a third; and there only once."""
    thread, request = requested(bailiwick, monkeypatch)
    assert done(bailiwick("approvals", "deliver")) == ""
    done(bailiwick("approvals", "approve", request))
    told = done(bailiwick("approvals", "deliver"))
    assert f"thread {thread} went on" in told
    assert "Refunded 42.00 EUR on order A-1001" in told
    assert done(bailiwick("approvals", "deliver")) == ""


def test_a_run_carries_on_what_was_answered_elsewhere(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks nobody a second time."""
    thread, request = requested(bailiwick, monkeypatch)
    done(bailiwick("approvals", "reject", request, "--message", "not today"))
    told = done(bailiwick("run", "--thread", thread))
    assert "rejected it: not today" in told
    assert "an approval is needed" not in told
    assert done(bailiwick("approvals", "deliver")) == ""


def test_an_expired_request_is_delivered(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """The agent hears that nobody answered."""
    thread, _ = requested(bailiwick, monkeypatch)
    database = f"sqlite:///{home / 'bailiwick.db'}"
    with closing(Ledger(database)) as ledger, ledger.transaction() as connection:
        connection.execute(update(tables.approvals).values(expires_at=0.0))
    told = done(bailiwick("approvals", "deliver"))
    assert f"thread {thread} went on" in told
    assert "Nobody answered in time" in told


def test_watching_goes_on_until_it_is_interrupted(
    development: dict[str, str], tmp_path: Path
) -> None:
    """What is answered meanwhile is carried on; Ctrl-C ends it cleanly."""
    with Terminal(("run", "Please refund order A-1006"), development, tmp_path) as asking:
        asking.expect("approve, edit, reject, respond or later? ")
        asking.type("later")
        assert asking.end() == 0
    with Terminal(("approvals", "deliver", "--watch"), development, tmp_path) as watching:
        watching.expect("it stops with Ctrl-C")
        with Terminal(("approvals", "ls"), development, tmp_path) as listing:
            assert listing.end() == 0
        found = re.search(r"^([0-9a-f]{12}) +pending", listing.shown, re.MULTILINE)
        assert found
        with Terminal(("approvals", "approve", found[1]), development, tmp_path) as approving:
            assert approving.end() == 0
        watching.expect("went on")
        watching.expect("Refunded 300.00 EUR on order A-1006")
        watching.process.send_signal(signal.SIGINT)
        assert watching.end() == 0
    assert "Traceback" not in watching.shown
