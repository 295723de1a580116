"""`bailiwick demo`: the product told to a newcomer, and each sentence checked."""

from pathlib import Path

import pytest
from tests.graphs.cli.outcomes import Command, flat


def test_the_demo_tells_the_whole_story_and_leaves_nothing_behind(
    bailiwick: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own script plays, whatever model is configured: a second key, a second bill."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-made-up")
    outcome = bailiwick("demo")
    told = flat(outcome.out)
    assert outcome.status == 0
    assert outcome.err == ""
    assert list(home.iterdir()) == []
    for sentence in (
        "an approval is needed",
        "not taken: 'customer' may not answer for 'issue_refund'",
        "checked: refunds of A-1001 in the shop's database: 0",
        "Refunded 42.00 EUR on order A-1001",
        "second click, a moment later: checked: refunds of A-1001 in the shop's database: 1",
        "denied issue_refund(amount=9999",
        "a refund over 500.00 is not made here",
        "checked: refunds of A-1005 in the shop's database: 0",
        "thread refund",
        "records, each chained to the last",
    ):
        assert sentence in told


def test_the_ledger_takes_one_line_for_a_record_at_80_columns(bailiwick: Command) -> None:
    """So that it can be read from top to bottom."""
    outcome = bailiwick("demo")
    table = outcome.out.partition("thread refund")[2].partition("checked:")[0].splitlines()[2:]
    rows = [line for line in table if line.strip()]
    assert len(rows) > 15
    assert [row.split()[0] for row in rows] == [str(n + 1) for n in range(len(rows))]
    assert max(map(len, outcome.out.splitlines())) <= 80
