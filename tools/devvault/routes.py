"""Owns how an engine offers its paths, and how a request finds the one that answers."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from bailiwick.tools.devvault.envelope import EMPTY, Answer, Operation, Request, keys
from bailiwick.tools.devvault.refusals import existing

T = TypeVar("T")
Answerer = Callable[[Request], Answer]
_HEAD = re.compile(r"([a-z][a-z0-9-]*)(?:/|$|\(\?:/)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Offer one path pattern of an engine.

    Attributes:
        pattern: A regular expression over the path below the mount; its named groups become the
            request's `params`.
        read: Answers GET.
        list: Answers LIST.
        update: Answers POST and PUT.
        delete: Answers DELETE.
        patch: Answers PATCH.
        exists: Tells whether a write would change something that is there; without it, every
            write is an update.
        before: Refuses what shall be refused before anyone asks for the caller's token.
        is_open: Whether it answers without a token.
        is_sudo: Whether it needs the `sudo` capability besides.
        works_sealed: Whether it answers while the Vault is sealed.
    """

    pattern: str
    read: Answerer | None = None
    list: Answerer | None = None
    update: Answerer | None = None
    delete: Answerer | None = None
    patch: Answerer | None = None
    exists: Callable[[Request], bool] | None = None
    before: Callable[[Request], None] | None = None
    is_open: bool = False
    is_sudo: bool = False
    works_sealed: bool = False

    def answerer(self, operation: Operation) -> Answerer | None:
        """Return what answers an operation, if anything does."""
        match operation:
            case "create" | "update":
                return self.update
            case "read":
                return self.read
            case "list":
                return self.list
            case "delete":
                return self.delete
            case "patch":
                return self.patch


class Engine(Protocol):
    """Offer paths below a mount: a secrets engine, an auth method, or a part of the system."""

    @property
    def routes(self) -> Sequence[Route]:
        """The engine's paths; the first whose pattern matches and that has the verb answers."""
        ...


class RouteTable:
    """Find an engine's route for a path."""

    def __init__(self, routes: Iterable[Route] = ()) -> None:
        self._routes = [(_head(r.pattern), re.compile(r.pattern), r) for r in routes]
        self._heads: dict[str, list[tuple[re.Pattern[str], Route]]] = {}

    def find(self, request: Request, mount: str) -> tuple[Route, Request] | None:
        """Return the route for a request and the request with its `params`, or None.

        Args:
            request: The request.
            mount: The path of the engine's mount.
        """
        path = request.path[len(mount) :]
        for pattern, route in self._below(path.partition("/")[0]):
            found = pattern.fullmatch(path)
            if found is not None and route.answerer(request.operation) is not None:
                params = found.groupdict(default="")
                return route, replace(request, params=params, mount=mount)
        return None

    def _below(self, head: str) -> list[tuple[re.Pattern[str], Route]]:
        known = self._heads.get(head)
        if known is None:
            known = [(p, r) for h, p, r in self._routes if h in ("", head)]
            # What clients make up, such as the names of secrets, is not worth remembering.
            if len(known) < len(self._routes):
                self._heads[head] = known
        return known


def stored(
    path: str, kept: dict[str, T], write: Answerer, show: Callable[[T], Mapping[str, object]]
) -> Sequence[Route]:
    """Return the routes of what is kept by name: listed, read, written and deleted.

    Args:
        path: Where it is kept, such as `roles`.
        kept: What is kept, by name.
        write: Writes one.
        show: Returns what a read of one answers.
    """

    def delete(request: Request) -> Answer:
        kept.pop(request.params["name"], None)
        return EMPTY

    return (
        Route(pattern=rf"{path}/?", list=lambda _: keys(sorted(kept))),
        Route(
            pattern=rf"{path}/(?P<name>[^/]+)",
            read=lambda request: Answer(data=show(existing(kept.get(request.params["name"])))),
            update=write,
            delete=delete,
            exists=lambda request: request.params["name"] in kept,
        ),
    )


def _head(pattern: str) -> str:
    found = _HEAD.match(pattern)
    return found[1] if found else ""
