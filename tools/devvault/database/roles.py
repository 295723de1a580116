"""Owns what the engine keeps: its connections to databases, and what each role may be given."""

import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from bailiwick.tools.devvault.database.postgres import Postgres
from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.refusals import invalid
from bailiwick.tools.devvault.tokens import random_text

PLUGIN = "postgresql-database-plugin"
_GRACE = 5
"""Seconds that a user stays valid beyond its lease, as in Vault: clocks differ a little."""
_SHORTEST_PERIOD = 5
_URL_PASSWORD = re.compile(r"(?<=:)[^/:@{}]+(?=@)")


@dataclass(slots=True, kw_only=True)
class Connection:
    """Hold one database: how it is reached, and which roles may be used with it."""

    server: Postgres
    allowed_roles: tuple[str, ...]
    username_template: str
    rotation: tuple[str, ...]
    settings: Fields = field(repr=False)

    @classmethod
    def of(cls, body: Fields, known: "Connection | None") -> "Connection":
        """Read what was written, over what was known before.

        Raises:
            Refusal: With status 400, if it is not for PostgreSQL or names no server.
        """
        given = Fields({**(known.settings if known else {}), **body})
        if given.text("plugin_name") != PLUGIN:
            raise invalid(
                f"plugin {given.text('plugin_name')!r} is not known: the development Vault has "
                f"{PLUGIN} alone"
            )
        if not given.text("connection_url"):
            raise invalid("connection_url cannot be empty")
        password = given.text("password")
        return cls(
            server=Postgres(
                url=given.text("connection_url"),
                username=given.text("username"),
                password=password or (known.server.password if known else ""),
            ),
            allowed_roles=given.strings("allowed_roles"),
            username_template=given.text("username_template"),
            rotation=statements(given, "root_rotation_statements"),
            settings=Fields({name: item for name, item in given.items() if name != "password"}),
        )

    @property
    def shown(self) -> dict[str, object]:
        """What reading it answers: never a password."""
        return {
            "plugin_name": PLUGIN,
            "plugin_version": "",
            "allowed_roles": list(self.allowed_roles),
            "connection_details": {
                "connection_url": _URL_PASSWORD.sub("*****", self.server.url),
                "username": self.server.username,
                **({"username_template": self.username_template} if self.username_template else {}),
            },
            "root_credentials_rotate_statements": list(self.rotation),
            "password_policy": "",
            "verify_connection": self.settings.boolean("verify_connection", default=True),
        }

    def allows(self, role: str) -> bool:
        """Tell whether a role may be used with it."""
        return any(fnmatchcase(role, pattern) for pattern in self.allowed_roles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Hold what a dynamic user is made with, and for how long."""

    db_name: str
    creation: tuple[str, ...]
    revocation: tuple[str, ...]
    renewal: tuple[str, ...]
    rollback: tuple[str, ...]
    default_ttl: int
    max_ttl: int

    @classmethod
    def of(cls, body: Fields, known: "Role | None") -> "Role":
        """Read what was written, over what was known before.

        Raises:
            Refusal: With status 400, if it makes nothing, or lives shorter than it should.
        """
        given = Fields({**(known.settings if known else {}), **body})
        role = cls(
            db_name=given.text("db_name"),
            creation=statements(given, "creation_statements"),
            revocation=statements(given, "revocation_statements"),
            renewal=statements(given, "renew_statements"),
            rollback=statements(given, "rollback_statements"),
            default_ttl=given.seconds("default_ttl"),
            max_ttl=given.seconds("max_ttl"),
        )
        if not role.db_name:
            raise invalid("empty database name attribute")
        if role.max_ttl and role.default_ttl > role.max_ttl:
            raise invalid("default_ttl must be less than or equal to max_ttl")
        return role

    @property
    def settings(self) -> dict[str, object]:
        """What reading it answers."""
        return {
            "db_name": self.db_name,
            "creation_statements": list(self.creation),
            "revocation_statements": list(self.revocation),
            "renew_statements": list(self.renewal),
            "rollback_statements": list(self.rollback),
            "default_ttl": self.default_ttl,
            "max_ttl": self.max_ttl,
            "credential_type": "password",
        }


@dataclass(slots=True, kw_only=True)
class StaticRole:
    """Hold a user that exists already, whose password is changed from time to time."""

    db_name: str
    username: str
    rotation: tuple[str, ...]
    period: int
    password: str = field(default="", repr=False)
    rotated: float = 0

    @classmethod
    def of(cls, body: Fields) -> "StaticRole":
        """Read what was written.

        Raises:
            Refusal: With status 400, if it names no user or changes too often.
        """
        role = cls(
            db_name=body.text("db_name"),
            username=body.text("username"),
            rotation=statements(body, "rotation_statements"),
            period=body.seconds("rotation_period"),
        )
        if not role.db_name or not role.username:
            raise invalid("username and db_name are required to create a static account")
        if role.period < _SHORTEST_PERIOD:
            raise invalid(f"rotation_period must be {_SHORTEST_PERIOD} seconds or more")
        return role

    @property
    def shown(self) -> dict[str, object]:
        """What reading it answers: never a password."""
        return {
            "db_name": self.db_name,
            "username": self.username,
            "rotation_statements": list(self.rotation),
            "rotation_period": self.period,
            "credential_type": "password",
        }


def statements(body: Fields, name: str) -> tuple[str, ...]:
    """Return statements; unlike other lists, a single text is one, commas and all."""
    value = body.get(name)
    if isinstance(value, str):
        return (value,) if value else ()
    return body.strings(name)


def new_password() -> str:
    """Return a password as Vault's own policy wants it: capitals, small letters, digits, a dash."""
    while True:
        text = random_text(19)
        at = secrets.randbelow(len(text) - 1) + 1
        kinds = (str.islower, str.isupper, str.isdecimal)
        if all(any(map(kind, text)) for kind in kinds):
            return f"{text[:at]}-{text[at:]}"


def expiration(now: float, seconds: int) -> str:
    """Return when a user ends, as PostgreSQL reads a time."""
    moment = datetime.fromtimestamp(now + seconds + _GRACE, UTC)
    return moment.strftime("%Y-%m-%d %H:%M:%S%z")
