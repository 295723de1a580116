"""A process of its own carries answers to the threads of a server, with nothing but the secret."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from tests.graphs.cli.outcomes import Command, flat
from tests.graphs.cli.terminals import Terminal
from tests.graphs.clients import ask, has_ended, said
from tests.graphs.served import Server, environment, serve
from tests.tools.people.due import approve, claimed
from tests.tools.people.due import ask as ask_for
from tests.waiting import wait_for

from bailiwick.graphs.surroundings import start_surroundings
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.people.deliveries import SERVER
from bailiwick.tools.records.ledger import Ledger

HERE = ("approvals", "deliver")
NO_OUTBOX = f"{Path(__file__).parents[2] / 'shared.py'}:no_outbox"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that does not look after the outbox itself."""
    folder = tmp_path_factory.mktemp("server")
    with (
        start_surroundings() as surroundings,
        serve(folder, surroundings, http={"app": NO_OUTBOX}) as it,
    ):
        yield it


def test_what_was_answered_is_carried_to_a_server(server: Server) -> None:
    """Once: what was delivered is not delivered again."""
    with server.client("clerk") as clerk:
        waiting = ask(clerk, "A-1001")
        server.bailiwick("approvals", "approve", waiting.value["id"])
        assert "LangGraph Server keeps 1 of the threads" in server.bailiwick(*HERE).stdout
        deliver = (*HERE, "--url", server.address)
        delivered = server.bailiwick(*deliver)
        assert (delivered.returncode, delivered.stderr) == (0, "")
        assert f"thread {waiting.thread} went on" in flat(delivered.stdout)
        assert has_ended(clerk, waiting)
        assert server.bailiwick(*deliver).stdout == "Nothing waits to go on.\n"
    assert len(server.shop.refunds("A-1001")) == 1


def test_another_server_s_thread_is_not_put_off(server: Server) -> None:
    """Several servers may share a ledger: whoever does not know a thread leaves it as it is."""
    with closing(Ledger(server.settings["BAILIWICK_DATABASE_URL"])) as ledger:
        approvals = Approvals(ledger, place=SERVER)
        request = ask_for(approvals, thread=str(uuid4()))
        approve(approvals, request)
        before = approvals.outbox().list(request.thread)
        told = server.bailiwick(*HERE, "--url", server.address)
        assert "the checkpoints do not know the thread" in flat(told.stdout)
        assert approvals.outbox().list(request.thread) == before
        # The tests after this one find an empty outbox.
        approvals.outbox().end(claimed(approvals.outbox(), request.thread))


def test_it_can_be_left_to_itself(server: Server) -> None:
    """Until it is told to stop."""
    args = ("approvals", "deliver", "--watch", "--url", server.address)
    own = environment(server.folder, server.settings)
    with Terminal(args, own, server.folder) as outbox, server.client("clerk") as clerk:
        outbox.expect("stops with Ctrl-C")
        waiting = ask(clerk, "A-1006")
        server.bailiwick("approvals", "reject", waiting.value["id"], "--message", "not today")
        wait_for(lambda: has_ended(clerk, waiting))
        outbox.expect("went on")
        assert "not today" in said(clerk, waiting)
        outbox.press("c")
        assert outbox.end() == 0


def test_another_secret_is_named_as_what_is_wrong(server: Server) -> None:
    """The server does not let it in; what was answered stays in the outbox."""
    with server.client("clerk") as clerk:
        waiting = ask(clerk, "A-1006")
        server.bailiwick("approvals", "reject", waiting.value["id"])
        other = {**server.settings, "BAILIWICK_AUTH_SECRET": "x" * 32}
        args = ("approvals", "deliver", "--watch", "--url", server.address)
        own = environment(server.folder, other)
        with Terminal(args, own, server.folder, columns=200) as outbox:
            outbox.expect("give both the same BAILIWICK_AUTH_SECRET")
            outbox.press("c")
            outbox.end()
        assert clerk.threads.get(waiting.thread)["status"] == "interrupted"


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://127.0.0.1:1", "no server answers at"),
        ("localhost:2024", "write it as http://HOST:PORT"),
        ("http://[::", "write it as http://HOST:PORT"),
    ],
)
def test_an_address_without_a_server_is_one_sentence(
    bailiwick: Command, url: str, sentence: str
) -> None:
    """Before anything is claimed that somebody else could carry."""
    ended = bailiwick("approvals", "deliver", "--url", url)
    assert (ended.status, flat(ended.err).count(sentence)) == (1, 1)


def test_without_a_secret_nothing_can_be_signed(
    bailiwick: Command, home: Path, ledger: Ledger, server: Server
) -> None:
    """The remedy is named."""
    assert home.exists()
    assert ledger.has("first")
    ended = bailiwick("approvals", "deliver", "--url", server.address)
    assert (ended.status, "BAILIWICK_AUTH_SECRET" in ended.err) == (1, True)
