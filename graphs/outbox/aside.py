"""Owns what a deliverer remembers of threads that it cannot carry: when to look again."""

import time

from bailiwick.tools.people.deliveries import FIRST, LONGEST, Due


class Aside:
    """Keep one deliverer from looking again and again at what it cannot carry.

    Nothing of it is written down: what stands in the outbox counts for every deliverer, and would
    keep the right one waiting.
    """

    def __init__(self) -> None:
        self._until = dict[str, tuple[float, float]]()

    def holds(self, due: Due) -> bool:
        """Tell whether none of what is due is to be looked at yet."""
        at = time.monotonic()
        return all(self._until.get(each, (0.0, 0.0))[0] > at for each in due.approvals)

    def put(self, due: Due) -> bool:
        """Put off what is due, twice as long as the last time; tell whether any of it is new."""
        at = time.monotonic()
        self._forget(at)
        is_new = not self._until.keys() >= set(due.approvals)
        for each in due.approvals:
            _, last = self._until.pop(each, (0.0, FIRST / 2))
            pause = min(LONGEST, last * 2)
            self._until[each] = (at + pause, pause)
        return is_new

    def _forget(self, at: float) -> None:
        # What others have carried comes no more. What was put here last stands last.
        while self._until:
            oldest = next(iter(self._until))
            if self._until[oldest][0] + LONGEST > at:
                return
            del self._until[oldest]
