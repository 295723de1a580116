"""The shop's tools say in a sentence what the shop did, and never show the key."""

from decimal import Decimal
from functools import partial

import pytest
from langchain_core.tools import ToolException
from pydantic import ValidationError
from tests.tools.shop.calling import Run, call, error

from bailiwick.policies.errors import ScopeError
from bailiwick.tools.declared.findings import Finding
from bailiwick.tools.secrets.credentials import Credential
from bailiwick.tools.shop import Shop, ShopTools
from bailiwick.tools.shop.stock import INJECTED_NOTE
from bailiwick.tools.shop.store import ShopScope


def test_the_declarations_say_effect_scope_and_arguments(tools: ShopTools) -> None:
    """What each tool does to the world and may lease stands at its definition."""
    declared = {
        tool.name: (tool.effect, tool.scope and (tool.scope.path, tool.scope.ttl), set(tool.args))
        for tool in (tools.look_up_order, tools.check_return_window, tools.issue_refund)
    }
    assert declared == {
        "look_up_order": ("read", ("shop/orders", 60), {"order_id"}),
        "check_return_window": ("read", ("shop/returns", 60), {"order_id"}),
        "issue_refund": ("destructive", ("payments/refund", 60), {"order_id", "amount"}),
    }


def test_a_refund_describes_itself_to_the_person_who_approves(tools: ShopTools) -> None:
    """The sentence names order and amount."""
    describe = tools.issue_refund.describe
    assert describe is not None
    sentence = describe({"order_id": "A-1001", "amount": Decimal("42.00")})
    assert sentence == "Refund 42.00 EUR on order A-1001."


@pytest.mark.parametrize("amount", ["0", "-1", "1.005", "NaN", "Infinity", "99999999.99", "much"])
def test_an_amount_that_is_no_money_does_not_reach_the_shop(tools: ShopTools, amount: str) -> None:
    """The tool's own schema refuses it."""
    with pytest.raises(ValidationError):
        tools.issue_refund.validate_args({"order_id": "A-1001", "amount": amount})


def test_an_order_is_told_in_a_sentence_with_its_note(tools: ShopTools, run: Run) -> None:
    """The note stands in quotation marks, whatever it says."""
    assert run(tools.look_up_order, order_id="A-1005") == (
        "Order A-1005: headphones for customer 66, delivered on 2026-11-17. "
        f'Total 64.90 EUR, paid 64.90, refunded 0.00. Customer\'s note: "{INJECTED_NOTE}"'
    )


def test_a_return_window_is_told_in_a_sentence(tools: ShopTools, run: Run) -> None:
    """An open one says until when, a closed one since when."""
    assert run(tools.check_return_window, order_id="A-1001") == (
        "The return window of order A-1001 is open until 2026-12-15: "
        "30 days from the delivery on 2026-11-15."
    )
    closed = run(tools.check_return_window, order_id="A-1003")
    assert isinstance(closed, str)
    assert closed.startswith("The return window of order A-1003 closed on 2026-10-06")


def test_a_refund_moves_money_and_says_so(shop: Shop, tools: ShopTools, run: Run) -> None:
    """The confirmation carries the refund's number."""
    answer = run(tools.issue_refund, order_id="A-1001", amount="40")
    (refund,) = shop.refunds("A-1001")
    assert answer == f"Refunded 40.00 EUR on order A-1001 (R-{refund.id})."
    assert refund.cents == 4000


@pytest.mark.parametrize("order_id", ["Z-9", "", "..", "A-1001/return-window", "A 1", "é"])
def test_an_unknown_order_gets_a_helpful_answer(tools: ShopTools, run: Run, order_id: str) -> None:
    """The sentence names the id and shows a proper one."""
    expected = f"There is no order {order_id!r}; order ids look like A-1001."
    assert run(tools.look_up_order, order_id=order_id) == expected
    assert run(tools.check_return_window, order_id=order_id) == expected


def test_an_id_that_would_bend_the_path_is_not_sent(shop: Shop, tools: ShopTools, run: Run) -> None:
    """An id is one segment of the path or nothing."""
    run(tools.look_up_order, order_id="../orders/A-1001")
    assert shop.requests == []


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        ({"order_id": "Z-9", "amount": "1"}, "There is no order 'Z-9'"),
        ({"order_id": "A-1004", "amount": "18.50"}, "refunded in full already"),
        ({"order_id": "A-1001", "amount": "42.01"}, "has 42.00 EUR left"),
    ],
    ids=["unknown", "again", "too-much"],
)
def test_a_refund_that_the_shop_refuses_is_a_failure(
    shop: Shop, tools: ShopTools, run: Run, args: dict[str, str], sentence: str
) -> None:
    """The model reads that nothing was refunded, and why; the status tells the guard."""
    before = shop.refunds()
    answer = error(partial(run, tools.issue_refund, **args))
    assert answer.startswith("Nothing was refunded. ")
    assert sentence in answer
    assert shop.refunds() == before


def test_a_key_without_the_scope_is_refused_by_the_shop(
    shop: Shop, tools: ShopTools, run: Run
) -> None:
    """No tool gets further than its key."""
    no_scopes: list[ShopScope] = []
    order = {"order_id": "A-1001"}
    for tool in (tools.look_up_order, tools.check_return_window):
        assert error(partial(run, tool, no_scopes, **order)) == "The shop refused the key."
    refusal = error(partial(run, tools.issue_refund, no_scopes, **order, amount="1"))
    assert refusal == "Nothing was refunded. The shop refused the key."
    assert {exchange.status for exchange in shop.requests} == {403}


def test_the_shop_makes_one_refund_for_one_key(shop: Shop, tools: ShopTools, run: Run) -> None:
    """Asked again with the key of the first time, it answers as it did then."""
    refunds = partial(run, tools.issue_refund, order_id="A-1001", amount="40")
    first = refunds(idempotency_key="a")
    assert refunds(idempotency_key="a") == first
    assert [each.cents for each in shop.refunds("A-1001")] == [4000]
    assert "has 2.00 EUR left" in error(partial(refunds, idempotency_key="b"))


def test_a_refund_is_found_by_its_key(shop: Shop, tools: ShopTools, run: Run) -> None:
    """What was never made is told from what was; without the shop nobody knows."""
    receipt = run(tools.issue_refund, order_id="A-1001", amount="40", idempotency_key="a")
    credential = Credential("shop/key", {"key": shop.issue_key(["payments:refund"])})
    find = partial(tools.issue_refund.reconcile, {}, credential)
    assert find("a") == Finding(state="succeeded", result=receipt)
    assert find("b") == Finding(state="failed", result="The shop made no such refund.")
    nobody = Credential("shop/key", {"key": "key"})
    with pytest.raises(ToolException):
        tools.issue_refund.reconcile({}, nobody, "a")


def test_a_return_is_registered_and_cancelled(shop: Shop, tools: ShopTools, run: Run) -> None:
    """Registering it twice is registering it once; cancelling it undoes that."""
    scopes: list[ShopScope] = ["returns:write"]
    register = partial(run, tools.register_return, scopes)
    cancel = partial(run, tools.cancel_return, scopes)
    for _ in range(2):
        assert register(order_id="A-1001") == "The return of order A-1001 is registered (T-1)."
    assert cancel(order_id="A-1001") == "The return of order A-1001 is cancelled (T-1)."
    (made,) = shop.returns()
    assert made.cancelled_at is not None
    again = error(partial(cancel, order_id="A-1001"))
    assert again == "Nothing was cancelled. No return of order 'A-1001' is registered."
    late = error(partial(register, order_id="A-1003"))
    assert late == "Nothing was registered. Order A-1003 can be returned no more."


@pytest.mark.parametrize("key", ["k\u00e9y", "two\nlines"])
def test_a_key_that_no_header_can_carry_is_not_named(tools: ShopTools, key: str) -> None:
    """The error says which secret is wrong and not what it is."""
    with pytest.raises(ScopeError, match="shop/key") as caught:
        call(tools.look_up_order, key, order_id="A-1001")
    assert key not in str(caught.value)


def test_a_line_break_after_the_key_is_forgiven(shop: Shop, tools: ShopTools) -> None:
    """Secrets are often stored from a file that ends in one."""
    key = shop.issue_key(["orders:read"]) + "\n"
    assert isinstance(call(tools.look_up_order, key, order_id="A-1001"), str)
