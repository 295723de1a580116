"""Owns the events of a governed tool call, for streams and tracers: redacted by then."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, NoReturn

from langchain_core.callbacks import (
    AsyncCallbackManagerForToolRun,
    BaseCallbackManager,
    CallbackManagerForToolRun,
)
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import (
    get_async_callback_manager_for_config,
    get_callback_manager_for_config,
    patch_config,
    var_child_runnable_config,
)
from langchain_core.tools import BaseTool, ToolException
from langchain_core.tracers import LangChainTracer
from langchain_core.tracers.context import run_collector_var
from langgraph.runtime import Runtime
from langsmith.run_helpers import tracing_context
from typing_extensions import override

from bailiwick.policies.calls import ToolCall
from bailiwick.policies.errors import ScopeError
from bailiwick.policies.redaction import Redactor
from bailiwick.tools.results import ToolResult

_LANGGRAPHS = "__pregel_"
"""How the keys of LangGraph's own parts begin in a config: what writes to channels, say."""
_KEPT = frozenset({"__pregel_runtime", "__pregel_scratchpad"})
"""Those a tool may have all the same: its context and store, and what refuses its interrupts."""


def traced(
    tool: BaseTool, call: ToolCall, config: RunnableConfig, run: Callable[[], ToolResult]
) -> ToolResult:
    """Run a governed call and tell the config's callbacks of its start and end."""
    if not _is_heard(config):
        return run()
    listeners = get_callback_manager_for_config(config)
    _mark(listeners, tool)
    manager = listeners.on_tool_start(
        {"name": tool.name, "description": tool.description},
        str(call.plain_args),
        name=tool.name,
        # A copy: what a listener does to it must not change what was decided.
        inputs=deepcopy(call.plain_args),
        tool_call_id=call.id,
    )
    try:
        with _told_of(manager, config):
            result = run()
    except BaseException as error:
        manager.on_tool_error(error, tool_call_id=call.id)
        raise
    if (failure := _failure(result)) is None:
        manager.on_tool_end(result.to_message(call), name=tool.name)
    else:
        manager.on_tool_error(failure, tool_call_id=call.id)
    return result


async def atraced(
    tool: BaseTool, call: ToolCall, config: RunnableConfig, run: Callable[[], Awaitable[ToolResult]]
) -> ToolResult:
    """Do what `traced` does, on an event loop."""
    if not _is_heard(config):
        return await run()
    listeners = get_async_callback_manager_for_config(config)
    _mark(listeners, tool)
    manager = await listeners.on_tool_start(
        {"name": tool.name, "description": tool.description},
        str(call.plain_args),
        name=tool.name,
        inputs=deepcopy(call.plain_args),
        tool_call_id=call.id,
    )
    try:
        with _told_of(manager, config):
            result = await run()
    except BaseException as error:
        await manager.on_tool_error(error, tool_call_id=call.id)
        raise
    if (failure := _failure(result)) is None:
        await manager.on_tool_end(result.to_message(call), name=tool.name)
    else:
        await manager.on_tool_error(failure, tool_call_id=call.id)
    return result


def _failure(result: ToolResult) -> ToolException | None:
    # What a tool raised, which holds more than its words: a trace shows the call as failed by it.
    is_failure = result.outcome in {"failed", "unknown"}
    return ToolException(str(result.content)) if is_failure else None


def _mark(listeners: BaseCallbackManager, tool: BaseTool) -> None:
    listeners.add_tags(tool.tags or [], inherit=False)
    listeners.add_metadata(tool.metadata or {}, inherit=False)


@contextmanager
def _told_of(
    manager: CallbackManagerForToolRun | AsyncCallbackManagerForToolRun, config: RunnableConfig
) -> Generator[None]:
    """Have what runs meanwhile told of as a part of the call, as LangChain's tools do."""
    token = var_child_runnable_config.set(patch_config(config, callbacks=manager.get_child()))
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)


@contextmanager
def untold() -> Generator[RunnableConfig]:
    """Give a config by which a wrapped tool tells nobody of itself; what it runs is told of.

    The guard tells of the call, once the result is redacted.
    """
    collector = run_collector_var.set(None)
    try:
        yield _below(var_child_runnable_config.get())
    finally:
        run_collector_var.reset(collector)


def _below(config: RunnableConfig | None) -> RunnableConfig:
    listeners = config and config.get("callbacks")
    if not isinstance(listeners, BaseCallbackManager) or not listeners.handlers:
        return {"callbacks": []}
    # Those of the tool are replaced, and those that its own runs inherit are not.
    inner = listeners.copy()
    tracers = [each for each in inner.handlers if isinstance(each, LangChainTracer)]
    inner.handlers = [_Deaf(client=each.client) for each in tracers]
    return {"callbacks": inner, "run_id": listeners.parent_run_id}


class _Deaf(LangChainTracer):
    """Stand where LangChain looks for a tracer, lest it adds one, and hear of no tool."""

    @property
    @override
    def ignore_agent(self) -> bool:
        return True


@contextmanager
def unheard(redactor: Redactor) -> Generator[None]:
    """Keep what runs meanwhile from tracers, and redact what it writes to the graph's stream.

    A tool that holds a secret may hand it to a chain or a traced client of its own, whose events
    nobody would redact; and a graph that it runs would be kept and streamed as a part of ours.
    """
    config = var_child_runnable_config.get()
    token = var_child_runnable_config.set(config and _without_listeners(config, redactor))
    collector = run_collector_var.set(None)
    try:
        with tracing_context(enabled=False):
            yield
    finally:
        run_collector_var.reset(collector)
        var_child_runnable_config.reset(token)


def _without_listeners(config: RunnableConfig, redactor: Redactor) -> RunnableConfig:
    inner = {
        name: _with_writer(part, redactor) if isinstance(part, Runtime) else part
        for name, part in config.get("configurable", {}).items()
        if not name.startswith(_LANGGRAPHS) or name in _KEPT
    }
    return {**config, "callbacks": None, "configurable": {**inner, **_SHUT}}


def _refuse(*_: object, **__: object) -> NoReturn:
    raise ScopeError(
        "a tool that holds a credential writes nothing into the graph and runs no task of it"
    )


_SHUT = {"__pregel_call": _refuse, "__pregel_send": _refuse}


def _with_writer(runtime: Runtime[Any], redactor: Redactor) -> Runtime[Any]:
    write = runtime.stream_writer
    return runtime.override(stream_writer=lambda chunk: write(redactor.value(chunk)))


def _is_heard(config: RunnableConfig) -> bool:
    # Setting up a callback run costs more than a decision does, so it is done only for a listener.
    callbacks = config.get("callbacks")
    if isinstance(callbacks, BaseCallbackManager):
        return bool(callbacks.handlers)
    return bool(callbacks)
