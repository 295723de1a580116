"""Owns the answers that people give to what waits for them."""

from typing import Any

from langgraph.types import Command, Interrupt


def decision(interrupt: Interrupt, kind: str = "approve", **fields: object) -> dict[str, Any]:
    """Return an answer to exactly the call that an interrupt shows."""
    return {"type": kind, "action_digest": interrupt.value["action_digest"], **fields}


def resume(interrupt: Interrupt, kind: str = "approve", **fields: object) -> Command[Any]:
    """Return the command that answers an interrupt by its id."""
    return Command(resume={interrupt.id: decision(interrupt, kind, **fields)})
