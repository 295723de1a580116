"""Owns the paths of the audit devices."""

from collections.abc import Sequence
from pathlib import Path

from bailiwick.tools.devvault.audit import Audit, Device
from bailiwick.tools.devvault.envelope import EMPTY, Answer, Request
from bailiwick.tools.devvault.fields import Fields
from bailiwick.tools.devvault.refusals import invalid
from bailiwick.tools.devvault.routes import Route

_NOWHERE = "discard"


class AuditPaths:
    """Answer `sys/audit` and `sys/audit-hash`."""

    def __init__(self, audit: Audit) -> None:
        self._devices = audit.devices

    @property
    def routes(self) -> Sequence[Route]:
        """The paths below `sys/`."""
        return (
            Route(pattern=r"audit/?", read=self._list, is_sudo=True),
            Route(
                pattern=r"audit/(?P<path>.+)",
                update=self._enable,
                delete=self._disable,
                is_sudo=True,
            ),
            Route(pattern=r"audit-hash/(?P<path>.+)", update=self._hash),
        )

    def _list(self, _: Request) -> Answer:
        shown = {path: device.shown for path, device in self._devices.items()}
        return Answer(data=shown, hoisted=True)

    def _enable(self, request: Request) -> Answer:
        path, body = _path(request), request.body
        if path in self._devices:
            raise invalid("path already in use")
        if body.text("type") != "file":
            raise invalid(f"audit type {body.text('type')!r} is beyond the development Vault")
        options = Fields(body.mapping("options") or {})
        device = Device(
            path=path,
            description=body.text("description"),
            options={name: options.text(name) for name in options},
            file=_file(options.text("file_path") or options.text("path")),
            log_raw=options.boolean("log_raw"),
            hmac_accessor=options.boolean("hmac_accessor", default=True),
            elide_lists=options.boolean("elide_list_responses"),
        )
        if device.file is not None:
            _try(device.file)
        self._devices[path] = device
        return EMPTY

    def _disable(self, request: Request) -> Answer:
        self._devices.pop(_path(request), None)
        return EMPTY

    def _hash(self, request: Request) -> Answer:
        device = self._devices.get(_path(request))
        if device is None:
            raise invalid(f"unknown audit backend {_path(request)!r}")
        text = request.body.text("input")
        if not text:
            raise invalid('the "input" parameter is empty')
        return Answer(data={"hash": device.digest(text)}, hoisted=True)


def _path(request: Request) -> str:
    return f"{request.params['path'].rstrip('/')}/"


def _file(path: str) -> Path | None:
    if not path:
        raise invalid("file_path is required")
    return None if path == _NOWHERE else Path(path)


def _try(file: Path) -> None:
    try:
        file.touch(mode=0o600)
        file.open("a", encoding="utf-8").close()
    except OSError:
        raise invalid(f"sanity check failed; unable to open {str(file)!r} for writing") from None
