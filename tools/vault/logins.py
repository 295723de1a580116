"""Owns the one login of each agent that all its calls share."""

import logging
import math
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from bailiwick.policies.errors import VaultError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Login:
    """Hold an agent's own token, of which its leases are children.

    Attributes:
        deadline: When it is over at the latest, by the clock of the `Vault` that logged in.
        token: The token.
        ttl: Seconds that it was given for when it was made.
        renew_at: When to renew it; never where it cannot be.
        accessor: Its handle in Vault.
    """

    deadline: float
    token: str = field(repr=False)
    ttl: float = math.inf
    renew_at: float = math.inf
    accessor: str = ""


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
            seconds: How long it should still last; infinity asks for a new one. Where none can be
                had, the known one is returned until it is over.
            stale: A login that Vault no longer knows.

        Raises:
            VaultError: If the agent cannot log in.
        """
        with self._lock:
            flight = before = self._flights.get(agent)
            is_mine = flight is None or self._is_over(flight, seconds, stale)
            if flight is None or is_mine:
                flight = self._flights[agent] = Future()
        if is_mine:
            self._fly(agent, flight, self._good(before, stale))
        login = flight.result()
        if isinstance(login, str):
            raise VaultError(login)
        return login

    def known(self, agent: str) -> Login | None:
        """Return an agent's login if it has one now, without making any."""
        with self._lock:
            return _landed(self._flights.get(agent))

    def replace(self, agent: str, login: Login, renewed: Login) -> None:
        """Put a renewed login in the place of what it was, if that is still the agent's."""
        flight: Future[Login | str] = Future()
        flight.set_result(renewed)
        with self._lock:
            if _landed(self._flights.get(agent)) is login:
                self._flights[agent] = flight

    def forget(self) -> list[Login]:
        """Return every login that was made, and keep none."""
        with self._lock:
            found = [_landed(flight) for flight in self._flights.values()]
            self._flights.clear()
        return [login for login in found if login is not None]

    def _is_over(self, flight: Future[Login | str], seconds: float, stale: Login | None) -> bool:
        if not flight.done():
            return False
        login = flight.result()
        if isinstance(login, str) or (stale is not None and login.token == stale.token):
            return True
        return login.deadline - self._clock() < seconds

    def _good(self, flight: Future[Login | str] | None, stale: Login | None) -> Login | None:
        login = _landed(flight)
        if login is None or (stale is not None and login.token == stale.token):
            return None
        return login if login.deadline > self._clock() else None

    def _fly(self, agent: str, flight: Future[Login | str], before: Login | None) -> None:
        outcome: Login | str = f"the login of agent {agent!r} was interrupted: try again"
        try:
            outcome = self._log_in(agent)
        except VaultError as error:
            outcome = str(error) if before is None else before
            if before is not None:
                left = before.deadline - self._clock()
                logger.warning("agent %r has a login for another %.0f s: %s", agent, left, error)
        finally:
            flight.set_result(outcome)


def _landed(flight: Future[Login | str] | None) -> Login | None:
    if flight is None or not flight.done():
        return None
    login = flight.result()
    return login if isinstance(login, Login) else None
