"""Owns when a person is asked: a record first, then LangGraph's interrupt, and nothing else."""

from typing import TYPE_CHECKING

from bailiwick.policies.calls import ToolCall
from bailiwick.tools.declared.scoped import ScopedTool
from bailiwick.tools.effects import call_rows
from bailiwick.tools.locations import UNTHREADED
from bailiwick.tools.people.following import Next, follow, request_approval
from bailiwick.tools.people.forms import CHANGED, is_of
from bailiwick.tools.people.questions import Question
from bailiwick.tools.people.withdrawals import WENT_ON
from bailiwick.tools.results import ToolResult

if TYPE_CHECKING:
    from bailiwick.tools.guard import Guard


def ask(guard: "Guard", call: ToolCall, tool: ScopedTool) -> Next | ToolResult:
    """Ask for the approval a call needs; return where it goes on, or what stands in its place.

    LangGraph runs this again from the top when the answer comes: the record is written once, and
    nothing else happens before the interrupt. An answer that is malformed, stale or not this
    person's to give raises inside LangGraph's own validation, so that nothing of it is kept and
    the request stays open. Nobody is asked about a call that has begun under other rules: the guard
    tells what stands of it.
    """
    decision = guard.decide(call)
    if decision.verdict != "review":
        return _unasked(guard, call)
    if call.thread == UNTHREADED:
        reason = "It needs an approval, and a graph without a checkpointer cannot wait for one."
        return guard.refuse(call, reason)
    with guard.ledger.reading() as connection:
        approval = guard.approvals.asked(connection, call, decision.policy_version)
        if approval is None and call_rows.standing(connection, call):
            return Next(node="execute")
    if approval is None:
        approval = request_approval(guard, call, tool, decision)
    if approval.state == "pending":
        approval = Question(guard, call, tool, approval).answered()
    elif approval.state in {"cancelled", "expired"} and approval.answer is None:
        # The rules are back that it was asked under first: it has ended in all its forms.
        guard.approvals.supersede(call, decision.policy_version)
    return follow(guard, call, tool, approval)


def withdraw(guard: "Guard", call: ToolCall, reason: str = WENT_ON) -> ToolResult:
    """Withdraw what is asked about a call that the conversation went past, or that cannot wait.

    LangGraph drops what waits in a thread when new input comes, results of siblings included. So
    what became of the call is told from the record, with an editor's arguments or the model's: a
    call that ran was not cancelled.
    """
    if begun := [each for each in guard.calls.list(thread=call.thread) if is_of(each, call)]:
        return ToolResult.standing(call.tool.name, begun[-1])
    for approval in guard.approvals.list(thread=call.thread):
        if is_of(approval.request, call):
            guard.approvals.cancel(approval.request.id, reason=reason)
    return guard.refuse(call, f"It was cancelled: {reason}.")


def _unasked(guard: "Guard", call: ToolCall) -> Next | ToolResult:
    """Send a call on that needs no approval, unless it waited for one under other rules.

    What somebody was asked about must not run because the question is gone, least of all when the
    answer is no.
    """
    if guard.calls.begun(call):
        return Next(node="execute")
    asked = [a for a in guard.approvals.list(thread=call.thread) if is_of(a.request, call)]
    for approval in asked:
        guard.approvals.cancel(approval.request.id, reason=CHANGED)
    if not asked or guard.decide(call).verdict == "deny":
        return Next(node="execute")
    return guard.refuse(call, f"It was cancelled: {CHANGED}.")
