"""Owns the edge out of a specialist's model: which way each call goes.

The functions have asynchronous twins, because LangGraph runs a plain one in a thread whenever the
graph is on an event loop.
"""

from asyncio import to_thread

from langchain_core.messages import AIMessage, ToolCall
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END
from langgraph.types import Send

from bailiwick.agents.node import Node
from bailiwick.agents.nodes import Requested
from bailiwick.agents.state import AgentState
from bailiwick.tools.toolsets import Toolset

Way = list[Send] | str


class GovernedEdge(Node):
    """Have the policy decide each call, and send it to `execute` or to `approval`."""

    def __init__(self, toolset: Toolset) -> None:
        super().__init__(self._decide, self._adecide, name="decide")
        self.toolset = toolset

    def _decide(self, state: AgentState, config: RunnableConfig) -> Way:
        last = state["messages"][-1]
        if not isinstance(last, AIMessage):
            # The model had nothing to say yet: results are still to come.
            return []
        origin, request = last.id or "", self.toolset.request_of(state["messages"], config)
        return [
            Send(
                self._node(call, config, origin, request),
                Requested(call=call, origin=origin, request=request),
            )
            for call in last.tool_calls
        ] or END

    async def _adecide(self, state: AgentState, config: RunnableConfig) -> Way:
        request = self.toolset.request_of(state["messages"], config)
        if self.toolset.guard.requests.is_known(request):
            return self._decide(state, config)
        return await to_thread(self._decide, state, config)

    def _node(self, call: ToolCall, config: RunnableConfig, origin: str, request: str) -> str:
        prepared = self.toolset.prepare(call, config, origin, request)
        return "approval" if self.toolset.waits(prepared) else "execute"


class UngovernedEdge(Node):
    """Send the calls of a turn to `execute`, all together."""

    def __init__(self) -> None:
        super().__init__(self._decide, self._adecide, name="decide")

    def _decide(self, state: AgentState, _: RunnableConfig) -> Way:
        last = state["messages"][-1]
        return "execute" if isinstance(last, AIMessage) and last.tool_calls else END

    async def _adecide(self, state: AgentState, config: RunnableConfig) -> Way:
        return self._decide(state, config)
