"""A session: a thread run, stopped at an approval, broken off, gone on with."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph.state import CompiledStateGraph
from pydantic import ValidationError

from bailiwick.graphs.checkpoints.checkpointers import open_checkpointer
from bailiwick.graphs.refund_desk import RefundDesk, open_refund_desk
from bailiwick.graphs.session import Session
from bailiwick.graphs.settings import Settings
from bailiwick.policies.errors import BailiwickError
from bailiwick.policies.principals import Principal
from bailiwick.tools.shop import Shop

CUSTOMER = Principal(id="customer")
MANAGER = Principal(id="manager", roles=frozenset({"manager"}))

App = CompiledStateGraph[Any, Any, Any, Any]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[RefundDesk]:
    """Open a refund desk of its own."""
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'ledger.db'}", model="scripted")
    own = {"env": "development", "policy": None, "vault_addr": None, "approles": None}
    with open_refund_desk(settings.model_copy(update={**own, "shop_url": None})) as opened:
        yield opened


@pytest.fixture
def app(desk: RefundDesk) -> Iterator[App]:
    """Compile its graph with checkpoints in memory."""
    with open_checkpointer("sqlite://") as saver:
        yield desk.graph.compile(checkpointer=saver)


def nothing(_: Mapping[str, Any]) -> None:
    """Watch nothing."""


def shop_of(desk: RefundDesk) -> Shop:
    """Return the desk's shop."""
    assert desk.surroundings.shop is not None
    return desk.surroundings.shop


def approval(session: Session) -> dict[str, str]:
    """Return the approval of what waits first."""
    digest = session.waiting()[0].value["action_digest"]
    return {"type": "approve", "action_digest": digest}


def test_a_new_thread_is_empty(app: App) -> None:
    """It does not exist before something is asked in it."""
    session = Session(app, "new", nothing)
    assert not session.exists()
    assert not session.is_broken_off()
    assert session.waiting() == []
    assert session.last() == ""


def test_a_request_waits_for_its_approval_and_ends_with_it(desk: RefundDesk, app: App) -> None:
    """What happens is watched step by step, agents' steps included."""
    seen: list[str] = []
    session = Session(app, "one", seen.extend)
    session.request("Please refund order A-1001.", CUSTOMER)
    assert session.exists()
    assert not session.is_broken_off()
    assert shop_of(desk).refunds("A-1001") == ()
    session.answer(session.waiting()[0], approval(session), MANAGER)
    assert session.waiting() == []
    assert len(shop_of(desk).refunds("A-1001")) == 1
    assert "The refund on order A-1001 is made." in session.last()
    assert {"supervisor", "model", "execute", "approval"} <= {*seen}


def test_an_answer_that_is_not_the_persons_to_give_leaves_the_request_open(
    desk: RefundDesk, app: App
) -> None:
    """The right one works afterwards; a second one does nothing."""
    session = Session(app, "one", nothing)
    session.request("Please refund order A-1001.", CUSTOMER)
    interrupt = session.waiting()[0]
    answer = approval(session)
    for wrong, who in (
        (answer, CUSTOMER),
        ({**answer, "action_digest": "0" * 64}, MANAGER),
        ({"type": "approve"}, MANAGER),
        ({"type": "sure"}, MANAGER),
        ({**answer, "roles": "manager"}, CUSTOMER),
    ):
        with pytest.raises(ValidationError):
            session.answer(interrupt, wrong, who)
    assert [each.id for each in session.waiting()] == [interrupt.id]
    for _ in range(2):
        session.answer(interrupt, answer, MANAGER)
    assert len(shop_of(desk).refunds("A-1001")) == 1


@pytest.mark.parametrize("node", ["supervisor", "execute", "orders", "returns"])
def test_a_run_that_breaks_off_goes_on_where_it_was(desk: RefundDesk, app: App, node: str) -> None:
    """What watches it fails: the thread keeps what was done, and nothing is paid twice."""

    class PowerCutError(BailiwickError):
        """What breaks the run off."""

    def cut(update: Mapping[str, Any]) -> None:
        if node in update:
            raise PowerCutError("a cut")

    with pytest.raises(PowerCutError):
        Session(app, "one", cut).request("Please refund order A-1001.", CUSTOMER)
    session = Session(app, "one", nothing)
    assert session.is_broken_off()
    session.go_on(CUSTOMER)
    assert not session.is_broken_off()
    session.answer(session.waiting()[0], approval(session), MANAGER)
    assert len(shop_of(desk).refunds("A-1001")) == 1


def test_the_vault_going_down_in_a_thread_pays_nothing(desk: RefundDesk, app: App) -> None:
    """The ledger says why; with the Vault back, another request in the same thread is served."""
    with ExitStack() as after:
        session = Session(app, "one", nothing)
        session.request("Please refund order A-1001.", CUSTOMER)
        vault = desk.surroundings.vault
        assert vault is not None
        vault.seal()
        after.callback(vault.unseal)
        session.answer(session.waiting()[0], approval(session), MANAGER)
        assert shop_of(desk).refunds("A-1001") == ()
        reasons = [r.body["reason"] for r in desk.guard.ledger.records("one", "lease.failed")]
        assert reasons
        assert all("unseal it" in str(reason) for reason in reasons)
    session.request("Please refund order A-1001.", CUSTOMER)
    session.answer(session.waiting()[0], approval(session), MANAGER)
    assert len(shop_of(desk).refunds("A-1001")) == 1
