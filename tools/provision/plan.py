"""Owns the plan of a setup: everything declared, compared with what stands in Vault."""

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
from bailiwick.tools.provision.engines import AppRoleMethod, Engine, Key
from bailiwick.tools.provision.fields import Policy, Role
from bailiwick.tools.provision.leftovers import leftovers
from bailiwick.tools.provision.operator import VaultOperator
from bailiwick.tools.provision.people import Alias, Entity, described
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


def make_plan(
    operator: VaultOperator,
    registry: Registry,
    terms: LoginTerms | None = None,
    *,
    loosen: bool = False,
    prune: bool = False,
) -> Plan:
    """Compare what is declared with what stands in Vault; nothing is written.

    A tool becomes a policy (what its scope needs, and revoking itself) and a token role that gives
    just that policy for the scope's seconds. An agent becomes an AppRole whose only policy lets it
    make tokens through its tools' roles, and an entity that says whose it is and has no policy.

    Args:
        operator: Reads what is there.
        registry: What is declared.
        terms: How long logins last; the strict ones where left out.
        loosen: Whether to write over what is stricter than declared.
        prune: Whether to remove what was set up here once and is not declared any more.

    Raises:
        ScopeError: If what is declared cannot be held apart in Vault or used there.
        VaultError: If Vault refuses, is not there, or holds what stands in the way.
    """
    registry.check(terms or LoginTerms())
    wanted = list(_resources(registry, terms or LoginTerms()))
    steps = [resource.step(operator, loosen=loosen) for resource in wanted]
    declared = {(step.kind, step.name) for step in steps}
    removed = leftovers(operator, declared) if prune else ()
    return Plan(steps=(*steps, *removed))


def _resources(registry: Registry, terms: LoginTerms) -> Iterator[Resource]:
    yield AppRoleMethod()
    keys = [key for service in registry.services for key in service.keys]
    engines = {each for scope in registry.scopes.values() for each in mounts(scope).items()}
    yield from (Engine(path=path, kind=kind) for path, kind in sorted(engines))
    yield from (Engine(path=mount, kind="transit") for mount in sorted({k.mount for k in keys}))
    yield from (Key(key=key) for key in keys)
    for tool, scope in sorted(registry.scopes.items()):
        yield from _of_tool(ToolScope(tool=tool, scope=scope))
    for agent in registry.agents:
        yield from _of_agent(agent, terms)
    for service in registry.services:
        yield from _of_service(service, terms)


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


def _of_agent(agent: AgentIdentity, terms: LoginTerms) -> Iterator[Resource]:
    tools = [each.tool for each in agent.tools]
    roles = [vault_name("tool", tool) for tool in tools]
    # No tool's policy is called so: their names have no dot.
    policy = f"{identity_name(agent.name)}.agent".lower()
    about = described(owner=agent.owner, purpose=agent.purpose, capabilities=tools)
    yield from _login(identity_name(agent.name), policy, agent_rules(roles), about, terms)


def _of_service(service: Service, terms: LoginTerms) -> Iterator[Resource]:
    name = identity_name(service.identity)
    about = described(
        owner=service.owner, purpose=service.purpose, capabilities=sorted(service.rules)
    )
    yield from _login(name, name.lower(), {**service.rules, **OWN_TOKEN}, about, terms)


def _login(
    name: str,
    policy: str,
    rules: Mapping[str, PathRule],
    about: Mapping[str, str],
    terms: LoginTerms,
) -> Iterator[Resource]:
    yield Policy(name=policy, text=policy_text(rules))
    # Vault writes AppRoles in lower case, and so are they listed.
    yield Role(
        kind="AppRole",
        name=name.lower(),
        path=f"auth/approle/role/{name.lower()}",
        fields={
            "bind_secret_id": True,
            "secret_id_num_uses": terms.secret_id_uses,
            "secret_id_ttl": terms.secret_id_ttl,
            "token_max_ttl": terms.token_max_ttl,
            "token_no_default_policy": True,
            "token_period": 0,
            "token_policies": [policy],
            "token_ttl": terms.token_ttl,
            "token_type": "service",
        },
    )
    yield Entity(name=name.lower(), metadata=about)
    yield Alias(name=name.lower())
