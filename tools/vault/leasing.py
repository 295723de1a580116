"""Owns the leasing of credentials: one child token for one tool call."""

from collections.abc import Callable, Mapping
from contextlib import suppress

from pydantic import SecretStr

from bailiwick.policies.errors import VaultError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.credentials import Credential
from bailiwick.tools.leases import Lease, secret_path, vault_name
from bailiwick.tools.vault import refusals
from bailiwick.tools.vault.answers import FORBIDDEN, Answer, Minted, Secret
from bailiwick.tools.vault.sessions import Sessions
from bailiwick.tools.vault.wire import Wire


class Leasing:
    """Lease what scopes name, and give it back.

    It never retries what could lease twice: where an answer is lost, the child that it may have
    been about ends by its own time to live.

    Args:
        wire: The connection, for what is asked as a child.
        sessions: What makes the children, as the agents.
        clock: Gives monotonic seconds.
    """

    def __init__(self, wire: Wire, sessions: Sessions, clock: Callable[[], float]) -> None:
        self._wire = wire
        self._sessions = sessions
        self._clock = clock

    def lease(self, scope: Scope, *, agent: str, tool: str, meta: Mapping[str, str]) -> Lease:
        """Lease what a scope names; see `Vault.lease`."""
        path, role = secret_path(scope), vault_name("tool", tool)
        started = self._clock()
        login, answer = self._sessions.request(
            "POST",
            f"auth/token/create/{role}",
            agent=agent,
            to="make a child token",
            json={
                "meta": {**meta, "agent": agent, "tool": tool},
                "ttl": f"{scope.ttl}s",
                "renewable": False,
            },
            seconds=scope.ttl,
        )
        minted = answer.read(Minted, refusals.mint(agent, role))
        token, given = minted.auth.client_token, minted.auth.lease_duration
        try:
            secret = self._read(path, role, token)
        except BaseException:
            with suppress(VaultError):
                self._end(token)
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
        """End a lease; see `Vault.revoke`."""
        lease.credential.end()
        answer = self._end(SecretStr(lease.token))
        left = lease.deadline - self._clock()
        if answer.is_dead_token or (answer.status == FORBIDDEN and left <= 0):
            return
        answer.check(refusals.revoke(lease.role, left))

    def _read(self, path: str, role: str, token: SecretStr) -> Secret:
        answer = self._wire.request("GET", path, token=token, to="read a secret")
        secret = answer.read(Secret, refusals.read(role, path))
        if not secret.texts():
            raise VaultError(f"the secret {path!r} holds no text: write a text field")
        return secret

    def _end(self, token: SecretStr) -> Answer:
        return self._wire.request(
            "POST", "auth/token/revoke-self", token=token, to="revoke a token"
        )
