"""Owns the question to a person: a record first, then LangGraph's interrupt, and nothing else."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from langgraph.types import interrupt

from bailiwick.policies.approvals import (
    Answer,
    Approval,
    ApprovalRequest,
    Approve,
    Edit,
    Reject,
    Respond,
    answer_type,
    authorise,
)
from bailiwick.policies.calls import ToolCall
from bailiwick.policies.decisions import Decision
from bailiwick.policies.errors import ApprovalError
from bailiwick.policies.principals import Principal
from bailiwick.tools.call_rows import CallRecord
from bailiwick.tools.locations import UNTHREADED
from bailiwick.tools.results import ToolResult
from bailiwick.tools.scoped import ScopedTool
from bailiwick.tools.withdrawals import WENT_ON

if TYPE_CHECKING:
    from bailiwick.tools.guard import Guard

_CHANGED = "the rules or the tool have changed while it waited for an approval"


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


def ask(guard: "Guard", call: ToolCall, tool: ScopedTool) -> Next | ToolResult:
    """Ask for the approval a call needs; return where it goes on, or what stands in its place.

    LangGraph runs this again from the top when the answer comes: the record is written once, and
    nothing else happens before the interrupt. An answer that is malformed, stale or not this
    person's to give raises inside LangGraph's own validation, so that nothing of it is kept and
    the request stays open.
    """
    decision = guard.decide(call)
    if decision.verdict != "review":
        return _unasked(guard, call)
    if call.thread == UNTHREADED:
        reason = "It needs an approval, and a graph without a checkpointer cannot wait for one."
        return guard.refuse(call, reason)
    request = _request(guard, call, tool, decision)
    approval = guard.approvals.get(request.id)
    if approval.state == "pending":
        approval = _answered(guard, call, tool, approval)
    return _follow(guard, call, tool, approval)


def withdraw(guard: "Guard", call: ToolCall) -> ToolResult:
    """Withdraw what is asked about a call that the conversation went past.

    LangGraph drops what waits in a thread when new input comes, results of siblings included. So
    what became of the call is told from the record, with an editor's arguments or the model's: a
    call that ran was not cancelled.
    """
    if begun := [each for each in guard.calls.list(thread=call.thread) if _is_of(each, call)]:
        return ToolResult.standing(call.tool.name, begun[-1])
    for approval in guard.approvals.list(thread=call.thread):
        if _is_of(approval.request, call):
            guard.approvals.cancel(approval.request.id, reason=WENT_ON)
    return guard.refuse(call, f"It was cancelled: {WENT_ON}.")


def _unasked(guard: "Guard", call: ToolCall) -> Next | ToolResult:
    """Send a call on that needs no approval, unless it waited for one under other rules.

    What somebody was asked about must not run because the question is gone, least of all when the
    answer is no.
    """
    asked = [a for a in guard.approvals.list(thread=call.thread) if _is_of(a.request, call)]
    for approval in asked:
        guard.approvals.cancel(approval.request.id, reason=_CHANGED)
    if not asked or guard.decide(call).verdict == "deny":
        return Next(node="execute")
    return guard.refuse(call, f"It was cancelled: {_CHANGED}.")


def _is_of(record: ApprovalRequest | CallRecord, call: ToolCall) -> bool:
    return (record.namespace, record.tool_call_id) == (call.namespace, call.id)


def _request(
    guard: "Guard", call: ToolCall, tool: ScopedTool, decision: Decision
) -> ApprovalRequest:
    described = tool.describe(call.args) if tool.describe else _describe(tool, call.args)
    return guard.approvals.request(call, decision, scope=tool.scope, description=described)


def _answered(guard: "Guard", call: ToolCall, tool: ScopedTool, approval: Approval) -> Approval:
    principal, given = guard.principal(), approval.grants
    request = approval.request.anew(given)

    def check(answer: Answer) -> None:
        authorise(request, answer, principal, given)
        if isinstance(answer, Edit) and _changes_nothing(call, tool, answer):
            raise ApprovalError("the edit changes nothing: approve the call as it is")

    schema = answer_type(request, check=check, args_schema=tool.args_check)
    answer = interrupt(request.to_interrupt(given), response_schema=schema)
    answer = answer.model_copy(update={"action_digest": approval.request.digest})
    try:
        return guard.approvals.answer(request.id, answer, by=principal, running=True)
    except ApprovalError:
        decided = guard.approvals.get(request.id)
        if decided.state == "pending":
            raise
        # Somebody else was faster: what they decided stands.
        return decided


def _follow(
    guard: "Guard", call: ToolCall, tool: ScopedTool, approval: Approval
) -> Next | ToolResult:
    match approval.state, approval.answer:
        case (("approved" | "consumed"), _):
            return Next(node="execute")
        case "pending", _:
            return Next(node="approval")
        case _, Edit() as edit:
            return _edited(guard, call, tool, approval, edit)
        case _, Respond() as response:
            return ToolResult(content=response.message, outcome="answered")
        case _:
            return ToolResult.refused(tool.name, _refusal(approval))


def _refusal(approval: Approval) -> str:
    match approval.state, approval.answer:
        case "rejected", Reject(message=message):
            return f"{approval.decided_by} rejected it" + (f": {message}" if message else ".")
        case "expired", Approve():
            return "Its approval was not used in time."
        case "expired", _:
            return "Nobody answered in time."
        case _:
            return "The request for its approval was withdrawn."


def _edited(
    guard: "Guard", call: ToolCall, tool: ScopedTool, approval: Approval, edit: Edit
) -> Next | ToolResult:
    """Treat an edited call as the other call that it is; its editor's answer counts for it."""
    args, editor = edit.edited_action.args, approval.decided_by
    try:
        edited = call.with_args(tool.validate_args(args))
    except ValueError:
        # Who answers in the database need not have the tool at hand.
        return ToolResult.refused(tool.name, f"{editor} gave it arguments that do not fit.")
    edited = replace(edited, requester=approval.request.requester)
    decision = guard.decide(edited)
    waits = decision.verdict == "review"
    if waits:
        standing = guard.approvals.get(_request(guard, edited, tool, decision).id)
        if standing.state in {"rejected", "expired", "cancelled"}:
            # Two edits that undo each other would lead here for ever.
            return ToolResult.refused(
                tool.name, f"{editor} changed it into a call whose request was {standing.state}."
            )
        waits = not _approve(guard, standing, approval)
    changed = json.dumps(args, ensure_ascii=False)
    return Next(
        node="approval" if waits else "execute",
        args=args,
        note=f"{editor} changed the arguments to {changed} before this ran.",
    )


def _approve(guard: "Guard", standing: Approval, edited: Approval) -> bool:
    """Count an edit as its editor's approval of the edited call, whoever drives this run."""
    if standing.state == "pending" and edited.decided_by is not None:
        editor = Principal(id=edited.decided_by, roles=edited.decided_roles)
        approve = Approve(action_digest=standing.request.digest)
        try:
            standing = guard.approvals.answer(standing.request.id, approve, by=editor, running=True)
        except ApprovalError:
            return False
    return standing.state in {"approved", "consumed"}


def _changes_nothing(call: ToolCall, tool: ScopedTool, edit: Edit) -> bool:
    edited = call.with_args(tool.validate_args(edit.edited_action.args))
    return edited.plain_args == call.plain_args


def _describe(tool: ScopedTool, args: Mapping[str, Any]) -> str:
    given = ", ".join(f"{name}={value!s}" for name, value in args.items())
    return f"{tool.name}({given})"
