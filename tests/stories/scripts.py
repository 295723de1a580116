"""Owns the scripts that the stories' models follow."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage

from bailiwick.agents.scripted import ScriptedModel
from bailiwick.agents.scripts import Script, refund_desk_script


def asks(*calls: tuple[str, dict[str, Any]]) -> Script:
    """Return a script that asks for calls at once, and then repeats what came of them."""

    def script(messages: Sequence[BaseMessage], _: Mapping[str, frozenset[str]]) -> AIMessage:
        answers = [each for each in messages if isinstance(each, ToolMessage)]
        if results := [str(each.text) for each in answers if each.name in dict(calls)]:
            return AIMessage("\n".join(results))
        wanted = [ToolCall(name=name, args=args, id=None) for name, args in calls]
        return AIMessage("", tool_calls=wanted)

    return script


def scripted(role: str) -> ScriptedModel:
    """Return the scripted model of a role."""
    return ScriptedModel(script=refund_desk_script(role))
