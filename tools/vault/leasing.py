"""Owns the leasing of credentials, one child token for one tool call, and the end of each."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from pydantic import SecretStr

from bailiwick.policies.errors import VaultError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.secrets.credentials import Credential
from bailiwick.tools.secrets.leases import (
    REVOKE_ACCESSOR,
    REVOKE_LEASE,
    REVOKE_SELF,
    SWEEPER,
    Lease,
    secret_path,
    vault_name,
)
from bailiwick.tools.vault import refusals
from bailiwick.tools.vault.answers import EMPTY, FORBIDDEN, OK, Answer, Minted, Refusals, Secret
from bailiwick.tools.vault.logins import Login
from bailiwick.tools.vault.secrets import DatabaseUser, Wrapped, secret_fields, user_fields
from bailiwick.tools.vault.sessions import Sessions
from bailiwick.tools.vault.wire import Wire


class Leasing:
    """Lease what scopes name, and give it back.

    It never retries what could lease twice: where an answer is lost, the child that it may have
    been about ends by its own time to live.

    Args:
        wire: The connection, for what is asked as a child.
        sessions: What makes the children, as the agents, and ends them by their handles, as the
            sweeper.
        clock: Gives monotonic seconds.
    """

    def __init__(self, wire: Wire, sessions: Sessions, clock: Callable[[], float]) -> None:
        self._wire = wire
        self._sessions = sessions
        self._clock = clock

    def lease(
        self,
        scope: Scope,
        *,
        agent: str,
        tool: str,
        meta: Mapping[str, str],
        left_behind: Callable[[Lease], None],
    ) -> Lease:
        """Lease what a scope names; see `Vault.lease`."""
        made = self._make(scope, agent, tool, meta)
        if scope.is_wrapped:
            return made.wrapped(scope)
        lease = made.child(scope)
        try:
            return self._filled(lease, scope)
        except BaseException:
            if not self._is_ended(lease):
                left_behind(lease)
            raise

    def make_ahead(self, scope: Scope, *, agent: str, tool: str, meta: Mapping[str, str]) -> Lease:
        """Make a child that waits for a call; see `Vault.make_ahead`."""
        lease = self._make(scope, agent, tool, meta).child(scope)
        try:
            _check_time(lease)
        except VaultError:
            self._is_ended(lease)
            raise
        return replace(lease, is_ahead=True)

    def open(self, child: Lease, scope: Scope) -> Lease | None:
        """Read a secret with a child that was made ahead; see `Vault.open`."""
        left = max(child.deadline - self._clock(), 0)
        answer = self._read(child)
        if answer.status == FORBIDDEN:
            return None
        return _holding(replace(child, ttl=int(left)), scope, answer)

    def revoke(self, lease: Lease) -> None:
        """End a lease; see `Vault.revoke`."""
        lease.credential.end()
        if lease.is_spent:
            return
        if not lease.token:
            self.end(lease.accessor, lease.lease_id)
            return
        if lease.lease_id:
            self._end_lease(lease)
        answer = self._end(SecretStr(lease.token))
        left = lease.deadline - self._clock()
        if answer.is_dead_token or (answer.status == FORBIDDEN and left <= 0):
            return
        answer.check(refusals.revoke(lease.role, left))

    def end(self, accessor: str, lease_id: str) -> bool:
        """End a lease by its handles; see `Vault.end`."""
        if lease_id:
            body: dict[str, object] = {"lease_id": lease_id, "sync": True}
            self._swept(REVOKE_LEASE, body).check(refusals.sweep())
        answer = self._swept(REVOKE_ACCESSOR, {"accessor": accessor})
        # Versions differ in how they say that it is gone.
        if "invalid accessor" in str(answer.body.get("errors")):
            return False
        answer.check(refusals.sweep())
        return not answer.body.get("warnings")

    def _filled(self, lease: Lease, scope: Scope) -> Lease:
        _check_time(lease)
        if scope.kind == "token":
            fields = {"token": lease.token}
            return replace(lease, credential=Credential(scope.label, fields))
        return _holding(lease, scope, self._read(lease))

    def _read(self, lease: Lease) -> Answer:
        token = SecretStr(lease.token)
        return self._wire.request("GET", lease.path, token=token, to="read a secret")

    def _make(self, scope: Scope, agent: str, tool: str, meta: Mapping[str, str]) -> "_Made":
        path, role = secret_path(scope), vault_name("tool", tool)
        started = self._clock()
        login, answer = self._sessions.request(
            "POST",
            f"auth/token/create/{role}",
            agent=agent,
            to="make a child token",
            json=_asked(scope, {**meta, "agent": agent, "tool": tool}),
            wrap_ttl=scope.ttl if scope.is_wrapped else None,
            seconds=scope.ttl,
        )
        why = refusals.mint(agent, role)
        return _Made(path=path, role=role, started=started, login=login, answer=answer, why=why)

    def _is_ended(self, lease: Lease) -> bool:
        with suppress(VaultError):
            answer = self._end(SecretStr(lease.token))
            return answer.is_dead_token or answer.status in (OK, EMPTY)
        return False

    def _end(self, token: SecretStr) -> Answer:
        return self._wire.request("POST", REVOKE_SELF, token=token, to="revoke a token")

    def _end_lease(self, lease: Lease) -> None:
        """End what a lease's token was given, and wait until it is gone."""
        answer = self._wire.request(
            "PUT",
            REVOKE_LEASE,
            token=SecretStr(lease.token),
            json={"lease_id": lease.lease_id, "sync": True},
            to="revoke a lease",
        )
        if answer.is_dead_token:
            self.end(lease.accessor, lease.lease_id)
            return
        answer.check(refusals.revoke_lease(lease.role))

    def _swept(self, path: str, body: dict[str, object]) -> Answer:
        asked = self._sessions.request("PUT", path, agent=SWEEPER, json=body, to="end a lease")
        return asked.answer


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """Hold what Vault answered to the making of a child."""

    path: str
    role: str
    started: float
    login: Login
    answer: Answer
    why: Refusals

    def child(self, scope: Scope) -> Lease:
        minted = self.answer.read(Minted, self.why)
        return Lease(
            accessor=minted.auth.accessor,
            role=self.role,
            path=self.path,
            ttl_asked=scope.ttl,
            ttl=minted.auth.lease_duration,
            mint_request=minted.request_id,
            read_request="",
            deadline=min(self.started + minted.auth.lease_duration, self.login.deadline),
            credential=Credential(scope.label, {}),
            token=minted.auth.client_token.get_secret_value(),
            kind=scope.kind,
            parent=self.login.accessor,
        )

    def wrapped(self, scope: Scope) -> Lease:
        wrapped = self.answer.read(Wrapped, self.why)
        info = wrapped.wrap_info
        if info.creation_path != f"auth/token/create/{self.role}":
            raise VaultError(refusals.wrapped_elsewhere(self.role, info.creation_path))
        return Lease(
            accessor=info.wrapped_accessor,
            role=self.role,
            path=scope.path,
            ttl_asked=scope.ttl,
            ttl=info.ttl,
            mint_request=wrapped.request_id,
            read_request="",
            # Unwrapped at its last moment, the token lives as long again.
            deadline=self.started + info.ttl + scope.ttl,
            credential=Credential(scope.label, {"token": info.token.get_secret_value()}),
            token="",
            kind=scope.kind,
            parent=self.login.accessor,
        )


def _check_time(lease: Lease) -> None:
    # A role with a period gives that, whatever was asked: 0 is for ever.
    if not 0 < lease.ttl <= lease.ttl_asked:
        raise VaultError(refusals.lasting(lease.role, lease.ttl, lease.ttl_asked))


def _holding(lease: Lease, scope: Scope, answer: Answer) -> Lease:
    why = refusals.read(lease.role, scope)
    if scope.kind == "kv":
        secret = answer.read(Secret, why)
        request, lease_id = secret.request_id, ""
        credential = Credential(scope.label, secret_fields(secret, scope))
    else:
        user = answer.read(DatabaseUser, why)
        request, lease_id = user.request_id, user.lease_id
        credential = Credential(scope.label, user_fields(user, scope))
    return replace(
        lease,
        credential=credential,
        read_request=request,
        lease_id=lease_id,
        is_spent=scope.uses == 1,
    )


def _asked(scope: Scope, meta: Mapping[str, str]) -> dict[str, object]:
    asked: dict[str, object] = {"meta": dict(meta), "ttl": f"{scope.ttl}s", "renewable": False}
    return {**asked, "num_uses": scope.uses} if scope.uses else asked
