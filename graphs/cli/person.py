"""Owns who sits at the terminal: the operating system's user, with the roles the settings give."""

import os
import pwd

from bailiwick.graphs.settings import Settings
from bailiwick.policies.principals import Principal


def requester(settings: Settings) -> Principal:
    """Return whom a request at this terminal counts as.

    One person at one terminal would be requester and approver at once, and could not try what an
    approval is. In development the request therefore counts as the customer's; in production
    people are who they are.
    """
    if settings.env == "development":
        return Principal(id="customer")
    return Principal(id=user())


def approver(settings: Settings) -> Principal:
    """Return who answers at this terminal."""
    return Principal(id=user(), roles=settings.approver_roles)


def user() -> str:
    """Return the operating system's user, by the process and not by variables like LOGNAME.

    Whoever sets those could be a second person to every rule that wants one.
    """
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        # Containers run as numbers that have no name.
        return f"uid-{number}"
