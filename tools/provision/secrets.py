"""Owns the secrets that tools declare: written by development, looked for and never read here."""

from bailiwick.policies.errors import VaultError
from bailiwick.tools.provision.declarations import Registry
from bailiwick.tools.provision.operator import VaultOperator


def unwritten(operator: VaultOperator, registry: Registry) -> list[str]:
    """Return a sentence for each declared secret that nobody has written yet.

    Only whether it is there is looked at; an operator who may not even know that hears nothing.
    """
    sentences: list[str] = []
    for tool, scope in sorted(registry.scopes.items()):
        mount = scope.mount.strip("/")
        if scope.kind != "kv" or _may_be_there(operator, f"{mount}/metadata/{scope.path}"):
            continue
        sentences.append(
            f"{tool} has no secret yet: `vault kv put -mount={mount} {scope.path} NAME=VALUE`"
        )
    return sentences


def _may_be_there(operator: VaultOperator, path: str) -> bool:
    try:
        return operator.fields(path) is not None
    except VaultError:
        return True
