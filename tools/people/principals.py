"""Owns the answer to: who is driving this run?"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from langgraph.runtime import Runtime, get_runtime

from bailiwick.policies.principals import Principal
from bailiwick.tools.people.system_user import system_user

_acting: ContextVar[Principal | None] = ContextVar("bailiwick_principal", default=None)


@contextmanager
def acting_as(principal: Principal) -> Generator[Principal]:
    """Run graphs as `principal` while the context lasts.

    For hosts that have authenticated somebody themselves: a web application, a command line, a
    notebook. LangGraph Server does it by its own authentication.

    Raises:
        TypeError: If it is none, such as a name.
    """
    token = _acting.set(_checked(principal))
    try:
        yield principal
    finally:
        _acting.reset(token)


def _checked(given: object) -> Principal:
    # Hosts need not have their types checked.
    if not isinstance(given, Principal):
        raise TypeError(f"{given!r} is no principal: use acting_as(Principal(id=..., roles=...))")
    return given


def current_principal() -> Principal:
    """Return who drives this run.

    The host's word (`acting_as`) comes first, then the user LangGraph Server authenticated, whose
    permissions are the roles, then the operating system's user, who has no role.
    """
    return _acting.get() or _server_user() or Principal(id=system_user())


def _server_user() -> Principal | None:
    try:
        runtime: Runtime[None] | None = get_runtime()
    except (RuntimeError, KeyError):
        # Not inside a runnable's run; inside another than a graph's there is no runtime.
        return None
    user = runtime.server_info.user if runtime and runtime.server_info else None
    if user is None:
        return None
    return Principal(id=user.identity, roles=frozenset(user.permissions))
