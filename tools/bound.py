"""Owns the bound tool: a governed tool for graphs that are not ours."""

from typing import TYPE_CHECKING, Any, NoReturn, cast

from langchain_core.messages import ToolCall as RequestedCall
from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnableConfig, ensure_config
from langchain_core.tools import BaseTool
from pydantic import BaseModel, ConfigDict, PrivateAttr

from bailiwick.policies.errors import ScopeError
from bailiwick.tools.conversation import heard, hearing
from bailiwick.tools.people.following import Next
from bailiwick.tools.results import ToolResult
from bailiwick.tools.toolsets import Prepared, Toolset

_ONE_PERSON = (
    "it needs the approval of several people, and the answer of one in the thread is all that a "
    "bound tool can wait for: they answer on the record, or a specialist of create_specialist asks"
)

if TYPE_CHECKING:
    from bailiwick.tools.guard import Guard


class BoundTool(BaseTool):
    """Decide, ask, lease and record by itself, wherever a graph's tool node invokes it.

    The interrupt is raised here, before any effect and outside the tool's own code, which
    therefore cannot swallow it. LangGraph numbers the interrupts of a task: where one task runs
    several calls, as a `ToolNode` does by itself, one of them can be answered in the thread in each
    turn, and the others on the record alone; and what runs beside a question may be broken off by
    it: it has failed then if its tool had not begun, and is in doubt if it had. LangChain's
    `create_agent` gives each call a task.

    From the state that a tool node injects it reads who asked, and that a new message has come:
    that one ends what waited in the thread.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    _toolset: Toolset = PrivateAttr()
    _input: type[BaseModel] = PrivateAttr()

    @classmethod
    def of(cls, tool: BaseTool, guard: "Guard", agent: str | None) -> "BoundTool":
        """Bind a scoped tool to a guard."""
        toolset = Toolset(guard, [tool], agent=agent)
        bound = cls(
            name=tool.name,
            description=tool.description,
            args_schema=tool.args_schema,
            return_direct=tool.return_direct,
            tags=tool.tags,
            metadata=tool.metadata,
            extras=tool.extras,
        )
        bound._toolset = toolset
        bound._input = hearing(tool.args_schema)
        return bound

    @property
    def guard(self) -> "Guard":
        """The guard that runs this tool."""
        return self._toolset.guard

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return what a tool node gives it: its arguments, and the state it is to hear of."""
        del config
        return self._input

    def invoke(  # noqa: D102 - as documented by BaseTool
        self,
        input: str | dict[str, Any] | RequestedCall,  # noqa: A002 - the name is BaseTool's
        config: RunnableConfig | None = None,
        **_: object,
    ) -> ToolMessage:
        config = ensure_config(config)
        asked = self._ask(self._requested(input), config)
        if isinstance(asked, ToolMessage):
            return asked
        prepared, note = asked
        return self._toolset.run(prepared, config).with_note(note).to_message(prepared.call)

    async def ainvoke(  # noqa: D102 - as documented by BaseTool
        self,
        input: str | dict[str, Any] | RequestedCall,  # noqa: A002 - the name is BaseTool's
        config: RunnableConfig | None = None,
        **_: object,
    ) -> ToolMessage:
        config = ensure_config(config)
        requested = self._requested(input)
        asked = await self._toolset.off_loop(lambda: self._ask(requested, config))
        if isinstance(asked, ToolMessage):
            return asked
        prepared, note = asked
        result = await self._toolset.arun(prepared, config)
        return result.with_note(note).to_message(prepared.call)

    def _ask(
        self, requested: RequestedCall, config: RunnableConfig
    ) -> tuple[Prepared, str] | ToolMessage:
        # The task's own namespace tells apart two calls to which a model gave one id.
        origin = str(config.get("configurable", {}).get("checkpoint_ns", ""))
        requested, messages = heard(requested)
        request = self._toolset.request_of(messages)
        prepared = self._toolset.prepare(requested, config, origin, request)
        step = self._toolset.ask(prepared)
        if isinstance(step, Next) and step.node == "approval":
            step = self._toolset.withdraw(prepared, _ONE_PERSON)
        if isinstance(step, ToolResult):
            return step.to_message(prepared.call)
        if step.args is None:
            return prepared, step.note
        edited: RequestedCall = {**requested, "args": dict(step.args)}
        return self._toolset.prepare(edited, config, origin, request), step.note

    def _requested(self, given: str | dict[str, Any] | RequestedCall) -> RequestedCall:
        if isinstance(given, dict) and given.get("type") == "tool_call":
            return cast("RequestedCall", given)
        raise ScopeError(
            f"{self.name!r} is governed and takes a whole tool call: "
            "{'type': 'tool_call', 'name': ..., 'args': ..., 'id': ...}"
        )

    def _run(self, *_: object, **__: object) -> NoReturn:
        raise ScopeError(f"{self.name!r} is governed: use invoke or ainvoke with a tool call")
