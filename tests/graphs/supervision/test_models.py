"""Which models a supervisor takes, and how its tools get to them."""

from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable, RunnableLambda
from tests.graphs.fakes import Office, Run, ScriptedModel, ask, scripted

from bailiwick.agents.bindings import bind_tools, chat_model, supports_parallel_setting
from bailiwick.graphs import create_supervisor


def shout(message: BaseMessage) -> AIMessage:
    """Return the message in capitals."""
    return AIMessage(message.text.upper())


def read(message: BaseMessage) -> str:
    """Return the message's text alone."""
    return str(message.text)


class ParallelModel(ScriptedModel):
    """Know the setting for several calls at once."""

    model_name: str = "some"
    settings: list[Any] = []  # noqa: RUF012 - pydantic copies it

    def bind_tools(  # noqa: D102 - as documented by BaseChatModel
        self,
        tools: Sequence[Any],
        *,
        tool_choice: str | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,  # noqa: ANN401 - as the base class has it
    ) -> Runnable[LanguageModelInput, AIMessage]:
        self.settings.append(parallel_tool_calls)
        return super().bind_tools(tools, tool_choice=tool_choice, **kwargs)


@pytest.mark.parametrize("wanted", [True, False])
def test_a_model_that_has_the_setting_gets_it(office: Office, *, wanted: bool) -> None:
    """Whether several calls at once are allowed is the caller's choice."""
    model = ParallelModel(replies=[])

    create_supervisor([office.agent("a")], model=model, parallel_tool_calls=wanted)

    assert model.settings == [wanted]


def test_a_model_known_to_refuse_the_setting_does_not_get_it(office: Office) -> None:
    """Such a model would refuse the whole request."""
    model = ParallelModel(replies=[], model_name="o3-mini")

    create_supervisor([office.agent("a")], model=model)

    assert model.settings == [None]
    assert not supports_parallel_setting(model)
    assert not supports_parallel_setting(RunnableLambda(str))


def test_a_bound_model_keeps_its_tools(office: Office, run: Run) -> None:
    """A model that has all tools bound is not bound again."""
    model = scripted(ask("transfer_to_a"), "x")
    bound = model.bind(tools=[{"type": "function", "function": {"name": "transfer_to_a"}}])

    messages = run(create_supervisor([office.agent("a")], model=bound).compile(), "hi")["messages"]

    assert model.bound == []
    assert messages[-1].text == "x"


@pytest.mark.parametrize("names", [["other"], ["transfer_to_a", "other"]], ids=["other", "more"])
def test_a_model_with_other_tools_bound_is_refused(office: Office, names: list[str]) -> None:
    """It could not hand over, or would call what nobody runs."""
    bound = scripted().bind(tools=[{"name": name} for name in names])

    with pytest.raises(ValueError, match=r"must match|Missing tools \['transfer_to_a'\]"):
        create_supervisor([office.agent("a")], model=bound)


def test_what_a_binding_adds_stays(office: Office, run: Run) -> None:
    """Arguments and config of a binding reach the model with the tools."""
    model = scripted("x")
    bound = model.bind(temperature=0).with_config(tags=["mine"])

    with_tools = bind_tools(bound, [], parallel_tool_calls=False)

    assert chat_model(with_tools) is model
    assert run(create_supervisor([office.agent("a")], model=bound).compile(), "hi")["messages"]
    assert model.bound == ["transfer_to_a"]


def test_a_sequence_gets_the_tools_where_its_model_is(office: Office, run: Run) -> None:
    """What comes before and after the model stays there."""
    model = scripted("x")
    loud = model | RunnableLambda(shout)

    messages = run(create_supervisor([office.agent("a")], model=loud).compile(), "hi")["messages"]

    assert messages[-1].text == "X"
    assert model.bound == ["transfer_to_a"]


def test_a_sequence_without_a_model_is_refused(office: Office) -> None:
    """There is nothing to bind tools to."""
    steps = RunnableLambda(str) | RunnableLambda(str)

    with pytest.raises(TypeError, match="chat model"):
        create_supervisor([office.agent("a")], model=steps)
    with pytest.raises(TypeError, match="chat model"):
        chat_model(RunnableLambda(str))


def test_a_model_that_returns_no_message_is_refused(run: Run) -> None:
    """A sequence that ends in text cannot be a supervisor."""
    text = scripted("x") | RunnableLambda(read)

    with pytest.raises(TypeError, match="not an AIMessage"):
        run(create_supervisor([], model=text).compile(), "hi")
