"""Owns how a terminal carries its thread: what was answered elsewhere is heard, or waited for."""

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from langgraph.types import Interrupt

from bailiwick.graphs.cli.terminal.console import quoted
from bailiwick.graphs.cli.terminal.narration import Narration
from bailiwick.graphs.outbox.claims import carrying
from bailiwick.graphs.outbox.deliveries import deliver
from bailiwick.graphs.session import Session
from bailiwick.policies.answers import read_answer
from bailiwick.policies.approvals import Approval
from bailiwick.policies.errors import ApprovalError, BailiwickError, LedgerError
from bailiwick.policies.principals import Principal
from bailiwick.tools.guard import Guard
from bailiwick.tools.people.deliveries import Delivery

PAUSE = 0.5
"""Seconds between two looks at what somebody else carries."""

DONE = {
    "approve": "approved it",
    "edit": "changed it",
    "reject": "rejected it",
    "respond": "answered in its place",
}


class Carrier:
    """Run one thread at a terminal so that others know of it, and let others finish first.

    Args:
        session: The thread.
        guard: The guard of its tools.
        narration: What the terminal shows.
    """

    def __init__(self, session: Session, guard: Guard, narration: Narration) -> None:
        self.session = session
        self.narration = narration
        self._guard = guard

    def request(self, text: str, requester: Principal) -> None:
        """Run a person's request until it ends or waits."""
        with carrying(self._guard.approvals, self.session.thread):
            self.session.request(text, requester)

    def answer(
        self, interrupt: Interrupt, answer: Mapping[str, object], approver: Principal
    ) -> None:
        """Answer one interrupt, and run on until the thread ends or waits again.

        Raises:
            pydantic.ValidationError: If the answer is not taken; the request stays open.
        """
        if not self._is_open(interrupt):
            # Somebody else was faster.
            self._say(f"Not taken. {_ending(self._asked(interrupt))}")
            if not self.session.waiting():
                self._tell_end()
            return
        if self._others():
            self._record(interrupt, answer, approver)
            return
        with carrying(self._guard.approvals, self.session.thread):
            self.session.answer(interrupt, answer, approver)
        asked = self._asked(interrupt)
        if asked.state == "cancelled" and asked.answer is None:
            self._say("Not taken: the rules or the tool have changed since it was asked.")

    def _record(
        self, interrupt: Interrupt, answer: Mapping[str, object], approver: Principal
    ) -> None:
        """Keep an answer for whoever runs the thread next: two runs at once would split it."""
        request, given = self._asked(interrupt).request, read_answer(answer)
        # Each further person is asked under a digest of their own; the record has one.
        if given.action_digest == interrupt.value["action_digest"]:
            given = given.model_copy(update={"action_digest": request.digest})
        try:
            self._guard.approvals.answer(request.id, given, by=approver)
        except ApprovalError as error:
            self._say(f"not taken: {error}")

    def go_on(self, requester: Principal) -> None:
        """Run on from where a run broke off, until the thread ends or waits."""
        with carrying(self._guard.approvals, self.session.thread):
            self.session.go_on(requester)

    def next_question(self) -> Interrupt | None:
        """Return what a person is to be asked, once all that was answered is carried on.

        Raises:
            BailiwickError: If a run of the thread breaks off.
        """
        while waiting := self.session.waiting():
            for interrupt in waiting:
                if self._is_open(interrupt):
                    return interrupt
            if not self.deliver():
                # What ended is told to nobody any more, or not soon: the record says how it ended.
                self.go_on(Principal(id=self._asked(waiting[0]).request.requester))
        return None

    def deliver(self) -> bool:
        """Carry on what was answered, or wait while somebody else does; tell whether either was.

        Raises:
            BailiwickError: If a run of the thread breaks off.
        """
        here, elsewhere = self._deliver(), False
        while others := self._others():
            if not elsewhere:
                self._tell(others)
            elsewhere = True
            time.sleep(PAUSE)
            here |= self._deliver()
        if elsewhere and not here and not self.session.waiting():
            self._tell_end()
        return here or elsewhere

    def leave(self, interrupt: Interrupt) -> None:
        """Say of a question that ended while it was shown how it did, and what came of it.

        Raises:
            BailiwickError: If a run of the thread breaks off.
        """
        if self.deliver():
            return
        # Who was faster has carried it to its end.
        self._say(_ending(self._asked(interrupt)))
        if not self.session.waiting():
            self._tell_end()

    def _tell_end(self) -> None:
        self.narration.console.print(quoted(self.session.last(), lines=True))

    def _deliver(self) -> bool:
        session, resumed = self.session, False
        for report in deliver(
            session.app, self._guard, thread=session.thread, watch=self.narration.tell
        ):
            if report.outcome == "failed":
                raise BailiwickError(report.reason)
            resumed |= report.outcome == "resumed"
        return resumed

    def _others(self) -> list[Delivery]:
        # What nobody has looked at yet is left to the run that took the answer.
        open_ones = self._guard.approvals.outbox().list(self.session.thread)
        return [each for each in open_ones if each.is_claimed or not (each.attempts or each.error)]

    def _tell(self, others: Sequence[Delivery]) -> None:
        for each in others:
            self._say(_ending(self._guard.approvals.get(each.approval)))
        until = datetime.fromtimestamp(max(each.due_at for each in others), UTC).astimezone()
        self._say(
            "It is being carried on elsewhere. Should nobody be at it any more, it goes on here "
            f"by {until:%H:%M:%S} or a little later; Ctrl-C leaves it to others."
        )

    def seems_open(self, interrupt: Interrupt) -> bool:
        """Tell whether a question waits for its answer; while the database is away it does."""
        try:
            return self._is_open(interrupt)
        except LedgerError:
            return True

    def _is_open(self, interrupt: Interrupt) -> bool:
        return self._asked(interrupt).state == "pending"

    def _asked(self, interrupt: Interrupt) -> Approval:
        return self._guard.approvals.get(str(interrupt.value["id"]))

    def _say(self, text: str) -> None:
        self.narration.console.print(quoted(text, "yellow"))


def _ending(approval: Approval) -> str:
    what, answer = approval.request.description, approval.answer
    if answer is None or approval.decided_at is None:
        return f"{what} The question has ended: it is {approval.state}."
    when = datetime.fromtimestamp(approval.decided_at, UTC).astimezone()
    said = DONE[answer.type]
    return f"{what} It was answered: {approval.decided_by} {said} at {when:%H:%M:%S}."
