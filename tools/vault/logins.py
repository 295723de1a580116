"""Owns what agents log in with, and the one login of each that all its calls share."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from bailiwick.policies.errors import VaultError


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
