"""Owns the setting up of Vault for the agents and their tools: what may be leased by whom."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from pydantic import SecretStr

from bailiwick.policies.errors import ScopeError, VaultError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.leases import secret_path, vault_name
from bailiwick.tools.vault.answers import FORBIDDEN, INVALID, MISSING, Answer
from bailiwick.tools.vault.logins import AppRole
from bailiwick.tools.vault.wire import Wire


class VaultOperator:
    """Read and write Vault's own paths with an operator's token, to set it up.

    Args:
        address: Where Vault listens.
        token: The operator's token.
        timeout: Seconds to connect and to wait for an answer.
        verify: Whether to check the certificate, or the file of its authority.

    Raises:
        SettingsError: If the address is no address.
        VaultError: If the token is none.
    """

    def __init__(
        self,
        address: str,
        token: str,
        *,
        timeout: tuple[float, float] = (2.0, 5.0),
        verify: bool | str = True,
    ) -> None:
        if not token or not token.isascii() or not token.isprintable():
            raise VaultError("the operator's token is empty or garbled: set VAULT_TOKEN")
        self._wire = Wire(address, timeout=timeout, verify=verify, production=False)
        self._token = SecretStr(token)

    def read(self, path: str) -> Mapping[str, object] | None:
        """Return what stands at an API path such as `sys/mounts`, or None.

        Raises:
            VaultError: If Vault refuses or is not there.
        """
        answer = self._wire.request("GET", path, token=self._token, to=f"read {path}")
        if answer.status == MISSING:
            return None
        return self._checked(answer)

    def write(self, path: str, **body: object) -> Mapping[str, object]:
        """Write an API path and return what Vault answers, empty where it says nothing.

        Raises:
            VaultError: If Vault refuses or is not there.
        """
        answer = self._wire.request("POST", path, token=self._token, json=body, to=f"write {path}")
        return self._checked(answer)

    def delete(self, path: str) -> None:
        """Delete what stands at an API path; nothing there is no error.

        Raises:
            VaultError: If Vault refuses or is not there.
        """
        answer = self._wire.request("DELETE", path, token=self._token, to=f"delete {path}")
        if answer.status != MISSING:
            self._checked(answer)

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def _checked(self, answer: Answer) -> Mapping[str, object]:
        answer.check(
            {
                FORBIDDEN: f"the operator's token may not {answer.to}: use one with more policies",
                INVALID: f"Vault refused to {answer.to}: its version may not know what was sent",
            }
        )
        return answer.body


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolScope:
    """Say which tool may lease what.

    Attributes:
        tool: The tool's name.
        scope: The secret and for how long.
    """

    tool: str
    scope: Scope


def provision(
    operator: VaultOperator,
    *,
    agents: Mapping[str, Iterable[ToolScope]],
    token_ttl: int = 1200,
    secret_id_ttl: int = 0,
) -> Mapping[str, AppRole]:
    """Set up Vault so that each agent can lease for its tools, and for nothing else.

    A tool becomes a policy (read its one secret, revoke itself) and a token role that gives just
    that policy for the scope's seconds. An agent becomes an AppRole whose only policy lets it make
    tokens through the roles of its tools. Doing it again changes nothing but gives new secret ids;
    the old ones stay good until their time is up.

    Args:
        operator: A connection that may write policies, roles and mounts.
        agents: The tools of each agent.
        token_ttl: Seconds that an agent's login lasts.
        secret_id_ttl: Seconds that a secret id is good for; 0 is for ever.

    Returns:
        What each agent logs in with.

    Raises:
        ScopeError: If two tools or agents would be one in Vault, a scope cannot be used there, or
            it outlasts a login.
        VaultError: If Vault refuses or is not there.
    """
    wanted = {agent: tuple(tools) for agent, tools in agents.items()}
    scopes = _scopes(wanted)
    _refuse_long(scopes, token_ttl)
    _refuse_doubles("agent", wanted)
    _mount(operator, {scope.mount.strip("/") for scope in scopes.values()})
    for tool, scope in sorted(scopes.items()):
        _write_tool(operator, tool, scope)
    return {
        agent: _write_agent(operator, agent, [t.tool for t in tools], token_ttl, secret_id_ttl)
        for agent, tools in wanted.items()
    }


def write_secret(operator: VaultOperator, scope: Scope, fields: Mapping[str, str]) -> None:
    """Write the secret that a scope names, as a new version.

    Raises:
        ScopeError: If the scope cannot be used in Vault.
        VaultError: If Vault refuses or is not there.
    """
    operator.write(secret_path(scope), data=dict(fields))


def _scopes(agents: Mapping[str, Iterable[ToolScope]]) -> dict[str, Scope]:
    scopes: dict[str, Scope] = {}
    for wanted in (tool for tools in agents.values() for tool in tools):
        secret_path(wanted.scope)
        if scopes.setdefault(wanted.tool, wanted.scope) != wanted.scope:
            raise ScopeError(
                f"the tool {wanted.tool!r} has two scopes: give it one, or name two tools"
            )
    _refuse_doubles("tool", scopes)
    return scopes


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


def _mount(operator: VaultOperator, mounts: Iterable[str]) -> None:
    methods = operator.read("sys/auth") or {}
    if "approle/" not in methods:
        operator.write("sys/auth/approle", type="approle")
    engines = operator.read("sys/mounts") or {}
    for mount in mounts:
        if f"{mount}/" not in engines:
            operator.write(f"sys/mounts/{mount}", type="kv", options={"version": "2"})


def _write_tool(operator: VaultOperator, tool: str, scope: Scope) -> None:
    name = vault_name("tool", tool)
    policy = name.lower()
    _write_policy(
        operator, policy, {secret_path(scope): "read", "auth/token/revoke-self": "update"}
    )
    operator.write(
        f"auth/token/roles/{name}",
        allowed_policies=[policy],
        orphan=False,
        renewable=False,
        token_explicit_max_ttl=scope.ttl,
        token_no_default_policy=True,
        token_type="service",  # noqa: S106 - a kind of token, not one
    )


def _write_agent(
    operator: VaultOperator, agent: str, tools: Iterable[str], token_ttl: int, secret_id_ttl: int
) -> AppRole:
    name = vault_name("agent", agent)
    # No tool's policy is called so: their names have no dot.
    policy = f"{name}.agent".lower()
    roles = [vault_name("tool", tool) for tool in tools]
    rules = {f"auth/token/create/{role}": "update" for role in roles}
    own = {"auth/token/lookup-self": "read", "auth/token/revoke-self": "update"}
    _write_policy(operator, policy, rules | own)
    path = f"auth/approle/role/{name}"
    operator.write(
        path,
        token_policies=[policy],
        token_no_default_policy=True,
        token_ttl=token_ttl,
        token_max_ttl=token_ttl,
        secret_id_ttl=secret_id_ttl,
    )
    role_id = _field(operator.read(f"{path}/role-id"), "role_id")
    secret_id = _field(operator.write(f"{path}/secret-id"), "secret_id")
    return AppRole(role_id=role_id, secret_id=secret_id)


def _write_policy(operator: VaultOperator, name: str, rules: Mapping[str, str]) -> None:
    paths = {path: {"capabilities": [capability]} for path, capability in rules.items()}
    operator.write(f"sys/policies/acl/{name}", policy=json.dumps({"path": paths}))


def _field(answer: Mapping[str, object] | None, name: str) -> str:
    found = (answer or {}).get("data")
    if not isinstance(found, dict) or name not in found:
        raise VaultError(f"Vault gave no {name}: check the version of Vault")
    return str(cast("Mapping[str, object]", found)[name])
