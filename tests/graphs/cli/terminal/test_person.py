"""Who sits at the terminal."""

import os
import pwd

import pytest

from bailiwick.graphs.cli.terminal.person import approver, requester
from bailiwick.graphs.settings import Settings
from bailiwick.tools.people.system_user import system_user

ME = pwd.getpwuid(os.getuid()).pw_name


def test_nobody_becomes_somebody_else_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second name would be a second person to every rule that wants one."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert system_user() == ME


def test_in_production_people_are_who_they_are() -> None:
    """With no role that the settings do not give."""
    settings = Settings.model_construct(env="production", roles=None)
    assert requester(settings).id == approver(settings).id == ME
    assert approver(settings).roles == frozenset()


def test_in_development_one_person_can_try_both_sides() -> None:
    """The request counts as the customer's."""
    settings = Settings.model_construct(env="development", roles=None)
    assert requester(settings).id == "customer"
    assert requester(settings).roles == frozenset()
    assert approver(settings).roles == {"manager"}
