"""What the digest of a tool call binds."""

import json
import unicodedata
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from bailiwick.policies import ToolCall, ToolUse
from bailiwick.policies.canonical import MAX_SAFE_INTEGER

REFUND = ToolUse(name="issue_refund", version="1", effect="destructive")
CALL = ToolCall(
    id="call-1",
    thread="thread-1",
    requester="clerk",
    chain=("supervisor",),
    agent="billing",
    tool=REFUND,
    args={"order_id": "1001", "amount": Decimal("40.00")},
)

# No surrogates: text that has no UTF-8 form has no digest.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1, 1) | texts,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(texts, children, max_size=3),
    max_leaves=6,
)


def test_a_call_without_arguments_has_a_digest() -> None:
    """The empty call is a call."""
    assert len(CALL.with_args({}).digest("policy")) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"thread": "thread-2"},
        {"chain": ()},
        {"chain": ("supervisor", "supervisor")},
        {"agent": "orders"},
        {"tool": replace(REFUND, name="issue_refunds")},
        {"tool": replace(REFUND, version="2")},
        {"args": {"order_id": "1001", "amount": Decimal("40.01")}},
        {"args": {"order_id": "1001", "amount": Decimal("40.00"), "note": None}},
        {"args": {"order_id": "1001"}},
        {"args": {"order_id": 1001, "amount": Decimal("40.00")}},
    ],
    ids=repr,
)
def test_a_change_of_any_part_changes_the_digest(change: dict[str, Any]) -> None:
    """An approval of one call answers no other."""
    assert replace(CALL, **change).digest("policy") != CALL.digest("policy")


def test_another_policy_changes_the_digest() -> None:
    """An approval given under one policy says nothing under another."""
    assert CALL.digest("policy") != CALL.digest("stricter policy")


@pytest.mark.parametrize("change", [{"id": "call-2"}, {"namespace": "billing:1"}], ids=repr)
def test_equal_calls_have_digests_of_their_own(change: dict[str, Any]) -> None:
    """An answer to one of two equal calls of a thread says nothing of the other."""
    assert replace(CALL, **change).digest("policy") != CALL.digest("policy")


@contextmanager
def rejecting_equal_keys() -> Generator[None]:
    """Give up an example in which two keys differ only in Unicode form: it has no digest."""
    try:
        yield
    except ValueError:
        reject()


@given(st.dictionaries(texts, values, max_size=4), st.dictionaries(texts, values, max_size=4))
def test_arguments_share_a_digest_exactly_when_they_mean_the_same(
    one: dict[str, object], other: dict[str, object]
) -> None:
    """Nothing in the arguments is left out of the digest, and spelling is no part of it."""
    first, second = CALL.with_args(one), CALL.with_args(other)
    with rejecting_equal_keys():
        spelled = [json.dumps(call.plain_args, sort_keys=True) for call in (first, second)]
    assert (first.digest("policy") == second.digest("policy")) == (spelled[0] == spelled[1])


@given(st.dictionaries(texts, texts, min_size=1, max_size=4))
def test_key_order_and_unicode_form_do_not_change_the_digest(args: dict[str, str]) -> None:
    """The same words typed on another keyboard are the same words."""
    composed = {name: unicodedata.normalize("NFC", text) for name, text in args.items()}
    apart = {name: unicodedata.normalize("NFD", text) for name, text in reversed(args.items())}
    with rejecting_equal_keys():
        expected = CALL.with_args(composed).digest("policy")
    assert CALL.with_args(apart).digest("policy") == expected


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9))
def test_the_spelling_of_an_amount_does_not_change_the_digest(amount: Decimal) -> None:
    """`40`, `40.00` and `4E+1` are one amount, and a cent more is another."""

    def digest(amount: Decimal) -> str:
        return CALL.with_args({"order_id": "1001", "amount": amount}).digest("policy")

    assert digest(Decimal(f"{amount:E}")) == digest(amount)
    assert digest(amount + Decimal("0.01")) != digest(amount)


@given(st.floats(min_value=-MAX_SAFE_INTEGER, max_value=MAX_SAFE_INTEGER))
def test_the_spelling_of_a_number_does_not_change_the_digest(number: float) -> None:
    """`1` and `1.0` are one number; the text of one is something else."""

    def digest(share: object) -> str:
        return CALL.with_args({"share": share}).digest("policy")

    assert digest(int(number)) == digest(float(int(number)))
    assert digest(json.loads(json.dumps(number))) == digest(number)
    assert digest(repr(number)) != digest(number)
