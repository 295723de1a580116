"""Owns how tests wait for what happens by itself."""

import time
from collections.abc import Callable

PATIENCE = 60.0
"""Seconds after which a test no longer believes that it happens."""


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something holds."""
    deadline, pause = time.monotonic() + PATIENCE, 0.02
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(pause)
        # To ask a server takes its time, and that of what is waited for.
        pause = min(pause * 1.5, 0.2)
