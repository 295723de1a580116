"""Owns what is told of a look at a thread."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from bailiwick.policies.approvals import Approval

Outcome: TypeAlias = Literal["resumed", "passed", "postponed", "failed", "left"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Tell what came of one look at a thread.

    Attributes:
        thread: The thread.
        approvals: The requests that had ended.
        outcome: `resumed` (it went on, and ended or waits for something else), `passed` (it had
            gone on already, or never can), `postponed` (to be looked at again), `failed` (its run
            broke off; to be tried again) or `left` (it is another graph's, whose own deliverer
            carries it on).
        reason: Why it was postponed, failed, or can never go on; what to do where it was left.
    """

    thread: str
    approvals: tuple[Approval, ...]
    outcome: Outcome
    reason: str = ""
