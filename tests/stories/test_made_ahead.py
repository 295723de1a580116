"""Promise 3, where children are made ahead: each serves one call that nobody had to approve."""

import json
from decimal import Decimal
from pathlib import Path

from langchain_core.messages import HumanMessage
from tests.stories.desk import Desk, Thread
from tests.stories.ground import Ground
from tests.stories.leasing import billing, connected, over
from tests.stories.people import CUSTOMER
from tests.stories.rules import WHOLE_GATE, changed_policy
from tests.stories.scripts import asks
from tests.waiting import wait_for

from bailiwick.policies.scopes import Scope
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.devvault import Fault
from bailiwick.tools.leases.lease_history import lease_history
from bailiwick.tools.leases.lease_records import AHEAD
from bailiwick.tools.secrets.credentials import Credential
from bailiwick.tools.vault import Vault

READ = "secret/data/shop/orders"
MINT = "auth/token/create/bailiwick-look_up_order"
MANY = 64
FORBIDDEN = """
@id("no-orders-today") @reason("the orders are closed")
forbid (principal, action == Action::"call", resource == Tool::"look_up_order");
"""


def looks_up(ahead: int = 2) -> ScopedTool:
    """Return the tool that looks orders up, with children made ahead for it."""

    @scoped_tool(effect="read", credential=Scope(path="shop/orders", uses=1, ahead=ahead))
    def look_up_order(order_id: str, *, credential: Credential) -> str:
        """Look up an order."""
        return f"{order_id}: {len(credential.reveal())}"

    return look_up_order


def look_up(desk: Desk, tool: ScopedTool, times: int = 1) -> Thread:
    """Run one turn of `orders` that asks for orders, all at once."""
    calls = [("look_up_order", {"order_id": f"A-{number}"}) for number in range(times)]
    thread = desk.thread(desk.specialist(asks(*calls), tool, name="orders"))
    thread.run({"messages": [HumanMessage("look them up")]}, CUSTOMER)
    return thread


def ready(desk: Desk, many: int) -> set[str]:
    """Return the handles of the children that wait, once so many do."""
    wait_for(lambda: len(desk.live_now()) == many)
    children = [token for token in desk.vault.live_tokens() if token.role]
    assert {token.meta.get("made") for token in children} == {"ahead"}
    return {token.accessor for token in children}


def test_a_read_waits_for_one_round_trip(desk: Desk, vault: Vault) -> None:
    """Vault is asked for the secret alone; the child was there, in the ledger by its handle."""
    own, tool = over(desk, vault), looks_up()
    look_up(own, tool)
    accessors = ready(desk, 2)
    desk.vault.faults.add(Fault(path=MINT, delay=0.3))
    begun = len(desk.vault.requests)
    thread = look_up(own, tool)

    assert [each.path for each in desk.vault.requests[begun:]] == [READ]
    (granted,) = thread.records("lease.granted")
    assert granted.body["accessor"] in accessors
    assert [each.body["end"] for each in thread.ended()] == ["spent"]
    tokens = [token.id for token in desk.vault.live_tokens()]
    told = json.dumps([record.body for record in desk.guard.ledger.records()])
    assert not [token for token in tokens if token in told]
    ready(desk, 2)


def test_what_a_person_approved_was_not_made_before(desk: Desk, vault: Vault) -> None:
    """Its child names the approver, and none waits for the next."""

    @scoped_tool(effect="write", credential=Scope(path="payments/refund", uses=1, ahead=2))
    def issue_refund(order_id: str, amount: Decimal, *, credential: Credential) -> str:
        """Refund an amount on an order."""
        return f"{order_id}: {amount}, {len(credential.reveal())}"

    begun = desk.leased()
    thread = billing(over(desk, vault), issue_refund, times=1)
    interrupt = thread.ask()
    assert desk.leased() == begun
    thread.answer(interrupt)

    assert thread.is_done()
    (granted,) = thread.records("lease.granted")
    assert granted.body["approvers"] == ["manager"]
    assert "ahead" not in granted.body
    assert desk.leased() == begun + 1
    assert desk.live_children() == []


def test_another_policy_ends_what_waits(desk: Desk, vault: Vault, tmp_path: Path) -> None:
    """Though no call comes, and the next call is denied."""
    own, tool = over(desk, vault), looks_up()
    look_up(own, tool)
    ready(desk, 2)
    own.guard.policy = changed_policy(tmp_path, (WHOLE_GATE, WHOLE_GATE + FORBIDDEN))

    assert desk.live_children() == []
    thread = look_up(own, tool)
    assert [body["reason"] for body in thread.denials()] == [
        "Forbidden: the orders are closed (no-orders-today)."
    ]
    assert thread.records("lease.granted") == []


def test_sixty_four_calls_and_what_waits_for_them(desk: Desk, ground: Ground) -> None:
    """No two have one child, and when the desk closes none is alive, of those that nobody had."""
    with connected(ground) as vault:
        own, tool = over(desk, vault), looks_up(ahead=16)
        before = {each.accessor for each in lease_history(desk.guard.ledger)}
        look_up(own, tool)
        accessors = ready(desk, 16)
        thread = look_up(own, tool, MANY)
        granted = [record.body["accessor"] for record in thread.records("lease.granted")]
        assert len(set(granted)) == MANY
        assert accessors <= set(granted)

    assert desk.live_now() == []
    held = [e for e in lease_history(desk.guard.ledger) if e.accessor not in before]
    assert {each.end for each in held if each.calls} == {"spent"}
    unused = [each for each in held if not each.calls]
    assert {(each.thread, each.agent, each.end) for each in unused} <= {
        (AHEAD, "orders", "revoked")
    }
    assert desk.guard.ledger.verify(AHEAD).is_sound
