"""Owns the plan of a setup: everything declared, compared with what stands in Vault."""

import functools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bailiwick.tools.provision.declarations import (
    AgentIdentity,
    LoginTerms,
    Registry,
    Service,
    ToolScope,
)
from bailiwick.tools.provision.documents import policy_text
from bailiwick.tools.provision.engines import Engine, Key, Method
from bailiwick.tools.provision.entities import described
from bailiwick.tools.provision.fields import Policy, Role
from bailiwick.tools.provision.leftovers import leftovers
from bailiwick.tools.provision.logins import (
    PlatformLogin,
    approle_login,
    platform_login,
    shared_entity,
)
from bailiwick.tools.provision.operator import VaultOperator
from bailiwick.tools.provision.rules import (
    OWN_TOKEN,
    PathRule,
    agent_rules,
    mounts,
    tool_rules,
)
from bailiwick.tools.provision.steps import Resource, Step
from bailiwick.tools.secrets.leases import identity_name, vault_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Hold the steps of a setup, in the order in which they are taken.

    Attributes:
        steps: The steps, those that change nothing among them.
    """

    steps: tuple[Step, ...]

    @property
    def pending(self) -> tuple[Step, ...]:
        """The steps that change something."""
        return tuple(step for step in self.steps if step.action != "keep")

    @property
    def counts(self) -> Mapping[str, int]:
        """How many things are created, changed, kept and removed."""
        found = Counter(step.action for step in self.steps)
        return {action: found[action] for action in ("create", "change", "keep", "remove")}

    def apply(self, operator: VaultOperator) -> None:
        """Take every step that changes something.

        Raises:
            VaultError: If Vault refuses or is not there; a new plan then holds what is left.
        """
        for step in self.pending:
            step.run(operator)


def make_plan(  # noqa: PLR0913 - each is a choice of the operator
    operator: VaultOperator,
    registry: Registry,
    terms: LoginTerms | None = None,
    *,
    platform: PlatformLogin | None = None,
    loosen: bool = False,
    prune: bool = False,
) -> Plan:
    """Compare what is declared with what stands in Vault; nothing is written.

    A tool becomes a policy (what its scope needs, and revoking itself) and a token role that gives
    just that policy for the scope's seconds. An agent becomes an AppRole whose only policy lets it
    make tokens through its tools' roles, and an entity that says whose it is and has no policy.
    Where a platform gives tokens, agents and the services beside them become roles for those in
    the place of AppRoles; what works apart keeps its AppRole.

    Args:
        operator: Reads what is there.
        registry: What is declared.
        terms: How long logins last; the strict ones where left out.
        platform: The token that agents log in with; they have AppRoles where it is left out.
        loosen: Whether to write over what is stricter than declared.
        prune: Whether to remove what was set up here once and is not declared any more.

    Raises:
        ScopeError: If what is declared cannot be held apart in Vault or used there.
        VaultError: If Vault refuses, is not there, or holds what stands in the way.
    """
    registry.check(terms or LoginTerms())
    wanted = list(_resources(registry, terms or LoginTerms(), platform))
    # A plan is of one moment, so each path is read once.
    read = functools.cache(operator.fields)
    steps = [resource.step(read, loosen=loosen) for resource in wanted]
    declared = {(step.kind, step.name) for step in steps}
    removed = leftovers(operator, declared) if prune else ()
    return Plan(steps=(*steps, *removed))


def _resources(
    registry: Registry, terms: LoginTerms, platform: PlatformLogin | None
) -> Iterator[Resource]:
    let_in = registry.residents if platform is not None else ()
    if set(registry.identities) - set(let_in) or platform is None:
        yield Method(kind="approle", path="approle")
    if platform is not None:
        yield Method(kind=platform.kind, path=platform.mount)
    keys = [key for service in registry.services for key in service.keys]
    engines = {each for scope in registry.scopes.values() for each in mounts(scope).items()}
    yield from (Engine(path=path, kind=kind) for path, kind in sorted(engines))
    yield from (Engine(path=mount, kind="transit") for mount in sorted({k.mount for k in keys}))
    yield from (Key(key=key) for key in keys)
    for tool, scope in sorted(registry.scopes.items()):
        yield from _of_tool(ToolScope(tool=tool, scope=scope))
    for who in (*map(_of_agent, registry.agents), *map(_of_service, registry.services)):
        yield Policy(name=who.policy, text=policy_text(who.rules))
        if platform is not None and who.name in let_in:
            yield from platform_login(platform, who.name, who.policy, who.about, terms)
        else:
            yield from approle_login(who.name, who.policy, who.about, terms)
    if platform is not None and let_in and not platform.tells_apart:
        yield from shared_entity(platform, list(let_in))


def _of_tool(tool: ToolScope) -> Iterator[Resource]:
    name = vault_name("tool", tool.tool)
    policy = name.lower()
    yield Policy(name=policy, text=policy_text(tool_rules(tool.scope)))
    yield Role(
        kind="token role",
        name=name,
        path=f"auth/token/roles/{name}",
        fields={
            "allowed_entity_aliases": [],
            "allowed_policies": [policy],
            "allowed_policies_glob": [],
            "orphan": False,
            "renewable": False,
            "token_explicit_max_ttl": tool.scope.ttl,
            "token_no_default_policy": True,
            "token_num_uses": tool.scope.uses,
            "token_period": 0,
            "token_type": "service",
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Identity:
    """Say who logs in, what they may do then, and what is said of them."""

    name: str
    policy: str
    rules: Mapping[str, PathRule]
    about: Mapping[str, str]


def _of_agent(agent: AgentIdentity) -> _Identity:
    tools = [each.tool for each in agent.tools]
    roles = [vault_name("tool", tool) for tool in tools]
    return _Identity(
        name=agent.name,
        # No tool's policy is called so: their names have no dot.
        policy=f"{identity_name(agent.name)}.agent".lower(),
        rules=agent_rules(roles),
        about=described(owner=agent.owner, purpose=agent.purpose, capabilities=tools),
    )


def _of_service(service: Service) -> _Identity:
    return _Identity(
        name=service.identity,
        policy=identity_name(service.identity).lower(),
        rules={**service.rules, **OWN_TOKEN},
        about=described(
            owner=service.owner, purpose=service.purpose, capabilities=sorted(service.rules)
        ),
    )
