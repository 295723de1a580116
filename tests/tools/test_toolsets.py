"""From a model's request to the exact call that is decided, and to the message that answers it."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import StructuredTool
from tests.tools.governed import CLERK, load_policy, pay_tool, request

from bailiwick.policies import ToolUse
from bailiwick.policies.errors import ScopeError
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.delegation import delegate
from bailiwick.tools.guard import Guard
from bailiwick.tools.people.principals import acting_as
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.secrets.credentials import Credential
from bailiwick.tools.toolsets import Toolset

CONFIG: RunnableConfig = {
    "configurable": {"thread_id": 7, "checkpoint_ns": "desk:1|billing:2|execute:3"}
}


@scoped_tool(effect="read")
def look() -> str:
    """Look around."""
    return "all is well"


@scoped_tool(effect="read", credential="bank/look")
def look_closely(*, credential: Credential) -> str:
    """Look with a key."""
    return credential.reveal()


@pytest.fixture
def ran() -> list[tuple[str, Decimal]]:
    """Give the list of what was paid."""
    return []


@pytest.fixture
def pay(ran: list[tuple[str, Decimal]]) -> ScopedTool:
    """Give a tool that pays."""
    return pay_tool(ran)


@pytest.fixture
def guard() -> Iterator[Guard]:
    """Give a guard without a vault."""
    ledger = Ledger("sqlite://")
    with acting_as(CLERK):
        yield Guard(policy=load_policy(), ledger=ledger)
    ledger.close()


@pytest.fixture
def toolset(guard: Guard, pay: ScopedTool) -> Toolset:
    """Give billing's tools."""
    return Toolset(guard, [pay, look], agent="billing")


def test_a_toolset_without_tools_holds_none(guard: Guard) -> None:
    """Whatever a model asks for is refused."""
    toolset = Toolset(guard, [], agent="billing")
    prepared = toolset.prepare(request("pay", {}), CONFIG, "message-1")

    assert prepared.problem == "'billing' holds no tool 'pay': it holds none."
    assert not toolset.waits(prepared)
    assert toolset.run(prepared, CONFIG).content == (
        "pay did not run. 'billing' holds no tool 'pay': it holds none."
    )


def test_a_tool_that_is_not_scoped_is_refused_by_name(guard: Guard) -> None:
    """When the agent is built, not when it calls."""
    plain = StructuredTool.from_function(lambda: "x", name="plain", description="Be plain.")

    for tool, name in ((plain, "plain"), (print, "print")):
        with pytest.raises(ScopeError, match=f"'{name}' is not scoped: declare it with"):
            Toolset(guard, [look, tool], agent="billing")


def test_a_tool_without_a_vault_for_its_credential_is_refused(guard: Guard) -> None:
    """As above."""
    with pytest.raises(ScopeError, match="'look_closely' needs a credential: give the guard"):
        Toolset(guard, [look_closely], agent="billing")


def test_two_tools_of_one_name_are_refused(guard: Guard, pay: ScopedTool) -> None:
    """One would silently stand in for the other."""
    with pytest.raises(ScopeError, match="two tools are named 'pay'"):
        Toolset(guard, [pay, pay_tool([])], agent="billing")


def test_a_request_becomes_the_exact_call(toolset: Toolset, pay: ScopedTool) -> None:
    """Who, on whose behalf, where, what, with which arguments as they will be executed."""
    with delegate(supervisor="desk", agent="billing"):
        prepared = toolset.prepare(
            request("pay", {"to": "shop", "amount": "40.0"}), CONFIG, "message-1"
        )

    call = prepared.call
    assert (prepared.tool, prepared.problem) == (pay, "")
    assert (call.id, call.thread, call.namespace) == ("call-1", "7", "desk:1|billing:2#message-1")
    assert (call.requester, call.chain, call.agent) == ("clerk", ("desk",), "billing")
    assert call.tool == pay.use
    assert call.args == {"to": "shop", "amount": Decimal("40.0")}


def test_the_agent_is_the_toolsets_own_whatever_the_hand_off_says(
    guard: Guard, toolset: Toolset
) -> None:
    """A toolset without one takes the hand-off's, and without any it is refused."""
    anyone = Toolset(guard, [look], agent=None)
    with delegate(supervisor="desk", agent="orders"):
        assert toolset.prepare(request("look", {}), CONFIG, "m").call.agent == "billing"
        assert anyone.prepare(request("look", {}), CONFIG, "m").call.agent == "orders"

    assert anyone.prepare(request("look", {}), CONFIG, "m").problem == (
        "No agent holds it: name one with guard.bind(tools, agent=...)."
    )


def test_equal_requests_of_two_messages_are_two_calls(toolset: Toolset) -> None:
    """Models give the same id twice; the message they stand in tells them apart."""
    calls = [toolset.prepare(request("look", {}), CONFIG, each).call for each in ("m1", "m2", "m1")]

    assert [call.digest("v") == calls[0].digest("v") for call in calls] == [True, False, True]


def test_an_unknown_tool_counts_as_destructive(toolset: Toolset) -> None:
    """Nothing is known of it, so the worst is assumed in the record."""
    call = toolset.prepare(request("wipe", {"all": True}), CONFIG, "m").call

    assert call.tool == ToolUse(name="wipe", version="unknown", effect="destructive")
    assert call.args == {"all": True}


def test_what_is_decided_cannot_be_changed_afterwards(guard: Guard) -> None:
    """Neither the message in the state nor a listener shares the arguments with the call."""
    tool = scoped_tool(
        StructuredTool(
            name="pay",
            description="Pay.",
            args_schema={"type": "object", "properties": {"to": {}, "lines": {}}},
            func=str,
        ),
        effect="write",
    )
    asked = request("pay", {"to": "shop", "lines": [{"price": 1}]})
    call = Toolset(guard, [tool], agent="billing").prepare(asked, CONFIG, "m").call
    asked["args"]["to"] = "thief"
    asked["args"]["lines"][0]["price"] = 1000

    assert call.args == {"to": "shop", "lines": [{"price": 1}]}


def test_arguments_that_do_not_fit_are_refused_with_every_fault(
    toolset: Toolset, ran: list[Any]
) -> None:
    """So that the model can correct them all at once."""
    prepared = toolset.prepare(request("pay", {"amount": "much", "by": "x"}), CONFIG, "m")
    result = toolset.run(prepared, CONFIG)

    assert result.outcome == "refused"
    assert result.content == (
        "pay did not run. Its arguments do not fit: to: Field required; "
        "amount: Input should be a valid decimal; by: Extra inputs are not permitted."
    )
    assert ran == []


def nested(depth: int) -> list[Any]:
    """Return lists in lists."""
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


UNREADABLE: Mapping[str, Mapping[Any, Any]] = {
    "lone surrogate": {"to": "\ud800", "amount": 1},
    "lone surrogate in a name": {"\ud800": 1},
    "object": {"to": object(), "amount": 1},
    "one name twice": {"caf\u00e9": 1, "cafe\u0301": 2},
    "nested too deep": {"to": nested(100_000), "amount": 1},
}


@pytest.mark.parametrize("args", UNREADABLE.values(), ids=UNREADABLE.keys())
@pytest.mark.parametrize("name", ["pay", "wipe"])
async def test_arguments_that_nobody_could_decide_on_are_refused_and_recorded(
    toolset: Toolset, guard: Guard, ran: list[Any], args: Mapping[Any, Any], name: str
) -> None:
    """Without a canonical form there is no digest: a refusal, and no error that ends the run."""
    prepared = toolset.prepare(request(name, args), CONFIG, "m")

    assert prepared.call.args == {}
    assert not toolset.waits(prepared)
    assert toolset.run(prepared, CONFIG).outcome == "refused"
    assert (await toolset.arun(prepared, CONFIG)).outcome == "refused"
    assert [each.body["verdict"] for each in guard.ledger.records("7")] == ["deny", "deny"]
    assert ran == []


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), "NaN"])
def test_a_number_that_is_none_is_refused(
    toolset: Toolset, guard: Guard, ran: list[Any], amount: object
) -> None:
    """A comparison with it would be false, and no limit would hold it."""
    prepared = toolset.prepare(request("pay", {"to": "x", "amount": amount}), CONFIG, "m")

    assert toolset.run(prepared, CONFIG).outcome == "refused"
    assert next(guard.ledger.records("7")).body["verdict"] == "deny"
    assert ran == []


def test_a_name_that_is_no_text_is_refused_and_recorded(toolset: Toolset, guard: Guard) -> None:
    """What a model makes up as a name must not end the run either."""
    toolset.run(toolset.prepare(request("\ud800", {}), CONFIG, "m"), CONFIG)

    reason = next(guard.ledger.records("7")).body["reason"]
    assert reason == "'billing' holds no tool '?': it holds pay, look."


@pytest.mark.parametrize(
    ("amount", "waits"), [("40", False), ("140", True), ("900", False)], ids=str
)
def test_only_what_needs_a_person_waits(toolset: Toolset, amount: str, waits: bool) -> None:  # noqa: FBT001 - a table
    """An allowed call and a forbidden one go straight on."""
    prepared = toolset.prepare(request("pay", {"to": "x", "amount": amount}), CONFIG, "m")

    assert toolset.waits(prepared) is waits


async def test_a_prepared_call_runs(toolset: Toolset, ran: list[tuple[str, Decimal]]) -> None:
    """By both ways, each an occurrence of its own."""
    one, other = (
        toolset.prepare(request("pay", {"to": "x", "amount": 1}), CONFIG, each)
        for each in ("m1", "m2")
    )

    assert toolset.run(one, CONFIG).content == "paid 1 to x"
    assert (await toolset.arun(other, CONFIG)).content == "paid 1 to x"
    assert len(ran) == 2


def test_a_call_that_the_conversation_went_past_is_cancelled(
    toolset: Toolset, guard: Guard
) -> None:
    """What was never asked or run is said not to have run, on the record."""
    prepared = toolset.prepare(request("pay", {"to": "x", "amount": 140}), CONFIG, "m")
    result = toolset.withdraw(prepared)

    assert result.content == (
        "pay did not run. It was cancelled: the conversation went on without it."
    )
    assert next(guard.ledger.records("7")).body["verdict"] == "deny"


def test_a_call_that_ran_before_the_conversation_went_on_is_told_as_it_ended(
    toolset: Toolset, ran: list[tuple[str, Decimal]]
) -> None:
    """A sibling's interrupt lost its message; what it did must not be denied."""
    prepared = toolset.prepare(request("pay", {"to": "x", "amount": 1}), CONFIG, "m")
    result = toolset.run(prepared, CONFIG)

    assert toolset.withdraw(prepared) == result
    assert ran == [("x", Decimal(1))]


def test_text_runs_in_the_form_in_which_it_is_shown(toolset: Toolset) -> None:
    """People and rules see Unicode's form NFC; a tool must not get what only looks the same."""
    spelled = {"to": "caf\u0065\u0301 \u212a", "amount": 1}
    prepared = toolset.prepare(request("pay", spelled), CONFIG, "message-1")

    assert prepared.call.args["to"] == "caf\u00e9 K"
