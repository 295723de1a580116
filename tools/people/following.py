"""Owns what follows from an approval request that was answered, or has ended without an answer."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from langgraph.errors import GraphBubbleUp

from bailiwick.policies.answers import Approve, Edit, Reject, Respond
from bailiwick.policies.approvals import Approval
from bailiwick.policies.approvals import State as Stand
from bailiwick.policies.calls import ToolCall
from bailiwick.policies.decisions import Decision
from bailiwick.policies.questions import spelled
from bailiwick.tools.declared.scoped import ScopedTool
from bailiwick.tools.people.edits import confirm
from bailiwick.tools.results import ToolResult

if TYPE_CHECKING:
    from bailiwick.tools.guard import Guard


logger = logging.getLogger(__name__)

_UNUSED = "Its approval was not used in time."


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """Say where a call goes on.

    Attributes:
        node: To its execution, or to another approval.
        args: The arguments a reviewer put in place of the model's, if one did.
        note: What the model reads of it before the result.
    """

    node: Literal["execute", "approval"]
    args: Mapping[str, Any] | None = None
    note: str = ""


def follow(
    guard: "Guard", call: ToolCall, tool: ScopedTool, approval: Approval
) -> Next | ToolResult:
    """Return where a call goes on as its request stands, or what stands in its place."""
    match approval.state, approval.answer:
        case (("approved" | "consumed"), _):
            return Next(node="execute")
        case "pending", _:
            return Next(node="approval")
        case _, Edit() as edit:
            return _follow_edit(guard, call, tool, approval, edit)
        case _, Respond() as response:
            return ToolResult(content=response.message, outcome="answered")
        case _:
            return ToolResult.refused(tool.name, _refusal(approval))


def request_approval(
    guard: "Guard", call: ToolCall, tool: ScopedTool, decision: Decision
) -> Approval:
    """Write down what is asked about a call, in its tool's own words, or find what stands."""
    described = _described(call, tool)
    return guard.approvals.ask(call, decision, scope=tool.scope, description=described)


def edited_call(call: ToolCall, tool: ScopedTool, edit: Edit) -> ToolCall:
    """Return the call that a reviewer's edit makes of one.

    Raises:
        ValueError: If the arguments do not fit, or hold what the tool would drop.
    """
    args = edit.edited_action.args
    tool.args_check.check(args)
    return call.with_args(tool.validate_args(args))


def _described(call: ToolCall, tool: ScopedTool) -> str:
    if tool.describe is not None:
        try:
            return _text(tool.describe(call.args))
        except GraphBubbleUp:
            raise
        except Exception:
            logger.exception("%s cannot describe its call: its arguments are shown", tool.name)
    return spelled(tool.name, call.args)


def _text(described: object) -> str:
    if not isinstance(described, str):
        raise TypeError(f"describe must return a text, not {type(described).__name__!r}")
    # Half a character could be kept nowhere.
    return described.encode().decode()


def _follow_edit(
    guard: "Guard", call: ToolCall, tool: ScopedTool, approval: Approval, edit: Edit
) -> Next | ToolResult:
    """Send an edited call on as the other call that it is."""
    args, editor = edit.edited_action.args, approval.decided_by
    try:
        edited = edited_call(call, tool, edit)
    except ValueError:
        # Who answers in the database need not have the tool at hand.
        return ToolResult.refused(tool.name, f"{editor} gave it arguments that do not fit.")
    if edited.plain_args == call.plain_args:
        return _follow_confirmed(guard, call, tool, confirm(guard.ledger, approval))
    node: Literal["execute", "approval"] = "execute"
    match _stand_of(guard, replace(edited, requester=approval.request.requester), tool, approval):
        case None | "approved" | "consumed":
            pass
        case "pending":
            node = "approval"
        case ended:
            # Two edits that undo each other would lead here for ever.
            reason = f"{editor} changed it into a call whose request was {ended}."
            return ToolResult.refused(tool.name, reason)
    changed = json.dumps(edited.plain_args, ensure_ascii=False)
    note = f"{editor} changed the arguments to {changed} before this ran."
    return Next(node=node, args=args, note=note)


def _follow_confirmed(
    guard: "Guard", call: ToolCall, tool: ScopedTool, approval: Approval
) -> Next | ToolResult:
    if isinstance(approval.answer, Edit):
        return ToolResult.refused(tool.name, _UNUSED)
    return follow(guard, call, tool, approval)


def _stand_of(
    guard: "Guard", edited: ToolCall, tool: ScopedTool, approval: Approval
) -> Stand | None:
    """Return where the request for an edited call stands, its editor's word counted, if it has one.

    A call that is denied has none: the guard refuses it and records that.
    """
    decision = guard.decide(edited)
    if decision.verdict != "review":
        return None
    asked = request_approval(guard, edited, tool, decision)
    return guard.approvals.count_edit(asked.request.id, approval).state


def _refusal(approval: Approval) -> str:
    match approval.state, approval.answer:
        case "rejected", Reject(message=message):
            return f"{approval.decided_by} rejected it" + (f": {message}" if message else ".")
        case "expired", Approve():
            return _UNUSED
        case "expired", _:
            return "Nobody answered in time."
        case _:
            return "The request for its approval was withdrawn."
