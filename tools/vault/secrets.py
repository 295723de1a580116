"""Owns what Vault's answers say of a secret, for each kind of scope."""

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from pydantic import Field, SecretStr

from bailiwick.policies.errors import VaultError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.secrets.leases import secret_path
from bailiwick.tools.vault.answers import AnswerPart, Secret


class _WrapInfo(AnswerPart):
    token: SecretStr
    wrapped_accessor: str
    creation_path: str
    ttl: int


class Wrapped(AnswerPart):
    """Hold the answer to a creation that came wrapped."""

    request_id: str = ""
    wrap_info: _WrapInfo


class _Login(AnswerPart):
    username: str
    password: SecretStr


class DatabaseUser(AnswerPart):
    """Hold the answer of a database engine: a user, and the lease it comes with, if any."""

    request_id: str
    lease_id: str = ""
    lease_duration: int = 0
    data: _Login = Field(repr=False)


def secret_fields(secret: Secret, scope: Scope) -> Mapping[str, str]:
    """Return what a tool gets of a secret.

    Raises:
        VaultError: If the secret lacks it.
    """
    texts, path = secret.texts(), secret_path(scope)
    if not texts:
        raise VaultError(f"the secret {path!r} holds no text: write a text field")
    if missing := [name for name in scope.fields if name not in texts]:
        raise VaultError(f"the secret {path!r} has no text field {missing[0]!r}: write it")
    return {name: texts[name] for name in scope.fields or texts}


def user_fields(user: DatabaseUser, scope: Scope) -> Mapping[str, str]:
    """Return what a tool gets of a database's user."""
    password = user.data.password.get_secret_value()
    fields = {"username": user.data.username, "password": password}
    if scope.url:
        parts = urlsplit(scope.url)
        known = f"{quote(user.data.username, safe='')}:{quote(password, safe='')}@{parts.netloc}"
        fields["url"] = parts._replace(netloc=known).geturl()
    return fields
