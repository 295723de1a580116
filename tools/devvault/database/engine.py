"""Owns the database secrets engine as it is mounted: its paths, and users made to order."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from bailiwick.tools.devvault.database.postgres import DatabaseFailure
from bailiwick.tools.devvault.database.roles import (
    Connection,
    Role,
    StaticRole,
    expiration,
    new_password,
)
from bailiwick.tools.devvault.database.usernames import username
from bailiwick.tools.devvault.envelope import EMPTY, Answer, Grant, Request
from bailiwick.tools.devvault.refusals import failed, invalid
from bailiwick.tools.devvault.routes import Route, stored
from bailiwick.tools.devvault.tokens import SYSTEM_MAX_TTL, iso

_PASSWORD = ("""ALTER ROLE "{{username}}" WITH PASSWORD '{{password}}'""",)
_UNTIL = ("""ALTER ROLE "{{name}}" VALID UNTIL '{{expiration}}'""",)


class Database:
    """Answer everything below the mount of a database engine; PostgreSQL is what it knows.

    Args:
        clock: Gives the Unix time.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._connections: dict[str, Connection] = {}
        self._roles: dict[str, Role] = {}
        self._static: dict[str, StaticRole] = {}

    @property
    def routes(self) -> Sequence[Route]:
        """The paths of the engine."""
        name = r"(?P<name>[^/]+)"
        return (
            *stored("config", self._connections, self._configure, lambda kept: kept.shown),
            *stored("roles", self._roles, self._write_role, lambda kept: kept.settings),
            *stored("static-roles", self._static, self._write_static, lambda kept: kept.shown),
            Route(pattern=rf"reset/{name}", update=self._reset),
            Route(pattern=rf"rotate-root/{name}", update=self._rotate_root),
            Route(pattern=rf"rotate-role/{name}", update=self._rotate_role),
            Route(pattern=rf"creds/{name}", read=self._give),
            Route(pattern=rf"static-creds/{name}", read=self._give_static),
        )

    def _configure(self, request: Request) -> Answer:
        name = request.params["name"]
        connection = Connection.of(request.body, self._connections.get(name))
        if connection.settings.boolean("verify_connection", default=True):
            try:
                connection.server.run(["SELECT 1"], {})
            except DatabaseFailure as failure:
                raise invalid(
                    f"error creating database object: error verifying connection: {failure}"
                ) from None
        self._connections[name] = connection
        return EMPTY

    def _write_role(self, request: Request) -> Answer:
        name = request.params["name"]
        self._roles[name] = Role.of(request.body, self._roles.get(name))
        return EMPTY

    def _write_static(self, request: Request) -> Answer:
        role = StaticRole.of(request.body)
        self._rotate(request.params["name"], role)
        self._static[request.params["name"]] = role
        return EMPTY

    def _reset(self, request: Request) -> Answer:
        self._connection(request.params["name"])
        return EMPTY

    def _rotate_root(self, request: Request) -> Answer:
        connection = self._connection(request.params["name"])
        server, password = connection.server, new_password()
        values = {"username": server.username, "name": server.username, "password": password}
        self._run(connection, connection.rotation or _PASSWORD, values)
        connection.server = type(server)(
            url=server.url, username=server.username, password=password
        )
        return EMPTY

    def _rotate_role(self, request: Request) -> Answer:
        name = request.params["name"]
        self._rotate(name, self._static_role(name))
        return EMPTY

    def _give(self, request: Request) -> Answer:
        name, now = request.params["name"], self._clock()
        role = self._roles.get(name)
        if role is None:
            raise invalid(f"unknown role: {name}")
        connection = self._allowed(role.db_name, name)
        if not role.creation:
            raise failed("empty creation statements")
        ttl = role.default_ttl or role.max_ttl or SYSTEM_MAX_TTL
        display = request.caller.display_name if request.caller else ""
        user = username(connection.username_template, display=display, role=name, now=now)
        values = {"username": user, "name": user, "password": new_password()}
        until = {"expiration": expiration(now, ttl)}
        self._run(connection, role.creation, values | until)
        return Answer(
            data={"username": user, "password": values["password"]},
            grant=Grant(
                ttl=ttl,
                max_ttl=role.max_ttl,
                revoke=lambda: self._drop(role, user),
                renew=lambda seconds: self._prolong(role, user, seconds),
            ),
        )

    def _give_static(self, request: Request) -> Answer:
        name = request.params["name"]
        role = self._static_role(name)
        if role.rotated + role.period <= self._clock():
            self._rotate(name, role)
        return Answer(
            data={
                "username": role.username,
                "password": role.password,
                "last_vault_rotation": iso(role.rotated),
                "rotation_period": role.period,
                "ttl": round(role.rotated + role.period - self._clock()),
            }
        )

    def _drop(self, role: Role, user: str) -> None:
        connection = self._connection(role.db_name)
        if role.revocation:
            connection.server.run(role.revocation, {"name": user, "username": user})
        else:
            connection.server.drop(user)

    def _prolong(self, role: Role, user: str, seconds: int) -> None:
        until = expiration(self._clock(), seconds)
        values = {"name": user, "username": user, "expiration": until}
        self._run(self._connection(role.db_name), role.renewal or _UNTIL, values)

    def _rotate(self, name: str, role: StaticRole) -> None:
        connection, password = self._allowed(role.db_name, name), new_password()
        values = {"username": role.username, "name": role.username, "password": password}
        self._run(connection, role.rotation or _PASSWORD, values)
        role.password, role.rotated = password, self._clock()

    def _connection(self, name: str) -> Connection:
        if name not in self._connections:
            raise invalid(f"failed to find entry for connection with name: {name!r}")
        return self._connections[name]

    def _allowed(self, database: str, role: str) -> Connection:
        connection = self._connection(database)
        if not connection.allows(role):
            raise failed(f'"{role}" is not an allowed role')
        return connection

    def _static_role(self, name: str) -> StaticRole:
        if name not in self._static:
            raise invalid(f"unknown role: {name}")
        return self._static[name]

    def _run(
        self, connection: Connection, statements: Iterable[str], values: Mapping[str, str]
    ) -> None:
        try:
            connection.server.run(statements, values)
        except DatabaseFailure as failure:
            raise failed(str(failure)) from None
