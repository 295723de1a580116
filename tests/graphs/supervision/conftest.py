"""Owns what the tests of governed supervisors share: a guard with few rules."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bailiwick.policies import Policy
from bailiwick.tools import Guard, Ledger

SCHEMA = """\
entity Agent;
entity Tool { effect: String };
action call appliesTo {
    principal: Agent,
    resource: Tool,
    context: {
        args: Args, labels: Set<String>, requester: String, chain: Set<String>,
        approvals: Set<String>,
    },
};
action delegate appliesTo {
    principal: Agent,
    resource: Agent,
    context: {
        labels: Set<String>, requester: String, chain: Set<String>, approvals: Set<String>,
    },
};
type look = {};
"""
RULES = """\
@id("look") permit (principal, action == Action::"call", resource == Tool::"look");
@id("to-a") permit (principal == Agent::"supervisor", action == Action::"delegate",
    resource == Agent::"a");
@id("inner") permit (principal == Agent::"inner", action == Action::"delegate",
    resource == Agent::"a") when { context.chain.contains("supervisor") };
@id("to-inner") permit (principal == Agent::"supervisor", action == Action::"delegate",
    resource == Agent::"inner");
"""


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Guard]:
    """Give a guard whose supervisor may hand over to `a` and to nobody else."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "rules.cedar").write_text(RULES, encoding="utf-8")
    (tmp_path / "rules" / "schema.cedarschema").write_text(SCHEMA, encoding="utf-8")
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield Guard(policy=Policy.from_path(tmp_path / "rules"), ledger=ledger)
    ledger.close()
