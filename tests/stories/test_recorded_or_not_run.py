"""Promise 6: what cannot be recorded does not happen, and nothing of the thread is lost by it."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from langchain_core.messages import HumanMessage
from tests.conftest import Cluster
from tests.stories.desk import Desk, open_desk
from tests.stories.engines import Engine
from tests.stories.gates import GatedGround, Stop, When
from tests.stories.ground import Ground
from tests.stories.leasing import UNKNOWN
from tests.stories.ledger_outages import STRIKES, Ledgers, Server, Strike
from tests.stories.nursery import carry
from tests.stories.outages import TTL
from tests.stories.people import CUSTOMER, ORDER, REQUEST

from bailiwick.policies.errors import LedgerError
from bailiwick.tools.guard import Guard
from bailiwick.tools.records.ledger import Ledger

Outage = tuple[Strike, str]
MADE = f"The refund on order {ORDER} is made."

QUICK = [
    ("sqlite-sync", "sqlite without its table"),
    ("sqlite-async", "sqlite without its table"),
    ("postgresql-sync", "postgresql without its table"),
    *[
        (way, f"postgresql {what}")
        for way in ("postgresql-sync", "postgresql-async")
        for what in ("read-only", "stopped")
    ],
]
# What is locked is waited for, for five seconds: once for each kind of database will do.
ALL = [("sqlite-async", "sqlite locked"), ("postgresql-sync", "postgresql locked"), *QUICK]
MOMENTS: dict[str, tuple[str, str, When, list[int]]] = {
    "as it leases": ("vault", "/v1/auth/token/create/*", "before", []),
    "as it has leased": ("vault", "/v1/secret/data/payments/refund", "after", []),
    "as the shop has paid": ("shop", "/refunds", "after", [500]),
}
"""When the ledger fails in the middle of a refund, and what the shop has paid by then."""
MIDDLE = [
    ("sqlite-sync", "sqlite locked", "as the shop has paid"),
    *[("sqlite-async", "sqlite without its table", moment) for moment in MOMENTS],
    *[("postgresql-sync", "postgresql stopped", moment) for moment in MOMENTS],
    *[("postgresql-async", "postgresql read-only", moment) for moment in MOMENTS],
]


@pytest.fixture(scope="module")
def ground(gated: GatedGround) -> Ground:
    """Stand on the gated ground."""
    return gated.ground


@pytest.fixture(scope="module")
def server(postgres_cluster: Cluster) -> Iterator[Server]:
    """Run a PostgreSQL server for ledgers alone."""
    with TemporaryDirectory(prefix="bailiwick-") as folder:
        started = Server(postgres_cluster, Path(folder))
        yield started
        started.stop()


@pytest.fixture
def ledger(way: str, tmp_path: Path, request: pytest.FixtureRequest) -> Ledgers:
    """Say where a ledger is to lie that may fail while the checkpoints do not."""
    if way.startswith("sqlite"):
        return Ledgers(url=f"sqlite:///{tmp_path / 'ledger.db'}")
    started: Server = request.getfixturevalue("server")
    return Ledgers(url=started.url, server=started)


@pytest.fixture
def desk(ground: Ground, engine: Engine, ledger: Ledgers) -> Iterator[Desk]:
    """Open a desk on that ledger."""
    with open_desk(ground, engine, ledger.url) as opened:
        yield opened


def told(names: Sequence[tuple[str, str]]) -> pytest.MarkDecorator:
    """Tell a story of some ways to run a graph, each with what befalls the ledger."""
    return pytest.mark.parametrize(
        ("way", "outage"),
        [(way, STRIKES[name]) for way, name in names],
        indirect=["way"],
        ids=[f"{way} {name}" for way, name in names],
        scope="module",
    )


@told(QUICK)
def test_the_ledger_fails_before_the_request(desk: Desk, ledger: Ledgers, outage: Outage) -> None:
    """Nothing is looked up, asked or paid; run on later, the thread comes to its end."""
    strike, remedy = outage
    thread = desk.thread()
    asked = len(desk.shop.requests)

    with strike(ledger), one_sentence(remedy):
        thread.run({"messages": [HumanMessage(REQUEST)]}, CUSTOMER)
    assert len(desk.shop.requests) == asked
    assert desk.live_children() == []

    carry(desk.engine, desk.app, thread.id)
    assert desk.refunded == [500]


@told(ALL)
def test_the_ledger_fails_before_the_answer(desk: Desk, ledger: Ledgers, outage: Outage) -> None:
    """The answer counts for nothing and nothing is paid; it can be given again, and counts once."""
    strike, remedy = outage
    thread = desk.thread()
    interrupt = thread.ask()
    leased = desk.leased()

    with strike(ledger), one_sentence(remedy):
        thread.answer(interrupt)
    assert desk.refunded == []
    assert desk.leased() == leased

    carry(desk.engine, desk.app, thread.id)
    assert desk.refunded == [500]
    assert MADE in thread.said()
    assert desk.guard.ledger.verify(thread.id).is_sound


@pytest.mark.parametrize(
    ("way", "outage", "moment"),
    [(way, STRIKES[name], MOMENTS[moment]) for way, name, moment in MIDDLE],
    indirect=["way"],
    ids=[" ".join(names) for names in MIDDLE],
    scope="module",
)
def test_the_ledger_fails_in_the_middle_of_a_refund(
    desk: Desk,
    ledger: Ledgers,
    outage: Outage,
    moment: tuple[str, str, When, list[int]],
    gated: GatedGround,
) -> None:
    """What has begun is in doubt: it is not made again, and the thread ends by saying so."""
    strike, remedy = outage
    service, path, when, paid = moment
    thread = desk.thread()
    interrupt = thread.ask()

    with ExitStack() as struck:
        gate = gated.vault if service == "vault" else gated.shop
        fail = Stop(path=path, when=when, action=lambda: struck.enter_context(strike(ledger)))
        with gate.striking(fail) as stop:
            with one_sentence(remedy):
                thread.answer(interrupt)
            assert stop.reached.is_set()
    assert desk.refunded == paid

    carry(desk.engine, desk.app, thread.id)
    assert desk.refunded == paid
    assert UNKNOWN in thread.said()
    assert not desk.engine.state(desk.app, thread.config).tasks
    assert [call.state for call in desk.guard.calls.list(thread=thread.id)] == ["under_way"]
    assert desk.guard.ledger.verify(thread.id).is_sound
    desk.vault.let_pass(TTL)
    assert desk.live_children() == []


@told([way for way in QUICK if "read-only" in way[1] or "sqlite" in way[1]])
def test_the_ledger_fails_as_a_lease_ends(
    desk: Desk, ledger: Ledgers, outage: Outage, gated: GatedGround
) -> None:
    """The answer is there by then, and nobody waits; the end is recorded once it can be."""
    strike, _ = outage
    thread = desk.thread()
    interrupt = thread.ask()
    assert len(thread.ended()) == 2

    with ExitStack() as struck:
        fail = Stop(
            path="/v1/auth/token/revoke-self",
            when="before",
            action=lambda: struck.enter_context(strike(ledger)),
        )
        with gated.vault.striking(fail) as stop:
            thread.answer(interrupt)
            assert stop.reached.wait(10)
        assert MADE in thread.said()
        assert desk.refunded == [500]
        assert desk.live_children() == []

    assert [each.body["failure"] for each in thread.ended()] == [None] * 3
    assert desk.guard.ledger.verify(thread.id).is_sound


@pytest.mark.parametrize("way", ["sqlite-sync", "sqlite-async"], indirect=True, scope="module")
def test_the_ledgers_file_is_read_only(desk: Desk, ledger: Ledgers) -> None:
    """A desk that may read its ledger and not write it takes no answer and runs nothing."""
    thread = desk.thread()
    interrupt = thread.ask()
    path = ledger.url.removeprefix("sqlite:///")

    with closing(Ledger(f"sqlite:///file:{path}?mode=ro&uri=true")) as read_only:
        guard = Guard(policy=desk.guard.policy, ledger=read_only, vault=desk.guard.vault)
        deployed = thread.under(replace(desk, guard=guard).deploy())
        with one_sentence("is read-only: allow writing to it"):
            deployed.answer(interrupt)
        with one_sentence("is read-only: allow writing to it"):
            desk.thread(deployed.app).run({"messages": [HumanMessage(REQUEST)]}, CUSTOMER)
    assert desk.refunded == []

    carry(desk.engine, desk.app, thread.id)
    assert desk.refunded == [500]


@contextmanager
def one_sentence(remedy: str) -> Generator[None]:
    """Expect an error of the ledger in one sentence, with a remedy and without the URL."""
    with pytest.raises(LedgerError) as caught:
        yield
    sentence = str(caught.value)
    assert remedy in sentence
    assert "\n" not in sentence
    assert "://" not in sentence
