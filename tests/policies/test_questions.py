"""A person who is asked reads everything that there is to know, on every surface."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

import pytest
from pydantic import BaseModel, Field

from bailiwick.policies.approval_requests import ApprovalRequest
from bailiwick.policies.calls import ToolCall, ToolUse
from bailiwick.policies.decisions import Decision, Requirement
from bailiwick.policies.grants import Grant
from bailiwick.policies.questions import questions, spelled
from bailiwick.policies.resumes import to_hitl_request
from bailiwick.policies.scopes import Scope

TOOL = ToolUse(name="issue_refund", version="v1", effect="destructive")
CALL = ToolCall(
    id="call-1",
    thread="t",
    requester="clerk",
    chain=("supervisor",),
    agent="billing",
    tool=TOOL,
    args={"order_id": "A-17"},
)
MANAGERS = Requirement(rule="two-managers", role="manager", quorum=2, reason="it is much")
FINANCE = Requirement(rule="finance", role="finance", reason="it is late", separate=False)


def asked(scope: Scope | None, *requirements: Requirement) -> ApprovalRequest:
    """Return a request."""
    decision = Decision(
        verdict="review",
        rules=tuple(each.rule for each in requirements),
        reason="it is much",
        requirements=requirements,
        policy_version="p1",
    )
    return ApprovalRequest.of(CALL, decision, scope=scope, description="Refund A-17.", now=0.0)


def test_a_question_says_what_by_whom_why_who_until_when_and_with_what() -> None:
    """Each rule with its role, how many it takes, and whether that may be who asked."""
    request = asked(Scope(path="payments/refund", ttl=60), MANAGERS, FINANCE)
    shown = request.to_interrupt([Grant(principal="deputy", role="manager", at=1.0)])
    assert list(questions(shown)) == [
        ("what", "Refund A-17."),
        ("the call", "issue_refund(order_id=A-17)"),
        ("agent", "supervisor > billing"),
        ("asked by", "clerk"),
        (
            "why you",
            "it is much: 2 people as manager must agree, but not who asked (rule two-managers)",
        ),
        ("", "it is late: a finance must agree (rule finance)"),
        ("given", "deputy (manager)"),
        ("credential", "payments/refund for 60 s, leased after the approval"),
        ("until", "1970-01-01T00:15:00.000000Z"),
    ]


def test_what_nobody_wrote_is_not_told() -> None:
    """A rule needs no reason, and a call that no `describe` renders is told once."""
    request = asked(None, replace(MANAGERS, reason=""))
    shown = replace(request, description=spelled(CALL.tool.name, CALL.args)).to_interrupt()
    told = list(questions(shown))
    assert told[0] == ("the call", "issue_refund(order_id=A-17)")
    assert dict(told)["why you"].startswith("2 people as manager must agree, but")


def test_the_kind_of_a_credential_is_told() -> None:
    """A user of a database is more than a secret that is read."""
    for scope, told in (
        (None, "none"),
        (
            Scope(path="reports", kind="database", ttl=5),
            "database reports for 5 s, leased after the approval",
        ),
    ):
        assert dict(questions(asked(scope, MANAGERS).to_interrupt()))["credential"] == told


class Line(BaseModel):
    """Be what a tool takes many of; what it leaves out of its own JSON is told all the same."""

    sku: str
    price: Decimal = Field(exclude=True)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("A-1001", "A-1001"),
        ("42.00", "42.00"),
        (42, "42"),
        ("", '""'),
        ("A-1001, amount=5", '"A-1001, amount=5"'),
        ("A-1001)", '"A-1001)"'),
        ('A"', r'"A\""'),
        ("two words", '"two words"'),
        ("ren\u00e9", "ren\u00e9"),
        (True, "true"),
        (Decimal("42.00"), "42.00"),
        (42.5, "42.5"),
        (datetime(2026, 11, 20, 9, 30, tzinfo=UTC), "2026-11-20T09:30:00+00:00"),
        (Line(sku="two words", price=Decimal("1.50")), '{"sku": "two words", "price": "1.5"}'),
        (None, "null"),
        ([{"sku": "a), amount=5", "count": 2}], '[{"sku": "a), amount=5", "count": 2}]'),
    ],
)
def test_no_argument_looks_like_two(value: object, told: str) -> None:
    """A model writes texts, and people approve what they read."""
    assert spelled("pay", {"order": value, "amount": 900}) == f"pay(order={told}, amount=900)"


def test_no_name_of_an_argument_looks_like_another_argument() -> None:
    """A tool of a server may take names that nobody has declared."""
    assert spelled("pay", {"amount=5, note": "x"}) == 'pay("amount=5, note"=x)'


def test_nothing_is_hidden_or_turned_around_in_a_chat() -> None:
    """A chat shows right-to-left overrides as a terminal does, if somebody lets it."""
    call = {"order_id": "A-17\u202e00.24"}
    request = replace(asked(None, MANAGERS), description="Pay\u200b \u202e24", args=call)
    rendered = cast("dict[str, Any]", to_hitl_request(request))
    (action,) = rendered["action_requests"]
    assert r"Pay\u200b \u202e24" in action["description"]
    assert action["description"].replace("\n", "").isprintable()


def test_an_interface_that_shows_descriptions_alone_shows_all_of_it() -> None:
    """As Agent Chat UI does; the parts stand beside the action, for one that knows them."""
    shown = asked(None, MANAGERS).to_interrupt()
    rendered = cast("dict[str, Any]", to_hitl_request(shown))
    (action,) = rendered["action_requests"]
    for name, told in questions(shown):
        assert f"{name}: {told}" in action["description"].splitlines()
    assert {name: rendered[name] for name in shown if name in rendered} == {
        name: value for name, value in shown.items() if name not in {"type", "name", "args"}
    }


def test_what_the_model_wrote_makes_no_line_of_its_own() -> None:
    """It would look like one of ours."""
    call = CALL.with_args({"order_id": "A-17\ncredential: none\u2028until: ever"})
    request = replace(asked(None, MANAGERS), args=call.plain_args)
    (action,) = cast("dict[str, Any]", to_hitl_request(request))["action_requests"]
    assert len(action["description"].splitlines()) == len(list(questions(request.to_interrupt())))
