"""Promise 4: a call that has ended or may have ended is not run again."""

import pytest
from tests.stories.databases import Place, execute
from tests.stories.desk import MANAGER, Desk, resume

from bailiwick.policies.errors import LedgerError

TRIGGER = "CREATE TRIGGER no_end BEFORE INSERT ON records"
UNKNOWN = "its outcome is not known"


def test_a_call_that_has_ended_is_not_run_again(desk: Desk) -> None:
    """Executed again from a checkpoint before it, it answers what it answered the first time."""
    thread = desk.billing()
    thread.answer(thread.ask())
    (first,) = thread.results()

    history = desk.engine.history(thread.app, thread.config)
    before = [each.config for each in history if "execute" in each.next]
    assert before
    for config in before:
        thread.run(None, MANAGER, config)
        assert thread.results() == [first]

    assert desk.refunded == [500]
    assert len(thread.records("call.started")) == 1


def test_an_outcome_that_could_not_be_written_down(desk: Desk, place: Place) -> None:
    """A refund whose end the ledger could not take is in doubt, and is not made again."""
    thread = desk.billing()
    interrupt = thread.ask()
    execute(place.ledger, *refuse_ends(place))
    try:
        with pytest.raises(LedgerError):
            thread.answer(interrupt)
    finally:
        execute(place.ledger, *accept_ends(place))
    assert desk.refunded == [500]

    for given in (None, resume(interrupt), None):
        thread.run(given, MANAGER)

    assert desk.refunded == [500]
    assert UNKNOWN in thread.said()
    assert desk.live_children() == []


def refuse_ends(place: Place) -> list[str]:
    """Return SQL that makes a database refuse the record of a call's end."""
    if place.kind == "sqlite":
        action = "BEGIN SELECT RAISE(ABORT, 'no'); END"
        return [f"{TRIGGER} WHEN NEW.kind = 'call.ended' {action}"]
    body = "BEGIN RAISE 'no'; END"
    condition = "FOR EACH ROW WHEN (NEW.kind = 'call.ended')"
    return [
        f"CREATE FUNCTION refuse_end() RETURNS trigger AS $$ {body} $$ LANGUAGE plpgsql",
        f"{TRIGGER} {condition} EXECUTE FUNCTION refuse_end()",
    ]


def accept_ends(place: Place) -> list[str]:
    """Return SQL that undoes it."""
    if place.kind == "sqlite":
        return ["DROP TRIGGER no_end"]
    return ["DROP TRIGGER no_end ON records", "DROP FUNCTION refuse_end"]
