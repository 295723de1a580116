"""Owns who may do what at LangGraph Server: nothing, unless a rule here says otherwise."""

from collections.abc import Mapping
from typing import Any, cast

from langgraph_sdk import Auth

from bailiwick.graphs.server.admission import (
    RunRequest,
    admit,
    check_answers,
    check_news,
    refuse_answers,
)
from bailiwick.graphs.server.tokens import DELIVERY, read_delivery_token, read_token
from bailiwick.graphs.settings import Settings
from bailiwick.policies.errors import ApprovalError, BailiwickError, LedgerError
from bailiwick.policies.principals import Principal
from bailiwick.tools.guard import Guard
from bailiwick.tools.threads import to_its_end

Filter = dict[str, Any]


def create_auth(settings: Settings, guard: Guard) -> Auth:
    """Create the `auth` object that `langgraph.json` names, for graphs under one guard.

    Everybody has the threads they made. Who holds a role that the policy asks approvals of may
    read every thread, and answer where the guard asks. The outbox may read a thread, and let it go
    on where a request has ended. The rest is denied, resource by resource.

    Args:
        settings: How tokens are verified; without a secret nobody gets in.
        guard: The guard whose policy names the approvers and whose approvals are answered.
    """
    auth, access = Auth(), Access(settings, guard)
    auth.authenticate(access.authenticate)
    # LangGraph Server allows what no rule covers.
    auth.on(access.deny)
    auth.on.threads.create(access.create_thread)
    auth.on.threads.read(access.see_threads)
    auth.on.threads.search(access.find_threads)
    auth.on.threads.update(access.stop_run)
    auth.on.threads.delete(access.delete_thread)
    auth.on.threads.create_run(access.create_run)
    auth.on.assistants.read(access.see_assistants)
    auth.on.assistants.search(access.see_assistants)
    return auth


class Access:
    """Let people and services in, and say what they may do.

    The signatures are those that both LangGraph Server and Aegra call. A filter is compared with
    the metadata of threads; `None` is none.

    Args:
        settings: How tokens are verified.
        guard: The guard whose policy names the approvers and whose approvals are answered.
    """

    def __init__(self, settings: Settings, guard: Guard) -> None:
        self._settings = settings
        self._approvals = guard.approvals
        self._requests = guard.requests
        self._approvers = frozenset(
            rule.requirement.role for rule in guard.policy.rules if rule.requirement
        )

    async def authenticate(self, headers: dict[Any, Any]) -> Auth.types.MinimalUserDict:
        """Return whose bearer token a request carries; its roles are the permissions.

        The outbox shows tokens of its own: it is whoever asked, without a role, and the actor says
        who acts.

        Args:
            headers: The request's headers, as bytes or as text.
        """
        try:
            return self._user(_bearer(headers))
        except (BailiwickError, ValueError) as error:
            raise Auth.exceptions.HTTPException(status_code=401, detail=str(error)) from None

    async def deny(self, ctx: Auth.types.AuthContext, value: object) -> bool:
        """Refuse what has no rule."""
        del ctx, value
        return False

    async def create_thread(self, ctx: Auth.types.AuthContext, value: Any) -> Filter:  # noqa: ANN401 - the server's
        """Let everybody have threads of their own."""
        _refuse_delivery(ctx)
        _own(value, ctx)
        return _owned(ctx)

    async def see_threads(self, ctx: Auth.types.AuthContext, value: object) -> Filter | None:
        """Show people their threads, and approvers and the outbox all of them."""
        del value
        return None if self._is_approver(ctx) or _is_delivery(ctx) else _owned(ctx)

    async def find_threads(self, ctx: Auth.types.AuthContext, value: object) -> Filter | None:
        """Find people their threads, and approvers all of them."""
        _refuse_delivery(ctx)
        return await self.see_threads(ctx, value)

    async def stop_run(self, ctx: Auth.types.AuthContext, value: Any) -> Filter | bool:  # noqa: ANN401 - the server's
        """Let owners stop a run. Nothing else of a thread is changed from outside."""
        _refuse_delivery(ctx)
        # The same event also stands for writing the state and the metadata, the owner with it.
        if value.get("action") != "interrupt" or value.get("thread_id") is None:
            return False
        return _owned(ctx)

    async def delete_thread(self, ctx: Auth.types.AuthContext, value: object) -> Filter:
        """Let owners delete a thread; the ledger keeps what happened in it."""
        _refuse_delivery(ctx)
        del value
        return _owned(ctx)

    async def create_run(self, ctx: Auth.types.AuthContext, value: Any) -> Filter | None:  # noqa: ANN401 - the server's
        """Let owners send input to their threads, and approvers answer in any thread."""
        try:
            request = admit(value)
            if request.resume is None and not _is_delivery(ctx):
                await self._check_beginning(request.thread, ctx)
                _own(value, ctx)
                return _owned(ctx)
            await self._check(request, ctx)
        except (ApprovalError, ValueError) as error:
            raise Auth.exceptions.HTTPException(status_code=403, detail=str(error)) from None
        except LedgerError as error:
            raise Auth.exceptions.HTTPException(status_code=503, detail=str(error)) from None
        # An answer in a thread does not make it the approver's.
        _metadata(value).pop("owner", None)
        return None

    async def see_assistants(self, ctx: Auth.types.AuthContext, value: object) -> bool:
        """Show everybody the served graphs; nobody can add assistants."""
        del value
        return not _is_delivery(ctx)

    def _user(self, token: str) -> Auth.types.MinimalUserDict:
        try:
            principal, actor = read_delivery_token(self._settings, token), {"actor": DELIVERY}
        except ValueError:
            principal, actor = read_token(self._settings, token), {}
        user = {
            "identity": principal.id,
            "permissions": sorted(principal.roles),
            "is_authenticated": True,
            **actor,
        }
        # Servers keep whatever else is in it.
        return cast("Auth.types.MinimalUserDict", user)

    async def _check(self, request: RunRequest, ctx: Auth.types.AuthContext) -> None:
        if _is_delivery(ctx):
            requester = Principal(id=ctx.user.identity)
            await to_its_end(lambda: check_news(self._approvals, request, requester))
            return
        principal = Principal(id=ctx.user.identity, roles=frozenset(ctx.permissions))
        if self._is_approver(ctx):
            await to_its_end(lambda: check_answers(self._approvals, request, principal))
            return
        error = ApprovalError(
            f"{principal.id!r} holds no role that approves: an approver must answer"
        )
        await to_its_end(lambda: refuse_answers(self._approvals, request, principal, error))
        raise error

    async def _check_beginning(self, thread: str, ctx: Auth.types.AuthContext) -> None:
        # Whoever takes the id of a deleted thread and says the same in it would ask in the name of
        # the one who said it first.
        first = await to_its_end(lambda: self._requests.first(thread))
        if first not in {None, Principal(id=ctx.user.identity).id}:
            raise Auth.exceptions.HTTPException(
                status_code=404,
                detail=f"thread {thread!r} not found; what had its id was another's: take a new id",
            )

    def _is_approver(self, ctx: Auth.types.AuthContext) -> bool:
        return not self._approvers.isdisjoint(ctx.permissions)


def _is_delivery(ctx: Auth.types.AuthContext) -> bool:
    return getattr(ctx.user, "actor", None) == DELIVERY


def _refuse_delivery(ctx: Auth.types.AuthContext) -> None:
    if _is_delivery(ctx):
        raise Auth.exceptions.HTTPException(status_code=403, detail="not for the outbox")


def _bearer(headers: Mapping[Any, Any]) -> str:
    for name, value in headers.items():
        if _text(name).lower() == "authorization":
            scheme, _, token = _text(value).partition(" ")
            if scheme.lower() == "bearer" and token:
                return token.strip()
    raise ValueError("send a token: Authorization: Bearer ...")


def _text(value: bytes | str) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _metadata(value: Any) -> dict[str, Any]:  # noqa: ANN401 - the server's
    # In place: LangGraph Server reads the mapping it handed over. Aegra may hand over none.
    if value.get("metadata") is None:
        value["metadata"] = {}
    metadata: dict[str, Any] = value["metadata"]
    return metadata


def _own(value: Any, ctx: Auth.types.AuthContext) -> None:  # noqa: ANN401 - the server's
    _metadata(value)["owner"] = ctx.user.identity


def _owned(ctx: Auth.types.AuthContext) -> Filter:
    return {"owner": ctx.user.identity}
