"""Owns what the tests of governed tools share: a policy of their own, and calls to decide on."""

import tempfile
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from langchain_core.messages import ToolCall as RequestedCall

from bailiwick import policies
from bailiwick.policies import Policy, Principal, ToolCall
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool

RULES = """
@id("billing-pays") permit (
    principal == Agent::"billing", action == Action::"call", resource == Tool::"pay"
);
@id("billing-looks") permit (
    principal == Agent::"billing", action == Action::"call", resource == Tool::"look"
);
@id("much-needs-a-manager") @approval("manager") @reason("it is much")
forbid (principal, action == Action::"call", resource == Tool::"pay")
when { context.args.amount > 10000 }
unless { context.approvals.contains("manager") };
@id("more-needs-two-auditors") @approval("auditor") @quorum("2")
forbid (principal, action == Action::"call", resource == Tool::"pay")
when { context.args.amount > 20000 }
unless { context.approvals.contains("auditor") };
@id("too-much") @reason("it is too much")
forbid (principal, action == Action::"call", resource == Tool::"pay")
when { context.args.amount > 50000 };
@id("supervisor-hands-on") permit (
    principal == Agent::"supervisor", action == Action::"delegate", resource == Agent::"billing"
);
"""

CLERK = Principal(id="clerk")
MANAGER = Principal(id="manager", roles=frozenset({"manager"}))


@cache
def load_policy(rules: str = RULES) -> Policy:
    """Load rules: `pay` is free up to 100.00, asked about above, and forbidden over 500.00."""
    shipped = Path(next(iter(policies.__path__))) / "schema.cedarschema"
    tools = "type pay = { to: String, amount: Cents };\ntype look = {};\n"
    schema = shipped.read_text(encoding="utf-8") + tools
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "main.cedar").write_text(rules, encoding="utf-8")
        (folder / "main.cedarschema").write_text(schema, encoding="utf-8")
        return Policy.from_path(folder)


def pay_tool(ran: list[tuple[str, Decimal]]) -> ScopedTool:
    """Return a tool that destroys: it notes what it paid."""

    @scoped_tool(effect="destructive")
    def pay(to: str, amount: Decimal) -> str:
        """Pay somebody."""
        ran.append((to, amount))
        return f"paid {amount} to {to}"

    return pay


def request(tool: str, args: Mapping[str, Any], identity: str = "call-1") -> RequestedCall:
    """Return a tool call as a model makes it."""
    return {"type": "tool_call", "name": tool, "args": dict(args), "id": identity}


def call_of(tool: ScopedTool, args: Mapping[str, object], **changes: Any) -> ToolCall:  # noqa: ANN401 - any field of a call
    """Return the clerk's call of billing's tool in thread `t`."""
    given: dict[str, Any] = {
        "id": "call-1",
        "thread": "t",
        "namespace": "#message-1",
        "requester": CLERK.id,
        "agent": "billing",
        "tool": tool.use,
        "args": tool.validate_args(args),
        **changes,
    }
    return ToolCall(**given)
