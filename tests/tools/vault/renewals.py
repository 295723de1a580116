"""Owns how tests look at the renewal of logins: its threads, and time that passes by hand."""

import threading

from tests.tools.vault.leasing import Clock

from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.vault import Vault

TTL = 1200
"""Seconds for which a login is good."""

_EARLIER: set[threading.Thread] = set()


def look_past_earlier() -> None:
    """Leave the threads of other tests' connections out of account."""
    _EARLIER.update(threading.enumerate())


def renewing() -> list[threading.Thread]:
    """Return the threads that renew logins since the test began."""
    named = (each for each in threading.enumerate() if each.name == "bailiwick-vault-renewal")
    return [thread for thread in named if thread not in _EARLIER]


def move(devvault: DevelopmentVault, clock: Clock, seconds: float) -> None:
    """Let time pass for Vault and for us."""
    clock.now += seconds
    devvault.let_pass(seconds)


def renew_due(vault: Vault) -> None:
    """Do what the thread does when it wakes."""
    vault._sessions.renewal.renew_due()  # pyright: ignore[reportPrivateUsage]  # time is faked
