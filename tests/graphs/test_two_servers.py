"""Two started servers on one ledger and one set of checkpoints, as a deployment of two has."""

import threading
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from langgraph_sdk.client import SyncLangGraphClient
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.graphs.served import GRAPH, Server, Waiting, ask, has_ended, said, serve
from tests.waiting import wait_for

from bailiwick.graphs.surroundings import Surroundings, start_surroundings
from bailiwick.tools.loopback import serve as serve_app
from bailiwick.tools.people.deliveries import Deliveries
from bailiwick.tools.records.ledger import Ledger

SHARED = Path(__file__).with_name("shared.py")
PAID = {"A-1001": 4200, "A-1006": 30000}


@pytest.fixture
def surroundings() -> Iterator[Surroundings]:
    """A Vault and a shop of this test's own."""
    with start_surroundings() as started:
        yield started


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


@contextmanager
def serve_two(folder: Path, *of: Surroundings) -> Generator[Pair]:
    """Serve the desk twice."""
    with ExitStack() as opened:
        servers = []
        for number, surroundings in enumerate(of):
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


def test_two_servers_deliver_once(surroundings: Surroundings, tmp_path: Path) -> None:
    """Both look at the same outbox: counted at the shop, and one run for each answer."""
    assert surroundings.shop is not None
    before = surroundings.shop.refunds()
    with serve_two(tmp_path, surroundings, surroundings) as pair:
        waiting = [pair.ask(order) for order in PAID]
        for each in waiting:
            pair.approve(each)
        wait_for(pair.has_delivered)
        assert [pair.runs(each) for each in waiting] == [2, 2]
    paid = surroundings.shop.refunds()[len(before) :]
    assert {refund.order_id: refund.cents for refund in paid} == PAID
    assert len(paid) == len(PAID)


def hung(app: ASGIApp, paid: threading.Event) -> ASGIApp:
    """Return the shop as it pays and never says so."""

    async def serve_hung(scope: Scope, receive: Receive, send: Send) -> None:
        async def answer_never(message: object) -> None:
            del message
            paid.set()
            while (await receive())["type"] != "http.disconnect":
                pass

        pays = scope["type"] == "http" and scope["path"] == "/refunds"
        await app(scope, receive, answer_never if pays else send)

    return serve_hung


def test_a_killed_server_s_thread_is_taken_over(surroundings: Surroundings, tmp_path: Path) -> None:
    """It dies when it has paid and not heard so: nobody pays again, and the thread ends."""
    assert surroundings.shop is not None
    paid = threading.Event()
    with serve_app(hung(surroundings.shop.app, paid)) as address:
        hanging = replace(surroundings, shop_address=address)
        with serve_two(tmp_path, hanging, hanging) as pair:
            waiting = pair.ask("A-1001")
            pair.approve(waiting)
            assert paid.wait(60)
            begun = [len(clerk.runs.list(waiting.thread)) for clerk in pair.clerks]
            # The first had a run already: the clerk's own.
            victim, other = (0, 1) if begun == [2, 0] else (1, 0)
            pair.servers[victim].kill()
            wait_for(lambda: has_ended(pair.clerks[other], waiting) and pair.has_delivered())
            assert "its outcome is not known" in said(pair.clerks[other], waiting)
    assert len(surroundings.shop.refunds("A-1001")) == 1
