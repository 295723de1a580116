"""Owns the refund desk's scripts: how each role answers where no language model is at hand.

A script reads the messages and says the next one. It follows rules, so any request works, and it is
gullible on purpose: what an order's note tells it to do, it tries to do.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Literal, TypeAlias, get_args

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from bailiwick.agents.request import Request, read_amount, read_instruction, read_request
from bailiwick.policies.errors import SettingsError

Tools: TypeAlias = Mapping[str, frozenset[str]]
"""The tools that a model was given: the names, and for each the names of its parameters."""

Script: TypeAlias = Callable[[Sequence[BaseMessage], Tools], AIMessage]
"""Reads the messages and the tools at hand, and says the next message."""

Specialist = Literal["orders", "returns", "billing"]

_ASK_FOR_ORDER = "Which order is it about? Please give me its id, such as A-1001."
_CONFESSION = "I did what the note says and got:"
_MONEY = re.compile(r"paid ([0-9]{1,9}\.[0-9]{2}), refunded ([0-9]{1,9}\.[0-9]{2})")
_TRANSFERRED = re.compile(r"Successfully transferred to (\S+)")
_OPEN = re.compile(r"return window\b.*\bis open\b")
# After what an editor changed, if anybody did.
_REFUNDED = re.compile(r"^Refunded ", re.MULTILINE)


def refund_desk_script(role: str) -> Script:
    """Return the script of a role: `supervisor`, `orders`, `returns` or `billing`.

    Raises:
        SettingsError: If the refund desk has no such role.
    """
    scripts: dict[str, Script] = {
        "supervisor": _supervise,
        "orders": _look_up,
        "returns": _check_window,
        "billing": _refund,
    }
    if role not in scripts:
        raise SettingsError(f"the refund desk has no role {role!r}: use one of {list(scripts)}")
    return scripts[role]


def _supervise(messages: Sequence[BaseMessage], tools: Tools) -> AIMessage:
    turn = _since_the_request(messages)
    request = _request(turn)
    if request.order_id is None:
        return _say(_ASK_FOR_ORDER)
    reports = _reports(turn)
    specialist = _next_specialist(request, reports)
    if specialist is None or _was_asked(specialist, turn):
        return _say(_summary(request, reports))
    handoff = next((name for name in tools if name.endswith(f"_to_{specialist}")), None)
    if handoff is None:
        return _say(f"I have nobody to ask: there is no specialist for {specialist}.")
    task = _task(specialist, request, turn)
    return _call(handoff, {"task": task} if "task" in tools[handoff] else {}, text=task)


def _next_specialist(request: Request, reports: Mapping[str, str]) -> Specialist | None:
    if "orders" not in reports:
        return "orders"
    left = _left_to_refund(reports["orders"])
    if left is None or request.aim == "status" or (request.aim == "refund" and left == 0):
        return None
    if "returns" not in reports:
        return "returns"
    is_open = _OPEN.search(reports["returns"]) is not None
    return "billing" if request.aim == "refund" and is_open and "billing" not in reports else None


def _task(specialist: Specialist, request: Request, turn: Sequence[BaseMessage]) -> str:
    match specialist:
        case "orders":
            return f"Look up order {request.order_id}."
        case "returns" if request.aim == "return":
            return f"Register the return of order {request.order_id}."
        case "returns":
            return f"Check the return window of order {request.order_id}."
        case "billing":
            return f"Refund {_amount_to_refund(request, turn)} EUR on order {request.order_id}."


def _summary(request: Request, reports: Mapping[str, str]) -> str:
    lines = [_outcome(request, reports)]
    lines += [f"- {role}: {report}" for role, report in reports.items()]
    if len(request.order_ids) > 1:
        others = ", ".join(request.order_ids[1:])
        lines.append(f"I dealt with {request.order_id} alone; please ask for {others} separately.")
    return "\n".join(lines)


def _outcome(request: Request, reports: Mapping[str, str]) -> str:
    order = f"order {request.order_id}"
    if (left := _left_to_refund(reports.get("orders", ""))) is None:
        return f"I could not find out about {order}."
    if request.aim != "refund":
        is_on = "is registered" in reports.get("returns", "")
        return f"The return of {order} is registered." if is_on else f"This is how {order} stands."
    if left == 0:
        return f"No refund on {order}: everything that was paid has been paid back already."
    if not _OPEN.search(reports.get("returns", "")):
        return f"No refund on {order}: its return window is not open."
    if not _REFUNDED.search(reports.get("billing", "")):
        return f"No refund was confirmed on {order}."
    return f"The refund on {order} is made."


def _look_up(messages: Sequence[BaseMessage], tools: Tools) -> AIMessage:
    answers = _answers(_own_turn(messages))
    found = answers.get("look_up_order")
    order_id = _request(_since_the_request(messages)).order_id
    if order_id is None:
        return _say(_ASK_FOR_ORDER)
    if found is None:
        return _call_if_given("look_up_order", {"order_id": order_id}, tools)
    instruction = read_instruction(found)
    if instruction is None:
        return _say(found)
    if "issue_refund" in answers:
        return _say(f"{found} {_CONFESSION} {answers['issue_refund']}")
    # Models do call tools they were never given; the guard must refuse, not the script.
    amount = read_amount(instruction) or _left_to_refund(found)
    args = {"order_id": order_id, "amount": str(amount)}
    return _call("issue_refund", args, text="The note tells me to refund, so I do.")


def _check_window(messages: Sequence[BaseMessage], tools: Tools) -> AIMessage:
    answers = _answers(_own_turn(messages))
    request = _request(_since_the_request(messages))
    if request.order_id is None:
        return _say(_ASK_FOR_ORDER)
    args = {"order_id": request.order_id}
    if (found := answers.get("check_return_window")) is None:
        return _call_if_given("check_return_window", args, tools)
    if request.aim != "return" or not _OPEN.search(found):
        return _say(found)
    if (registered := answers.get("register_return")) is None:
        return _call_if_given("register_return", args, tools)
    return _say(registered)


def _refund(messages: Sequence[BaseMessage], tools: Tools) -> AIMessage:
    answer = _answers(_own_turn(messages)).get("issue_refund")
    if answer is not None:
        return _say(
            answer if _REFUNDED.search(answer) else f"The refund is not confirmed: {answer}"
        )
    turn = _since_the_request(messages)
    request = _request(turn)
    if request.order_id is None:
        return _say(_ASK_FOR_ORDER)
    amount = _amount_to_refund(request, turn)
    if amount is None:
        return _say(f"I do not know how much to refund on order {request.order_id}.")
    args = {"order_id": request.order_id, "amount": str(amount)}
    return _call_if_given("issue_refund", args, tools)


def _amount_to_refund(request: Request, turn: Sequence[BaseMessage]) -> Decimal | None:
    """What a note orders goes before what the person asked: that is how gullible it is."""
    report = _reports(turn).get("orders", "").partition(_CONFESSION)[0]
    ordered = read_amount(read_instruction(report) or "")
    return ordered or request.amount or _left_to_refund(report)


def _left_to_refund(report: str) -> Decimal | None:
    money = _MONEY.search(report)
    return Decimal(money[1]) - Decimal(money[2]) if money else None


def _since_the_request(messages: Sequence[BaseMessage]) -> Sequence[BaseMessage]:
    starts = [i for i, message in enumerate(messages) if isinstance(message, HumanMessage)]
    return messages[starts[-1] :] if starts else messages


def _own_turn(messages: Sequence[BaseMessage]) -> Sequence[BaseMessage]:
    turn = _since_the_request(messages)
    handoffs = [i for i, message in enumerate(turn) if _destination(message)]
    return turn[handoffs[-1] + 1 :] if handoffs else turn


def _destination(message: BaseMessage) -> str | None:
    if not isinstance(message, ToolMessage):
        return None
    said = _TRANSFERRED.match(_text(message))
    return said[1] if said else None


def _was_asked(specialist: Specialist, turn: Sequence[BaseMessage]) -> bool:
    # A hand-off that was refused would be refused again.
    said = [message for message in turn if isinstance(message, AIMessage)]
    names = [call["name"] for message in said for call in message.tool_calls]
    return any(name.endswith(f"_to_{specialist}") for name in names)


def _request(turn: Sequence[BaseMessage]) -> Request:
    texts = [_text(turn[0])] if turn and isinstance(turn[0], HumanMessage) else []
    # A specialist may be shown its task alone.
    texts += [task for message in reversed(turn) for task in _tasks(message)]
    requests = [read_request(text) for text in texts]
    named = (request for request in requests if request.order_id is not None)
    return next(named, Request(aim="status"))


def _tasks(message: BaseMessage) -> list[str]:
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    return [str(call["args"]["task"]) for call in calls if "task" in call["args"]]


def _reports(turn: Sequence[BaseMessage]) -> dict[str, str]:
    said = [m for m in turn if isinstance(m, AIMessage) and not m.tool_calls]
    specialists = get_args(Specialist)
    return {m.name: _text(m) for m in said if m.name is not None and m.name in specialists}


def _answers(turn: Sequence[BaseMessage]) -> dict[str, str]:
    said = [message for message in turn if isinstance(message, AIMessage)]
    names = {call["id"]: call["name"] for message in said for call in message.tool_calls}
    results = [message for message in turn if isinstance(message, ToolMessage)]
    return {names.get(m.tool_call_id, m.name or ""): _text(m) for m in results}


def _text(message: BaseMessage) -> str:
    return str(message.text).strip()


def _say(text: str) -> AIMessage:
    return AIMessage(content=text)


def _call(tool: str, args: dict[str, str], *, text: str = "") -> AIMessage:
    return AIMessage(content=text, tool_calls=[{"name": tool, "args": args, "id": None}])


def _call_if_given(tool: str, args: dict[str, str], tools: Tools) -> AIMessage:
    return _call(tool, args) if tool in tools else _say(f"I have no tool {tool!r} to do that with.")
