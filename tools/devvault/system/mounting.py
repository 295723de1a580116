"""Owns the paths that mount, tune, move and remove engines and auth methods."""

import uuid
from collections.abc import Callable, Sequence

from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request
from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.mounts import Mount, MountTable
from bailiwick.tools.devvault.refusals import existing, invalid
from bailiwick.tools.devvault.routes import Route

_KEPT = (
    "audit_non_hmac_request_keys",
    "audit_non_hmac_response_keys",
    "listing_visibility",
    "passthrough_request_headers",
    "allowed_response_headers",
)


class Mounting:
    """Answer `sys/mounts`, `sys/auth` and `sys/remount`.

    Args:
        mounts: The mount table.
        revoke: Ends every lease and token below a path.
    """

    def __init__(self, mounts: MountTable, revoke: Callable[[str], None]) -> None:
        self._mounts = mounts
        self._revoke = revoke
        self._moves: dict[str, dict[str, object]] = {}

    @property
    def routes(self) -> Sequence[Route]:
        """The paths below `sys/`."""
        return (
            *self._routes_of("mounts", ""),
            *self._routes_of("auth", "auth/"),
            Route(pattern=r"remount", update=self._move, is_sudo=True),
            Route(pattern=r"remount/status/(?P<id>.+)", read=self._moved),
        )

    def _routes_of(self, name: str, prefix: str) -> Sequence[Route]:
        is_auth = bool(prefix)

        def path(request: Request) -> str:
            return f"{prefix}{request.params['path'].strip('/')}/"

        def named(request: Request) -> Mount:
            found = self._mounts.get(path(request))
            if found is None:
                raise invalid(f"cannot fetch sysview for path {path(request)!r}: no such mount")
            return found

        return (
            Route(pattern=rf"{name}/?", read=lambda _: self._list(auth=is_auth)),
            Route(
                pattern=rf"{name}/(?P<path>.+)/tune",
                read=lambda request: Answer(data=named(request).tuning, hoisted=True),
                update=lambda request: _tune(named(request), request.body),
                is_sudo=is_auth,
            ),
            Route(
                pattern=rf"{name}/(?P<path>.+)",
                read=lambda request: self._read(path(request)),
                update=lambda request: self._enable(path(request), request.body),
                delete=lambda request: self._disable(path(request)),
                is_sudo=is_auth,
            ),
        )

    def _list(self, *, auth: bool) -> Answer:
        return Answer(data=self._mounts.shown(auth=auth), hoisted=True)

    def _read(self, path: str) -> Answer:
        mount = self._mounts.get(path)
        if mount is None:
            raise invalid(f"No secret engine mount at {path}")
        return Answer(data=mount.shown, hoisted=True)

    def _enable(self, path: str, body: Fields) -> Answer:
        kind, options = body.text("type"), Fields(body.mapping("options") or {})
        if not kind:
            raise invalid("backend type must be specified as a string")
        version = "2" if kind == "kv-v2" else options.text("version", "1")
        if kind in ("kv", "kv-v2") and version not in ("1", "2"):
            raise invalid(f"bad kv version {version!r}: use '1' or '2'")
        engine = {"kv-v2": "kv", "kv-v1": "kv"}.get(kind, kind)
        given = {name: options.text(name) for name in options}
        if engine == "kv" and (given or kind != "kv"):
            given["version"] = version
        mount = self._mounts.enable(path, engine, given or None)
        mount.description = body.text("description")
        _tune(mount, Fields(body.mapping("config") or {}))
        return EMPTY

    def _disable(self, path: str) -> Answer:
        if self._mounts.get(path) is not None:
            self._revoke(path)
        self._mounts.disable(path)
        return EMPTY

    def _move(self, request: Request) -> Answer:
        source, target = (f"{request.body.text(end).strip('/')}/" for end in ("from", "to"))
        # A lease says by its path which engine ends it.
        self._revoke(source)
        self._mounts.move(source, target)
        move_id = str(uuid.uuid4())
        self._moves[move_id] = {
            "source_mount": source,
            "target_mount": target,
            "status": "success",
        }
        return Answer(data={"migration_id": move_id}, hoisted=True)

    def _moved(self, request: Request) -> Answer:
        move = existing(self._moves.get(request.params["id"]))
        return Answer(data={"migration_id": request.params["id"], "migration_info": move})


def _tune(mount: Mount, body: Fields) -> Answer:
    default_ttl = body.seconds("default_lease_ttl", mount.default_ttl)
    max_ttl = body.seconds("max_lease_ttl", mount.max_ttl)
    if 0 < max_ttl < default_ttl:
        raise invalid("given max lease TTL is less than given default lease TTL")
    if "options" in body and Fields(body.mapping("options") or {}).text("version", "") not in (
        "",
        (mount.options or {}).get("version", "1"),
    ):
        raise invalid("changing a kv engine's version is beyond the development Vault")
    mount.default_ttl, mount.max_ttl = default_ttl, max_ttl
    mount.description = body.text("description", mount.description)
    mount.token_type = body.text("token_type", mount.token_type)
    mount.tuned |= {name: body[name] for name in _KEPT if name in body}
    return EMPTY
