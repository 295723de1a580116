"""Owns who sits at the terminal: the operating system's user, with the roles the settings give."""

from bailiwick.graphs.settings import Settings
from bailiwick.policies.principals import Principal
from bailiwick.tools.people.system_user import system_user


def requester(settings: Settings) -> Principal:
    """Return whom a request at this terminal counts as.

    One person at one terminal would be requester and approver at once, and could not try what an
    approval is. In development the request therefore counts as the customer's; in production
    people are who they are.
    """
    if settings.env == "development":
        return Principal(id="customer")
    return Principal(id=system_user())


def approver(settings: Settings) -> Principal:
    """Return who answers at this terminal."""
    return Principal(id=system_user(), roles=settings.approver_roles)
