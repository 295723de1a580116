"""Promise 3, at rest: whoever has the checkpoints' database reads nothing and changes nothing."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from langchain_core.messages import HumanMessage
from tests.conftest import Cluster
from tests.stories import rows
from tests.stories.databases import Place, copy_thread, execute
from tests.stories.desk import Desk, Thread
from tests.stories.engines import OPENERS, AsyncEngine
from tests.stories.ground import Ground
from tests.stories.people import CUSTOMER, MANAGER, ORDER
from tests.stories.shut import ASKED, SENTENCE, Shut

from bailiwick.graphs.outbox.deliveries import Report, adeliver, deliver
from bailiwick.graphs.refund_desk import open_refund_desk
from bailiwick.graphs.service_vault import open_service_vault
from bailiwick.policies.answers import Approve
from bailiwick.policies.errors import ApprovalError, CheckpointError, VaultError
from bailiwick.tools.provision import VaultOperator
from bailiwick.tools.provision.services import CHECKPOINT_KEY
from bailiwick.tools.shop.tools import create_shop_tools


@pytest.fixture(scope="module")
def shut(way: str, place: Place, ground: Ground) -> Iterator[Shut]:
    """Open the refund desk with sealed checkpoints."""
    settings = ground.settings(place.ledger).model_copy(update={"encrypt": "transit"})
    how = way.partition("-")[2]
    shop, vault = ground.surroundings.shop_address, ground.vault
    with ExitStack() as opened:
        desk = opened.enter_context(open_refund_desk(settings))
        engine = opened.enter_context(OPENERS[how](place.checkpoints, desk.sealing))
        operator = VaultOperator(vault.address, vault.root_token)
        opened.callback(operator.close)
        yield Shut(
            desk=Desk.of(desk, engine, ground, opened.enter_context(create_shop_tools(shop))),
            place=place,
            settings=settings,
            way=how,
            vault=opened.enter_context(open_service_vault(settings)),
            operator=operator,
        )


def test_a_search_of_the_whole_database_finds_nothing(shut: Shut) -> None:
    """Neither as it lies there nor decoded; the run itself goes on to its end, and pays once."""
    thread = shut.asked()
    before = len(shut.desk.shop.refunds())
    thread.answer(thread.waiting_for_one(), MANAGER)
    assert thread.is_done()
    assert len(shut.desk.shop.refunds()) == before + 1
    found = rows.everything(shut.place)
    assert thread.id.encode() in found
    assert SENTENCE.encode() not in found
    assert ORDER.encode() not in found


def test_the_same_search_finds_it_where_nothing_is_sealed(
    shut: Shut, ground: Ground, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """So that the test before tells something."""
    url = f"sqlite:///{tmp_path / 'open.db'}"
    if shut.place.kind == "postgresql":
        cluster: Cluster = request.getfixturevalue("postgres_cluster")
        url = cluster.create_database()
    place = Place(kind=shut.place.kind, ledger=shut.place.ledger, checkpoints=url)
    with open_refund_desk(ground.settings(place.ledger)) as desk:
        assert desk.sealing is None
        with OPENERS[shut.way](url) as engine:
            app = desk.graph.compile(checkpointer=engine.checkpointer)
            open_desk = replace(shut.desk, app=app, engine=engine)
            open_desk.thread().run({"messages": [HumanMessage(ASKED)]}, CUSTOMER)
    assert SENTENCE.encode() in rows.everything(place)


def refused(shut: Shut, thread: Thread, said: str) -> None:
    """Say that a thread is refused, by name, to whoever goes through it, here and elsewhere."""
    with pytest.raises(CheckpointError, match=said) as caught:
        thread.configs()
    assert thread.id in str(caught.value)
    with shut.elsewhere(thread) as other, pytest.raises(CheckpointError, match=said):
        other.configs()


def values_of(place: Place) -> tuple[tuple[str, str], ...]:
    """Return where a database keeps values."""
    return rows.VALUES[place.kind]


@pytest.mark.parametrize("column", [0, 1], ids=["checkpoints", "writes"])
def test_a_row_swapped_between_threads_is_refused(shut: Shut, column: int) -> None:
    """Though both were sealed by the same house, a minute ago."""
    victim, other = shut.asked(), shut.asked()
    where = values_of(shut.place)[column]
    stolen = iter(rows.taken(shut.place, where, other.id) * 99)
    assert rows.change(shut.place, where, victim.id, lambda _: next(stolen)) > 0
    refused(shut, victim, "sealed with a key that this thread does not have")
    assert SENTENCE in other.said()


def test_a_whole_thread_copied_by_rows_is_refused(shut: Shut) -> None:
    """As a server's `copy` would, and whoever wants to ask again under another name."""
    thread = shut.asked()
    copied = replace(thread, id=f"{thread.id}-copy")
    copy_thread(shut.place.checkpoints, thread.id, copied.id)
    refused(shut, copied, "cannot be opened")


def test_values_swapped_within_a_thread_are_refused(shut: Shut) -> None:
    """One channel's value is not another's, one task's write not another's."""
    thread = shut.asked()
    where = values_of(shut.place)[1]
    turned = dict(
        zip(*[rows.taken(shut.place, where, thread.id)[n:] for n in (0, 1)], strict=False)
    )
    first = rows.taken(shut.place, where, thread.id)[0]
    assert len(turned) > 1
    rows.change(shut.place, where, thread.id, lambda value: turned.get(value, first) + b"")
    refused(shut, thread, "it was changed, cut short or put in another's place")


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda value: value[:-1],
    "emptied": lambda _: b"x",
    "one bit flipped": lambda value: value[:-1] + bytes([value[-1] ^ 1]),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("column", [0, 1], ids=["checkpoints", "writes"])
def test_a_damaged_value_is_refused(shut: Shut, column: int, damage: str) -> None:
    """Not read as something else, not taken for nothing."""
    thread = shut.asked()
    rows.change(shut.place, values_of(shut.place)[column], thread.id, DAMAGES[damage])
    refused(shut, thread, "cannot be opened")


def test_a_planted_plaintext_row_is_refused(shut: Shut, ground: Ground, tmp_path: Path) -> None:
    """A forger has our code, our graph and the database, and no key."""
    thread = shut.asked()
    kind, url = shut.place.kind, shut.place.checkpoints
    settings = ground.settings(f"sqlite:///{tmp_path / 'forger.db'}")
    with open_refund_desk(settings) as forger, OPENERS[shut.way](url) as engine:
        app, desk = forger.graph.compile(checkpointer=engine.checkpointer), shut.desk
        forged = Thread(desk=replace(desk, engine=engine), app=app, id=f"{thread.id}-forged")
        forged.run({"messages": [HumanMessage(ASKED)]}, CUSTOMER)
    for table in rows.TABLES[kind]:
        execute(
            url,
            f"DELETE FROM {table} WHERE thread_id = '{thread.id}'",  # noqa: S608 - ours
            f"UPDATE {table} SET thread_id = '{thread.id}' "  # noqa: S608 - ours
            f"WHERE thread_id = '{forged.id}'",
        )
    refused(shut, thread, "it is not sealed: somebody has put it there")


def test_a_planted_type_does_not_get_round_the_seal(shut: Shut) -> None:
    """Said to be unsealed, a value is refused before it is read."""
    thread = shut.asked()
    table = values_of(shut.place)[1][0]
    execute(
        shut.place.checkpoints,
        f"UPDATE {table} SET type = 'msgpack' WHERE thread_id = '{thread.id}'",  # noqa: S608 - ours
    )
    refused(shut, thread, "it is not sealed")


def test_a_checkpoints_row_in_postgresql_is_sealed_as_well(shut: Shut) -> None:
    """The column that the database queries is in the clear, and cannot be changed for it."""
    if shut.place.kind != "postgresql":
        return
    column = "checkpoint = jsonb_set(checkpoint, '{channel_values,forged}', '\"pay\"')"
    metadata = "metadata = jsonb_set(metadata, '{step}', '99')"
    versions = "checkpoint = checkpoint #- '{channel_versions,messages}'"
    for assignment in (column, metadata, versions):
        thread = shut.asked()
        execute(
            shut.place.checkpoints,
            f"UPDATE checkpoints SET {assignment} WHERE thread_id = '{thread.id}'",  # noqa: S608 - ours
        )
        refused(shut, thread, "cannot be opened")


def test_rekeying_leaves_every_row_as_it_is(shut: Shut) -> None:
    """Byte for byte, and readable; what the old version wrapped is refused once it is retired."""
    thread, where = shut.asked(), values_of(shut.place)
    before = [rows.taken(shut.place, each, thread.id) for each in where]
    rows.back_up(shut.place.ledger, *rows.KEYS)
    shut.keeper.rotate()
    done = shut.keeper.rewrap()
    assert done.keys >= 1
    assert [rows.taken(shut.place, each, thread.id) for each in where] == before
    with shut.elsewhere(thread) as other:
        assert SENTENCE in other.said()

    path = f"transit/keys/{CHECKPOINT_KEY}/config"
    newest = {"min_decryption_version": done.version, "min_encryption_version": done.version}
    shut.operator.write(path, **newest)
    with shut.elsewhere(thread) as other:
        assert SENTENCE in other.said()
    rows.back_up(shut.place.ledger, *rows.KEYS, name="new")
    rows.restore(shut.place.ledger, *rows.KEYS)
    with (
        shut.elsewhere(thread) as other,
        pytest.raises(VaultError, match="its version was retired"),
    ):
        other.said()
    rows.restore(shut.place.ledger, *rows.KEYS, name="new")
    with shut.elsewhere(thread) as other:
        assert SENTENCE in other.said()


def test_a_forgotten_thread_is_unreadable_from_a_backup_too(shut: Shut) -> None:
    """A backup of everything, taken before: the checkpoints, and the wrapped keys."""
    thread, other = shut.asked(), shut.asked()
    ledger, checkpoints = shut.place.ledger, shut.place.checkpoints
    rows.back_up(checkpoints, *rows.TABLES[shut.place.kind])
    rows.back_up(ledger, *rows.KEYS)
    with shut.elsewhere(thread) as fresh:
        assert SENTENCE in fresh.said()

    assert shut.keeper.forget(thread.id, "clerk") == 1
    shut.keeper.rotate()
    shut.keeper.retire()

    with shut.elsewhere(thread) as fresh, pytest.raises(CheckpointError, match="was forgotten"):
        fresh.said()
    with shut.elsewhere(other) as fresh:
        assert SENTENCE in fresh.said()
    (record,) = thread.records("checkpoints.forgotten")
    assert record.body["by"] == "clerk"

    rows.back_up(ledger, *rows.KEYS, name="new")
    rows.restore(checkpoints, *rows.TABLES[shut.place.kind])
    rows.restore(ledger, *rows.KEYS)
    with shut.elsewhere(thread) as fresh, pytest.raises(VaultError, match="was retired"):
        fresh.said()
    rows.restore(ledger, *rows.KEYS, name="new")
    with shut.elsewhere(other) as fresh:
        assert SENTENCE in fresh.said()


def carried(thread: Thread) -> list[Report]:
    """Have the outbox carry what has ended in a thread."""
    engine, guard = thread.desk.engine, thread.desk.guard
    if isinstance(engine, AsyncEngine):
        return engine.loop.run(adeliver(thread.app, guard, thread=thread.id))
    return deliver(thread.app, guard, thread=thread.id)


def test_a_forgotten_thread_asks_nobody_any_more(shut: Shut) -> None:
    """What waited in it is withdrawn, and the outbox has nobody to tell."""
    thread, approvals = shut.asked(), shut.desk.guard.approvals
    (asked,), before = approvals.pending(thread.id), shut.desk.refunded
    approve = Approve(action_digest=asked.request.digest)

    shut.keeper.forget(thread.id, "clerk")

    with pytest.raises(ApprovalError, match="is cancelled"):
        approvals.answer(asked.request.id, approve, by=MANAGER)
    with shut.elsewhere(thread) as fresh:
        (report,) = carried(fresh)
    assert report.outcome == "passed"
    assert approvals.outbox().list(thread.id) == ()
    assert shut.desk.refunded == before
