"""The rules of names, lifetimes and logins that hold without any Vault."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bailiwick.policies.errors import ScopeError, VaultError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.secrets.credentials import Credential
from bailiwick.tools.secrets.leases import Lease, secret_path, vault_name
from bailiwick.tools.vault.logins import Login, Logins
from bailiwick.tools.vault.methods import AppRole


class Door:
    """Log agents in, slowly enough that others come meanwhile, and count them."""

    def __init__(self, *, seconds: float = 100, failure: str = "") -> None:
        self.count = 0
        self.is_open = threading.Event()
        self._seconds = seconds
        self._failure = failure

    def log_in(self, agent: str) -> Login:
        """Give a new login, or fail."""
        self.count += 1
        assert self.is_open.wait(5)
        if self._failure:
            raise VaultError(self._failure)
        return Login(token=f"{agent}-{self.count}", deadline=self._seconds)


def test_those_who_come_together_share_one_login() -> None:
    """Twenty threads that need a login at once cause one."""
    door = Door()
    logins = Logins(door.log_in, lambda: 0)
    with ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(logins.get, "billing", seconds=10) for _ in range(20)]
        door.is_open.set()
        tokens = {login.result().token for login in waiting}

    assert tokens == {"billing-1"}
    assert door.count == 1


def test_those_who_come_together_share_one_failure() -> None:
    """A Vault that is down is not asked once per thread; each gets an error of its own."""
    door = Door(failure="Vault is down")
    logins = Logins(door.log_in, lambda: 0)
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(logins.get, "billing", seconds=10) for _ in range(8)]
        while not door.count:
            time.sleep(0.001)
        door.is_open.set()
        errors = [future.exception() for future in waiting]

    assert {str(error) for error in errors} == {"Vault is down"}
    assert len({id(error) for error in errors}) == 8


def test_after_a_failure_the_next_one_tries_again() -> None:
    """A failure is not remembered."""
    door = Door(failure="Vault is down")
    door.is_open.set()
    logins = Logins(door.log_in, lambda: 0)
    for _ in range(2):
        with pytest.raises(VaultError):
            logins.get("billing", seconds=10)

    assert door.count == 2
    assert logins.forget() == []


def test_an_interrupted_login_does_not_hold_up_the_next_one() -> None:
    """A login that was broken off is neither waited for nor kept."""
    outcomes = [Login(token="second", deadline=100), None]

    def log_in(_: str) -> Login:
        outcome = outcomes.pop()
        if outcome is None:
            raise KeyboardInterrupt
        return outcome

    logins = Logins(log_in, lambda: 0)
    with pytest.raises(KeyboardInterrupt):
        logins.get("billing", seconds=10)

    assert logins.get("billing", seconds=10).token == "second"


def test_each_agent_has_its_own_login() -> None:
    """Agents share nothing."""
    door = Door()
    door.is_open.set()
    logins = Logins(door.log_in, lambda: 0)

    tokens = [logins.get(agent, seconds=10).token for agent in ("a", "b", "a")]

    assert tokens == ["a-1", "b-2", "a-1"]
    assert len(logins.forget()) == 2


@pytest.mark.parametrize(("seconds", "count"), [(100, 1), (101, 2)], ids=["enough", "too short"])
def test_a_login_must_outlast_what_is_leased(seconds: float, count: int) -> None:
    """A login that ends before the lease would is replaced."""
    door = Door(seconds=100)
    door.is_open.set()
    logins = Logins(door.log_in, lambda: 0)
    logins.get("billing", seconds=1)

    logins.get("billing", seconds=seconds)

    assert door.count == count


def test_a_stale_login_is_replaced_once() -> None:
    """Several threads that find the same login dead cause one new login."""
    door = Door()
    door.is_open.set()
    logins = Logins(door.log_in, lambda: 0)
    stale = logins.get("billing", seconds=1)

    renewed = [logins.get("billing", seconds=1, stale=stale).token for _ in range(5)]

    assert renewed == ["billing-2"] * 5


@pytest.mark.parametrize("name", ["", "a/b", "..", "a b", "-a", "a*", "a\n", "a.b", "\u0430"])
def test_a_name_that_cannot_stand_in_a_path_is_refused(name: str) -> None:
    """A tool's name names one token role and nothing beside it."""
    with pytest.raises(ScopeError, match="cannot be used in Vault"):
        vault_name("tool", name)


@pytest.mark.parametrize(
    "path",
    ["*", "a/*", "a/+/b", "a//b", "/a", "a/", "..", "a/../b", "a/./b", "a?b", "a#b", "a%2f"],
)
def test_a_scope_that_could_name_another_secret_is_refused(path: str) -> None:
    """Wildcards, dot segments and what a URL would read differently are no secret's path."""
    with pytest.raises(ScopeError, match="cannot be leased"):
        secret_path(Scope(path=path))


@given(st.text(max_size=20))
def test_an_accepted_path_means_itself_in_a_url_and_in_a_policy(path: str) -> None:
    """Whatever is accepted has no character that URLs or policies read as something else."""
    try:
        found = secret_path(Scope(path=path))
    except ScopeError:
        return

    assert found == f"secret/data/{path}"
    assert quote(found, safe="/@:=") == found
    assert not set(found) & set('*+{}"\\')
    assert not {"", ".", ".."} & set(found.split("/"))


def test_an_approle_does_not_show_its_secret_id() -> None:
    """The secret id is not in the representation."""
    assert "hidden" not in repr(AppRole(role_id="r", secret_id="hidden"))


def test_a_lease_does_not_show_its_token() -> None:
    """The child token is not in the representation."""
    lease = Lease(
        accessor="a",
        role="r",
        path="p",
        ttl_asked=1,
        ttl=1,
        mint_request="m",
        read_request="q",
        deadline=1,
        credential=Credential("p", {"key": "hidden"}),
        token="hidden",
    )

    assert "hidden" not in repr(lease)
