"""Owns which tool a call was made with, and whether its agent still holds that very one."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from bailiwick.policies.calls import ToolCall, ToolUse
from bailiwick.policies.errors import CallError
from bailiwick.tools.effects.call_rows import CallRecord
from bailiwick.tools.records.ledger import Ledger

if TYPE_CHECKING:
    from bailiwick.tools.declared.scoped import ScopedTool

Holdings: TypeAlias = Mapping[str, Sequence["ScopedTool"]]
"""Which agent holds which tools."""


class CalledTools:
    """Find the tool of a call among those that agents hold: the very one, of the same version.

    Its name says little: a ledger holds the calls of every application that shares it, and those
    from before a tool was changed. Another tool may act on another system, which has never heard
    of the call.

    Args:
        holdings: Which agent holds which tools.
        replaced: Versions of tools that the held ones of the same agent and name replace.
    """

    def __init__(self, holdings: Holdings, replaced: Iterable[str]) -> None:
        self._replaced = frozenset(replaced)
        self._tools = {
            agent: {tool.name: tool for tool in tools} for agent, tools in holdings.items()
        }

    def tool(self, call: CallRecord, version: str | None) -> "ScopedTool":
        """Return the tool of a call.

        Args:
            call: The call.
            version: The version of the tool that it was made with, if that is known.

        Raises:
            CallError: If its agent does not hold it; what to do then is the caller's to say.
        """
        tool = self._tools.get(call.agent, {}).get(call.tool)
        if tool is None:
            raise CallError(f"{call.agent!r} holds no tool {call.tool!r} here")
        if version is None or version not in {tool.version, *self._replaced}:
            raise CallError(
                f"the tool {call.tool!r} that {call.agent!r} holds here is another one than was "
                "called (changed since, or another application's)"
            )
        return tool


def versions(ledger: Ledger, calls: Iterable[CallRecord]) -> dict[str, str]:
    """Return the versions of the tools that calls were made with, by the calls' keys.

    A call's key is made of its tool's version and the policy's, and both stand in the decision that
    let it run. Where no decision of its thread makes its key, nothing is known.

    Raises:
        LedgerError: If the database fails.
    """
    threads: dict[str, dict[tuple[object, object], list[CallRecord]]] = {}
    for call in calls:
        places = threads.setdefault(call.thread, defaultdict(list))
        places[call.tool_call_id, call.tool].append(call)
    found: dict[str, str] = {}
    for thread, places in threads.items():
        for record in ledger.records(thread, "decision"):
            body = record.body
            tool, policy = str(body.get("tool_version")), str(body.get("policy_version"))
            for call in places.get((body.get("tool_call_id"), body.get("tool")), ()):
                if _key(call, tool, policy) == call.key:
                    found[call.key] = tool
    return found


def _key(call: CallRecord, tool_version: str, policy_version: str) -> str:
    made = ToolCall(
        id=call.tool_call_id,
        thread=call.thread,
        namespace=call.namespace,
        requester=call.requester,
        chain=call.chain,
        agent=call.agent,
        tool=ToolUse(name=call.tool, version=tool_version, effect=call.effect),
        args=call.args,
    )
    return made.digest(policy_version)
