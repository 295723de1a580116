"""Owns the setting up of a Vault in one go, as development does it."""

from collections.abc import Iterable, Mapping

from bailiwick.policies.scopes import Scope
from bailiwick.tools.provision.declarations import (
    LASTING,
    AgentIdentity,
    LoginTerms,
    Registry,
    ToolScope,
)
from bailiwick.tools.provision.operator import VaultOperator
from bailiwick.tools.provision.plan import make_plan
from bailiwick.tools.provision.secret_ids import lasting_login
from bailiwick.tools.secrets.leases import secret_path
from bailiwick.tools.vault.methods import AppRole


def set_up(
    operator: VaultOperator, registry: Registry, terms: LoginTerms = LASTING
) -> Mapping[str, AppRole]:
    """Set Vault up as declared, without asking, and give out secret ids.

    Doing it again changes nothing but gives new secret ids; the old ones stay good until their time
    is up.

    Args:
        operator: A connection that may write policies, roles, entities and mounts.
        registry: Who has business with Vault.
        terms: How long logins last.

    Returns:
        What each agent and each service logs in with.

    Raises:
        ScopeError: If what is declared cannot be held apart in Vault or used there.
        VaultError: If Vault refuses or is not there.
    """
    make_plan(operator, registry, terms, loosen=True).apply(operator)
    return {identity: lasting_login(operator, identity) for identity in registry.identities}


def provision(
    operator: VaultOperator, *, agents: Mapping[str, Iterable[ToolScope]]
) -> Mapping[str, AppRole]:
    """Do what `set_up` does, for agents of which nothing is known but their tools.

    Args:
        operator: As for `set_up`.
        agents: The tools of each agent.

    Raises:
        ScopeError: As `set_up` does.
        VaultError: As `set_up` does.
    """
    known = (AgentIdentity(name=name, tools=tuple(tools)) for name, tools in agents.items())
    return set_up(operator, Registry(agents=tuple(known)))


def write_secret(operator: VaultOperator, scope: Scope, fields: Mapping[str, str]) -> None:
    """Write the secret that a scope names, as a new version.

    Raises:
        ScopeError: If the scope cannot be used in Vault.
        VaultError: If Vault refuses or is not there.
    """
    operator.write(secret_path(scope), data=dict(fields))
