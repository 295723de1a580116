"""Owns the connection to Vault: hvac and its errors are known here and nowhere else."""

import math
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Self

import hvac
import requests
from hvac.adapters import RawAdapter
from hvac.exceptions import VaultError as HvacError
from pydantic import SecretStr
from requests.adapters import HTTPAdapter

from bailiwick.policies.errors import VaultError
from bailiwick.policies.scopes import Scope
from bailiwick.tools import vault_refusals as refusals
from bailiwick.tools.credentials import Credential
from bailiwick.tools.leases import AppRole, Lease, Login, Logins, secret_path, vault_name
from bailiwick.tools.vault_answers import (
    FORBIDDEN,
    PERFORMANCE_STANDBY,
    STANDBY,
    Answer,
    Minted,
    Secret,
    checked_address,
)

# hvac has no types, and what can be inferred of them is narrower than what it takes.
_Client: Any = hvac.Client
_POOL = 64
_DEVELOPMENT_MARK = "X-Bailiwick-Development"
Call = Callable[[], requests.Response]


class Wire:
    """Carry requests to one Vault and translate what can go wrong on the way.

    Nothing comes from the environment; no redirect is followed, no cookie kept, nothing retried.

    Args:
        address: Where Vault listens.
        timeout: Seconds to connect and to wait for an answer.
        verify: Whether to check the certificate, or the file of its authority.
        production: Whether to refuse development Vaults and unencrypted connections.

    Raises:
        SettingsError: If the address is no address, or not one for production.
    """

    def __init__(
        self,
        address: str,
        *,
        timeout: tuple[float, float],
        verify: bool | str,
        production: bool,
    ) -> None:
        self.address = checked_address(address, production=production)
        self._timeout = timeout
        self._production = production
        self._is_vetted = not production
        self._vetting = threading.Lock()
        self._is_development = False
        self._session = requests.Session()
        self._session.trust_env = False
        # hvac overrules its own `verify` by the session's.
        self._session.verify = verify
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._session.hooks["response"].append(self._note)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=_POOL, max_retries=0))

    def client(self, token: str = "") -> Any:  # noqa: ANN401 - hvac has no types
        """Return a client of its own for a token: hvac's clients share theirs between threads."""
        # An empty token or certificate, unlike none, keeps hvac from looking into the environment.
        return _Client(
            url=self.address,
            token=token,
            cert="",
            verify=self._session.verify,
            timeout=self._timeout,
            allow_redirects=False,
            session=self._session,
            ignore_exceptions=True,
            adapter=RawAdapter,
        )

    def send(self, call: Call, *, to: str) -> Answer:
        """Make one call of a client and return the answer, refusals included.

        Raises:
            VaultError: If there was no answer, or it came from a development Vault in production.
        """
        with self._vetting:
            if not self._is_vetted:
                # Before anything secret is sent.
                self._exchange(self.client().sys.read_health_status, "tell its health")
                self._is_vetted = True
        return self._exchange(call, to)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _exchange(self, call: Call, to: str) -> Answer:
        answer = self._attempt(call, to)
        # Raised here and not where it is caught: hvac's errors and their frames hold tokens.
        if isinstance(answer, str):
            raise VaultError(answer)
        if self._production and self._is_development:
            raise VaultError(refusals.development(self.address))
        return answer

    def _attempt(self, call: Call, to: str) -> Answer | str:
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


class Vault:
    """Lease credentials from Vault, one child token for one tool call.

    Safe to share between threads. It never retries what could lease twice: where an answer is
    lost, the child that it may have been about ends by its own time to live.

    Args:
        address: Where Vault listens, such as `https://vault.example:8200`.
        approles: What each agent logs in with.
        timeout: Seconds to connect and to wait for an answer.
        verify: Whether to check the certificate, or the file of its authority.
        production: Whether to refuse development Vaults and unencrypted connections.
        clock: Gives monotonic seconds.

    Raises:
        SettingsError: If the address is no address, or not one for production.
    """

    def __init__(  # noqa: PLR0913 - each is a setting of the operator
        self,
        address: str,
        *,
        approles: Mapping[str, AppRole],
        timeout: tuple[float, float] = (2.0, 5.0),
        verify: bool | str = True,
        production: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wire = Wire(address, timeout=timeout, verify=verify, production=production)
        self._approles = dict(approles)
        self._clock = clock
        self._logins = Logins(self._log_in, clock)

    def lease(self, scope: Scope, *, agent: str, tool: str, meta: Mapping[str, str]) -> Lease:
        """Lease what a scope names: two round trips once the agent is logged in.

        Args:
            scope: The secret and for how long.
            agent: The agent that calls; its AppRole must be known here.
            tool: The tool that it calls; its token role bounds the child.
            meta: What to write on the child for Vault's audit, beside agent and tool.

        Returns:
            The lease. Every text field of the secret is in its credential.

        Raises:
            ScopeError: If the scope or the tool's name cannot be used in Vault.
            VaultError: If no credential can be had; then no child is left that could be used.
        """
        path, role = secret_path(scope), vault_name("tool", tool)
        started = self._clock()
        login, minted = self._mint(scope, agent, role, {**meta, "agent": agent, "tool": tool})
        token, given = minted.auth.client_token, minted.auth.lease_duration
        try:
            secret = self._read(scope, role, token)
        except BaseException:
            self._end_quietly(token)
            raise
        return Lease(
            accessor=minted.auth.accessor,
            role=role,
            path=path,
            ttl_asked=scope.ttl,
            ttl=given,
            mint_request=minted.request_id,
            read_request=secret.request_id,
            deadline=min(started + given, login.deadline),
            credential=Credential(scope.path, secret.texts()),
            token=token.get_secret_value(),
        )

    def revoke(self, lease: Lease) -> None:
        """End a lease: its credential in any case, its token in Vault.

        Raises:
            VaultError: If Vault did not confirm; the token then ends by its own time to live.
        """
        lease.credential.end()
        answer = self._end(SecretStr(lease.token))
        left = lease.deadline - self._clock()
        if answer.is_dead_token or (answer.status == FORBIDDEN and left <= 0):
            return
        answer.check(refusals.revoke(lease.role, left))

    def ping(self) -> None:
        """Return if Vault is there to lease from.

        Raises:
            VaultError: If it is down, sealed or not initialised, with the remedy.
        """
        client = self._wire.client()
        answer = self._wire.send(client.sys.read_health_status, to="tell its health")
        if answer.status not in (STANDBY, PERFORMANCE_STANDBY):
            answer.check({})

    def close(self) -> None:
        """Log every agent out, which ends what is still leased, and close the connections."""
        for login in self._logins.forget():
            self._end_quietly(SecretStr(login.token))
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _log_in(self, agent: str) -> Login:
        approle = self._approles.get(agent)
        if approle is None:
            raise VaultError(f"agent {agent!r} has no AppRole: provision it")
        started, client = self._clock(), self._wire.client()
        answer = self._wire.send(
            lambda: client.auth.approle.login(approle.role_id, approle.secret_id, use_token=False),
            to="log in",
        )
        auth = answer.read(Minted, refusals.login(agent)).auth
        # A token without an end says 0.
        ends = started + auth.lease_duration if auth.lease_duration else math.inf
        return Login(token=auth.client_token.get_secret_value(), deadline=ends)

    def _mint(
        self, scope: Scope, agent: str, role: str, meta: Mapping[str, str]
    ) -> tuple[Login, Minted]:
        login = self._logins.get(agent, seconds=scope.ttl)
        answer = self._create(login, role, scope.ttl, meta)
        if answer.status == FORBIDDEN and self._is_dead(login):
            login = self._logins.get(agent, seconds=scope.ttl, stale=login)
            answer = self._create(login, role, scope.ttl, meta)
        return login, answer.read(Minted, refusals.mint(agent, role))

    def _create(self, login: Login, role: str, ttl: int, meta: Mapping[str, str]) -> Answer:
        client = self._wire.client(login.token)
        return self._wire.send(
            lambda: client.auth.token.create(
                role_name=role, meta=dict(meta), ttl=f"{ttl}s", renewable=False
            ),
            to="make a child token",
        )

    def _is_dead(self, login: Login) -> bool:
        client = self._wire.client(login.token)
        answer = self._wire.send(client.auth.token.lookup_self, to="look a token up")
        return answer.status == FORBIDDEN

    def _read(self, scope: Scope, role: str, token: SecretStr) -> Secret:
        client = self._wire.client(token.get_secret_value())
        answer = self._wire.send(
            lambda: client.secrets.kv.v2.read_secret_version(
                scope.path, mount_point=scope.mount, raise_on_deleted_version=False
            ),
            to="read a secret",
        )
        secret = answer.read(Secret, refusals.read(role, secret_path(scope)))
        if not secret.texts():
            raise VaultError(f"the secret {secret_path(scope)!r} holds no text: write a text field")
        return secret

    def _end(self, token: SecretStr) -> Answer:
        client = self._wire.client(token.get_secret_value())
        return self._wire.send(client.auth.token.revoke_self, to="revoke a token")

    def _end_quietly(self, token: SecretStr) -> None:
        with suppress(VaultError):
            self._end(token)
