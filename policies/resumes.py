"""Owns the other forms in which an answer may come back from a user interface, and go out to one.

LangGraph's `interrupt` does not tell its node how a value found it: by the interrupt's id, or as a
bare value that is kept for whatever asks next. So a form says which call it answers by itself, as
our own answers do: it carries the `action_digest`, or it is refused.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bailiwick.policies.canonical import Json
from bailiwick.policies.questions import questions
from bailiwick.policies.visible_text import visible

if TYPE_CHECKING:
    from bailiwick.policies.approval_requests import ApprovalRequest

DECISIONS = ("approve", "edit", "reject", "respond")

_DIGEST = "action_digest"
_UNBOUND = "it does not say which call it answers: put the action_digest of the interrupt beside it"


def to_hitl_request(request: "ApprovalRequest | Mapping[str, Json]") -> dict[str, Json]:
    """Render a request in LangChain's batched form, as Agent Chat UI and Studio show it.

    Those show the description, so that says everything there is to know; what else the interrupt's
    value holds stands beside the actions, for interfaces that know it.

    The `action_digest` stands in the action and beside the actions: whoever sends the decision
    back puts it beside `decisions`. An interface that drops it cannot answer; a stale answer of
    its would release a call that nobody has seen.

    Args:
        request: What is asked, or the value of the interrupt that asks it. Take the latter where
            several people are needed: each of them answers a question of its own.
    """
    shown = request if isinstance(request, Mapping) else request.to_interrupt()
    action = {name: shown[name] for name in ("name", "args", _DIGEST)}
    review: dict[str, Json] = {
        "action_name": shown["name"],
        "allowed_decisions": list(DECISIONS),
    }
    beside = {name: shown[name] for name in shown if name not in {"type", "name", "args"}}
    return {
        "action_requests": [{**action, "description": _told(shown)}],
        "review_configs": [review],
        **beside,
    }


def as_answer(value: object) -> object:
    """Return what a resume value means in the form of our own answers; others as they are.

    Understood are LangChain's batched `{"decisions": [decision]}` with one decision, and Agent
    Inbox's `[{"type": "accept" | "edit" | "response" | "ignore", "args": ...}]` with one response.
    The `action_digest` stands beside `decisions`, in the decision, in the response, or beside
    `action` in its `args`.

    Raises:
        ValueError: If there is not exactly one decision, or it does not say which call it answers.
    """
    if isinstance(value, Mapping) and "decisions" in value:
        return _of_batch(value)
    if isinstance(value, list):
        return _of_inbox(_only(value))
    return value


def _told(shown: Mapping[str, Json]) -> str:
    # What the model wrote must not look like a line of ours.
    lines = [(name, visible(told)) for name, told in questions(shown)]
    return "\n".join(f"{name}: {told}" if name else told for name, told in lines)


def _of_batch(batch: Mapping[str, Any]) -> dict[str, Any]:
    decision = _only(batch["decisions"])
    foreign = sorted(set(map(str, batch)) - {"decisions", _DIGEST})
    if foreign:
        raise ValueError(f"{foreign[0]!r} beside 'decisions' means nothing: leave it out")
    return {**decision, _DIGEST: _digest(batch, decision)}


def _of_inbox(response: Mapping[str, Any]) -> dict[str, Any]:
    kind, args = response.get("type"), response.get("args")
    foreign = sorted(set(map(str, response)) - {"type", "args", _DIGEST})
    if foreign:
        raise ValueError(f"{foreign[0]!r} in a response means nothing: leave it out")
    digest = _digest(response, args)
    match kind, args:
        case "accept", _:
            return {"type": "approve", _DIGEST: digest}
        case "edit", {"action": name, "args": new}:
            return {"type": "edit", "edited_action": {"name": name, "args": new}, _DIGEST: digest}
        case "response", str():
            return {"type": "respond", "message": args, _DIGEST: digest}
        case "ignore", _:
            return {"type": "reject", _DIGEST: digest}
        case _:
            raise ValueError(
                "a response is accept or ignore, edit with action and args, or response with a text"
            )


def _only(items: object) -> Mapping[str, Any]:
    if not isinstance(items, Sequence) or isinstance(items, str) or len(items) != 1:
        raise ValueError("one call waits here: send exactly one decision")
    if not isinstance(items[0], Mapping):
        raise ValueError("a decision is an object: send its type and what belongs to it")  # noqa: TRY004 - pydantic reports only this one
    return items[0]


def _digest(*places: object) -> str:
    named = [place[_DIGEST] for place in places if isinstance(place, Mapping) and _DIGEST in place]
    if not named:
        raise ValueError(_UNBOUND)
    if any(not isinstance(digest, str) or digest != named[0] for digest in named):
        raise ValueError("it does not name one call: send one action_digest")
    return str(named[0])
