"""What a terminal is shown and asked: text that others wrote is printed, never obeyed."""

import _thread
import io
import logging
import os
import pty
import unicodedata
from collections.abc import Callable, Generator
from threading import Timer

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, ToolMessage
from rich.console import Console

from bailiwick.graphs.cli.logs import SentenceHandler
from bailiwick.graphs.cli.terminal.console import confirmed, line_of, quoted, visible
from bailiwick.graphs.cli.terminal.narration import Narration
from bailiwick.graphs.cli.terminal.records import describe
from bailiwick.policies.canonical import Json, canonical
from bailiwick.tools.records.chain import Record

Show = Callable[..., str]

REQUEST = {
    "name": "issue_refund",
    "description": "Refund 42.00 EUR on order A-1001.",
    "args": {"order_id": "A-1001"},
    "chain": ["supervisor"],
    "agent": "billing",
    "requester": "customer",
    "rules": [
        {
            "id": "r",
            "reason": "a refund moves money",
            "role": "manager",
            "quorum": 1,
            "separate": True,
        }
    ],
    "approvals": [],
    "credential": None,
    "expires_at": "2030-01-01T00:00:00.000000Z",
}


def narrated(*, width: int = 80, **changes: object) -> str:
    """Return how an approval is shown."""
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    Narration(console).ask({**REQUEST, **changes})
    return shown(console)


def shown(console: Console) -> str:
    """Return what was printed."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_warning_is_printed_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever begins a thread names it, and others' terminals are told of it."""
    told = logging.makeLogRecord(
        {"name": "bailiwick", "msg": "thread %s: gone", "args": ("a\x1b[2J\u202eb\nbailiwick",)}
    )
    SentenceHandler().emit(told)
    assert capsys.readouterr().err == "bailiwick: thread a\\x1b[2J\\u202eb\\nbailiwick: gone\n"


@given(st.text(st.characters(codec=None)))
def test_nothing_shown_is_a_control(text: str) -> None:
    """Whatever the text: no escape sequence, no override of direction, no second line."""
    categories = {unicodedata.category(each) for each in visible(text)}
    assert not categories & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    visible(text).encode()


FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
"""Characters that are no controls and have no shape either."""

NOT_CONTROLS = st.characters(
    codec="utf-8",
    exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"],
    exclude_characters=FILLERS,
)


@pytest.mark.parametrize("filler", FILLERS)
def test_what_has_no_shape_is_shown(filler: str) -> None:
    """Or two orders would look like one."""
    assert visible(f"A-1{filler}") == f"A-1{filler.encode('unicode_escape').decode()}"


@given(st.text(NOT_CONTROLS))
def test_plain_text_is_shown_as_it_is(text: str) -> None:
    """Markup included: it is somebody's text."""
    assert quoted(text).plain == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[2J42.00", r"\x1b[2J42.00"),
        ("a\rb", r"a\rb"),
        ("\u202e00.24", r"\u202e00.24"),
        ("one\ntwo", r"one\ntwo"),
        ("\udc80", r"\udc80"),
    ],
    ids=["escape", "return", "override", "line", "surrogate"],
)
def test_what_a_terminal_would_obey_is_spelled_out(text: str, expected: str) -> None:
    """So that a reader sees that it was there."""
    assert visible(text) == expected


def test_an_approval_cannot_be_repainted_by_what_it_is_about() -> None:
    """An argument cannot look like another line of the panel."""
    args = {"order_id": "A-1\ncredential  none\x1b[1A[red]x[/]"}
    text = narrated(args=args, width=120)
    assert r'"A-1\ncredential  none\u001b[1A[red]x[/]"' in text
    assert text.count("│ credential") == 1


def test_an_approval_shows_each_rule_and_what_was_given() -> None:
    """Two rules, a quorum, and the first of two approvals."""
    rules = [
        {"id": "one", "reason": "it moves money", "role": "manager", "quorum": 2, "separate": True},
        {
            "id": "two",
            "reason": "it is late",
            "role": "night watch",
            "quorum": 1,
            "separate": False,
        },
    ]
    given_already = [{"by": "manager-1", "role": "manager"}]
    credential = {"kind": "kv", "path": "payments/refund", "ttl": 60}
    text = narrated(rules=rules, approvals=given_already, credential=credential, width=120)
    assert "it moves money: 2 people as manager must agree, but not who asked (rule one)" in text
    assert "it is late: a night watch must agree (rule two)" in text
    assert "manager-1 (manager)" in text
    assert "payments/refund for 60 s, leased after the approval" in text


def test_a_message_is_told_once_and_a_repeated_result_is_not_repeated() -> None:
    """A stream brings an agent's messages with every graph around it."""
    console = Console(file=io.StringIO(), width=80)
    narration = Narration(console)
    result = ToolMessage("It is open.", tool_call_id="1", id="a")
    report = AIMessage("It is open.", name="returns", id="b")
    for _ in range(2):
        narration.tell({"execute": {"messages": [result]}, "model": None})
        narration.tell({"model": {"messages": [report]}})
    assert shown(console).count("It is open.") == 1
    assert shown(console).count("reports that") == 1


def test_what_an_earlier_run_asked_for_is_not_told_behind_its_result() -> None:
    """It would look as if it was asked for again."""
    console = Console(file=io.StringIO(), width=80)
    call = {"name": "issue_refund", "args": {"amount": "9"}, "id": "1"}
    asking = AIMessage("", name="billing", tool_calls=[call], id="a")
    result = ToolMessage("Refunded 9.00 EUR.", tool_call_id="1", id="b")
    narration = Narration(console)
    narration.tell({"approval": {"messages": [result]}})
    narration.tell({"billing": {"messages": [asking, result]}})
    assert [line.strip() for line in shown(console).splitlines()] == ["Refunded 9.00 EUR."]


def test_what_a_model_says_beside_a_call_is_told() -> None:
    """Its reasons are worth reading; a task that the call repeats is not."""
    console = Console(file=io.StringIO(), width=80)
    call = {"name": "transfer_to_orders", "args": {"task": "Look it up."}, "id": "1"}
    other = {"name": "issue_refund", "args": {"amount": "9"}, "id": "2"}
    told = AIMessage("Look it up.", name="supervisor", tool_calls=[call], id="a")
    obeyed = AIMessage("The note says so.", name="orders", tool_calls=[other], id="b")
    Narration(console).tell({"model": {"messages": [told, obeyed]}})
    lines = [line.strip() for line in shown(console).splitlines()]
    assert lines == [
        "supervisor   hands over to orders: Look it up.",
        "orders       The note says so.",
        "orders       asks for issue_refund(amount=9)",
    ]


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("call.ended", {"tool": "t", "outcome": "failed"}, "t failed"),
        ("lease.failed", {"reason": "sealed"}, "got no credential: sealed"),
        ("lease.revoked", {"path": "p", "failure": "down"}, "lease of p not revoked: down"),
        ("approval.expired", {"id": "1"}, "approval expired"),
        ("approval.cancelled", {"id": "1", "reason": "new input"}, "approval withdrawn: new input"),
        ("approval.answered", {"by": "m", "answer": {"type": "approve"}}, "approves"),
        (
            "approval.refused",
            {"by": "m", "answer": {"type": "approve"}, "reason": "no role"},
            "tries to approve: refused",
        ),
        (
            "approval.refused",
            {"by": "m", "answer": {"type": ""}, "reason": "no form"},
            "tries to answer: refused",
        ),
        (
            "approval.answered",
            {"by": "m", "answer": {"type": "reject", "message": "no"}},
            "rejects: no",
        ),
        (
            "approval.answered",
            {"by": "m", "answer": {"type": "edit", "edited_action": {"args": {"a": 1}}}},
            'changes the arguments: {"a": 1}',
        ),
        (
            "decision",
            {"tool": "t", "args": {}, "verdict": "deny", "reason": "No rule."},
            "denied t(): No rule.",
        ),
        (
            "decision",
            {"tool": "t", "args": {}, "verdict": "deny", "reason": "Why?", "detail": "no rule: t"},
            "denied t(): Why? (no rule: t)",
        ),
        ("handoff", {"to": "b", "verdict": "deny", "reason": "No."}, "hands over to b: No."),
        ("something.new", {"reason": "later"}, "later"),
        ("something.new", {"x": 1}, '{"x": 1}'),
        ("decision", {}, "cannot be read: bailiwick audit verify"),
    ],
)
def test_a_record_is_told_in_a_few_words(kind: str, body: dict[str, Json], expected: str) -> None:
    """One that was changed, or that a later version wrote, does not break the list."""
    record = Record(
        thread="t",
        seq=1,
        at="2030-01-01T00:00:00.000000Z",
        kind=kind,
        text=canonical(body).decode(),
        previous="",
        hash="",
    )
    assert describe(record)[1].plain == expected


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Generator[int]:
    """Give the keys' side of a terminal that is standard input."""
    keys, shown = pty.openpty()
    with os.fdopen(keys, "wb", buffering=0), os.fdopen(shown) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        yield keys


@pytest.fixture
def console() -> Console:
    """Give a console that keeps what is printed."""
    return Console(file=io.StringIO())


def test_ctrl_c_just_before_the_line_is_read_is_heard(keyboard: int, console: Console) -> None:
    """Then it interrupts nothing that waits; only a line would."""
    pressed = Timer(0.2, _thread.interrupt_main)
    typed = Timer(10, os.write, (keyboard, b"y\n"))

    for timer in (pressed, typed):
        timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            line_of(console, "What now? ")
        assert typed.is_alive()
    finally:
        typed.cancel()


@pytest.mark.parametrize(
    ("typed", "is_yes"),
    [(b"y\n", True), (b" YES \n", True), (b"\n", False), (b"yep\n", False), (b"\x04", False)],
)
def test_what_is_no_yes_is_a_no(
    keyboard: int, console: Console, typed: bytes, *, is_yes: bool
) -> None:
    """Ctrl-D is none, either."""
    os.write(keyboard, typed)

    assert confirmed(console, "Do this [now]?") is is_yes
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().startswith("Do this [now]? [y/N] ")
