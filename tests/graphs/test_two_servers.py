"""Two started servers on one ledger and one set of checkpoints, as a deployment of two has."""

import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from langgraph_sdk.client import SyncLangGraphClient
from starlette.types import Receive, Scope, Send
from tests.graphs.clients import GRAPH, Waiting, ask, has_ended, said
from tests.graphs.served import Server, serve
from tests.waiting import wait_for

from bailiwick.graphs.surroundings import Surroundings, start_surroundings
from bailiwick.tools.loopback import serve as serve_app
from bailiwick.tools.people.deliveries import Deliveries
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.shop import Shop

SHARED = Path(__file__).with_name("shared.py")
PAID = {"A-1001": 4200, "A-1006": 30000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Hold two servers, and a clerk's client of each."""

    servers: tuple[Server, Server]
    clerks: tuple[SyncLangGraphClient, SyncLangGraphClient]

    def ask(self, order: str) -> Waiting:
        """Ask the first for a refund, in a thread that the second knows, too."""
        waiting = ask(self.clerks[0], order)
        self.clerks[1].threads.create(thread_id=waiting.thread, graph_id=GRAPH)
        return waiting

    def approve(self, waiting: Waiting) -> None:
        """Approve in the database."""
        approved = self.servers[0].bailiwick("approvals", "approve", waiting.value["id"])
        assert approved.returncode == 0, approved.stderr

    def has_delivered(self) -> bool:
        """Tell whether the outbox is empty."""
        with closing(Ledger(self.servers[0].settings["BAILIWICK_DATABASE_URL"])) as ledger:
            return not Deliveries(ledger).list()

    def runs(self, waiting: Waiting) -> int:
        """Return how many runs a thread has had, at both."""
        return sum(len(clerk.runs.list(waiting.thread)) for clerk in self.clerks)


class Till:
    """Stand before the shop: told so, it pays and never says that it did.

    Attributes:
        hangs: Set for that.
        paid: Set once it has paid and not said so.
    """

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.hangs, self.paid = threading.Event(), threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""

        async def answer_never(message: object) -> None:
            del message
            self.paid.set()
            while (await receive())["type"] != "http.disconnect":
                pass

        is_payment = scope["type"] == "http" and scope["path"] == "/refunds"
        hangs = is_payment and self.hangs.is_set()
        await self.shop.app(scope, receive, answer_never if hangs else send)


@contextmanager
def serve_two(folder: Path, surroundings: Surroundings) -> Generator[Pair]:
    """Serve the desk twice."""
    with ExitStack() as opened:
        servers = []
        for number in range(2):
            own = folder / f"server-{number}"
            own.mkdir()
            serving = serve(
                own,
                surroundings,
                ledger=folder / "ledger.db",
                checkpointer={"path": f"{SHARED}:checkpoints"},
                http={"app": f"{SHARED}:outbox"},
            )
            servers.append(opened.enter_context(serving))
        first, second = servers
        clerks = [opened.enter_context(each.client("clerk")) for each in servers]
        yield Pair(servers=(first, second), clerks=(clerks[0], clerks[1]))


@pytest.fixture(scope="module")
def surroundings() -> Iterator[Surroundings]:
    """A Vault and a shop of these tests' own."""
    with start_surroundings() as started:
        yield started


@pytest.fixture(scope="module")
def till(surroundings: Surroundings) -> Till:
    """What stands before that shop."""
    assert surroundings.shop is not None
    return Till(surroundings.shop)


@pytest.fixture(scope="module")
def pair(
    surroundings: Surroundings, till: Till, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """Both servers, until the last test kills one."""
    with (
        serve_app(till) as address,
        serve_two(
            tmp_path_factory.mktemp("pair"), replace(surroundings, shop_address=address)
        ) as pair,
    ):
        yield pair


def test_two_servers_deliver_once(pair: Pair, till: Till) -> None:
    """Both look at the same outbox: counted at the shop, and one run for each answer."""
    before = till.shop.refunds()
    waiting = [pair.ask(order) for order in PAID]
    for each in waiting:
        pair.approve(each)
    wait_for(pair.has_delivered)
    assert [pair.runs(each) for each in waiting] == [2, 2]
    paid = till.shop.refunds()[len(before) :]
    assert {refund.order_id: refund.cents for refund in paid} == PAID
    assert len(paid) == len(PAID)


def test_a_killed_server_s_thread_is_taken_over(pair: Pair, till: Till) -> None:
    """It dies when it has paid and not heard so: nobody pays again, and the thread ends."""
    till.hangs.set()
    before = till.shop.refunds()
    waiting = pair.ask("A-1002, 10.00")
    pair.approve(waiting)
    assert till.paid.wait(60)
    begun = [len(clerk.runs.list(waiting.thread)) for clerk in pair.clerks]
    # The first had a run already: the clerk's own.
    victim, other = (0, 1) if begun == [2, 0] else (1, 0)
    pair.servers[victim].kill()
    wait_for(lambda: has_ended(pair.clerks[other], waiting) and pair.has_delivered())
    assert "its outcome is not known" in said(pair.clerks[other], waiting)
    (refund,) = till.shop.refunds()[len(before) :]
    assert (refund.order_id, refund.cents) == ("A-1002", 1000)
