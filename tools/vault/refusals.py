"""Owns the sentences that say why Vault gave no credential, each with its remedy."""

from bailiwick.policies.scopes import Scope
from bailiwick.tools.secrets.leases import SWEEPER, secret_path
from bailiwick.tools.vault.answers import FAILED, FORBIDDEN, INVALID, MISSING, Refusals

_USER_STAYS = "Vault could not end the user that it made: its database is down or refuses"


def too_slow(address: str, to: str, timeout: tuple[float, float]) -> str:
    """Say that an answer did not come in time."""
    return (
        f"Vault at {address} took too long to {to}: look at its load, or give it more than "
        f"{timeout[0]:g} s to connect and {timeout[1]:g} s to answer"
    )


def untrusted(address: str) -> str:
    """Say that the certificate is not trusted."""
    return (
        f"Vault at {address} shows no certificate that is trusted here: set VAULT_CACERT (in code, "
        "`verify`) to the file of its authority"
    )


def unreachable(address: str) -> str:
    """Say that nothing answers."""
    return (
        f"Vault at {address} does not answer: start it with `bailiwick vault dev` or set VAULT_ADDR"
    )


def development(address: str) -> str:
    """Say that a development Vault is used in production."""
    return f"{address} is a development Vault, not for production: set VAULT_ADDR to a real one"


def no_namespaces(address: str, namespace: str) -> str:
    """Say that a Vault would do in its root what is meant for a namespace."""
    return (
        f"Vault at {address} has no namespaces, so nothing was sent to it for {namespace!r}: unset "
        "VAULT_NAMESPACE, or use Vault Enterprise or OpenBao; development Vaults have none"
    )


def mint(agent: str, role: str) -> Refusals:
    """Return what a refused child token means."""
    return {
        INVALID: (
            f"Vault made no token through the token role {role!r}: it is missing or limits what "
            "was asked for: provision the tool again"
        ),
        FORBIDDEN: (
            f"agent {agent!r} may not make tokens through the token role {role!r}: allow `update` "
            f"on auth/token/create/{role} in the policy of its AppRole"
        ),
    }


def lasting(role: str, seconds: int, asked: int) -> str:
    """Say that a child token would outlive what its tool declares, and what a person agreed to."""
    return (
        f"the token role {role!r} gave a token for {seconds} s where {asked} s were asked for: "
        "take its period away, or let `bailiwick vault setup` mend it"
    )


def read(role: str, scope: Scope) -> Refusals:
    """Return what a refused secret means."""
    path = secret_path(scope)
    refused = {
        FORBIDDEN: (
            f"the token role {role!r} may not read {path!r}: allow `read` on it in the role's "
            "policy"
        )
    }
    if scope.kind == "kv":
        write = f"`vault kv put -mount={scope.mount.strip('/')} {scope.path} NAME=VALUE`"
        return {**refused, MISSING: f"Vault holds nothing at {path!r}: write it with {write}"}
    return {
        **refused,
        INVALID: f"Vault gives no user at {path!r}: write the engine's role {scope.path!r}",
        MISSING: f"Vault gives no user at {path!r}: mount a database engine at {scope.mount!r}",
        FAILED: (
            f"Vault could not make a user at {path!r}: its database is down or refuses, or its "
            "connection does not allow the role: see Vault's log"
        ),
    }


def wrapped_elsewhere(role: str, path: str) -> str:
    """Say that a wrapped token is not the one that was asked for."""
    return (
        f"the wrapped token for the role {role!r} was made at {path!r}: somebody may stand between "
        "here and Vault: look at its audit"
    )


def revoke_lease(role: str) -> Refusals:
    """Return what a refused revocation of what a token was given means."""
    return {
        INVALID: _USER_STAYS,
        FORBIDDEN: (
            f"a token of the role {role!r} could not end its lease: allow `update` on "
            "sys/leases/revoke in the role's policy, for its own leases"
        ),
    }


def sweep() -> Refusals:
    """Return what it means that a lease cannot be ended by its handles."""
    return {
        INVALID: _USER_STAYS,
        FORBIDDEN: (
            f"{SWEEPER!r} may not end leases by their handles: give its AppRole the policy that "
            "`bailiwick vault setup` writes"
        ),
    }


def revoke(role: str, seconds: float) -> Refusals:
    """Return what a refused revocation means."""
    return {
        FORBIDDEN: (
            f"a token of the role {role!r} could not revoke itself: allow `update` on "
            "auth/token/revoke-self in the role's policy; if it is not gone already, it ends by "
            f"itself in {seconds:.0f} s"
        )
    }
