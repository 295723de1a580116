"""What a model reads of a tool call, whatever the tool returned or was refused for."""

from collections import Counter
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import ToolMessage
from tests.tools.attempts import SECRET, Plain, Receipt, circle, seen

from bailiwick.policies.calls import ToolCall, ToolUse
from bailiwick.policies.canonical import digest, plain
from bailiwick.policies.redaction import MASK
from bailiwick.tools.effects.call_rows import Intent
from bailiwick.tools.results import ToolResult
from bailiwick.tools.secrets.credentials import Credential

CALL = ToolCall(
    id="call-1",
    thread="t",
    requester="clerk",
    agent="billing",
    tool=ToolUse(name="pay", version="1", effect="destructive"),
    args={},
)


@pytest.mark.parametrize(
    ("value", "content"),
    [
        (None, "null"),
        ("", ""),
        ("paid", "paid"),
        (Decimal("12.50"), "12.50"),
        (7, "7"),
        (True, "true"),
        (b"caf\xc3\xa9 \xff", "café \\xff"),
        (
            {"paid": Decimal("12.50"), "on": date(2026, 1, 2)},
            '{"paid": "12.50", "on": "2026-01-02"}',
        ),
        (["é", 1], '["é", 1]'),
        (["a", "b"], '["a", "b"]'),
        ([], "[]"),
        ({3, 1, 2}, "[1, 2, 3]"),
        ({1: "one"}, '{"1": "one"}'),
        ({(1, 2): "pair"}, "{(1, 2): 'pair'}"),
        (
            Receipt(order_id="A-1", amount=Decimal("12.50")),
            '{"order_id": "A-1", "amount": "12.50", "key": "**********"}',
        ),
        (Plain("x"), "Plain(word='x')"),
        (Counter("aab"), '{"a": 2, "b": 1}'),
        (float("nan"), "NaN"),
        (
            [{"type": "text", "text": "x", "score": float("-inf")}],
            [{"type": "text", "text": "x", "score": "-Infinity"}],
        ),
        ("x" * 1_000_000, "x" * 1_000_000),
        (circle(), "[[...]]"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_a_tool_returns_becomes_text(value: object, content: str) -> None:
    """Text stays text, everything else is JSON or, where it has none, as Python tells it."""
    assert seen(value) == ToolResult(content=content, outcome="succeeded")


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "base64": "AA=="},
        {"type": "audio", "base64": "AA=="},
        {"type": "document", "source": {"type": "text", "data": "a"}},
        {"type": "search_result", "source": "a", "title": "b", "content": []},
        {"type": "custom_tool_call_output", "output": "a"},
    ],
    ids=lambda block: block["type"],
)
def test_content_blocks_stay_blocks(block: dict[str, Any]) -> None:
    """A model reads pictures and files as such, and cites what was found."""
    blocks = ["see:", {"type": "text", "text": "a"}, block]

    assert seen(blocks).content == blocks


def test_a_list_of_records_is_no_list_of_blocks() -> None:
    """Only known types are blocks; a provider would refuse others."""
    assert seen([{"type": "invoice", "text": "a"}]).content == '[{"type": "invoice", "text": "a"}]'


def test_what_a_block_holds_can_be_stored() -> None:
    """Blocks go into the checkpoint and the ledger as plain JSON values."""
    block = {"type": "json", "json": {"amount": Decimal("1.5"), "raw": b"ab", "file": "\udcff"}}
    content = seen([block]).content

    assert content == [{"type": "json", "json": {"amount": "1.5", "raw": "ab", "file": "?"}}]


def test_a_tool_message_gives_its_content_artifact_and_status() -> None:
    """Wrapped tools return messages; the guard gives them the id of the call."""
    message = ToolMessage("no such order", tool_call_id="", status="error", artifact={"code": 404})

    assert seen(message) == ToolResult(
        content="no such order", outcome="failed", artifact={"code": 404}
    )


@pytest.mark.parametrize(
    "value",
    [
        SECRET,
        SECRET.encode(),
        {"echo": SECRET},
        {"nested": '{"body": "key-\\"7f3a\\"\\n/end"}'},
        {SECRET: 1},
        [{"type": "text", "text": SECRET}],
        [{"type": "json", "json": {"raw": SECRET.encode()}}],
        Plain(SECRET),
        {"object": Plain(SECRET)},
        Receipt(order_id=SECRET, amount=Decimal(1)),
        ToolMessage(SECRET, tool_call_id="", artifact=[SECRET, Plain(SECRET)]),
        {(SECRET, 1): SECRET},
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_result_shows_the_secret(value: object) -> None:
    """Wherever a tool puts its secret, it is masked before anybody sees it."""
    result = seen(value, SECRET)

    assert "7f3a" not in repr(result)
    assert MASK in repr(result)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(value=JSON | st.binary() | st.decimals())
def test_every_result_can_be_stored_and_digested(value: object) -> None:
    """The outcome of a call that ran is always written."""
    result = seen(value)

    assert result.dumps().encode()
    assert digest(plain(result.content))


def test_a_credential_in_a_result_is_not_revealed() -> None:
    """A tool that returns what it was given returns nothing."""
    assert seen(Credential("payments/refund", {"key": SECRET})).content == (
        "Credential('payments/refund')"
    )


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("succeeded", "success"),
        ("answered", "success"),
        ("failed", "error"),
        ("unknown", "error"),
        ("refused", "error"),
    ],
)
def test_a_message_answers_the_call(outcome: Any, status: str) -> None:  # noqa: ANN401 - a literal
    """It bears the call's id and the tool's name, and says whether all went well."""
    message = ToolResult(content="x", outcome=outcome, artifact=[1]).to_message(CALL)

    assert (message.content, message.artifact) == ("x", [1])
    assert (message.tool_call_id, message.name, message.status) == ("call-1", "pay", status)


def test_a_refusal_says_that_the_tool_did_not_run() -> None:
    """And why, in words the model can act on."""
    assert ToolResult.refused("pay", "No rule lets it.") == ToolResult(
        content="pay did not run. No rule lets it.", outcome="refused"
    )


def test_a_note_stands_before_the_content() -> None:
    """What a reviewer changed is read before what came of it."""
    text = ToolResult(content="paid", outcome="succeeded")
    blocks = ToolResult(content=[{"type": "text", "text": "paid"}], outcome="succeeded")

    assert text.with_note("") is text
    assert text.with_note("Changed.").content == "Changed.\npaid"
    assert blocks.with_note("Changed.").content == [
        {"type": "text", "text": "Changed."},
        {"type": "text", "text": "paid"},
    ]


@pytest.mark.parametrize("content", ["paid", [{"type": "text", "text": "é"}]], ids=["text", "list"])
def test_a_finished_call_stands_as_it_was_stored(content: Any) -> None:  # noqa: ANN401 - a content
    """What is stored with the call is what a second run of it gets."""
    result = ToolResult(content=content, outcome="succeeded")
    intent = Intent(key="k", state="succeeded", result=result.dumps())

    assert ToolResult.standing("pay", intent) == result


@pytest.mark.parametrize(
    ("state", "why"),
    [("in_doubt", "a person has to find out"), ("under_way", "may still be under way elsewhere")],
)
def test_a_call_without_an_outcome_is_not_run_again(state: Any, why: str) -> None:  # noqa: ANN401 - a literal
    """Nobody knows whether it had its effect."""
    result = ToolResult.standing("pay", Intent(key="k", state=state))

    assert result.outcome == "refused"
    assert why in str(result.content)
