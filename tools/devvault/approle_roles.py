"""Owns an AppRole and its secret ids: what a login needs and what its token may do."""

import json
import uuid
from dataclasses import dataclass, field

from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.login_tokens import shown_token_settings
from bailiwick.tools.devvault.networks import is_within, networks
from bailiwick.tools.devvault.refusals import invalid
from bailiwick.tools.devvault.tokens import iso


@dataclass(slots=True, kw_only=True)
class SecretId:
    """Hold one secret id: a password of a role, which may end by time or by use."""

    id: str = field(repr=False)
    accessor: str
    created: float
    ttl: int
    num_uses: int
    metadata: dict[str, str]
    cidr_list: tuple[str, ...] = ()
    token_bound_cidrs: tuple[str, ...] = ()

    @property
    def shown(self) -> dict[str, object]:
        """What a look-up answers."""
        expires = self.created + self.ttl if self.ttl else None
        return {
            "secret_id_accessor": self.accessor,
            "secret_id_ttl": self.ttl,
            "secret_id_num_uses": self.num_uses,
            "metadata": self.metadata,
            "creation_time": iso(self.created),
            "expiration_time": iso(expires) or "0001-01-01T00:00:00Z",
            "last_updated_time": iso(self.created),
            "cidr_list": list(self.cidr_list),
            "token_bound_cidrs": list(self.token_bound_cidrs),
        }

    def is_over(self, now: float) -> bool:
        """Tell whether its time is up."""
        return self.ttl > 0 and self.created + self.ttl <= now


@dataclass(slots=True, kw_only=True)
class Role:
    """Hold one role: what its logins need and what their tokens may do."""

    name: str
    role_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    settings: Fields = field(default_factory=Fields)
    secret_ids: dict[str, SecretId] = field(default_factory=dict[str, SecretId], repr=False)

    def issue(self, body: Fields, now: float) -> SecretId:
        """Add a secret id, random unless the body brings its own.

        Raises:
            Refusal: With status 400, if it is taken or exceeds the role's limits.
        """
        text = body.text("secret_id") or str(uuid.uuid4())
        if text in self.secret_ids:
            raise invalid("failed to store secret_id: SecretID is already registered")
        uses, ttl = body.integer("num_uses"), body.seconds("ttl")
        self.secret_ids[text] = SecretId(
            id=text,
            accessor=str(uuid.uuid4()),
            created=now,
            ttl=_within("ttl", ttl, self.settings.seconds("secret_id_ttl")),
            num_uses=_within("num_uses", uses, self.settings.integer("secret_id_num_uses")),
            metadata=_metadata(body),
            cidr_list=networks(body.strings("cidr_list")),
            token_bound_cidrs=networks(body.strings("token_bound_cidrs")),
        )
        return self.secret_ids[text]

    def spend(self, secret_id: str, now: float, remote: str) -> SecretId:
        """Use up one use of a secret id and return it; the last use ends it.

        Args:
            secret_id: The secret id as it was sent.
            now: The Unix time.
            remote: The address it was sent from.

        Raises:
            Refusal: With status 400, if it is missing or no longer good.
        """
        if not secret_id:
            raise invalid("missing secret_id")
        known = self.find(secret_id, now)
        if known is None:
            raise invalid("invalid role or secret ID")
        for bound in (known.cidr_list, self.settings.strings("secret_id_bound_cidrs")):
            if not is_within(remote, bound):
                raise invalid(f'source address "{remote}" unauthorized by CIDR restrictions')
        if known.num_uses == 1:
            del self.secret_ids[secret_id]
        known.num_uses = max(0, known.num_uses - 1)
        return known

    def find(self, secret_id: str, now: float) -> SecretId | None:
        """Return a secret id that is still good, or None."""
        known = self.secret_ids.get(secret_id)
        if known is not None and known.is_over(now):
            del self.secret_ids[secret_id]
            return None
        return known

    def find_accessor(self, accessor: str, now: float) -> SecretId | None:
        """Return the good secret id with an accessor, or None."""
        found = next((s.id for s in self.secret_ids.values() if s.accessor == accessor), "")
        return self.find(found, now)


def _within(name: str, asked: int, limit: int) -> int:
    if limit and asked > limit:
        raise invalid(f"{name} cannot be higher than the role's secret_id_{name}")
    return asked or limit


def _metadata(body: Fields) -> dict[str, str]:
    text = body.text("metadata")
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise invalid("failed to parse metadata: an object of texts, written as JSON, is expected")
    return {str(key): str(value) for key, value in found.items()}


def shown_settings(settings: Fields) -> dict[str, object]:
    """Return a role's settings as a read answers them.

    Raises:
        Refusal: With status 400, if one is of the wrong kind.
    """
    networks(settings.strings("secret_id_bound_cidrs"))
    return {
        "bind_secret_id": settings.boolean("bind_secret_id", default=True),
        "secret_id_num_uses": settings.integer("secret_id_num_uses"),
        "secret_id_ttl": settings.seconds("secret_id_ttl"),
        "secret_id_bound_cidrs": list(settings.strings("secret_id_bound_cidrs")) or None,
        "local_secret_ids": settings.boolean("local_secret_ids"),
        **shown_token_settings(settings),
    }
