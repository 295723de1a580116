"""Owns what a thread needs that waited for requests which have ended: a run, another look, nothing.

Read from a thread's state with those of its agents: while a run is under way, the state of the
outermost graph still shows the interrupts that the run has left behind.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from langgraph.types import Command, Interrupt, StateSnapshot

from bailiwick.policies.approvals import Approval
from bailiwick.tools.people.deliveries import FIRST, GRACE, Claim

FORGOTTEN = 86_400.0
"""Seconds after which a thread that the checkpoints do not know is taken for deleted."""

UNKNOWN = "the checkpoints do not know the thread"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Say what a thread needs.

    Attributes:
        kind: A run, another look, or nothing more.
        given: What the run is given.
        reason: Why to look again, or why it never can go on.
        after: In how many seconds to look again.
    """

    kind: Literal["run", "look", "rest"]
    given: Command[Any] | None = None
    reason: str = ""
    after: float = 0.0


def next_move(state: StateSnapshot, claim: Claim) -> Move:
    """Return what a thread needs.

    Args:
        state: The thread's state, with those of its agents.
        claim: What has ended, and what was tried.
    """
    ended = {approval.request.id: approval for approval in claim.approvals}
    shown = {_asked(interrupt): interrupt for interrupt in interrupts(state)}
    given = {
        interrupt.id: _resume_value(ended[asked])
        for asked, interrupt in shown.items()
        if asked in ended
    }
    is_running = _is_running(claim, shown) if given else is_under_way(state)
    # Half as long again as it has taken until now: no count is needed.
    later, is_calling = claim.age / 2, claim.is_calling or claim.running
    if is_running and not claim.attempts:
        reason = "a run of the thread is under way, or broke off"
        return Move(kind="look", reason=reason, after=FIRST if is_calling else later)
    if given or is_running:
        # Where a deliverer died in the run, or the run broke off, it goes on.
        return Move(kind="run", given=Command(resume=given) if given else None)
    if state.created_at is None and claim.age < FORGOTTEN:
        return Move(kind="look", reason=UNKNOWN, after=later)
    if claim.age < GRACE:
        # A request is written before its interrupt is.
        reason = "the thread does not wait for it, or not yet"
        return Move(kind="look", reason=reason, after=later)
    return Move(kind="rest")


def interrupts(state: StateSnapshot) -> Iterator[Interrupt]:
    """Return the interrupts that wait, from the innermost graphs."""
    for task in state.tasks:
        if task.interrupts and isinstance(task.state, StateSnapshot) and task.state.tasks:
            yield from interrupts(task.state)
        else:
            yield from task.interrupts


def _is_running(claim: Claim, shown: Collection[str]) -> bool:
    """Tell whether a run is at a thread that still shows questions which have ended.

    A run calls what it was answered about, and shows the question until the call has ended.
    """
    news = [each for each in claim.approvals if each.state != "consumed"]
    if not any(each.request.id in shown for each in news):
        return True
    return claim.is_calling or not claim.running.isdisjoint(shown)


def is_under_way(state: StateSnapshot) -> bool:
    """Tell whether something is left to run that does not wait for an answer."""
    waiting = [task for task in state.tasks if task.interrupts]
    if not waiting:
        # Not `next`: a task that has written, in a step that has not ended, is not in it.
        return bool(state.tasks)
    inner = [task.state for task in waiting if isinstance(task.state, StateSnapshot)]
    return len(state.next) > len(waiting) or any(is_under_way(each) for each in inner)


def _asked(interrupt: Interrupt) -> str:
    value = interrupt.value
    return str(value.get("id", "")) if isinstance(value, dict) else ""


def _resume_value(approval: Approval) -> dict[str, Any]:
    """Return what LangGraph is given; the node follows the record and does not read it.

    Should anything else ask there by now, it is refused: it holds the digest of this call.
    """
    if approval.answer is not None:
        return approval.answer.model_dump()
    return {"type": approval.state, "action_digest": approval.request.digest}
