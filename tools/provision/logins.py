"""Owns how agents and services log in: by an AppRole, or by a token that their platform gives."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bailiwick.policies.errors import SettingsError
from bailiwick.tools.provision.declarations import LoginTerms
from bailiwick.tools.provision.entities import Alias, Entity, described
from bailiwick.tools.provision.fields import Role
from bailiwick.tools.provision.steps import Kind, Resource
from bailiwick.tools.secrets.leases import identity_name

PlatformKind: TypeAlias = Literal["jwt", "kubernetes"]
ROLES: Mapping[PlatformKind, Kind] = {"jwt": "JWT role", "kubernetes": "Kubernetes role"}
"""What a role is called in a plan, by the type of its auth method."""

TOGETHER = "bailiwick-agents.platform"
"""The entity of a token that all agents share."""

_ACCOUNT = "system:serviceaccount:"
# A `*` would stand for anybody.
_ANY_FORM = re.compile(r"[^\s*]+")
_ACCOUNT_FORM = re.compile(f"{_ACCOUNT}[^\\s*:/]+:[^\\s*:/]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformLogin:
    """Say which token of their platform the agents, and the services beside them, log in with.

    Attributes:
        kind: The type of the auth method.
        subject: Whose token it is, such as `system:serviceaccount:NAMESPACE:NAME`; `{agent}` in it
            stands for the name of who logs in, where each has a token of its own.
        mount: Where the method is mounted; named like its type where left out.
        audience: Whom the token must be meant for.

    Raises:
        SettingsError: If it names nobody, or for Kubernetes no service account.
    """

    kind: PlatformKind
    subject: str
    mount: str = ""
    audience: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "mount", self.mount or self.kind)
        form = _ACCOUNT_FORM if self.kind == "kubernetes" else _ANY_FORM
        if not form.fullmatch(self.subject):
            raise SettingsError(
                f"the subject {self.subject!r} is no one's at {self.kind}: for Kubernetes write it "
                "as system:serviceaccount:NAMESPACE:NAME"
            )

    @property
    def tells_apart(self) -> bool:
        """Whether each agent has a token of its own."""
        return "{agent}" in self.subject

    def alias(self, identity: str = "") -> str:
        """Return what Vault calls the entity that logs in."""
        subject = self._subject(identity)
        is_account = self.kind == "kubernetes"
        return subject.removeprefix(_ACCOUNT).replace(":", "/") if is_account else subject

    def role(self, identity: str, policy: str, terms: LoginTerms) -> Role:
        """Return the role that a login names; it takes no other token than this one."""
        name = identity_name(identity).lower()
        return Role(
            kind=ROLES[self.kind],
            name=f"{self.mount}/{name}",
            path=f"auth/{self.mount}/role/{name}",
            fields={**self._bounds(identity), **token_fields(policy, terms)},
        )

    def _subject(self, identity: str) -> str:
        return self.subject.replace("{agent}", identity)

    def _bounds(self, identity: str) -> dict[str, object]:
        if self.kind == "jwt":
            return {
                # Left out in a change, it would be `oidc`.
                "role_type": "jwt",
                "user_claim": "sub",
                "bound_subject": self._subject(identity),
                "bound_audiences": [self.audience] if self.audience else [],
            }
        space, name = self.alias(identity).split("/")
        return {
            "bound_service_account_names": [name],
            "bound_service_account_namespaces": [space],
            "audience": self.audience,
            # Known before the first login, so that the entity is ours and has no policy.
            "alias_name_source": "serviceaccount_name",
        }


def approle_login(
    identity: str, policy: str, about: Mapping[str, str], terms: LoginTerms
) -> Iterator[Resource]:
    """Return what lets somebody in by secret ids: an AppRole, and the entity that it is."""
    # Vault writes AppRoles in lower case, and so are they listed.
    name = identity_name(identity).lower()
    yield Role(
        kind="AppRole",
        name=name,
        path=f"auth/approle/role/{name}",
        fields={
            "bind_secret_id": True,
            "secret_id_num_uses": terms.secret_id_uses,
            "secret_id_ttl": terms.secret_id_ttl,
            **token_fields(policy, terms),
        },
    )
    yield Entity(name=name, metadata=about)
    yield Alias(name=name)


def platform_login(
    platform: PlatformLogin,
    identity: str,
    policy: str,
    about: Mapping[str, str],
    terms: LoginTerms,
) -> Iterator[Resource]:
    """Return what lets somebody in by a platform's token: a role; an entity if it is theirs."""
    yield platform.role(identity, policy, terms)
    if platform.tells_apart:
        name = identity_name(identity).lower()
        yield Entity(name=name, metadata=about)
        yield Alias(name=name, mount=platform.mount, known_as=platform.alias(identity))


def shared_entity(platform: PlatformLogin, identities: list[str]) -> Iterator[Resource]:
    """Return the one entity of those who share a token: without policies, as any of ours."""
    purpose = "Shares one token of the platform: its roles tell the agents apart."
    about = described(owner="", purpose=purpose, capabilities=identities)
    yield Entity(name=TOGETHER, metadata=about)
    yield Alias(name=TOGETHER, mount=platform.mount, known_as=platform.alias())


def token_fields(policy: str, terms: LoginTerms) -> dict[str, object]:
    """Return what a role says of the tokens of its logins."""
    return {
        "token_max_ttl": terms.token_max_ttl,
        "token_no_default_policy": True,
        "token_period": 0,
        "token_policies": [policy],
        "token_ttl": terms.token_ttl,
        "token_type": "service",
    }
