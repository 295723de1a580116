"""Owns the lease of one tool call, the names it goes by in Vault, and the logins behind it."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from bailiwick.policies.errors import ScopeError, VaultError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.credentials import Credential

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_SEGMENT = re.compile(r"[\w@=:.-]*[\w@=:-][\w@=:.-]*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRole:
    """Hold what an agent logs in with.

    Attributes:
        role_id: Which agent it is; no secret.
        secret_id: Its password.
    """

    role_id: str
    secret_id: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lease:
    """Hold what one tool call was given, and what ends it.

    Attributes:
        accessor: The child token's handle in Vault; it can revoke, so keep it out of sight.
        role: The token role that the child was made through.
        path: The secret's API path, as in Vault's audit.
        ttl_asked: Seconds the scope asked for.
        ttl: Seconds Vault gave.
        mint_request: The id of the request that made the child, as in Vault's audit.
        read_request: The id of the request that read the secret, as in Vault's audit.
        deadline: When the lease is over at the latest, by the clock of the `Vault` that gave it.
        credential: The secret.
        token: The child token.
    """

    accessor: str
    role: str
    path: str
    ttl_asked: int
    ttl: int
    mint_request: str
    read_request: str
    deadline: float
    credential: Credential
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Login:
    """Hold an agent's own token, of which its leases are children.

    Attributes:
        deadline: When it is over at the latest, by the clock of the `Vault` that logged in.
        token: The token.
    """

    deadline: float
    token: str = field(repr=False)


class Logins:
    """Keep one login per agent; those who need one while it is being made wait for that one.

    Args:
        log_in: Logs an agent in.
        clock: Gives monotonic seconds.
    """

    def __init__(self, log_in: Callable[[str], Login], clock: Callable[[], float]) -> None:
        self._log_in = log_in
        self._clock = clock
        self._lock = threading.Lock()
        # A text is why the login failed: each of those who waited raises it as its own error.
        self._flights: dict[str, Future[Login | str]] = {}

    def get(self, agent: str, *, seconds: float, stale: Login | None = None) -> Login:
        """Return an agent's login, a new one where the known one will not do.

        Args:
            agent: The agent's name.
            seconds: How long it must still last.
            stale: A login that Vault no longer knows.

        Raises:
            VaultError: If the agent cannot log in.
        """
        with self._lock:
            flight = self._flights.get(agent)
            is_mine = flight is None or self._is_over(flight, seconds, stale)
            if flight is None or is_mine:
                flight = self._flights[agent] = Future()
        if is_mine:
            self._fly(agent, flight)
        login = flight.result()
        if isinstance(login, str):
            raise VaultError(login)
        return login

    def forget(self) -> list[Login]:
        """Return every login that was made, and keep none."""
        with self._lock:
            flights = [flight for flight in self._flights.values() if flight.done()]
            self._flights.clear()
        results = [flight.result() for flight in flights]
        return [login for login in results if isinstance(login, Login)]

    def _is_over(self, flight: Future[Login | str], seconds: float, stale: Login | None) -> bool:
        if not flight.done():
            return False
        login = flight.result()
        if isinstance(login, str) or login is stale:
            return True
        return login.deadline - self._clock() < seconds

    def _fly(self, agent: str, flight: Future[Login | str]) -> None:
        outcome: Login | str = f"the login of agent {agent!r} was interrupted: try again"
        try:
            outcome = self._log_in(agent)
        except VaultError as error:
            outcome = str(error)
        finally:
            flight.set_result(outcome)


def vault_name(kind: str, name: str) -> str:
    """Return what a tool or an agent is called in Vault.

    Raises:
        ScopeError: If its name cannot stand in a path.
    """
    if not _NAME.fullmatch(name):
        raise ScopeError(f"the {kind} name {name!r} cannot be used in Vault: use A-Z a-z 0-9 _ -")
    return f"bailiwick-{name}"


def secret_path(scope: Scope) -> str:
    """Return the API path of a scope's secret, such as `secret/data/payments/refund`.

    Raises:
        ScopeError: If the scope could name more than one secret, or another than it says.
    """
    mount, path = scope.mount.strip("/"), scope.path
    if not all(_SEGMENT.fullmatch(part) for part in (*mount.split("/"), *path.split("/"))):
        raise ScopeError(
            f"the secret {scope.mount + '/' + path!r} cannot be leased: "
            "use segments of A-Z a-z 0-9 _ . @ = : - without wildcards"
        )
    if scope.ttl < 1:
        raise ScopeError(f"the secret {path!r} cannot be leased for {scope.ttl} s: use at least 1")
    return f"{mount}/data/{path}"
