"""Long lists: the newest that matter stand above the prompt, and what is left out is counted."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.graphs.cli.called import CANCELLING, begin
from tests.graphs.cli.conftest import handoff
from tests.graphs.cli.outcomes import Command
from tests.graphs.cli.terminals import Terminal
from tests.tools.asked import CALL, NEEDED, review

from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.records.ledger import Entry, Ledger

NUMBERS = range(1, 24)
"""Of calls and requests: three more than a terminal shows."""
LEASE = {
    "agent": "billing",
    "chain": [],
    "requester": "customer",
    "tool": "issue_refund",
    "tool_call_id": "call-1",
    "path": "payments/refund",
    "role": "bailiwick-issue_refund",
    "request_ids": [],
    "ttl": 60,
}


@pytest.fixture
def many(home: Path) -> Iterator[Ledger]:
    """Give a ledger with more of everything than a terminal shows."""
    with closing(Ledger(f"sqlite:///{home / 'bailiwick.db'}")) as made:
        approvals = Approvals(made)
        for number in NUMBERS:
            begin(made, replace(CANCELLING, id=f"call-{number}", args={"order_id": f"A-{number}."}))
            call = replace(CALL, id=f"call-{number}", args={"order_id": f"A-{number}."})
            approvals.ask(call, review(NEEDED), scope=None, description=f"Refund A-{number}.")
            with made.transaction() as connection:
                lease = Entry(
                    "lease.granted", {**LEASE, "accessor": str(number), "tool": f"A-{number}."}
                )
                made.append(connection, f"thread-{99 - number}", lease)
        with made.transaction() as connection:
            handoffs = [Entry("handoff", handoff(f"agent-{number}.")) for number in range(210)]
            made.append(connection, "a long one", *handoffs)
        yield made


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    ("words", "shown", "count"),
    [
        ("calls ls", ("A-3.", "A-4.", "A-23."), 3),
        ("calls ls --in-doubt", ("A-3.", "A-4.", "A-23."), 3),
        ("approvals ls --limit 22", ("A-1.", "A-2.", "A-23."), 1),
        ("audit show", ("agent-9.", "agent-10.", "agent-209."), 79),
        ("audit show --limit 211", ("A-22.", "billing", "agent-209."), 68),
        ("audit leases", ("A-3.", "A-4.", "A-23."), 3),
    ],
)
def test_a_terminal_shows_the_newest_last(
    clean_environment: dict[str, str],
    home: Path,
    words: str,
    shown: tuple[str, str, str],
    count: int,
) -> None:
    """And tells below them how many older ones there are."""
    left_out, oldest, newest = shown
    with Terminal(tuple(words.split()), clean_environment, home) as terminal:
        assert terminal.end() == 0
    assert left_out not in terminal.shown
    assert terminal.shown.index(oldest) < terminal.shown.index(newest)
    assert f"\n{count} older one" in terminal.shown[terminal.shown.index(newest) :]


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("words", ["calls ls", "calls ls --in-doubt", "approvals ls"])
def test_a_script_gets_all_that_it_did_not_limit(bailiwick: Command, words: str) -> None:
    """What counts or greps would miss what a person need not see; JSON holds nothing else."""
    for limit in ((), ("--limit", "0")):
        assert len(json.loads(bailiwick(*words.split(), "--json", *limit).out)) == len(NUMBERS)
        listed = bailiwick(*words.split(), *limit).out
        assert ("A-1." in listed, "not shown" in listed) == (True, False)
    last = json.loads(bailiwick(*words.split(), "--json", "--limit", "2").out)
    assert [each["args"]["order_id"] for each in last] == ["A-22.", "A-23."]
