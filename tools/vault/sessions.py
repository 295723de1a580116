"""Owns the sessions of agents at Vault: each request is made as one of them."""

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple

from pydantic import SecretStr

from bailiwick.policies.errors import VaultError
from bailiwick.tools.vault import refusals
from bailiwick.tools.vault.answers import FORBIDDEN, Answer, Minted
from bailiwick.tools.vault.logins import AppRole, Login, Logins
from bailiwick.tools.vault.wire import Method, Wire


class Answered(NamedTuple):
    """Hold an answer and the login that it was given to.

    Attributes:
        login: Of it is what the answer gave; with it that ends.
        answer: The answer, which may be a refusal.
    """

    login: Login
    answer: Answer


class Sessions:
    """Make requests as an agent, logging it in where it must be.

    Safe to share between threads.

    Args:
        wire: The connection.
        approles: What each agent logs in with.
        clock: Gives monotonic seconds.
    """

    def __init__(
        self, wire: Wire, approles: Mapping[str, AppRole], clock: Callable[[], float]
    ) -> None:
        self._wire = wire
        self._approles = dict(approles)
        self._clock = clock
        self._logins = Logins(self._log_in, clock)

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
        login = self._logins.get(agent, seconds=seconds)
        answer = self._ask(login, method, path, to, json, wrap_ttl)
        if answer.status == FORBIDDEN and self._is_dead(login):
            login = self._logins.get(agent, seconds=seconds, stale=login)
            answer = self._ask(login, method, path, to, json, wrap_ttl)
        return Answered(login, answer)

    def close(self) -> None:
        """Log every agent out, which ends what is still leased."""
        for login in self._logins.forget():
            with suppress(VaultError):
                self._wire.request(
                    "POST",
                    "auth/token/revoke-self",
                    token=SecretStr(login.token),
                    to="revoke a token",
                )

    def _ask(  # noqa: PLR0913, PLR0917 - as above
        self,
        login: Login,
        method: Method,
        path: str,
        to: str,
        json: Mapping[str, object] | None,
        wrap_ttl: int | None,
    ) -> Answer:
        token = SecretStr(login.token)
        return self._wire.request(method, path, token=token, json=json, wrap_ttl=wrap_ttl, to=to)

    def _is_dead(self, login: Login) -> bool:
        token = SecretStr(login.token)
        answer = self._wire.request(
            "GET", "auth/token/lookup-self", token=token, to="look a token up"
        )
        return answer.status == FORBIDDEN

    def _log_in(self, agent: str) -> Login:
        approle = self._approles.get(agent)
        if approle is None:
            raise VaultError(f"agent {agent!r} has no AppRole: provision it")
        started = self._clock()
        secret_id = SecretStr(approle.secret_id)
        answer = self._wire.request(
            "POST",
            "auth/approle/login",
            json={"role_id": approle.role_id, "secret_id": secret_id},
            to="log in",
        )
        auth = answer.read(Minted, refusals.login(agent)).auth
        # A token without an end says 0.
        ends = started + auth.lease_duration if auth.lease_duration else math.inf
        return Login(token=auth.client_token.get_secret_value(), deadline=ends)
