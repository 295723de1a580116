"""Owns the approval records: asked once, answered by the right people, used once, all recorded."""

from dataclasses import replace

from sqlalchemy import Connection

from bailiwick.policies.answers import Answer, Approve
from bailiwick.policies.approval_requests import ApprovalRequest
from bailiwick.policies.approvals import Approval
from bailiwick.policies.calls import ToolCall
from bailiwick.policies.decisions import Decision
from bailiwick.policies.entitlement import authorise
from bailiwick.policies.errors import ApprovalError
from bailiwick.policies.principals import Principal
from bailiwick.policies.scopes import Scope
from bailiwick.tools.effects import call_rows, proposal_rows
from bailiwick.tools.people import approval_records, deliveries
from bailiwick.tools.people import approval_rows as rows
from bailiwick.tools.people.askers import askers
from bailiwick.tools.people.forms import supersede
from bailiwick.tools.people.inbox import Inbox
from bailiwick.tools.people.refusals import record_refusal
from bailiwick.tools.people.withdrawals import expire, withdraw
from bailiwick.tools.records.database import now
from bailiwick.tools.records.ledger import Ledger


class Approvals(Inbox):
    """Keep approval requests and their answers in the ledger's database.

    Whoever is not in the conversation decides here, and `bailiwick.graphs.outbox.deliveries` lets
    the threads go on:

        for approval in approvals.pending():
            request = approval.request
            print(request.description, request.reason)
            approvals.answer(request.id, Approve(action_digest=request.digest), by=manager)

    Whether something has expired is told by the database's clock alone. Whatever changes a record
    is a compare-and-set in one statement, and the ledger says so in the same transaction.

    Args:
        ledger: The ledger whose database holds them.
        place: Where the threads are kept that ask, if others than this process carry them on.
    """

    def __init__(self, ledger: Ledger, *, place: str = "") -> None:
        super().__init__(ledger)
        self._place = place

    def ask(
        self, call: ToolCall, decision: Decision, *, scope: Scope | None, description: str
    ) -> Approval:
        """Ask for the approvals a decision names, or tell where the request stands already.

        However often it is called for the same call, and by however many workers, there is one
        request and one record of it, with the requester and the expiry of the first time. What was
        asked about it under other rules, or of another version of its tool, is withdrawn; if
        somebody said no to that, this is what is returned, and nothing asked.

        Args:
            call: The call that waits.
            decision: What the policy said of it: `review`, with its requirements.
            scope: What the call will lease.
            description: What the tool's author says the call does. What is known besides follows
                it: that the call is proposed, or that nobody knows what came of an equal one.

        Raises:
            ApprovalError: If the decision asks for no approval.
            LedgerError: If the database fails.
        """
        if decision.verdict != "review" or not decision.requirements:
            raise ApprovalError(
                f"nobody can approve {call.tool.name!r}: the decision is {decision.verdict!r} and "
                "names no approval; ask only where it says 'review' and names one"
            )
        # Should it be lost with the machine's power, the thread asks again, in the same words.
        with self._ledger.transaction(flushes=False) as connection:
            self._ledger.lock(connection, call.thread)
            known = proposal_rows.reason(connection, call) or call_rows.open_one_alike(
                connection, call
            )
            request = ApprovalRequest.of(
                call,
                decision,
                scope=scope,
                description=f"{description} {known}" if known else description,
                now=now(connection),
            )
            request = replace(request, place=self._place, askers=askers(connection, call.thread))
            if refused := supersede(self._ledger, connection, call, decision.policy_version):
                return refused
            if not rows.add(connection, request):
                return self._standing(connection, request.id)
            self._ledger.append(connection, call.thread, approval_records.requested(request))
            return Approval(request=request, state="pending")

    def supersede(self, call: ToolCall, policy_version: str) -> None:
        """Withdraw what was asked about a call under other rules, or of another tool.

        Raises:
            LedgerError: If the database fails.
        """
        with self._ledger.transaction() as connection:
            self._ledger.lock(connection, call.thread)
            supersede(self._ledger, connection, call, policy_version)

    def outbox(self, *, lapse: float = deliveries.LAPSE) -> deliveries.Deliveries:
        """Return the outbox of what was asked here.

        Args:
            lapse: Seconds after which a claim that is not renewed is free for others.
        """
        return deliveries.Deliveries(self._ledger, lapse=lapse, place=self._place)

    def check(self, request_id: str, answer: Answer, *, by: Principal) -> None:
        """Refuse what `answer` would refuse, without changing the request.

        Raises:
            ApprovalError: If the request is not pending any more, or the answer is not this
                person's to give.
            LedgerError: If the database fails.
        """
        approval = self.get(request_id)
        try:
            approval.check_pending()
            authorise(approval.request, answer, by, approval.grants)
        except ApprovalError as error:
            self.refuse(approval.request, answer, by=by, error=error)
            raise

    def refuse(
        self, request: ApprovalRequest, answer: object, *, by: Principal, error: Exception
    ) -> None:
        """Record that an answer was not taken; see `record_refusal`.

        Raises:
            LedgerError: If the database fails.
        """
        record_refusal(self._ledger, request, answer, by=by, error=error)

    def answer(self, request_id: str, answer: Answer, *, by: Principal) -> Approval:
        """Take one person's answer, record it, and return where the request stands after it.

        An approval is one person's; the request is approved when all that is required was given.
        A rejection ends it at once. An edit and a response cancel it, and the answer is kept. Where
        an edit's arguments do not fit, the agent reads so: only its graph has the tool at hand.

        Args:
            request_id: The request's id.
            answer: The answer; it holds the digest of the call it is meant for.
            by: Who answers, as authenticated by the host.

        Raises:
            ApprovalError: If there is no such request, it is not pending any more (the message says
                who decided), has expired, or the answer is not this person's to give. What stands
                is kept, and the attempt is recorded.
            LedgerError: If the database fails.
        """
        return self._taken(self.get(request_id), _checked(answer), by, running=False)

    def take(self, asked: Approval, answer: Answer, *, by: Principal) -> Approval:
        """Do what `answer` does, for a run of the thread itself that goes on with the answer."""
        return self._taken(asked, answer, by, running=True)

    def count_edit(self, request_id: str, edited: Approval) -> Approval:
        """Count an edit as its editor's approval of the call it made; return where that stands.

        Args:
            request_id: The id of the request for the call that the edit has made.
            edited: The request that was answered with the edit. Where its editor may not approve
                the new call, that waits for others.

        Raises:
            ApprovalError: If there is no such request.
            LedgerError: If the database fails.
        """
        standing = self.get(request_id)
        if standing.state != "pending" or edited.decided_by is None:
            return standing
        editor = Principal(id=edited.decided_by, roles=edited.decided_roles)
        approve = Approve(action_digest=standing.request.digest)
        try:
            return self._answer(standing, approve, editor, running=True)
        except ApprovalError:
            # Nobody tried to give an answer here, so nobody was refused.
            return self.get(request_id)

    def _taken(self, asked: Approval, answer: Answer, by: Principal, *, running: bool) -> Approval:
        try:
            return self._answer(asked, answer, by, running=running)
        except ApprovalError as error:
            self.refuse(asked.request, answer, by=by, error=error)
            raise

    def _answer(self, asked: Approval, answer: Answer, by: Principal, *, running: bool) -> Approval:
        # A run that goes on with an answer waits for the disk before it does what was approved.
        with self._ledger.transaction(flushes=not running) as connection:
            self._ledger.lock(connection, asked.request.thread)
            while asked.state == "pending":
                if after := self._decide(connection, asked, answer, by, running=running):
                    return after
                # Somebody was faster.
                asked = self._standing(connection, asked.request.id)
            if asked.state == "expired":
                due_at = now(connection) + _grace(running=running)
                expire(self._ledger, connection, asked, due_at=due_at)
        # Raised out here, so that the expiry stays written.
        raise ApprovalError(asked.ending)

    def cancel(self, request_id: str, *, reason: str) -> bool:
        """End a request that nobody need answer or use any more; tell whether it was open.

        Args:
            request_id: The request's id.
            reason: Why, for the ledger: new input in its thread, a changed policy.

        Raises:
            ApprovalError: If there is no such request.
            LedgerError: If the database fails.
        """
        approval = self.get(request_id)
        with self._ledger.transaction() as connection:
            self._ledger.lock(connection, approval.request.thread)
            return withdraw(self._ledger, connection, approval, reason)

    def expire(self, thread: str | None = None, *, limit: int = 100) -> int:
        """Write down what has expired unanswered, so that its threads hear; return how many.

        Args:
            thread: Only of this thread.
            limit: At most so many, the oldest first.

        Raises:
            LedgerError: If the database fails.
        """
        of_thread = () if thread is None else (rows.is_of(thread),)
        with self._ledger.reading() as connection:
            overdue = rows.read(connection, rows.is_overdue(), *of_thread, limit=limit)
        expired = 0
        for approval in overdue:
            with self._ledger.transaction() as connection:
                self._ledger.lock(connection, approval.request.thread)
                expired += expire(self._ledger, connection, approval, due_at=now(connection))
        return expired

    def consume(self, connection: Connection, request: ApprovalRequest) -> bool:
        """Use an approval up; true for exactly one caller ever, and only before it expires.

        It belongs into the transaction that writes the intent of the call.

        Args:
            connection: The transaction.
            request: What was asked; its digest is that of the call as it is about to be executed.

        Raises:
            LedgerError: If the database fails.
        """
        self._ledger.lock(connection, request.thread)
        if not rows.move(connection, request.id, request.digest, old="approved", new="consumed"):
            return False
        self._ledger.append(connection, request.thread, approval_records.consumed(request))
        return True

    def _decide(
        self,
        connection: Connection,
        approval: Approval,
        answer: Answer,
        by: Principal,
        *,
        running: bool,
    ) -> Approval | None:
        at, grace = now(connection), _grace(running=running)
        counted = authorise(approval.request, answer, by, approval.grants)
        roles = {rule.role for rule in counted} if isinstance(answer, Approve) else set[str]()
        after = approval.after(answer, by=by, roles=roles, at=at, in_thread=running)
        if not rows.decide(connection, approval, after):
            return None
        entry = approval_records.answered(after, answer, by=by, roles=roles)
        self._ledger.append(connection, approval.request.thread, entry)
        if after.state != "pending":
            deliveries.add(connection, approval.request, due_at=at + grace)
        return after


def _grace(*, running: bool) -> float:
    return deliveries.GRACE if running else 0.0


def _checked(answer: object) -> Answer:
    # Hosts need not have their types checked.
    if not isinstance(answer, Answer):
        raise ApprovalError("that is no answer: give Approve, Edit, Reject or Respond")
    return answer
