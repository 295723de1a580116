"""Owns the way of a request: seal, token, access check, engine."""

import threading
from collections.abc import Callable
from dataclasses import replace

from bailiwick.tools.devvault.acl import Acl
from bailiwick.tools.devvault.approle import AppRoleMethod
from bailiwick.tools.devvault.envelope import Answer, Request
from bailiwick.tools.devvault.kv import KvVersion2
from bailiwick.tools.devvault.mounts import Mount, MountTable
from bailiwick.tools.devvault.policies import PolicyStore
from bailiwick.tools.devvault.refusals import (
    bad_token,
    denied,
    invalid,
    no_mount,
    no_token,
    sealed,
    unsupported,
)
from bailiwick.tools.devvault.routes import Route
from bailiwick.tools.devvault.seal import Seal
from bailiwick.tools.devvault.system import System
from bailiwick.tools.devvault.token_api import TokenMethod
from bailiwick.tools.devvault.tokens import Token, TokenStore, random_text, token_id


class Core:
    """Hold a development Vault's whole state and answer one request at a time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.lock = threading.RLock()
        self.seal = Seal(clock)
        self.tokens = TokenStore(clock)
        self.root = self.tokens.add(
            Token(
                id=token_id(),
                accessor=random_text(),
                policies=("root",),
                path="auth/token/root",
                display_name="root",
            )
        )
        self._policies = PolicyStore()
        self._acls: dict[tuple[str, ...], Acl] = {}
        self._acls_version = self._policies.version
        self._mounts = self._mount(clock)

    def answer(self, request: Request) -> Answer:
        """Answer a request.

        Raises:
            Refusal: If the answer is an error.
        """
        with self.lock:
            mount, found = self._find(request)
            if self.seal.is_sealed and not (found and found[0].works_sealed):
                raise sealed()
            if found is not None and found[0].is_open:
                return _run(*found)
            return self._answer_authenticated(request, mount, found)

    def acl(self, token: Token) -> Acl:
        """Return what a token's policies allow, as they stand now."""
        if self._acls_version != self._policies.version:
            self._acls.clear()
            self._acls_version = self._policies.version
        known = self._acls.get(token.policies)
        if known is None:
            known = Acl(self._policies.rules(token.policies), is_root=token.is_root)
            self._acls[token.policies] = known
        return known

    def _answer_authenticated(
        self, request: Request, mount: Mount | None, found: tuple[Route, Request] | None
    ) -> Answer:
        caller = self._caller(request)
        is_last_use = caller.num_uses == 1
        caller.num_uses = max(0, caller.num_uses - 1)
        try:
            self._check(request, caller, found)
            if mount is None:
                raise no_mount(request.path)
            if found is None:
                raise unsupported()
            return _run(found[0], replace(found[1], caller=caller))
        finally:
            if is_last_use:
                self.tokens.revoke(caller)

    def _caller(self, request: Request) -> Token:
        if not request.token:
            raise no_token()
        caller = self.tokens.find(request.token)
        if caller is None:
            raise bad_token()
        return caller

    def _check(self, request: Request, caller: Token, found: tuple[Route, Request] | None) -> None:
        operation, is_sudo = request.operation, False
        if found is not None:
            route, routed = found
            is_sudo = route.is_sudo
            if operation == "update" and route.exists is not None and not route.exists(routed):
                operation = "create"
        if not self.acl(caller).allows(operation, request.path, request.body, sudo=is_sudo):
            raise denied()

    def _find(self, request: Request) -> tuple[Mount | None, tuple[Route, Request] | None]:
        if request.operation in ("update", "patch") and request.path.endswith("/"):
            raise invalid("cannot write to a path ending in '/'")
        mount = self._mounts.find(request.path)
        if mount is None:
            return None, None
        return mount, mount.table.find(replace(request, mount=mount.path))

    def _mount(self, clock: Callable[[], float]) -> MountTable:
        mounts = MountTable(
            {"kv": lambda: KvVersion2(clock), "approle": lambda: AppRoleMethod(self.tokens)}
        )
        system = System(
            seal=self.seal,
            mounts=mounts,
            policies=self._policies,
            tokens=self.tokens,
            acl=self.acl,
        )
        mounts.add("sys/", "system", system)
        mounts.add("auth/token/", "token", TokenMethod(self.tokens, self.acl))
        mounts.add("secret/", "kv", KvVersion2(clock), version="2")
        return mounts


def _run(route: Route, request: Request) -> Answer:
    answerer = route.answerer(request.operation)
    if answerer is None:
        raise unsupported()
    return answerer(request)
