"""What a model may give a scoped tool, and what becomes of it."""

from decimal import Decimal
from typing import Any

import pytest
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ValidationError
from tests.tools.declared.functions import Line, Speed, apay, credential, pay, ping

from bailiwick.policies.errors import ScopeError
from bailiwick.tools.declared.scoped import scoped_tool


def test_the_credential_is_in_no_schema() -> None:
    """Whatever a model provider is sent, it does not mention the secret's parameter."""
    scoped = scoped_tool(pay, effect="destructive", credential="bank/pay")
    schema: Any = scoped.tool_call_schema
    expected = {"to", "amount", "speed", "lines"}

    assert set(scoped.args) == expected
    assert set(schema.model_json_schema()["properties"]) == expected
    assert set(scoped.args_check.json_schema["properties"]) == expected
    assert set(convert_to_openai_tool(scoped)["function"]["parameters"]["properties"]) == expected
    assert "redential" not in str(convert_to_openai_tool(scoped))


def test_a_model_cannot_give_the_credential() -> None:
    """An argument of that name is refused like any unknown one."""
    scoped = scoped_tool(pay, effect="destructive", credential="bank/pay")

    with pytest.raises(ValidationError, match="credential"):
        scoped.validate_args({"to": "x", "amount": 1, "credential": "mine"})


def test_descriptions_reach_the_model() -> None:
    """What `Annotated` says of an argument is in the schema."""
    scoped = scoped_tool(pay, effect="destructive", credential="bank/pay")

    assert scoped.args["to"]["description"] == "Who gets it."


async def test_nothing_runs_outside_a_guard() -> None:
    """Every way in that LangChain knows refuses and says what to do."""
    ran: list[int] = []

    @scoped_tool(effect="read")
    def note(times: int) -> str:
        """Note."""
        ran.append(times)
        return "x"

    request = {"type": "tool_call", "name": "note", "args": {"times": 1}, "id": "1"}
    refusal = pytest.raises(ScopeError, match=r"'note' runs only under a guard: .*guard\.bind")
    for given in ({"times": 1}, request):
        with refusal:
            note.invoke(given)
        with refusal:
            await note.ainvoke(given)
    with refusal:
        note.run({"times": 1})
    with refusal:
        await note.arun({"times": 1})
    assert ran == []


def test_arguments_are_completed() -> None:
    """A decision and an approval see the defaults that the function would have used."""
    assert scoped_tool(ping, effect="read").validate_args({}) == {"times": 1}


def test_arguments_are_converted() -> None:
    """Numbers become money, names become members, records become models."""
    scoped = scoped_tool(pay, effect="destructive", credential="bank/pay")
    args = scoped.validate_args(
        {
            "to": "shop",
            "amount": "40.10",
            "speed": "fast",
            "lines": [{"item": "pen", "price": 2}],
        }
    )

    assert args == {
        "to": "shop",
        "amount": Decimal("40.10"),
        "speed": Speed.FAST,
        "lines": [Line(item="pen", price=Decimal(2))],
    }


@pytest.mark.parametrize(
    ("args", "fault"),
    [
        ({}, "to"),
        ({"to": "x", "amount": "much"}, "amount"),
        ({"to": "x", "amount": 1, "speed": "warp"}, "speed"),
        ({"to": "x", "amount": 1, "memo": "y"}, "memo"),
    ],
    ids=["missing", "no number", "no member", "unknown"],
)
def test_arguments_that_do_not_fit_are_refused(args: dict[str, Any], fault: str) -> None:
    """Unknown ones too: the function would never see what the model believed to say."""
    scoped = scoped_tool(pay, effect="destructive", credential="bank/pay")

    with pytest.raises(ValidationError, match=fault):
        scoped.validate_args(args)


async def test_a_function_runs_with_its_credential() -> None:
    """Sync or async, as it is written."""
    sync = scoped_tool(ping, effect="read")
    asynchronous = scoped_tool(apay, effect="write", credential="bank/pay")

    assert sync.call({"times": 2}, None) == "pongpong"
    assert await asynchronous.acall({"to": "x"}, credential()) == "x k-123"
    assert (sync.blocks, sync.is_async_only) == (True, False)
    assert (asynchronous.blocks, asynchronous.is_async_only) == (False, True)
    with pytest.raises(ScopeError, match="'apay' is asynchronous: use ainvoke or astream"):
        asynchronous.call({"to": "x"}, credential())
