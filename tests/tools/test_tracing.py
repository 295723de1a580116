"""What streams and tracers hear of a governed call: its arguments and its redacted result."""

import asyncio
from collections.abc import Callable
from typing import Any, NoReturn
from uuid import UUID

import pytest
from langchain_core.callbacks import (
    AsyncCallbackHandler,
    BaseCallbackHandler,
    CallbackManager,
)
from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langchain_core.runnables.config import set_config_context, var_child_runnable_config
from langchain_core.tools import StructuredTool, tool
from langchain_core.tracers.context import collect_runs
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler
from langgraph.config import get_config
from langsmith import Client
from langsmith.run_helpers import get_tracing_context, tracing_context
from tests.tools.governed import call_of, pay_tool
from typing_extensions import override

from bailiwick.policies import ToolCall
from bailiwick.policies.redaction import Redactor
from bailiwick.tools.declared.scoped import scoped_tool
from bailiwick.tools.results import ToolResult
from bailiwick.tools.tracing import atraced, traced, unheard

PAY = pay_tool([])
CALL = call_of(PAY, {"to": "shop", "amount": "1.50"})
DONE = ToolResult(content="paid", outcome="succeeded")


class Listener(BaseCallbackHandler):
    """Keep what it hears."""

    raise_error = True

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any]] = []

    @override
    def on_tool_start(
        self,
        serialized: dict[str, Any],
        input_str: str,
        *,
        run_id: UUID,
        inputs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.heard.append(("start", (serialized["name"], input_str, inputs)))
        if inputs is not None:
            inputs["to"] = "thief"

    @override
    def on_chain_start(self, serialized: dict[str, Any], inputs: Any, **kwargs: Any) -> None:
        self.heard.append(("chain", inputs))

    @override
    def on_tool_end(self, output: object, **kwargs: Any) -> None:
        self.heard.append(("end", output))

    @override
    def on_tool_error(self, error: BaseException, **kwargs: Any) -> None:
        self.heard.append(("error", error))


class AsyncListener(AsyncCallbackHandler):
    """Keep what it hears on an event loop."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    @override
    async def on_tool_start(self, *_: Any, **__: Any) -> None:
        self.heard.append("start")

    @override
    async def on_tool_end(self, *_: Any, **__: Any) -> None:
        self.heard.append("end")


class Sink(Client):
    """Keep what LangSmith would be sent: each run's name, and whose part it is."""

    def __init__(self) -> None:
        super().__init__(api_url="http://127.0.0.1:9", api_key="none", auto_batch_tracing=False)
        self.sent: dict[UUID, tuple[str, UUID | None]] = {}

    @override
    def create_run(self, name: str, *_: Any, **sent: Any) -> None:
        self.sent[sent["id"]] = (name, sent.get("parent_run_id"))

    @override
    def update_run(self, *_: Any, **__: Any) -> None: ...


Trace = Callable[[ToolCall, RunnableConfig, Callable[[], ToolResult]], ToolResult]


def trace_sync(call: ToolCall, config: RunnableConfig, run: Callable[[], ToolResult]) -> ToolResult:
    """Trace a call as on `invoke`."""
    return traced(PAY, call, config, run)


def trace_async(
    call: ToolCall, config: RunnableConfig, run: Callable[[], ToolResult]
) -> ToolResult:
    """Trace a call as on `ainvoke`."""

    async def arun() -> ToolResult:
        return run()

    return asyncio.run(atraced(PAY, call, config, arun))


@pytest.fixture(params=[trace_sync, trace_async], ids=["traced", "atraced"])
def trace(request: pytest.FixtureRequest) -> Trace:
    """Give both ways to trace a call in turn."""
    way: Trace = request.param
    return way


@pytest.mark.parametrize(
    "config",
    [{}, {"callbacks": []}, {"callbacks": None}, {"callbacks": CallbackManager([])}],
    ids=["none", "empty", "null", "manager"],
)
def test_without_a_listener_the_call_just_runs(trace: Trace, config: RunnableConfig) -> None:
    """Telling nobody costs nothing."""
    assert trace(CALL, config, lambda: DONE) is DONE


def test_a_listener_hears_start_and_end(trace: Trace) -> None:
    """The arguments as they were decided, and the message that the model will read."""
    listener = Listener()
    assert trace(CALL, {"callbacks": [listener]}, lambda: DONE) is DONE
    start, end = listener.heard

    assert start[0] == "start"
    assert start[1][:2] == ("pay", "{'to': 'shop', 'amount': '1.5'}")
    assert end[0] == "end"
    assert isinstance(end[1], ToolMessage)
    assert (end[1].content, end[1].tool_call_id) == ("paid", "call-1")


@pytest.mark.parametrize(
    ("outcome", "kind"), [("refused", "end"), ("failed", "error"), ("unknown", "error")]
)
def test_a_listener_hears_why_there_is_no_result(trace: Trace, outcome: Any, kind: str) -> None:  # noqa: ANN401 - one of three
    """A refusal is what came of the call; a tool that raised has failed, as LangChain's has."""
    listener = Listener()
    trace(CALL, {"callbacks": [listener]}, lambda: ToolResult(content="No.", outcome=outcome))

    assert [each for each, _ in listener.heard] == ["start", kind]
    assert str(listener.heard[1][1]).startswith(("content='No.'", "No."))


def test_an_error_of_the_guard_is_heard_and_goes_on(trace: Trace) -> None:
    """A span that began also ends."""
    listener = Listener()
    error = KeyError("ledger")

    def fail() -> NoReturn:
        raise error

    with pytest.raises(KeyError) as caught:
        trace(CALL, {"callbacks": [listener]}, fail)
    assert caught.value is error
    assert listener.heard[1] == ("error", error)


def test_what_a_call_runs_is_told_of_as_a_part_of_it(trace: Trace) -> None:
    """A trace shows a tool's chains and models below the tool, as with LangChain's own."""
    collector = RunCollectorCallbackHandler()

    def step(_: object) -> ToolResult:
        return DONE

    trace(CALL, {"callbacks": [collector]}, lambda: RunnableLambda(step).invoke("in"))
    (run,) = collector.traced_runs

    assert (run.run_type, run.name) == ("tool", "pay")
    assert [each.name for each in run.child_runs] == ["step"]
    assert var_child_runnable_config.get() is None


def test_a_listener_cannot_change_what_was_decided(trace: Trace) -> None:
    """What it is handed is a copy."""
    call = call_of(PAY, {"to": "shop", "amount": 1})
    digest = call.digest("1")
    trace(call, {"callbacks": [Listener()]}, lambda: DONE)

    assert call.plain_args == {"to": "shop", "amount": "1"}
    assert call.digest("1") == digest


async def test_asynchronous_listeners_are_told_too() -> None:
    """As LangGraph's own streams are."""
    listener = AsyncListener()

    async def arun() -> ToolResult:
        return DONE

    await atraced(PAY, CALL, {"callbacks": [listener]}, arun)
    assert listener.heard == ["start", "end"]


def test_a_wrapped_tool_does_not_tell_its_raw_result() -> None:
    """Only the guard speaks of it, once it is redacted."""
    listener = Listener()

    @tool
    def wave(times: int) -> str:
        """Wave."""
        return "~" * times

    scoped = scoped_tool(wave, effect="read")
    call = call_of(scoped, {"times": 1})

    def run() -> ToolResult:
        return ToolResult(content=scoped.call(call.args, None).text, outcome="succeeded")

    config: RunnableConfig = {"callbacks": [listener]}
    with set_config_context(config) as context:
        context.run(traced, scoped, call, config, run)

    assert [kind for kind, _ in listener.heard] == ["start", "end"]


@pytest.mark.parametrize("is_async", [False, True], ids=["call", "acall"])
def test_what_a_wrapped_tool_runs_is_told_of_below_the_call(*, is_async: bool) -> None:
    """LangSmith is sent the call once, and who listens hears what the tool runs."""
    listener, sink = Listener(), Sink()

    def wave(times: int) -> str:
        """Wave."""
        return RunnableLambda(str).invoke(times)

    async def awave(times: int) -> str:
        return await RunnableLambda(str).ainvoke(times)

    scoped = scoped_tool(StructuredTool.from_function(wave, awave), effect="read")
    call = call_of(scoped, {"times": 1})
    config: RunnableConfig = {"callbacks": [listener]}

    def run() -> ToolResult:
        return ToolResult(content=scoped.call(call.args, None).text, outcome="succeeded")

    async def arun() -> ToolResult:
        said = await scoped.acall(call.args, None)
        return ToolResult(content=said.text, outcome="succeeded")

    with tracing_context(enabled=True, client=sink):
        if is_async:
            asyncio.run(atraced(scoped, call, config, arun))
        else:
            traced(scoped, call, config, run)

    assert [kind for kind, _ in listener.heard] == ["start", "chain", "end"]
    (of_call, above), (of_step, over) = sink.sent.items()
    assert (above, over) == (("wave", None), ("str", of_call))
    assert of_step != of_call


def test_nobody_hears_what_runs_beside_a_secret() -> None:
    """A chain that a tool hands its secret to would tell it to streams and tracers in plain."""
    listener = Listener()
    found: list[object] = []

    def inside() -> None:
        with unheard(Redactor([])):
            RunnableLambda(found.append).invoke("secret")
            found.append(get_tracing_context()["enabled"])
            found.append(get_config().get("configurable"))
        RunnableLambda(found.append).invoke("after")

    config: RunnableConfig = {"callbacks": [listener], "configurable": {"thread_id": "t"}}
    with (
        set_config_context(config) as context,
        tracing_context(enabled="local"),
        collect_runs() as collected,
    ):
        context.run(inside)

    assert [run.inputs for run in collected.traced_runs] in ([], [{"input": "after"}])
    assert found[:2] + found[3:] == ["secret", False, "after"]
    assert found[2]["thread_id"] == "t"  # type: ignore[index]  # the config
    assert listener.heard == [("chain", "after")]


def test_what_is_not_heard_need_not_run_in_a_graph() -> None:
    """Outside of any there is no config to silence."""
    with unheard(Redactor([])):
        assert var_child_runnable_config.get() is None
