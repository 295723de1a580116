"""`bailiwick approvals`: people who are not in the conversation read what waits, and decide."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tests.graphs.cli.outcomes import Command, done, refused
from tests.tools.asked import CALL, NEEDED, review

from bailiwick.policies.approval_requests import ApprovalRequest
from bailiwick.policies.calls import ToolUse
from bailiwick.policies.scopes import Scope
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.people.system_user import system_user
from bailiwick.tools.records import tables
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.shop.tools import create_shop_tools


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
    tool: ToolUse = CALL.tool,
) -> ApprovalRequest:
    """Ask for a refund's approval."""
    asked = replace(CALL, id=call, requester="customer", tool=tool)
    decision = review(replace(NEEDED, quorum=quorum))
    scope = Scope(path="payments/refund", ttl=60)
    return approvals.ask(asked, decision, scope=scope, description=description).request


@pytest.mark.parametrize("words", [("ls",), ("show", "a"), ("approve", "a"), ("reject", "a")])
def test_a_ledger_that_is_not_there_is_not_made(
    bailiwick: Command, home: Path, words: tuple[str, ...]
) -> None:
    """A misspelt path would else have nothing to decide."""
    assert "there is no ledger at" in refused(bailiwick("approvals", *words))
    assert list(home.iterdir()) == []


def test_a_url_that_names_no_file_is_told_as_such(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than that its file is not there."""
    monkeypatch.setenv("BAILIWICK_DATABASE_URL", "sqlite://bailiwick.db")
    assert "use sqlite:///PATH" in refused(bailiwick("approvals", "ls"))


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
        "money moves: a manager must agree, but not who asked (rule refund-needs-a-manager)",
        "payments/refund for 60 s, leased after the approval",
        " UTC, 15 min from now",
    ):
        assert part in shown
    assert request.digest not in shown


def test_everything_is_shown_of_one(bailiwick: Command, approvals: Approvals) -> None:
    """By the beginning of its id: the digest, the versions, the tool call."""
    request = ask(approvals)
    shown = done(bailiwick("approvals", "show", request.id[:5]))
    for part in (request.id, request.digest, "tool version v1", "policy p1", "tool call call-1"):
        assert part in shown


@pytest.mark.parametrize(
    "field",
    ["request", "grants", "decided_roles", "answer", "created_at", "expires_at", "decided_at"],
)
def test_an_approval_whose_row_was_changed_is_named(
    bailiwick: Command, approvals: Approvals, home: Path, field: str
) -> None:
    """Whoever puts it back has to know which one it is."""
    request = ask(approvals)
    with (
        closing(Ledger(f"sqlite:///{home / 'bailiwick.db'}")) as ledger,
        ledger.transaction() as connection,
    ):
        connection.execute(tables.approvals.update().values({field: text("'[1'")}))
    said = refused(bailiwick("approvals", "ls", "--all"))
    assert f"the approval {request.id!r} was changed in the ledger's database and cannot be" in said


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
    assert "from now" not in bailiwick("approvals", "ls", "--all").out
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
    assert "It still waits for 1 x manager." in told
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
        ('{"amount": "40.00"}', "the edit changes nothing"),
        ('{"amount": -1}', "amount: Input should be greater than 0"),
        ('{"amount": "much"}', "amount: Input should be a valid decimal"),
    ],
)
def test_an_edit_must_fit_and_change_something(
    bailiwick: Command, approvals: Approvals, args: str, why: str
) -> None:
    """The person is told, and the request stays open."""
    with create_shop_tools("http://localhost") as shop:
        request = ask(approvals, tool=shop.issue_refund.use)
    assert why in refused(bailiwick("approvals", "edit", request.id, "--args", args))
    assert approvals.get(request.id).state == "pending"


def test_an_edit_keeps_what_it_does_not_change(bailiwick: Command, approvals: Approvals) -> None:
    """And says that it is another call now."""
    request = ask(approvals)
    told = done(bailiwick("approvals", "edit", request.id, "--args", '{"amount": 30.5}'))
    assert "decided anew: issue_refund(order_id=A-17, amount=30.5)" in told
    answer: Any = approvals.get(request.id).answer
    assert answer.edited_action.args == {"order_id": "A-17", "amount": "30.5"}


def test_an_edit_is_not_judged_by_another_tool_of_the_name(
    bailiwick: Command, approvals: Approvals
) -> None:
    """What fits it is for the application to say that asks; the person is told so."""
    request = ask(approvals)
    told = done(bailiwick("approvals", "edit", request.id, "--args", '{"amount": "all of it"}'))
    assert "Whether the arguments fit is told where the thread goes on" in told
    answer: Any = approvals.get(request.id).answer
    assert answer.edited_action.args == {"order_id": "A-17", "amount": "all of it"}


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
