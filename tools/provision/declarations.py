"""Owns what is declared for Vault: agents and their tools, services of the house, their logins."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bailiwick.policies.errors import ScopeError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.provision.rules import PathRule, tool_rules
from bailiwick.tools.secrets.leases import vault_name

WEEK = 7 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolScope:
    """Say which tool may lease what.

    Attributes:
        tool: The tool's name.
        scope: What it declares.
    """

    tool: str
    scope: Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentIdentity:
    """Say who an agent is.

    Attributes:
        name: The agent's name.
        tools: What its tools may lease; a tool without a credential is none of Vault's business.
        owner: Who answers for it.
        purpose: What it is for, in a sentence.
    """

    name: str
    tools: tuple[ToolScope, ...] = ()
    owner: str = ""
    purpose: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitKey:
    """Say which key the transit engine must hold; it never leaves Vault.

    Attributes:
        name: The key's name.
        kind: Its type, in Vault's word, such as `ed25519`.
        mount: The mount of the transit engine.
        is_derived: Whether each context has a key of its own, derived from it.
    """

    name: str
    kind: str = "aes256-gcm96"
    mount: str = "transit"
    is_derived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Say what a part of the house itself, such as the sealing of checkpoints, does in Vault.

    Attributes:
        name: The service's name.
        rules: What it may do, by API path.
        keys: The keys it uses.
        owner: Who answers for it.
        purpose: What it is for, in a sentence.
        is_apart: Whether it works in a process of its own, by an operator's command, and has no
            business where the agents run.
    """

    name: str
    rules: Mapping[str, PathRule]
    keys: tuple[TransitKey, ...] = ()
    owner: str = ""
    purpose: str = ""
    is_apart: bool = False

    @property
    def identity(self) -> str:
        """What it logs in as: no agent is called so, as their names have no dot."""
        return f"{self.name}.service"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginTerms:
    """Say how long logins last, and what they are had with.

    Attributes:
        token_ttl: Seconds that a login lasts unless it is renewed.
        token_max_ttl: Seconds that it lasts at most.
        secret_id_ttl: Seconds that a secret id is good for at most; 0 is for ever.
        secret_id_uses: Logins that a secret id is good for; 0 is any number.
    """

    token_ttl: int = 1200
    token_max_ttl: int = WEEK
    secret_id_ttl: int = 3600
    secret_id_uses: int = 1


LASTING = LoginTerms(secret_id_ttl=0, secret_id_uses=0)
"""For development: secret ids that several processes log in with, as often as they like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Hold everybody who has business with Vault.

    Attributes:
        agents: The agents.
        services: The services of the house: `SERVICES`, but for those that nobody needs.
    """

    agents: tuple[AgentIdentity, ...] = ()
    services: tuple[Service, ...] = field(default=())

    @property
    def scopes(self) -> Mapping[str, Scope]:
        """What each tool may lease."""
        return {each.tool: each.scope for agent in self.agents for each in agent.tools}

    @property
    def identities(self) -> tuple[str, ...]:
        """The names that log in."""
        return (*(a.name for a in self.agents), *(s.identity for s in self.services))

    @property
    def residents(self) -> tuple[str, ...]:
        """The names that log in where the agents run."""
        apart = {service.identity for service in self.services if service.is_apart}
        return tuple(each for each in self.identities if each not in apart)

    def check(self, terms: LoginTerms) -> None:
        """Return if Vault can hold all this apart.

        Raises:
            ScopeError: If two tools or agents would be one in Vault, a scope cannot be used there,
                or it outlasts a login.
        """
        scopes: dict[str, Scope] = {}
        for each in (each for agent in self.agents for each in agent.tools):
            _refuse_loose(each)
            tool_rules(each.scope)
            if scopes.setdefault(each.tool, each.scope) != each.scope:
                raise ScopeError(
                    f"the tool {each.tool!r} has two scopes: give it one, or name two tools"
                )
        _refuse_doubles("tool", scopes)
        _refuse_long(scopes, terms.token_ttl)
        _refuse_doubles("agent", [agent.name for agent in self.agents])
        _refuse_doubles("service", [service.name for service in self.services])


def _refuse_loose(declared: object) -> None:
    # Who writes a registry may have no type checker.
    scope: object = getattr(declared, "scope", None)
    if not isinstance(declared, ToolScope) or not isinstance(scope, Scope):
        raise ScopeError(
            f"{declared!r} does not say what a tool may lease: write ToolScope(tool=..., "
            "scope=Scope(path=...)), and leave out tools without a credential"
        )


def _refuse_long(scopes: Mapping[str, Scope], token_ttl: int) -> None:
    # A child dies with its parent, so every such lease would need a login of its own.
    for tool, scope in scopes.items():
        if scope.ttl > token_ttl:
            raise ScopeError(
                f"the tool {tool!r} leases for {scope.ttl} s and a login lasts {token_ttl} s: "
                "raise token_ttl"
            )


def _refuse_doubles(kind: str, names: Iterable[str]) -> None:
    # Vault writes the names of policies and AppRoles in lower case.
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(vault_name(kind, name).lower(), name)
        if other != name:
            raise ScopeError(f"{kind} {name!r} and {kind} {other!r} are one in Vault: rename one")
