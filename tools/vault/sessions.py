"""Owns the sessions of agents at Vault: each request is made as one of them."""

import logging
import math
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple

from pydantic import SecretStr

from bailiwick.policies.errors import VaultError
from bailiwick.tools.secrets.leases import REVOKE_SELF
from bailiwick.tools.vault.answers import FORBIDDEN, INVALID, Answer, Minted
from bailiwick.tools.vault.login_refusals import no_login
from bailiwick.tools.vault.logins import Login, Logins
from bailiwick.tools.vault.methods import LoginMethod
from bailiwick.tools.vault.renewal import Renewal
from bailiwick.tools.vault.wire import Method, Wire

logger = logging.getLogger(__name__)

_PART = 2 / 3
"""The part of its time after which a login is renewed."""

_PATIENCE = 5.0
"""Seconds after which a renewal that got no answer is tried again."""


class Answered(NamedTuple):
    """Hold an answer and the login that it was given to.

    Attributes:
        login: The login; what the answer gave ends with it.
        answer: The answer, which may be a refusal.
    """

    login: Login
    answer: Answer


class Sessions:
    """Make requests as an agent, logging it in where it must be, and keep its login alive.

    Safe to share between threads. Times are measured here, by a monotonic clock: nothing follows
    from what time Vault thinks it is.

    Args:
        wire: The connection.
        methods: What each agent logs in with.
        clock: Gives monotonic seconds.

    Attributes:
        renewal: What keeps the logins alive.
    """

    def __init__(
        self, wire: Wire, methods: Mapping[str, LoginMethod], clock: Callable[[], float]
    ) -> None:
        self._wire = wire
        self._methods = dict(methods)
        self._clock = clock
        self._logins = Logins(self._log_in, clock)
        self._renewing = threading.Lock()
        self.renewal = Renewal(self._renew_due, clock)

    def log_in(self) -> None:
        """Log in whoever's secret id is good for a short time only.

        Raises:
            VaultError: If one of them cannot log in.
        """
        for agent, method in self._methods.items():
            if method.is_fleeting:
                self._logins.get(agent, seconds=0)

    def is_current(self, agent: str, accessor: str) -> bool:
        """Tell whether an agent is still logged in as it was, by the handle of that login."""
        login = self._logins.known(agent)
        return login is not None and login.accessor == accessor

    def request(  # noqa: PLR0913 - a request has these parts
        self,
        method: Method,
        path: str,
        *,
        agent: str,
        to: str,
        json: Mapping[str, object] | None = None,
        wrap_ttl: int | None = None,
        seconds: float = 0,
    ) -> Answered:
        """Make one request as an agent; once more where its login turned out to be dead.

        Nothing that Vault may have done is asked for again: a dead login is refused before.

        Args:
            method: The HTTP method.
            path: The API path without `/v1/`.
            agent: Who asks.
            to: What is asked for, such as `read a secret`; it stands in errors.
            json: The body; a `SecretStr` in it is revealed to Vault alone.
            wrap_ttl: Seconds for which to wrap the answer; not wrapped where left out.
            seconds: How long the login must still last.

        Raises:
            VaultError: If the agent cannot log in or there was no answer.
        """
        login = self._lasting(agent, seconds)
        answer = self._ask(login, method, path, to, json, wrap_ttl)
        if answer.status == FORBIDDEN and (answer.is_dead_token or self._is_dead(login)):
            login = self._logins.get(agent, seconds=seconds, stale=login)
            answer = self._ask(login, method, path, to, json, wrap_ttl)
        return Answered(login, answer)

    def close(self) -> None:
        """Log every agent out, which ends what is still leased."""
        self.renewal.close()
        for login in self._logins.forget():
            with suppress(VaultError):
                self._ask(login, "POST", REVOKE_SELF, "revoke a token")

    def _ask(  # noqa: PLR0913, PLR0917 - as above
        self,
        login: Login,
        method: Method,
        path: str,
        to: str,
        json: Mapping[str, object] | None = None,
        wrap_ttl: int | None = None,
    ) -> Answer:
        token = SecretStr(login.token)
        return self._wire.request(method, path, token=token, json=json, wrap_ttl=wrap_ttl, to=to)

    def _is_dead(self, login: Login) -> bool:
        answer = self._ask(login, "GET", "auth/token/lookup-self", "look a token up")
        return answer.status == FORBIDDEN

    def _lasting(self, agent: str, seconds: float) -> Login:
        if self._is_short(agent, seconds):
            with self._renewing:
                # Others may have done it while this call waited.
                if self._is_short(agent, seconds):
                    # Cheaper than a new one, which may not be to be had.
                    self.renewal.watch(agent, self._renew(agent))
        return self._logins.get(agent, seconds=seconds)

    def _is_short(self, agent: str, seconds: float) -> bool:
        login, now = self._logins.known(agent), self._clock()
        return login is not None and now + seconds > login.deadline > now

    def _log_in(self, agent: str) -> Login:
        method = self._methods.get(agent)
        if method is None:
            raise VaultError(no_login(agent))
        started = self._clock()
        login = _login(method.log_in(self._wire, agent), started)
        self.renewal.watch(agent, login.renew_at)
        return login

    def _renew_due(self, agent: str) -> float:
        """Renew an agent's login if it is time, and return when to come again."""
        with self._renewing:
            login = self._logins.known(agent)
            if login is not None and login.renew_at > self._clock():
                # A call that needed it longer was faster.
                return login.renew_at
            return self._renew(agent)

    def _renew(self, agent: str) -> float:
        """Renew an agent's login and return when to come again."""
        login = self._logins.known(agent)
        if login is None or math.isinf(login.renew_at):
            return math.inf
        try:
            return self._renewed(agent, login)
        except VaultError as error:
            logger.warning("the login of agent %r was not renewed: %s", agent, error)
        # The next call finds a login that is over, and logs in.
        again = self._clock() + _PATIENCE
        return again if again < login.deadline else math.inf

    def _renewed(self, agent: str, login: Login) -> float:
        started = self._clock()
        answer = self._ask(login, "POST", "auth/token/renew-self", "renew a login", {})
        if answer.status == FORBIDDEN and self._is_dead(login):
            return self._logins.get(agent, seconds=0, stale=login).renew_at
        if answer.status in (FORBIDDEN, INVALID):
            return self._logins.get(agent, seconds=math.inf).renew_at
        renewed = _login(answer.read(Minted, {}), started, since=login)
        self._logins.replace(agent, login, renewed)
        if renewed.deadline - started < login.ttl * _PART:
            # Its end is near, and calls need not wait for what comes after it.
            return self._logins.get(agent, seconds=math.inf).renew_at
        return renewed.renew_at


def _login(minted: Minted, started: float, *, since: Login | None = None) -> Login:
    auth = minted.auth
    # A token without an end says 0.
    given = auth.lease_duration or math.inf
    is_renewable = auth.renewable and not math.isinf(given)
    return Login(
        token=auth.client_token.get_secret_value(),
        deadline=started + given,
        ttl=given if since is None else since.ttl,
        renew_at=started + given * _PART if is_renewable else math.inf,
        accessor=auth.accessor,
    )
