"""Promise 3: however Vault fails around a lease, and however many there are, all of them end."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import pytest
from langchain_core.messages import HumanMessage
from tests.stories.desk import Desk, Thread
from tests.stories.ground import Ground
from tests.stories.leasing import billing, connected, operators_log, over, refunds
from tests.stories.outages import REFUND_SECRET, STEPS, TTL
from tests.stories.people import CUSTOMER, ORDER
from tests.stories.scripts import asks
from tests.stories.ways import ONE_OF_EACH
from tests.tools.leases.revocations.leased import let_lapse, standing
from tests.waiting import wait_for

from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.devvault import Fault
from bailiwick.tools.secrets.credentials import Credential
from bailiwick.tools.vault import Vault

MANY = 64
REVOKE = "auth/token/revoke-self"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Describe what befalls a lease.

    Attributes:
        faults: What Vault's faults are.
        paid: Whether the refund is made all the same.
        patience: Seconds that the desk waits for an answer.
        by_time: Whether nobody knows the child, so that its time alone ends it.
    """

    faults: tuple[Fault, ...]
    paid: bool
    patience: float = 5.0
    by_time: bool = False


def struck(path: str, times: int = 1, **how: object) -> Fault:
    """Return a fault at a step of the lease."""
    return Fault(path=path, times=times, **how)  # type: ignore[arg-type]  # any field of a fault


def troubles() -> dict[str, Trouble]:
    """Return everything that can befall a lease, anew each time: faults are used up."""
    mint, read = STEPS["mint"], STEPS["read"]
    return {
        "the mint's answer is lost": Trouble(
            faults=(struck(mint, loses="answer"),), paid=False, by_time=True
        ),
        "the mint is slow": Trouble(
            faults=(struck(mint, delay=2.0),), paid=False, patience=1.0, by_time=True
        ),
        "the wrong role": Trouble(faults=(struck(mint, status=403),), paid=False),
        "the read's answer is lost": Trouble(faults=(struck(read, loses="answer"),), paid=False),
        "sealed at the read": Trouble(
            faults=(struck(read, status=503), struck(REVOKE, 2, status=503)), paid=False
        ),
        "the read is refused, and the end lost": Trouble(
            faults=(struck(read, status=403), struck(REVOKE, loses="request")), paid=False
        ),
        "the end fails once": Trouble(faults=(struck(REVOKE, status=500),), paid=True),
        "the end fails four times": Trouble(faults=(struck(REVOKE, 4, status=503),), paid=True),
        "the end's request is lost": Trouble(faults=(struck(REVOKE, loses="request"),), paid=True),
        "the end's answer is lost": Trouble(faults=(struck(REVOKE, loses="answer"),), paid=True),
        "the end is slow": Trouble(faults=(struck(REVOKE, delay=1.5),), paid=True, patience=1.0),
        "the end is limited": Trouble(faults=(struck(REVOKE, 2, status=429),), paid=True),
    }


@pytest.mark.parametrize("name", troubles())
@ONE_OF_EACH
def test_a_lease_in_trouble_ends_all_the_same(desk: Desk, ground: Ground, name: str) -> None:
    """Nothing is leased twice, the refund is made once or not at all, and nothing stays alive."""
    trouble = troubles()[name]
    with connected(ground, trouble.patience) as vault:
        thread = billing(over(desk, vault))
        interrupt = thread.ask()
        begun = len(desk.vault.requests)
        for fault in trouble.faults:
            desk.vault.faults.add(fault)
        try:
            thread.answer(interrupt)
            if trouble.by_time:
                wait_for(lambda: desk.live_now() == ["bailiwick-issue_refund"])
                desk.vault.let_pass(TTL)
            assert desk.live_children() == []
        finally:
            desk.vault.faults.clear()

    assert thread.is_done()
    assert desk.refunded == ([500] if trouble.paid else [])
    mints = [each for each in desk.vault.requests[begun:] if each.path == STEPS["mint"]]
    assert len(mints) == 1
    assert len(thread.ended()) == len(thread.records("lease.granted"))
    assert not [each for each in thread.ended() if each.body["failure"]]


def test_vault_is_sealed_between_mint_and_read(desk: Desk, vault: Vault) -> None:
    """The child that was made by then is remembered, and ended when Vault is back."""
    thread = billing(over(desk, vault))
    interrupt = thread.ask()
    desk.vault.faults.add(Fault(path=REFUND_SECRET, delay=0.3))

    def seal() -> None:
        wait_for(lambda: desk.live_now() == ["bailiwick-issue_refund"])
        desk.vault.seal()

    sealing = threading.Thread(target=seal)
    sealing.start()
    try:
        thread.answer(interrupt)
        sealing.join()
        assert desk.refunded == []
        assert len(thread.records("lease.granted")) == 1
        assert thread.records("lease.revoked") == []
    finally:
        desk.vault.unseal()

    assert [each.body["end"] for each in thread.ended()] == ["revoked"]
    assert desk.live_children() == []


def test_a_tool_outlives_its_lease(desk: Desk, vault: Vault) -> None:
    """Vault has ended the token by itself; that it knows it no more is its confirmation."""

    def tarry(credential: Credential) -> str:
        desk.vault.let_pass(TTL + 1)
        return f"Refunded with {len(credential.reveal())} characters."

    thread = billing(over(desk, vault), refunds(tarry))
    thread.answer(thread.ask())

    assert thread.is_done()
    assert [each.body["failure"] for each in thread.ended()] == [None]
    assert desk.live_children() == []


@ONE_OF_EACH
def test_a_refund_under_way_while_ends_are_slow(
    desk: Desk, ground: Ground, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process that looks for what the dead have left takes it for alive."""
    monkeypatch.setattr("bailiwick.tools.leases.ownership.BEAT", 0.05)
    ledger, others = desk.guard.ledger, 24

    def pay_late(credential: Credential) -> str:
        let_lapse(ledger)
        wait_for(lambda: all(row.due_at > 1 for row in standing(ledger)))
        assert len(standing(ledger)) > 1
        with connected(ground) as other:
            over(desk, other).guard.sweep()
        args = {"order_id": ORDER, "amount": Decimal(5)}
        return str(desk.tools.issue_refund.call(args, credential, f"late {thread.id}"))

    busy = over(desk, vault)
    thread = billing(busy, refunds(pay_late))
    interrupt = thread.ask()
    desk.vault.faults.add(Fault(path=REVOKE, delay=2.0, times=others))
    all_at_once(busy, looks_up(lambda _: "found"), times=others)
    try:
        thread.answer(interrupt)
    finally:
        desk.vault.faults.clear()

    assert desk.refunded == [500]
    assert desk.live_children() == []


def looks_up(use: Callable[[Credential], object]) -> ScopedTool:
    """Return the tool that looks orders up: what it does with its credential is given."""

    @scoped_tool(effect="read", credential="shop/orders")
    def look_up_order(order_id: str, *, credential: Credential) -> str:
        """Look up an order."""
        return f"{order_id}: {use(credential)}"

    return look_up_order


def all_at_once(desk: Desk, tool: ScopedTool, times: int = MANY) -> Thread:
    """Run one turn of `orders` that asks for many calls."""
    calls = [("look_up_order", {"order_id": f"A-{number}"}) for number in range(times)]
    thread = desk.thread(desk.specialist(asks(*calls), tool, name="orders"))
    thread.run({"messages": [HumanMessage("look them all up")]}, CUSTOMER)
    return thread


@ONE_OF_EACH
def test_sixty_four_calls_lease_at_once(
    desk: Desk, ground: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    """Each has a child of its own, over connections that are kept; one login serves, all end."""
    caplog.set_level(logging.WARNING)
    begun = len(desk.vault.requests)
    with connected(ground) as vault:
        own = over(desk, vault)
        thread = all_at_once(own, looks_up(lambda credential: len(credential.reveal())))

        granted = [record.body["accessor"] for record in thread.records("lease.granted")]
        assert len(set(granted)) == MANY
        assert {str(each.body["end"]) for each in thread.ended()} == {"revoked"}
        assert len(thread.ended()) == MANY
    assert desk.live_children() == []
    asked = [each.path for each in desk.vault.requests[begun:]]
    assert asked.count("auth/approle/login") == 1
    assert asked.count("secret/data/shop/orders") == MANY
    told = [record.getMessage() for record in caplog.records]
    assert not [line for line in told if "pool is full" in line]
    assert operators_log(caplog) == []
    assert desk.guard.ledger.verify(thread.id).is_sound


@ONE_OF_EACH
def test_sixty_four_calls_while_vault_stumbles(desk: Desk, ground: Ground) -> None:
    """Those that got no credential did not run; of those that ran, every lease ends."""
    # Five failures in a row would have the breaker open.
    for path, times in (("auth/token/create/*", 2), ("secret/data/*", 1), (REVOKE, 1)):
        desk.vault.faults.add(Fault(path=path, status=503, times=times))
    ran: list[int] = []
    try:
        with connected(ground) as vault:
            tool = looks_up(lambda credential: ran.append(len(credential.reveal())))
            thread = all_at_once(over(desk, vault), tool)
            assert desk.live_children() == []
            refused = thread.records("lease.failed")
            assert len(refused) + len(ran) == MANY
            assert len(refused) == 3
            assert len(thread.ended()) == len(thread.records("lease.granted")) >= len(ran)
    finally:
        desk.vault.faults.clear()


def test_an_answer_does_not_wait_for_the_end_of_its_lease(desk: Desk, ground: Ground) -> None:
    """Vault takes two seconds to revoke: the run is over long before."""
    with connected(ground) as vault:
        own = over(desk, vault)
        all_at_once(own, looks_up(lambda _: "warm"), times=1)
        desk.vault.faults.add(Fault(path=REVOKE, delay=2))
        begun = time.monotonic()
        thread = all_at_once(own, looks_up(lambda _: "found"), times=1)
        took = time.monotonic() - begun

        assert thread.results() == ["A-0: found"]
        assert took < 1.8
        assert [each.body["end"] for each in thread.ended()] == ["revoked"]


def test_two_round_trips_before_a_tool_and_none_after_it(desk: Desk, ground: Ground) -> None:
    """Once its agent is logged in; what ends the lease comes behind the answer."""
    with connected(ground) as vault:
        own = over(desk, vault)
        all_at_once(own, looks_up(lambda _: "warm"), times=1)
        assert desk.live_children() == []
        begun = len(desk.vault.requests)
        before: list[str] = []

        def note(_: Credential) -> str:
            before.extend(each.path for each in desk.vault.requests[begun:])
            return "found"

        desk.vault.faults.add(Fault(path=REVOKE, delay=0.5))
        all_at_once(own, looks_up(note), times=1)
        after = [each.path for each in desk.vault.requests[begun:]]

        assert before == ["auth/token/create/bailiwick-look_up_order", "secret/data/shop/orders"]
        assert after == before
        assert desk.live_children() == []
