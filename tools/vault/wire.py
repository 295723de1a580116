"""Owns the connection to Vault: hvac and its errors are known here and nowhere else."""

import threading
import time
from collections.abc import Callable, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Literal, cast
from urllib.parse import quote

import requests
from hvac.adapters import RawAdapter
from hvac.exceptions import VaultError as HvacError
from pydantic import SecretStr
from requests.adapters import HTTPAdapter

from bailiwick.policies.errors import VaultError
from bailiwick.tools.forks import Opening
from bailiwick.tools.vault import refusals
from bailiwick.tools.vault.answers import Answer, checked_address
from bailiwick.tools.vault.breaker import Breaker
from bailiwick.tools.vault.namespaces import checked_namespace, has_namespaces

# hvac has no types, and what can be inferred of them is narrower than what it takes.
_Adapter: Any = RawAdapter
_POOL = 64
_DEVELOPMENT_MARK = "X-Bailiwick-Development"
_HEALTH = "sys/health"
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "LIST"]
NO_TOKEN = SecretStr("")


class Wire:
    """Carry requests to one Vault and translate what can go wrong on the way.

    Nothing comes from the environment; no redirect is followed, no cookie kept, nothing retried.
    A Vault that fails again and again is left alone for a while: requests are refused at once.

    Args:
        address: Where Vault listens.
        timeout: Seconds to connect and to wait for an answer.
        verify: Whether to check the certificate, or the file of its authority.
        production: Whether to refuse development Vaults and unencrypted connections.
        namespace: The namespace that requests are made in; the root where left out.
        clock: Gives monotonic seconds.

    Raises:
        SettingsError: If the address is no address, or not one for production, or the namespace
            none.
    """

    def __init__(  # noqa: PLR0913 - each is a setting of the operator
        self,
        address: str,
        *,
        timeout: tuple[float, float],
        verify: bool | str,
        production: bool,
        namespace: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = checked_address(address, production=production)
        self.namespace = checked_namespace(namespace)
        self.opening = Opening(f"the way to Vault at {self.address}", VaultError)
        self._timeout = timeout
        self._production = production
        self._is_vetted = not production and not self.namespace
        self._vetting = threading.Lock()
        self._is_development = False
        self._breaker = Breaker(clock)
        self._session = requests.Session()
        self._session.trust_env = False
        # hvac overrules its own `verify` by the session's.
        self._session.verify = verify
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.hooks["response"].append(self._note)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=_POOL, max_retries=0))

    def request(  # noqa: PLR0913 - a request has these parts
        self,
        method: Method,
        path: str,
        *,
        to: str,
        token: SecretStr = NO_TOKEN,
        json: Mapping[str, object] | None = None,
        wrap_ttl: int | None = None,
    ) -> Answer:
        """Make one request and return the answer, refusals included.

        Args:
            method: The HTTP method; `LIST` is sent as Vault wants it.
            path: The API path without `/v1/`, such as `sys/mounts`.
            to: What is asked for, such as `read a secret`; it stands in errors.
            token: Whose request it is; nobody's where left out.
            json: The body. A `SecretStr` in it is revealed to Vault alone, never to a traceback.
            wrap_ttl: Seconds for which to wrap the answer; not wrapped where left out.

        Raises:
            VaultError: If there was no answer, it came from a development Vault in production,
                Vault has no namespaces where one is named, or it has failed so often that nothing
                is sent to it for a while. Or if this process is a fork of the one that made this.
        """
        self.opening.check()
        with self._vetting:
            if not self._is_vetted:
                # Before anything secret is sent; a standby's 429 is no trouble.
                self._vet(self._exchange(lambda: self._send("GET", _HEALTH), to, is_health=True))
                self._is_vetted = True
        return self._exchange(lambda: self._send(method, path, token, json, wrap_ttl), to)

    def health(self) -> Answer:
        """Return what Vault says of itself, also where nothing else is sent to it for a while.

        Raises:
            VaultError: If there was no answer, it came from a development Vault in production, or
                Vault has no namespaces where one is named. Or as for `request`, after a fork.
        """
        self.opening.check()
        to = "tell its health"
        return self._vet(self._sound(self._attempt(lambda: self._send("GET", _HEALTH), to)))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _send(
        self,
        method: Method,
        path: str,
        token: SecretStr = NO_TOKEN,
        json: Mapping[str, object] | None = None,
        wrap_ttl: int | None = None,
    ) -> requests.Response:
        # An adapter's token is shared between threads, so each request has an adapter of its own.
        # hvac's client around it would look into the environment.
        adapter = _Adapter(
            base_uri=self.address,
            token=token.get_secret_value(),
            verify=self._session.verify,
            timeout=self._timeout,
            allow_redirects=False,
            session=self._session,
            ignore_exceptions=True,
            # Health is told in the root alone: https://github.com/jmgilman/vaultrs/issues/194.
            namespace=None if path == _HEALTH else self.namespace,
        )
        body = {} if json is None else {"json": revealed(json)}
        url = f"/v1/{quote(path)}"
        sent = adapter.request(method.lower(), url, wrap_ttl=wrap_ttl, **body)
        return cast("requests.Response", sent)

    def _exchange(
        self, call: Callable[[], requests.Response], to: str, *, is_health: bool = False
    ) -> Answer:
        if refusal := self._breaker.admit():
            raise VaultError(refusal)
        trouble: str | None = f"Vault at {self.address} was not waited for: try again"
        try:
            answer = self._attempt(call, to)
            trouble = answer if isinstance(answer, str) else None if is_health else answer.trouble
        finally:
            self._breaker.report(trouble)
        return self._sound(answer)

    def _sound(self, answer: Answer | str) -> Answer:
        # Raised here and not where it is caught: hvac's errors and their frames hold tokens.
        if isinstance(answer, str):
            raise VaultError(answer)
        if self._production and self._is_development:
            raise VaultError(refusals.development(self.address))
        return answer

    def _vet(self, health: Answer) -> Answer:
        if self.namespace and (self._is_development or not has_namespaces(health.body)):
            raise VaultError(refusals.no_namespaces(self.address, self.namespace))
        return health

    def _attempt(self, call: Callable[[], requests.Response], to: str) -> Answer | str:
        try:
            response = call()
            return Answer.parse(response.status_code, self.address, to, response.content)
        except requests.Timeout:
            return refusals.too_slow(self.address, to, self._timeout)
        except requests.exceptions.SSLError:
            return refusals.untrusted(self.address)
        except (HvacError, OSError, ValueError):
            return refusals.unreachable(self.address)

    def _note(self, response: requests.Response, **_: object) -> None:
        if response.headers.get(_DEVELOPMENT_MARK) == "true":
            self._is_development = True


def revealed(value: object) -> object:
    """Return a body as it is sent: what it holds as `SecretStr` in plain."""
    match value:
        case SecretStr():
            return value.get_secret_value()
        case Mapping():
            return {name: revealed(part) for name, part in value.items()}
        case list() | tuple():
            return [revealed(part) for part in value]
        case _:
            return value
