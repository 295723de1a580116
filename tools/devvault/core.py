"""Owns the way of a request: seal, token, access check, engine, lease, wrapping, audit."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

from bailiwick.tools.devvault.audit import Audit, Trail
from bailiwick.tools.devvault.authority import Authority
from bailiwick.tools.devvault.engines import (
    Routes,
    auth_methods,
    secrets_engines,
)
from bailiwick.tools.devvault.envelope import Answer, Request
from bailiwick.tools.devvault.flavors import Flavor
from bailiwick.tools.devvault.identity.engine import Identity
from bailiwick.tools.devvault.identity.store import IdentityStore
from bailiwick.tools.devvault.kv1 import Cubbyhole
from bailiwick.tools.devvault.leases import LeaseStore
from bailiwick.tools.devvault.mounts import EngineFactory, Mount, MountTable
from bailiwick.tools.devvault.networks import is_within
from bailiwick.tools.devvault.policies import PolicyStore
from bailiwick.tools.devvault.refusals import (
    Refusal,
    denied,
    invalid,
    no_mount,
    no_token,
    sealed,
    unsupported,
)
from bailiwick.tools.devvault.routes import Route
from bailiwick.tools.devvault.system.audit_paths import AuditPaths
from bailiwick.tools.devvault.system.lease_paths import LeasePaths
from bailiwick.tools.devvault.system.mounting import Mounting
from bailiwick.tools.devvault.system.policy_paths import Capabilities, PolicyPaths
from bailiwick.tools.devvault.system.rekey import Rekey
from bailiwick.tools.devvault.system.root_generation import RootGeneration
from bailiwick.tools.devvault.system.seal import Seal
from bailiwick.tools.devvault.token_api import TokenMethod
from bailiwick.tools.devvault.tokens import LAST_USE, Token, TokenStore, random_text
from bailiwick.tools.devvault.transit.digests import Tools
from bailiwick.tools.devvault.wrapping import Wrapping

Found = tuple[Route, Request]


class Core:
    """Hold a development Vault's whole state and answer one request at a time.

    Args:
        clock: Gives the Unix time.
        flavor: The server it speaks like.
        is_ready: Whether it begins initialised and unsealed, with a root token and `secret/`
            mounted, as a server in development mode does.
        engines: What makes further secrets engines, by their types.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        flavor: Flavor,
        *,
        is_ready: bool = True,
        engines: Mapping[str, EngineFactory] | None = None,
    ) -> None:
        self.lock = threading.RLock()
        self.flavor = flavor
        self.tokens = TokenStore(clock, flavor.prefixes)
        self.seal = Seal(
            clock, flavor.version, is_initialised=is_ready, make_root=lambda: self.make_root().id
        )
        self._audit = Audit(clock)
        self._leases = LeaseStore(self.tokens)
        self._wrapping = Wrapping(self.tokens)
        self._policies = PolicyStore()
        self._clock = clock
        self._mounts, self._identities = self._mount({**secrets_engines(clock), **(engines or {})})
        self._authority = Authority(self._policies, self._identities)
        self._mount_system()
        self.root = self.make_root() if is_ready else None
        if is_ready:
            self._mounts.enable("secret/", "kv", {"version": "2"})

    def make_root(self) -> Token:
        """Return a new token that may do everything."""
        return self.tokens.add(
            Token(
                id=self.tokens.new_id(),
                accessor=random_text(),
                policies=("root",),
                path="auth/token/root",
                display_name="root",
            )
        )

    def answer(self, request: Request) -> Answer:
        """Answer a request.

        Raises:
            Refusal: If the answer is an error.
        """
        with self.lock:
            mount, found = self._find(request)
            route = found[0] if found else None
            if self.seal.is_sealed and not (route and route.works_sealed):
                raise sealed()
            self._leases.sweep()
            if not self._audit.devices or (route is not None and route.works_sealed):
                return self._answer(request, mount, found, None)
            trail = self._audit.trail(found[1] if found else request)
            try:
                answer = self._answer(request, mount, found, trail)
            except Refusal as refusal:
                trail.refused(refusal)
                raise
            trail.answered(answer)
            return answer

    def _answer(
        self, request: Request, mount: Mount | None, found: Found | None, trail: Trail | None
    ) -> Answer:
        if found is not None and found[0].before is not None:
            found[0].before(found[1])
        if found is None or not found[0].is_open:
            return self._answer_authenticated(request, mount, found, trail)
        if trail is not None:
            trail.asked()
        return self._run(*found)

    def _answer_authenticated(
        self, request: Request, mount: Mount | None, found: Found | None, trail: Trail | None
    ) -> Answer:
        caller = self._caller(request)
        if trail is not None:
            trail.asked_by(caller)
        is_last_use = caller.num_uses == 1
        if caller.num_uses:
            caller.num_uses = LAST_USE if is_last_use else caller.num_uses - 1
        try:
            self._check(request, caller, found)
            if trail is not None:
                trail.asked()
            if mount is None:
                raise no_mount(request.path)
            if found is None:
                raise unsupported()
            return self._run(found[0], replace(found[1], caller=caller))
        finally:
            if is_last_use:
                self.tokens.revoke(caller)

    def _caller(self, request: Request) -> Token:
        if not request.token:
            raise no_token()
        caller = self.tokens.find(request.token)
        if caller is None:
            raise Refusal(403, self.flavor.bad_token)
        return caller

    def _check(self, request: Request, caller: Token, found: Found | None) -> None:
        operation, is_sudo = request.operation, False
        if found is not None:
            route, routed = found
            is_sudo = route.is_sudo
            if operation == "update" and route.exists is not None and not route.exists(routed):
                operation = "create"
        if caller.bound_cidrs and not is_within(request.remote, caller.bound_cidrs):
            raise denied()
        if caller.entity_id and self._identities.is_disabled(caller.entity_id):
            raise denied()
        if not self._authority.acl(caller).allows(
            operation, request.path, request.body, sudo=is_sudo, wrap_ttl=request.wrap_ttl
        ):
            raise denied()

    def _run(self, route: Route, request: Request) -> Answer:
        answerer = route.answerer(request.operation)
        if answerer is None:
            raise unsupported()
        answer = answerer(request)
        if answer.grant is not None:
            lease, ttl = self._leases.register(request, answer, answer.grant)
            answer = replace(
                answer,
                lease_id=lease.id,
                lease_duration=ttl,
                renewable=lease.grant.renewable,
                grant=None,
            )
        return self._wrapping.wrap(request, answer) if request.wrap_ttl else answer

    def _find(self, request: Request) -> tuple[Mount | None, Found | None]:
        if request.operation in ("update", "patch") and request.path.endswith("/"):
            raise invalid("cannot write to a path ending in '/'")
        mount = self._mounts.find(request.path)
        if mount is None:
            return None, None
        return mount, mount.table.find(request, mount.path)

    def _mount(self, engines: Mapping[str, EngineFactory]) -> tuple[MountTable, IdentityStore]:
        methods: dict[str, EngineFactory] = {}
        mounts = MountTable(engines, methods)
        identities = IdentityStore(self._clock, mounts)
        methods |= auth_methods(self.tokens, identities)
        self.tokens.identity_policies = identities.policies
        return mounts, identities

    def _mount_system(self) -> None:
        acl, mounts, tokens = self._authority.acl, self._mounts, self.tokens
        token_length = len(self.flavor.prefixes["service"]) + len(random_text())
        system = Routes(
            self.seal,
            Rekey(self.seal, self._clock),
            RootGeneration(self.seal, lambda: self.make_root().id, token_length),
            Mounting(mounts, self._leases.revoke_prefix),
            PolicyPaths(self._policies),
            Capabilities(tokens, acl),
            LeasePaths(self._leases, tokens),
            self._wrapping,
            AuditPaths(self._audit),
            Tools(),
        )
        mounts.add("sys/", "system", system)
        mounts.add("identity/", "identity", Identity(self._identities))
        mounts.add("cubbyhole/", "cubbyhole", Cubbyhole(tokens))
        token_mount: list[Mount] = []
        method = TokenMethod(
            tokens, acl, lambda name: self._identities.of_login(token_mount[0], name)
        )
        token_mount.append(mounts.add("auth/token/", "token", method))
