"""Owns the edits that reviewers send."""

from typing import Any

from tests.stories.people import ORDER


def edited(amount: object, tool: str = "issue_refund", **more: object) -> dict[str, Any]:
    """Return the part of an answer that changes the arguments."""
    args = {"order_id": ORDER, "amount": amount, **more}
    return {"edited_action": {"name": tool, "args": args}}
