"""Owns what the stories share: the ground, the databases, and a desk on each."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Protocol

import pytest
from tests.conftest import TRIALS, Cluster
from tests.stories.databases import Place
from tests.stories.desk import Desk, open_desk
from tests.stories.engines import OPENERS, Engine
from tests.stories.gates import GatedGround, open_gated_ground
from tests.stories.ground import Ground
from tests.stories.kills import Carriers
from tests.stories.leasing import connected
from tests.stories.nursery import Nursery, open_nursery
from tests.stories.watching import Taps, Watched, open_watch

from bailiwick.graphs.approles import write_approles
from bailiwick.graphs.surroundings import start_surroundings
from bailiwick.tools.vault import Vault

DATABASES = ("sqlite", "postgresql")
WAYS = tuple(f"{database}-{way}" for database in DATABASES for way in OPENERS)
"""Each database of ledger and checkpoints, with each way to run a graph."""


class Report(Protocol):
    """Take note of trials, whose number is printed when all tests are over."""

    def __call__(self, outcomes: Mapping[str, int], *, deaths: int = 0) -> None:
        """Note how often trials ended how, and how many workers were killed in each."""


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Start a Vault and a shop for the stories of a module."""
    approles = tmp_path_factory.mktemp("logins") / "approles.json"
    with start_surroundings() as surroundings:
        write_approles(approles, surroundings.logins)
        yield Ground(surroundings=surroundings, approles=approles)


@pytest.fixture
def vault(ground: Ground) -> Iterator[Vault]:
    """Give a connection to Vault over which nobody has logged in yet."""
    with connected(ground) as opened:
        yield opened


@pytest.fixture(scope="module", params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """Name each way a story is told: the database, and how graphs are run."""
    return str(request.param)


@pytest.fixture(scope="module")
def place(
    way: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Place:
    """Make the databases of a module."""
    kind = way.partition("-")[0]
    if kind == "sqlite":
        folder = tmp_path_factory.mktemp("databases")
        ledger, checkpoints = folder / "ledger.db", folder / "checkpoints.db"
        return Place(
            kind=kind, ledger=f"sqlite:///{ledger}", checkpoints=f"sqlite:///{checkpoints}"
        )
    cluster: Cluster = request.getfixturevalue("postgres_cluster")
    url = cluster.create_database()
    return Place(kind=kind, ledger=url, checkpoints=url)


@pytest.fixture(scope="module")
def engine(way: str, place: Place) -> Iterator[Engine]:
    """Open the checkpoints of a module."""
    with OPENERS[way.partition("-")[2]](place.checkpoints) as opened:
        yield opened


@pytest.fixture(scope="module")
def open_desk_of_module(ground: Ground, engine: Engine, place: Place) -> Iterator[Desk]:
    """Open the refund desk once for a module."""
    with open_desk(ground, engine, place.ledger) as opened:
        yield opened


@pytest.fixture
def desk(open_desk_of_module: Desk) -> Desk:
    """Give the refund desk, with the effects counted from now on."""
    return open_desk_of_module.anew()


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatedGround]:
    """Start a Vault and a shop with a gate before each."""
    with open_gated_ground(tmp_path_factory.mktemp("gated") / "approles.json") as opened:
        yield opened


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Start what workers are forked from."""
    with open_nursery() as opened:
        yield opened


@pytest.fixture(scope="module")
def carriers_of_module(
    gated: GatedGround, engine: Engine, place: Place, nursery: Nursery, way: str
) -> Iterator[Carriers]:
    """Give a desk on gated ground, with workers in processes of their own."""
    with open_desk(gated.ground, engine, place.ledger) as desk:
        yield Carriers(desk=desk, place=place, nursery=nursery, gates=gated, way=way)


@pytest.fixture
def carriers(carriers_of_module: Carriers) -> Carriers:
    """Give the workers, with the effects at the shop counted from now on."""
    desk = carriers_of_module.desk
    return replace(carriers_of_module, desk=desk.anew())


@pytest.fixture
def report(request: pytest.FixtureRequest, way: str) -> Report:
    """Give what notes trials for `pytest_terminal_summary`."""

    def note(outcomes: Mapping[str, int], *, deaths: int = 0) -> None:
        name = str(request.node.originalname).removeprefix("test_").replace("_", " ")
        told = {"story": name, "way": way, "deaths": deaths, "outcomes": dict(outcomes)}
        request.node.user_properties.append((TRIALS, told))

    return note


@pytest.fixture(scope="module")
def taps() -> dict[str, Taps]:
    """Hold the taps, once they are set."""
    return {}


@pytest.fixture
def watched(
    desk: Desk,
    place: Place,
    taps: dict[str, Taps],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> Iterator[Watched]:
    """Watch the runs of a desk."""
    with open_watch(desk, place, taps["set"], caplog, capfd) as opened:
        yield opened
