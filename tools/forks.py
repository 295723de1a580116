"""Owns what a process may use of what it was forked with: nothing that its parent has opened."""

import os

from bailiwick.policies.errors import BailiwickError

_FORKED = (
    "was opened before this process was forked: open it in each process for itself, such as a "
    "server's worker (gunicorn without --preload)"
)


class Opening:
    """Remember in which process something was opened.

    A fork shares its parent's connections: what both send is mixed up, and an answer goes to
    whoever reads first. And it has none of the threads that renew logins and end leases.

    Args:
        what: What was opened, as a sentence about it begins.
        error: Is raised where another process uses it.
    """

    def __init__(self, what: str, error: type[BailiwickError]) -> None:
        self._what = what
        self._error = error
        self._process = os.getpid()

    @property
    def is_here(self) -> bool:
        """Whether this is still the process that opened it, and so the one to close it."""
        return os.getpid() == self._process

    def check(self) -> None:
        """Return if what was opened may be used here.

        Raises:
            BailiwickError: Of the kind named above, if this process is a fork of the one that did.
        """
        if not self.is_here:
            raise self._error(f"{self._what} {_FORKED}")
