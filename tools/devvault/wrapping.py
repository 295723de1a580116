"""Owns response wrapping: an answer kept for the one who holds a token of one use."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bailiwick.tools.devvault.envelope import Answer, Request
from bailiwick.tools.devvault.policies import WRAPPING
from bailiwick.tools.devvault.refusals import invalid
from bailiwick.tools.devvault.routes import Route
from bailiwick.tools.devvault.tokens import Token, TokenStore, iso, random_text

_WRAPPABLE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """An answer as its client would have got it, and where it came from."""

    body: bytes = field(repr=False)
    path: str
    created: float
    ttl: int
    accessor: str


class Wrapping:
    """Wrap answers, and answer `sys/wrapping`."""

    def __init__(self, tokens: TokenStore) -> None:
        self._tokens = tokens
        self._held: dict[str, _Held] = {}
        tokens.watch(lambda token: self._held.pop(token.id, None))

    @property
    def routes(self) -> Sequence[Route]:
        """The paths below `sys/`."""
        return (
            Route(pattern=r"wrapping/wrap", update=_wrap),
            Route(pattern=r"wrapping/unwrap", update=self._unwrap, before=self._check),
            Route(pattern=r"wrapping/rewrap", update=self._rewrap, before=self._check),
            Route(pattern=r"wrapping/lookup", read=self._lookup, update=self._lookup, is_open=True),
        )

    def wrap(self, request: Request, answer: Answer) -> Answer:
        """Return what stands for an answer; errors and empty answers stay as they are."""
        if answer.status != _WRAPPABLE or answer.body is not None or answer.raw is not None:
            return answer
        held = _Held(
            body=answer.render(request.id),
            path=request.path,
            created=self._tokens.now(),
            ttl=request.wrap_ttl,
            accessor=_inner_accessor(answer),
        )
        return self._keep(held)

    def _keep(self, held: _Held) -> Answer:
        token = self._tokens.add(
            Token(
                id=self._tokens.new_id(),
                accessor=random_text(),
                policies=(WRAPPING,),
                path=held.path,
                display_name="wrapping",
                num_uses=1,
                ttl=held.ttl,
                explicit_max_ttl=held.ttl,
            )
        )
        self._held[token.id] = held
        info: dict[str, object] = {
            "token": token.id,
            "accessor": token.accessor,
            "ttl": held.ttl,
            "creation_time": iso(token.created),
            "creation_path": held.path,
        }
        if held.accessor:
            info["wrapped_accessor"] = held.accessor
        return Answer(wrap_info=info)

    def _check(self, request: Request) -> None:
        if not request.token and not request.body.text("token"):
            raise invalid("missing client token")
        self._named(request)

    def _named(self, request: Request) -> tuple[Token, _Held]:
        token = self._tokens.find(request.body.text("token") or request.token)
        held = self._held.get(token.id) if token is not None else None
        if token is None or held is None:
            raise invalid("wrapping token is not valid or does not exist")
        return token, held

    def _unwrap(self, request: Request) -> Answer:
        token, held = self._named(request)
        self._tokens.revoke(token)
        return Answer(raw=held.body)

    def _rewrap(self, request: Request) -> Answer:
        token, held = self._named(request)
        self._tokens.revoke(token)
        return self._keep(held)

    def _lookup(self, request: Request) -> Answer:
        _, held = self._named(request)
        return Answer(
            data={
                "creation_path": held.path,
                "creation_time": iso(held.created),
                "creation_ttl": held.ttl,
            }
        )


def _wrap(request: Request) -> Answer:
    if not request.wrap_ttl:
        raise invalid("endpoint requires response wrapping to be used")
    return Answer(data=dict(request.body))


def _inner_accessor(answer: Answer) -> str:
    if answer.auth is not None:
        return str(answer.auth.get("accessor", ""))
    return str((answer.data or {}).get("secret_id_accessor", ""))
