"""Owns what is mounted: which engines there are, and how the system's own are put together."""

from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec

from bailiwick.tools.devvault.approle import AppRoleMethod
from bailiwick.tools.devvault.envelope import Answer, Request
from bailiwick.tools.devvault.identity.store import IdentityStore
from bailiwick.tools.devvault.kv1 import KvVersion1
from bailiwick.tools.devvault.kv2 import KvVersion2
from bailiwick.tools.devvault.mounts import EngineFactory, Mount
from bailiwick.tools.devvault.platform_kinds import Jwt, Kubernetes
from bailiwick.tools.devvault.platforms import PlatformMethod
from bailiwick.tools.devvault.refusals import invalid
from bailiwick.tools.devvault.routes import Engine, Route
from bailiwick.tools.devvault.tokens import TokenStore
from bailiwick.tools.devvault.transit.engine import Transit

_BY_NAME_ONLY = (
    *("alicloud", "aws", "azure", "cert", "cf", "gcp", "github", "kerberos"),
    *("ldap", "oci", "oidc", "okta", "radius", "userpass"),
)


class NameOnly:
    """Stand for an auth method that can be mounted and tuned, and does nothing else."""

    def __init__(self, mount: Mount) -> None:
        self._mount = mount

    @property
    def routes(self) -> Sequence[Route]:
        """One path that refuses."""
        refuse = self._refuse
        return (
            Route(pattern=r"login.*", update=refuse, read=refuse, is_open=True),
            Route(pattern=r".*", read=refuse, list=refuse, update=refuse, delete=refuse),
        )

    def _refuse(self, _: Request) -> Answer:
        raise invalid(
            f"the auth method {self._mount.kind!r} is beyond the development Vault: it can be "
            "mounted, and nothing else"
        )


class Routes:
    """Be one engine out of several parts."""

    def __init__(self, *parts: Engine) -> None:
        self.routes: Sequence[Route] = tuple(route for part in parts for route in part.routes)


def secrets_engines(clock: Callable[[], float]) -> Mapping[str, EngineFactory]:
    """Return what makes each secrets engine that can be mounted."""

    def kv(mount: Mount) -> Engine:
        is_versioned = (mount.options or {}).get("version") == "2"
        return KvVersion2(clock) if is_versioned else KvVersion1(mount)

    return {
        "kv": kv,
        "generic": KvVersion1,
        "transit": lambda _: Transit(clock),
        "database": lambda _: database_engine(clock, has_driver=find_spec("psycopg") is not None),
    }


def database_engine(clock: Callable[[], float], *, has_driver: bool) -> Engine:
    """Return a new database engine.

    Args:
        clock: Gives the Unix time.
        has_driver: Whether psycopg is installed.

    Raises:
        Refusal: With status 400, if it is not.
    """
    if not has_driver:
        raise invalid(
            "plugin not found in the catalog: database needs psycopg: install bailiwick with its "
            "extra 'postgres'"
        )
    # psycopg comes with the extra `postgres` only.
    from bailiwick.tools.devvault.database.engine import Database  # noqa: PLC0415

    return Database(clock)


def auth_methods(tokens: TokenStore, identities: IdentityStore) -> Mapping[str, EngineFactory]:
    """Return what makes each auth method that can be mounted."""
    return {
        **dict.fromkeys(_BY_NAME_ONLY, NameOnly),
        "approle": lambda mount: AppRoleMethod(mount, tokens, identities),
        "jwt": lambda mount: PlatformMethod(mount, tokens, identities, Jwt()),
        "kubernetes": lambda mount: PlatformMethod(mount, tokens, identities, Kubernetes()),
    }
