"""Owns a question in a thread: what is shown of a request there, and which answers count."""

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from langgraph.config import get_config
from langgraph.errors import GraphInterrupt
from langgraph.types import Interrupt, interrupt
from pydantic import TypeAdapter, ValidationError

from bailiwick.policies.answers import Answer, Edit, answer_type
from bailiwick.policies.approvals import Approval
from bailiwick.policies.calls import ToolCall
from bailiwick.policies.entitlement import authorise
from bailiwick.policies.errors import ApprovalError
from bailiwick.tools.declared.scoped import ScopedTool
from bailiwick.tools.people.following import edited_call
from bailiwick.tools.people.forms import is_of
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
        self._is_outdated = False

    def answered(self) -> Approval:
        """Return where the request stands after an answer; LangGraph interrupts until there is one.

        An answer to an earlier form of the question is refused, and the question shown anew.

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
            try:
                while (answer := interrupt(shown, response_schema=schema)) is None:
                    pass
            except ValidationError:
                if not self._is_outdated:
                    raise
            else:
                return answer
        # The thread shows what was asked before: raised, the error would leave it there for ever.
        place = str(get_config().get("configurable", {})["checkpoint_ns"])
        schema_shown = TypeAdapter(schema).json_schema()
        raise GraphInterrupt((Interrupt.from_ns(shown, place, response_schema=schema_shown),))

    @property
    def _by_its_id(self) -> AbstractContextManager[None]:
        # An answer that names no interrupt may be an old one, of somebody who was refused with it
        # or has approved already: it must not count as the word of whoever runs the thread next.
        if not has_bare_answer():
            return nullcontext()
        refusals = self._guard.ledger.records(self._call.thread, "approval.refused")
        givers = {str(each.body["by"]) for each in refusals if each.body["id"] == self._request.id}
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
        listed = self._guard.approvals.list(thread=self._call.thread)
        asked = [each for each in listed if is_of(each.request, self._call)]
        self._is_outdated = any(each.was_asked_under(digest) for each in asked)
        return any(each.was_answered_under(digest) for each in asked)

    def _changes_nothing(self, edit: Edit) -> bool:
        return edited_call(self._call, self._tool, edit).plain_args == self._call.plain_args
