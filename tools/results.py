"""Owns what comes of a tool call: its result, or what stands in its place."""

import json
from dataclasses import dataclass, replace
from typing import Any, Literal

from langchain_core.messages import ToolMessage

from bailiwick.policies.calls import ToolCall
from bailiwick.tools.effects.call_rows import CallRecord, Intent, State

Content = str | list[str | dict[str, Any]]
"""What a tool message holds: text, or a list of content blocks."""

_IN_DOUBT = (
    "It was started before and its outcome is not known, so it is not run again: "
    "a person has to find out what became of it."
)
_UNDER_WAY = (
    "It was started before and may still be under way elsewhere: its outcome is not known, so it "
    "is not run again. Do not ask for it a second time."
)
_RETRIED = "Nobody knows its outcome, and {} wants it tried again, in a thread of its own."


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """Hold what the model reads in answer to its tool call.

    Attributes:
        content: Text, or a list of content blocks.
        outcome: Whether the tool ran well, ran without effect, broke off so that nobody knows
            which, did not run, or was answered by a person in its place.
        artifact: What the tool returned beside its content; never shown to the model.
    """

    content: Content
    outcome: Literal["succeeded", "failed", "unknown", "refused", "answered"]
    artifact: Any = None

    @classmethod
    def refused(cls, tool: str, reason: str) -> "ToolResult":
        """Say that the tool did not run, and why."""
        return cls(content=f"{tool} did not run. {reason}", outcome="refused")

    @classmethod
    def standing(cls, tool: str, intent: Intent | CallRecord) -> "ToolResult":
        """Return what a call that began before came to; it does not run a second time."""
        if intent.state == "retried":
            # It is in doubt again if that comes to nothing: what was known is kept for then.
            return cls.refused(tool, _RETRIED.format(intent.settled_by))
        if intent.result is not None:
            return cls(**json.loads(intent.result))
        return cls.refused(tool, _UNDER_WAY if intent.state == "under_way" else _IN_DOUBT)

    @property
    def state(self) -> State:
        """Where a call that changes something stands once it came to this."""
        match self.outcome:
            case "succeeded":
                return "succeeded"
            case "unknown":
                return "in_doubt"
            case _:
                return "failed"

    def dumps(self) -> str:
        """Return the result as text, to be stored with the call."""
        return json.dumps({"content": self.content, "outcome": self.outcome}, ensure_ascii=False)

    def with_note(self, note: str) -> "ToolResult":
        """Put a note before the content, if there is one."""
        if not note:
            return self
        if isinstance(self.content, str):
            return replace(self, content=f"{note}\n{self.content}")
        return replace(self, content=[{"type": "text", "text": note}, *self.content])

    def to_message(self, call: ToolCall) -> ToolMessage:
        """Return the message that answers the model's tool call."""
        return ToolMessage(
            content=self.content,
            artifact=self.artifact,
            name=call.tool.name,
            tool_call_id=call.id,
            status="success" if self.outcome in {"succeeded", "answered"} else "error",
        )
