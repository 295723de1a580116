"""Owns the words in which a person is asked: what is wanted, by whom, why, and until when."""

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from bailiwick.policies.canonical import plain

_PLAIN = re.compile(r"[\w.:@/+-]+")
"""What is text wherever it stands: no blank, bracket, comma or sign that could end it."""


def questions(request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Return what somebody needs to know to decide a request, as names and values.

    A name that is empty goes on with the one before.

    Args:
        request: The value of the interrupt that asks it; see `ApprovalRequest.to_interrupt`.
    """
    call = spelled(request["name"], request["args"])
    # Without `describe` the call describes itself, and is told once.
    if request["description"] != call:
        yield "what", request["description"]
    yield "the call", call
    yield "agent", " > ".join([*request["chain"], request["agent"]])
    yield "asked by", request["requester"]
    for number, rule in enumerate(request["rules"]):
        yield "" if number else "why you", _rule(rule)
    if request["approvals"]:
        yield "given", ", ".join(f"{each['by']} ({each['role']})" for each in request["approvals"])
    yield "credential", _credential(request["credential"])
    yield "until", request["expires_at"]


def spelled(name: str, args: Mapping[str, object]) -> str:
    """Return a call as people read it, such as `issue_refund(amount=42.00)`.

    Values are JSON, and text has no quotes where it is letters, digits and `_ . : @ / + -` alone: a
    model must not write an argument that looks like two.
    """
    return f"{name}({', '.join(f'{_told(key)}={_told(value)}' for key, value in args.items())})"


def _told(value: object) -> str:
    # In the canonical form the 42.00 that somebody wrote is 42.
    told = str(value) if isinstance(value, Decimal | float) else plain(value)
    if isinstance(told, str) and _PLAIN.fullmatch(told):
        return told
    return json.dumps(told, ensure_ascii=False)


def _rule(rule: Mapping[str, Any]) -> str:
    is_one = rule["quorum"] == 1
    who = f"a {rule['role']}" if is_one else f"{rule['quorum']} people as {rule['role']}"
    other = ", but not who asked" if rule["separate"] else ""
    why = f"{rule['reason']}: " if rule["reason"] else ""
    return f"{why}{who} must agree{other} (rule {rule['id']})"


def _credential(credential: Mapping[str, Any] | None) -> str:
    if credential is None:
        return "none"
    kind = "" if credential["kind"] == "kv" else f"{credential['kind']} "
    return f"{kind}{credential['path']} for {credential['ttl']} s, leased after the approval"
