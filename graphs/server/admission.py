"""Owns which runs a client may ask of a server: new input, or answers by interrupt id.

LangGraph runs whatever a client's command says: it jumps past nodes (`goto`), rewrites the state
beside an answer (`update`), gives an answer to whichever interrupt comes next (a bare `resume`).
None of it is let in; see https://github.com/langchain-ai/langgraph/issues/8837 for the last.
"""

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from bailiwick.policies.answers import Answer, read_answer
from bailiwick.policies.approval_requests import ApprovalRequest
from bailiwick.policies.approvals import Approval
from bailiwick.policies.errors import ApprovalError
from bailiwick.policies.principals import Principal
from bailiwick.tools.people.approvals import Approvals

_INTERRUPT_ID = re.compile(r"[0-9a-f]{32}")

_OF_THE_SERVER = frozenset(
    {
        "__after_seconds__",
        "__dd_trace_headers__",
        "__event_streaming_v2",
        "__otel_traceparent__",
        "__otel_tracestate__",
        "__request_start_time_ms__",
        "langgraph_auth_permissions",
        "langgraph_auth_user",
        "langgraph_auth_user_id",
        "langgraph_request_id",
        "thread_id",
    }
)
"""What LangGraph Server writes into a run's `configurable` and `context` by itself."""

_FOR_INPUT = {"enqueue", "reject", "interrupt"}
_FOR_ANSWERS = {"enqueue", "reject"}
_STRATEGIES = (
    "an answer waits for the run under way ('enqueue') or goes without ('reject'), new input may "
    "also end it ('interrupt'), and nothing takes back what ran"
)

_NOT_FOR_CLIENTS = {
    "checkpoint": "a run goes on from where its thread stands",
    "interrupt_before": "a thread stops where somebody is asked",
    "interrupt_after": "a thread stops where somebody is asked",
    "webhook": "the state of a thread goes to nobody else",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """Hold what was found admissible of a request for a run.

    Attributes:
        thread: The thread's id.
        resume: The answers by interrupt id; `None` where the run is no resume.
        says: Whether it brings new input.
    """

    thread: str
    resume: Mapping[str, object] | None
    says: bool = False


def admit(value: Mapping[str, Any]) -> RunRequest:
    """Return what a client asks, if it is new input or answers by interrupt id, and no more.

    Args:
        value: The request as the server's authorisation sees it: LangGraph Server keeps what the
            run is made of under `kwargs`, Aegra beside the rest.

    Raises:
        ValueError: If anything else is in it; the message says what.
    """
    run: Mapping[str, Any] = value.get("kwargs") or value
    if value.get("thread_id") is None:
        raise ValueError("a run needs a thread: without one no approval could be answered")
    for name, reason in _NOT_FOR_CLIENTS.items():
        if run.get(name):
            raise ValueError(f"{name!r} may not be sent: {reason}")
    resume, says = _resume(run.get("command")), run.get("input") is not None
    strategy = value.get("multitask_strategy") or "enqueue"
    if strategy not in (_FOR_INPUT if resume is None else _FOR_ANSWERS):
        raise ValueError(f"'multitask_strategy' may not be {strategy!r}: {_STRATEGIES}")
    if resume is not None and says:
        raise ValueError("'input' may not be sent beside a command: a run is one of both")
    _refuse_unknown("context", run.get("context"))
    _refuse_unknown("configurable", (run.get("config") or {}).get("configurable"))
    return RunRequest(
        thread=str(value["thread_id"]),
        resume=resume,
        says=says,
    )


def check_answers(approvals: Approvals, request: RunRequest, principal: Principal) -> None:
    """Refuse a resume that would be refused inside the run.

    There it would be refused, too, and nothing of it kept; but a server then reports the thread as
    failed and its interrupts as gone, and it drops out of every inbox.

    Raises:
        ValueError: If an answer has not the form of one.
        ApprovalError: If the thread does not wait for it, or it is not this person's to give.
    """
    asked = _asked(approvals, request)
    for given in (request.resume or {}).values():
        try:
            answer = _read(given, asked)
        except (ApprovalError, ValueError) as error:
            waiting = approvals.pending(request.thread)
            # Of several, nobody can tell which one was meant.
            if len(waiting) == 1:
                approvals.refuse(waiting[0].request, given, by=principal, error=error)
            raise
        question = asked[answer.action_digest]
        bound = answer.model_copy(update={"action_digest": question.digest})
        approvals.check(question.id, bound, by=principal)


def refuse_answers(
    approvals: Approvals, request: RunRequest, principal: Principal, error: ApprovalError
) -> None:
    """Record that none of the answers is taken, for the requests that they name."""
    asked = _asked(approvals, request)
    for given in (request.resume or {}).values():
        with suppress(ValueError):
            if question := asked.get(read_answer(given).action_digest):
                approvals.refuse(question, given, by=principal, error=error)


def check_news(approvals: Approvals, request: RunRequest, requester: Principal) -> None:
    """Refuse a run of the outbox that does more than bring the end of a request to its thread.

    Args:
        approvals: What was asked.
        request: The run.
        requester: As whom it is to go on.

    Raises:
        ApprovalError: If it says anything itself, or nothing that this person asked for there has
            ended.
    """
    ended = {
        approval.request.digest
        for approval in approvals.list(thread=request.thread)
        if approval.state != "pending" and approval.request.requester == requester.id
    }
    told = (request.resume or {}).values()
    digests = {each.get("action_digest") for each in told if isinstance(each, Mapping)}
    if request.says or not ended or len(digests) != len(told) or not digests <= ended:
        raise ApprovalError(
            "the outbox lets a thread go on where a request has ended, as whoever asked, and does "
            "nothing else"
        )


def _asked(approvals: Approvals, request: RunRequest) -> dict[str, ApprovalRequest]:
    return {
        _question(approval).digest: approval.request
        for approval in approvals.list(thread=request.thread)
    }


def _read(given: object, asked: Collection[str]) -> Answer:
    try:
        answer = read_answer(given)
    except ValidationError as error:
        raise ValueError(f"that is no answer: {_fault(error)}") from None
    if answer.action_digest not in asked:
        raise ApprovalError(
            "this thread asks for no approval of that call: read its interrupts again and "
            "answer with the action_digest that stands there"
        )
    return answer


def _fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    return f"{'.'.join(map(str, fault['loc'])) or 'answer'}: {fault['msg']}"


def _question(approval: Approval) -> ApprovalRequest:
    is_open = approval.state == "pending"
    return approval.request.anew(approval.grants) if is_open else approval.request


def _refuse_unknown(name: str, sent: Mapping[str, Any] | None) -> None:
    foreign = sorted(set(sent or ()) - _OF_THE_SERVER)
    if foreign:
        raise ValueError(
            f"{', '.join(map(repr, foreign))} in {name!r} may not be sent: "
            "nothing here is decided by what a client configures"
        )


def _resume(command: Mapping[str, Any] | None) -> Mapping[str, object] | None:
    if not command:
        return None
    for name in sorted(set(command) - {"resume"}):
        if command[name] is not None:
            raise ValueError(f"{name!r} may not be sent: a command can only answer interrupts")
    resume = command.get("resume")
    if not isinstance(resume, Mapping) or not resume:
        raise ValueError("an answer must name its interrupt: send {interrupt id: answer}")
    if not all(_INTERRUPT_ID.fullmatch(str(key)) for key in resume):
        raise ValueError("an answer must name its interrupt by the id, which is 32 hex digits")
    return resume
