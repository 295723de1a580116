"""Owns the giving out of secret ids: lasting ones for development, wrapped ones for everything."""

from bailiwick.policies.errors import VaultError
from bailiwick.tools.provision.operator import VaultOperator
from bailiwick.tools.secrets.leases import identity_name
from bailiwick.tools.vault.methods import AppRole, WrappedSecretId


def lasting_login(operator: VaultOperator, identity: str) -> AppRole:
    """Return what an agent or a service logs in with, as often as its AppRole allows.

    Raises:
        VaultError: If Vault refuses, is not there, or has no such AppRole.
    """
    path = f"auth/approle/role/{identity_name(identity).lower()}"
    answer = operator.write(f"{path}/secret-id").get("data")
    secret_id = answer.get("secret_id") if isinstance(answer, dict) else None
    if not isinstance(secret_id, str):
        raise VaultError("Vault gave no secret_id: check the version of Vault")
    return AppRole(role_id=_role_id(operator, path), secret_id=secret_id)


def _role_id(operator: VaultOperator, path: str) -> str:
    found = operator.fields(f"{path}/role-id")
    if found is None or "role_id" not in found:
        raise VaultError("Vault gave no role_id: check the version of Vault")
    return str(found["role_id"])


def wrapped_login(operator: VaultOperator, identity: str, *, ttl: int) -> WrappedSecretId:
    """Return what opens a secret id that is good for one login, and that nobody has seen.

    Args:
        operator: Has it made.
        identity: The agent, or the service by its identity.
        ttl: Seconds for which it can be opened, and for which it is good.

    Raises:
        ScopeError: If the name cannot stand in a path.
        VaultError: If Vault refuses, is not there, or has no such AppRole.
    """
    path = f"auth/approle/role/{identity_name(identity).lower()}"
    if operator.fields(path) is None:
        raise VaultError(f"Vault has no AppRole for {identity!r}: run `bailiwick vault setup`")
    wrapped = operator.wrap(f"{path}/secret-id", {"num_uses": 1, "ttl": ttl}, seconds=ttl)
    return WrappedSecretId(
        role_id=_role_id(operator, path),
        token=wrapped.token,
        accessor=wrapped.wrapped_accessor,
    )
