"""Owns how tests wait for what happens by itself."""

import time
from collections.abc import Callable

PATIENCE = 60.0
"""Seconds after which a test no longer believes that it happens."""


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
