"""Owns the calls that tests of the command line find on record, made with the shop's tools."""

from dataclasses import replace
from typing import Any

from bailiwick.policies.calls import ToolCall
from bailiwick.policies.decisions import Decision
from bailiwick.tools import journal
from bailiwick.tools.effects.calls import Calls
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.results import ToolResult
from bailiwick.tools.shop.tools import create_shop_tools

with create_shop_tools("http://localhost") as SHOP:
    REGISTERING = ToolCall(
        id="call-1",
        thread="thread-1",
        namespace="#m",
        requester="customer",
        chain=("supervisor",),
        agent="returns",
        tool=SHOP.register_return.use,
        args={"order_id": "A-1001"},
    )
    CANCELLING = replace(REGISTERING, tool=SHOP.cancel_return.use)
    REFUND = replace(
        REGISTERING,
        agent="billing",
        tool=SHOP.issue_refund.use,
        args={"order_id": "A-1001", "amount": "40"},
    )


def begin(ledger: Ledger, call: ToolCall = CANCELLING, lasts: float = 0, **ended: Any) -> str:  # noqa: ANN401 - a result's fields
    """Allow and begin a call, and end it if anything is said of its end; return its id."""
    calls, allowed = Calls(ledger), Decision(verdict="allow", policy_version="p1")
    with ledger.transaction() as connection:
        key = calls.begin(connection, call, "p1", lasts=lasts).key
        ledger.append(connection, call.thread, journal.decision(call, allowed))
        if ended:
            result = ToolResult(**ended)
            calls.end(connection, key, result.state, result.dumps())
    return key
