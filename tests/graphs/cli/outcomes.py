"""Owns how tests run a command and read what it has printed."""

from collections.abc import Callable

from tests.graphs.cli.terminals import Outcome

Command = Callable[..., Outcome]
"""Runs a command in this process, to its end."""


def flat(text: str) -> str:
    """Return text as one line."""
    return " ".join(text.split())


def done(outcome: Outcome) -> str:
    """Return what a command that ended well has printed, as one line."""
    assert outcome.status == 0, outcome.err
    return flat(outcome.out)


def refused(outcome: Outcome) -> str:
    """Return why a command ended with status 1; it printed nothing else."""
    assert (outcome.status, outcome.out) == (1, "")
    return flat(outcome.err)
