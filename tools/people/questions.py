"""Owns a question in a thread: what is shown of a request there, and which answers count."""

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from langgraph.types import interrupt

from bailiwick.policies.approvals import (
    Answer,
    Approval,
    ApprovalRequest,
    Edit,
    answer_type,
    authorise,
)
from bailiwick.policies.calls import ToolCall
from bailiwick.policies.errors import ApprovalError
from bailiwick.tools.declared.scoped import ScopedTool
from bailiwick.tools.effects.call_rows import CallRecord
from bailiwick.tools.scratchpads import has_bare_answer, without_bare_answers

if TYPE_CHECKING:
    from bailiwick.tools.guard import Guard


class Question:
    """Ask what stands in a pending request, in the thread that waits for it.

    Args:
        guard: The guard.
        call: The call as it will be executed.
        tool: Its tool.
        approval: The request, and who has approved it so far.
    """

    def __init__(
        self, guard: "Guard", call: ToolCall, tool: ScopedTool, approval: Approval
    ) -> None:
        self._guard = guard
        self._call = call
        self._tool = tool
        self._approval = approval
        self._request = approval.request.anew(approval.grants)
        self._principal = guard.principal()

    def answered(self) -> Approval:
        """Return where the request stands after an answer; LangGraph interrupts until there is one.

        Raises:
            ApprovalError: If the answer came too late, and nothing has ended the request.
        """
        answer = self._answer()
        answer = answer.model_copy(update={"action_digest": self._approval.request.digest})
        try:
            return self._guard.approvals.take(self._approval, answer, by=self._principal)
        except ApprovalError:
            decided = self._guard.approvals.get(self._request.id)
            if decided.state == "pending":
                raise
            # Somebody else was faster: what they decided stands.
            return decided

    def _answer(self) -> Answer:
        shown = self._request.to_interrupt(self._approval.grants)
        schema = answer_type(
            self._request,
            check=self._check,
            refused=self._refused,
            args_schema=self._tool.args_check,
            is_past=self._is_past,
        )
        with self._by_its_id:
            # Where the run that took an answer broke off, LangGraph gives it again, also under
            # other rules.
            while (answer := interrupt(shown, response_schema=schema)) is None:
                pass
        return answer

    @property
    def _by_its_id(self) -> AbstractContextManager[None]:
        # An answer that names no interrupt may be an old one, of somebody who was refused with it
        # or has approved already: it must not count as the word of whoever runs the thread next.
        if not has_bare_answer():
            return nullcontext()
        refusals = self._guard.ledger.records(self._call.thread, "approval.refused")
        givers = {each.body["by"] for each in refusals if each.body["id"] == self._request.id}
        givers |= {each.principal for each in self._approval.grants if not each.in_thread}
        return without_bare_answers() if givers - {self._principal.id} else nullcontext()

    def _check(self, answer: Answer) -> None:
        authorise(self._request, answer, self._principal, self._approval.grants)
        if isinstance(answer, Edit) and self._changes_nothing(answer):
            raise ApprovalError("the edit changes nothing: approve the call as it is")

    def _refused(self, sent: object, error: Exception) -> None:
        request = self._approval.request
        self._guard.approvals.refuse(request, sent, by=self._principal, error=error)

    def _is_past(self, digest: str) -> bool:
        asked = self._guard.approvals.list(thread=self._call.thread)
        return any(is_of(a.request, self._call) and a.was_answered_under(digest) for a in asked)

    def _changes_nothing(self, edit: Edit) -> bool:
        edited = self._call.with_args(self._tool.validate_args(edit.edited_action.args))
        return edited.plain_args == self._call.plain_args


def is_of(record: ApprovalRequest | CallRecord, call: ToolCall) -> bool:
    """Tell whether something on record is of the model's tool call that a call stems from."""
    tool = record.tool if isinstance(record.tool, str) else record.tool.name
    # Models give one id to two calls: an edit changes the arguments, never the tool.
    stood = (record.namespace, record.tool_call_id, tool)
    return stood == (call.namespace, call.id, call.tool.name)
