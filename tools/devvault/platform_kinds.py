"""Owns what the auth methods `jwt` and `kubernetes` ask of a role and of a token.

https://developer.hashicorp.com/vault/api-docs/auth/jwt and `/auth/kubernetes`. Keys are given with
the configuration; issuers and clusters that would have to be asked are beyond the development
Vault.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol, cast

from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.login_tokens import shown_token_settings
from bailiwick.tools.devvault.platform_tokens import (
    Claims,
    Expected,
    TokenError,
    audiences,
    check_claims,
    signed_claims,
)
from bailiwick.tools.devvault.refusals import Refusal, failed, invalid

_ALIAS_SOURCES = ("serviceaccount_uid", "serviceaccount_name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Say who a token is of.

    Attributes:
        alias: The name at the method.
        display_name: What its Vault tokens are called.
        metadata: What stands on them.
    """

    alias: str
    display_name: str
    metadata: Mapping[str, str]


class Platform(Protocol):
    """Be a kind of platform."""

    def config(self, given: Fields) -> dict[str, object]:
        """Return a configuration as it is read.

        Raises:
            Refusal: With status 400, if it cannot be used.
        """
        ...

    def role(self, given: Fields) -> dict[str, object]:
        """Return a role as it is read.

        Raises:
            Refusal: With status 400, if it cannot be used.
        """
        ...

    def person(self, config: Fields, role: Fields, token: str, now: float) -> Person:
        """Return whose a token is that a role takes.

        Raises:
            Refusal: If it takes it not.
        """
        ...

    def unknown(self, role: str) -> Refusal:
        """Return the refusal of a role that is not there."""
        ...


class Jwt:
    """Be any issuer of JSON web tokens."""

    def config(self, given: Fields) -> dict[str, object]:
        """Return a configuration as it is read; see `Platform`."""
        keys = given.strings("jwt_validation_pubkeys")
        if not keys:
            raise invalid("the development Vault takes 'jwt_validation_pubkeys' and asks no issuer")
        return {
            "jwt_validation_pubkeys": list(keys),
            "bound_issuer": given.text("bound_issuer"),
            "default_role": given.text("default_role"),
        }

    def role(self, given: Fields) -> dict[str, object]:
        """Return a role as it is read; see `Platform`."""
        shown: dict[str, object] = {
            "role_type": given.text("role_type", "oidc") or "oidc",
            "bound_audiences": list(given.strings("bound_audiences")) or None,
            "bound_subject": given.text("bound_subject"),
            "bound_claims": given.mapping("bound_claims"),
            "bound_claims_type": given.text("bound_claims_type", "string"),
            "user_claim": given.text("user_claim"),
            **shown_token_settings(given),
        }
        if shown["role_type"] != "jwt":
            raise invalid(f"the development Vault knows no role_type {shown['role_type']!r}: jwt")
        if not shown["user_claim"]:
            raise invalid("a user claim must be defined on the role")
        bounds = ("bound_audiences", "bound_subject", "bound_claims", "token_bound_cidrs")
        if not any(shown[name] for name in bounds):
            raise invalid("must have at least one bound constraint when creating/updating a role")
        return shown

    def person(self, config: Fields, role: Fields, token: str, now: float) -> Person:
        """Return whose a token is that a role takes; see `Platform`."""
        expected = Expected(
            issuer=config.text("bound_issuer"),
            subject=role.text("bound_subject"),
            audiences=role.strings("bound_audiences"),
        )
        try:
            claims = signed_claims(token, config.strings("jwt_validation_pubkeys"))
            check_claims(claims, expected, now)
        except TokenError as error:
            raise invalid(f"error validating token: {error}") from None
        if audiences(claims) and not expected.audiences:
            raise invalid("audience claim found in JWT but no audiences bound to the role")
        _check_bound(claims, role)
        name = role.text("user_claim")
        if not isinstance(user := claims.get(name), str):
            raise invalid(f'claim "{name}" not found in token')
        return Person(alias=user, display_name=user, metadata={})

    def unknown(self, role: str) -> Refusal:
        """Return the refusal of a role that is not there."""
        return invalid(f'role "{role}" could not be found')


class Kubernetes:
    """Be a cluster, which knows its service accounts."""

    def config(self, given: Fields) -> dict[str, object]:
        """Return a configuration as it is read; see `Platform`."""
        if not given.text("kubernetes_host"):
            raise invalid("no host provided")
        if not given.strings("pem_keys"):
            raise invalid("the development Vault takes 'pem_keys' and asks no cluster")
        return {
            "kubernetes_host": given.text("kubernetes_host"),
            "pem_keys": list(given.strings("pem_keys")),
            "issuer": given.text("issuer"),
        }

    def role(self, given: Fields) -> dict[str, object]:
        """Return a role as it is read; see `Platform`."""
        names = given.strings("bound_service_account_names")
        spaces = given.strings("bound_service_account_namespaces")
        source = given.text("alias_name_source", _ALIAS_SOURCES[0])
        if not names:
            raise invalid('"bound_service_account_names" can not be empty')
        if not spaces:
            raise invalid('"bound_service_account_namespaces" can not be empty')
        if source not in _ALIAS_SOURCES:
            raise invalid(f"invalid alias_name_source {source!r}")
        audience = given.text("audience")
        return {
            "bound_service_account_names": list(names),
            "bound_service_account_namespaces": list(spaces),
            "alias_name_source": source,
            **({"audience": audience} if audience else {}),
            **shown_token_settings(given),
        }

    def person(self, config: Fields, role: Fields, token: str, now: float) -> Person:
        """Return whose a token is that a role takes; see `Platform`."""
        audience = role.text("audience")
        expected = Expected(issuer=config.text("issuer"), audiences=(audience,) if audience else ())
        try:
            claims = signed_claims(token, config.strings("pem_keys"))
            check_claims(claims, expected, now)
        except TokenError as error:
            raise Refusal(403, f"1 error occurred:\n\t* {error}\n\n") from None
        space, name, uid = _service_account(claims)
        _check_among(name, role.strings("bound_service_account_names"), "service account name")
        _check_among(space, role.strings("bound_service_account_namespaces"), "namespace")
        is_named = role.text("alias_name_source") == "serviceaccount_name"
        return Person(
            alias=f"{space}/{name}" if is_named else uid,
            display_name=f"{space}-{name}",
            metadata={
                "service_account_name": name,
                "service_account_namespace": space,
                "service_account_uid": uid,
            },
        )

    def unknown(self, role: str) -> Refusal:
        """Return the refusal of a role that is not there."""
        return invalid(f'invalid role name "{role}"')


def _check_bound(claims: Claims, role: Fields) -> None:
    is_glob = role.text("bound_claims_type") == "glob"
    for name, wanted in (role.mapping("bound_claims") or {}).items():
        allowed = [str(each) for each in (wanted if isinstance(wanted, list) else [wanted])]
        found = str(claims.get(name))
        if not any(fnmatchcase(found, one) if is_glob else found == one for one in allowed):
            raise invalid(f'error validating claims: claim "{name}" does not match any associated')


def _service_account(claims: Claims) -> tuple[str, str, str]:
    # The form of a projected token.
    said = Fields(cast("dict[str, object]", claims)).mapping("kubernetes.io") or {}
    account = Fields(said).mapping("serviceaccount") or {}
    if "uid" not in account:
        raise failed("could not parse UID from claims")
    return str(said.get("namespace")), str(account.get("name")), str(account["uid"])


def _check_among(found: str, allowed: tuple[str, ...], what: str) -> None:
    if not any(fnmatchcase(found, one) for one in allowed):
        raise Refusal(403, f"1 error occurred:\n\t* {what} not authorized\n\n")
