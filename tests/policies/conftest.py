"""Owns what the tests of the policy share: folders of rules, written as a test needs them."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bailiwick.policies import Policy, ToolCall, ToolUse

SCHEMA = """\
entity Agent;
entity Tool { effect: String };
type Cents = Long;
action call appliesTo {
    principal: Agent,
    resource: Tool,
    context: {
        args: Args,
        labels: Set<String>,
        requester: String,
        chain: Set<String>,
        approvals: Set<String>,
    },
};
action delegate appliesTo {
    principal: Agent,
    resource: Agent,
    context: {
        labels: Set<String>,
        requester: String,
        chain: Set<String>,
        approvals: Set<String>,
    },
};
type ping = {};
type pay = { to: String, amount: Cents, copies?: Long };
"""


@pytest.fixture
def schema() -> str:
    """Give a schema with two tools, `ping` without arguments and `pay` with some."""
    return SCHEMA


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Give a function that writes files into a new folder, by name and text."""

    def write(**files: str) -> Path:
        (tmp_path / "rules").mkdir()
        for name, text in files.items():
            suffix = "cedarschema" if name == "schema" else "cedar"
            (tmp_path / "rules" / f"{name}.{suffix}").write_text(text, encoding="utf-8")
        return tmp_path / "rules"

    return write


@pytest.fixture
def load(write: Callable[..., Path], schema: str) -> Callable[[str], Policy]:
    """Give a function that loads the rules of one text with the schema of two tools."""

    def load(rules: str) -> Policy:
        return Policy.from_path(write(main=rules, schema=schema))

    return load


@pytest.fixture
def call() -> Callable[..., ToolCall]:
    """Give a function that returns the clerk's call of a tool, by default a payment of 1.00."""

    def call(
        tool: str = "pay",
        *,
        to: object = "shop",
        amount: object = Decimal(1),
        **changes: Any,  # noqa: ANN401 - any field of a call
    ) -> ToolCall:
        made = ToolCall(
            id="call-1",
            thread="thread-1",
            requester="customer",
            agent="clerk",
            tool=ToolUse(name=tool, version="1", effect="destructive"),
            args={"to": to, "amount": amount},
        )
        return replace(made, **changes)

    return call
