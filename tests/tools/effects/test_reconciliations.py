"""A system is asked what came of a call in doubt, and its answer is believed with care."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest
from tests.tools.governed import call_of, load_policy

from bailiwick.policies.errors import ScopeError
from bailiwick.tools.declared.findings import Finding
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.effects.reconciliations import reconcile
from bailiwick.tools.guard import Guard
from bailiwick.tools.secrets.credentials import Credential

ARGS = {"to": "shop", "amount": 1}


def lossy(find: Callable[..., Finding] | None, **declared: Any) -> ScopedTool:  # noqa: ANN401 - as scoped_tool takes it
    """Return a tool that always loses the answer."""

    @scoped_tool(effect="destructive", reconcile=find, **declared)
    def pay(to: str, amount: Decimal) -> str:
        """Pay."""
        raise OSError(f"{to} {amount}")

    return pay


def found(guard: Guard, tool: ScopedTool) -> tuple[str, str]:
    """Bring a call into doubt and reconcile it; return where it stands and its result."""
    guard.run(call_of(tool, ARGS), tool)
    (call,) = guard.calls.list()
    after = reconcile(guard, call, tool)
    return after.state, after.content


def test_without_a_way_to_ask_a_call_stays_in_doubt(guard: Guard) -> None:
    """Nothing is asked, and nothing is recorded."""
    assert found(guard, lossy(None))[0] == "in_doubt"
    assert list(guard.ledger.records("t", "call.reconciled")) == []


def test_it_is_asked_with_what_the_call_had(guard: Guard) -> None:
    """The arguments it names and the key, both as the call had them."""
    asked: list[tuple[Decimal, str]] = []

    def find(amount: Decimal, idempotency_key: str) -> Finding:
        asked.append((amount, idempotency_key))
        return Finding(state="succeeded", result={"receipt": 7})

    assert found(guard, lossy(find)) == ("succeeded", '{"receipt": 7}')
    (call,) = guard.calls.list()
    assert asked == [(Decimal(1), call.idempotency_key)]
    assert call.settled_by is None


@pytest.mark.parametrize(
    ("result", "content"),
    [
        (None, "pay took effect, as the system it acts on says."),
        ("paid 1", "paid 1"),
    ],
)
def test_what_took_effect_has_its_result(guard: Guard, result: Any, content: str) -> None:  # noqa: ANN401 - any result
    """Or a sentence where the system does not know it."""
    assert found(guard, lossy(lambda: Finding(state="succeeded", result=result))) == (
        "succeeded",
        content,
    )


def test_that_nothing_happened_is_not_believed_too_soon(guard: Guard) -> None:
    """What was sent may still arrive."""
    assert found(guard, lossy(lambda: Finding(state="failed")))[0] == "in_doubt"
    (record,) = guard.ledger.records("t", "call.reconciled")
    assert record.body["outcome"] == "unknown"
    assert "may still take effect" in str(record.body["detail"])


@pytest.mark.parametrize(
    ("find", "detail"),
    [
        (lambda: Finding(state="unknown"), ""),
        (lambda: 1 / 0, "it failed (ZeroDivisionError)"),
        (lambda: None, "it failed (TypeError)"),
    ],
    ids=["unknown", "raises", "no finding"],
)
def test_whatever_goes_wrong_leaves_it_in_doubt(
    guard: Guard, find: Callable[[], Finding], detail: str
) -> None:
    """Nobody knows more than before, and that is recorded."""
    assert found(guard, lossy(find))[0] == "in_doubt"
    (record,) = guard.ledger.records("t", "call.reconciled")
    assert detail in str(record.body["detail"])


def test_what_the_policy_denies_is_not_asked_about(guard: Guard) -> None:
    """No credential is leased for what may not happen any more."""
    tool = lossy(lambda: Finding(state="succeeded"))
    guard.run(call_of(tool, ARGS), tool)
    (call,) = guard.calls.list()
    rule = '@id("nobody") permit (principal == Agent::"orders", action, resource);'
    guard.policy = load_policy(rule)
    assert reconcile(guard, call, tool).state == "in_doubt"
    (record,) = guard.ledger.records("t", "call.reconciled")
    assert record.body["detail"] == "the policy denies the call"


async def asynchronous() -> Finding:
    """Look."""
    return Finding(state="unknown")


def secretive(credential: Credential) -> Finding:
    """Look with a secret."""
    return Finding(state="unknown", result=credential)


def curious(colour: str) -> Finding:
    """Look at what no call has."""
    return Finding(state="unknown", result=colour)


@pytest.mark.parametrize(
    ("find", "why"),
    [
        (asynchronous, "is asynchronous"),
        (secretive, "wants a credential"),
        (curious, "takes 'colour', which no call has"),
    ],
)
def test_a_function_that_cannot_be_asked_is_refused(find: Any, why: str) -> None:  # noqa: ANN401 - a function
    """When the tool is declared, not when a call is in doubt."""
    with pytest.raises(ScopeError, match=why):
        lossy(find)


def test_a_read_has_nothing_to_reconcile() -> None:
    """It changes nothing, so nothing of it is in doubt, and nothing is to be undone."""

    def look() -> str:
        """Look."""
        return ""

    for declared in ({"reconcile": asynchronous}, {"compensate": (lossy(None), dict)}):
        given: Any = declared
        with pytest.raises(ScopeError, match="only reads"):
            scoped_tool(look, effect="read", **given)


def nothing(_args: Mapping[str, Any], _result: str) -> dict[str, Any]:
    """Build no arguments."""
    return {}


@pytest.mark.parametrize("declared", [lossy(None), (lossy(None), {}), (nothing, nothing)])
def test_what_undoes_a_call_is_a_tool_and_its_arguments(declared: Any) -> None:  # noqa: ANN401 - what is refused
    """A tool alone does not say how the undoing call follows from the one that is undone."""
    with pytest.raises(ScopeError, match=r"what undoes 'pay' is .* compensate=\(tool, function\)"):
        lossy(None, compensate=declared)


def test_a_read_undoes_nothing() -> None:
    """An undoing tool has to change something."""

    def look() -> str:
        """Look."""
        return ""

    with pytest.raises(ScopeError, match="cannot undo 'pay'"):
        lossy(None, compensate=(scoped_tool(look, effect="read"), nothing))


def test_a_key_is_a_text() -> None:
    """A parameter of that name that takes something else is a mistake."""

    def pay(idempotency_key: int) -> str:
        """Pay."""
        return str(idempotency_key)

    with pytest.raises(ScopeError, match="annotate it `str`"):
        scoped_tool(pay, effect="write")


def test_the_model_does_not_see_the_key(guard: Guard) -> None:
    """It is given by the guard: the same whenever the call is the same, another for another."""
    keys: list[str] = []

    @scoped_tool(effect="destructive")
    def pay(to: str, amount: Decimal, idempotency_key: str) -> str:
        """Pay."""
        keys.append(idempotency_key)
        return f"{to} {amount}"

    assert set(pay.args) == {"to", "amount"}
    for call in (call_of(pay, ARGS), call_of(pay, ARGS), call_of(pay, ARGS, id="call-2")):
        guard.run(call, pay)
    assert keys == [call.idempotency_key for call in guard.calls.list()]
    assert len(set(keys)) == 2
