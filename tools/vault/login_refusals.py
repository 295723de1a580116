"""Owns the sentences that say why an agent could not log in, each with its remedy."""

from pathlib import Path

from bailiwick.tools.secrets.leases import identity_name
from bailiwick.tools.vault.answers import FORBIDDEN, INVALID, MISSING, Refusals

_START_AGAIN = "; then start this process again: it read its AppRoles when it began"


def secret_id(agent: str, *, is_reread: bool) -> Refusals:
    """Return what a refused login by AppRole means.

    Args:
        agent: Who was refused.
        is_reread: Whether a new secret id is found without a new start.
    """
    return {
        INVALID: (
            f"agent {agent!r} cannot log in: its secret id is spent or wrong: "
            f"give it a new one with {_bootstrap(agent)}" + ("" if is_reread else _START_AGAIN)
        ),
        FORBIDDEN: (
            f"agent {agent!r} may not log in: its AppRole is locked out or bound to another "
            "address, or its entity is disabled: see Vault's audit, and enable it if it shall act"
        ),
        MISSING: "Vault has no AppRole login: run `bailiwick vault setup`",
    }


def no_login(agent: str) -> str:
    """Say that nobody told what an agent logs in with."""
    return (
        f"agent {agent!r} has nothing to log in with: put its AppRole into the file that "
        f"BAILIWICK_APPROLES names, with {_bootstrap(agent)}{_START_AGAIN}"
    )


def _bootstrap(agent: str) -> str:
    return f"`bailiwick vault bootstrap {agent} --approles FILE`; without a name it renews all"


def used_up(agent: str) -> str:
    """Say that the only secret id has been used."""
    return (
        f"agent {agent!r} cannot log in: its secret id was opened here before and was good for one "
        f"login: give it a new one with {_bootstrap(agent)}"
    )


def intercepted(agent: str, accessor: str) -> str:
    """Say that somebody else may hold a secret id."""
    role = f"auth/approle/role/{identity_name(agent).lower()}"
    destroy = f"`vault write {role}/secret-id-accessor/destroy secret_id_accessor={accessor}`"
    return (
        f"SECURITY: the wrapped secret id of agent {agent!r} was opened before this process could, "
        "or its time was up: somebody else may hold it. "
        + (f"Destroy it with {destroy}; " if accessor else "")
        + f"see in Vault's audit who unwrapped it; then run {_bootstrap(agent)}"
    )


def planted(agent: str, path: str) -> str:
    """Say that what was to be unwrapped was put there by somebody else."""
    return (
        f"SECURITY: what agent {agent!r} was given to unwrap comes from {path!r} and not from its "
        "own AppRole: somebody put it there. It was not opened; see in Vault's audit who made it, "
        f"then run {_bootstrap(agent)}"
    )


def no_token_file(agent: str, path: Path) -> str:
    """Say that the platform's token is not there."""
    return (
        f"agent {agent!r} cannot log in: {str(path)!r} cannot be read: let the platform put its "
        "token there, or set BAILIWICK_VAULT_JWT to where it does"
    )


def platform_token(agent: str, mount: str, role: str) -> Refusals:
    """Return what a refused login by the platform's token means."""
    refused = (
        f"agent {agent!r} may not log in at auth/{mount}: its token is not accepted for the role "
        f"{role!r}: check the role's bound names and audience, and that the token is fresh"
    )
    return {
        INVALID: refused,
        FORBIDDEN: refused,
        MISSING: f"Vault has no login at auth/{mount}: enable it, or set BAILIWICK_VAULT_MOUNT",
    }
