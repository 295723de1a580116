"""A server that was away hears what was decided meanwhile, and decides by the rules of now."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.graphs.clients import ask, has_ended, said
from tests.graphs.served import serve, was_hooked
from tests.waiting import wait_for

from bailiwick.graphs.surroundings import Surroundings, start_surroundings
from bailiwick.policies.answers import Approve
from bailiwick.policies.principals import Principal
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.records.ledger import Ledger

MANAGER = Principal(id="manager", roles=frozenset({"manager"}))
RULES = Path(__file__).parents[2] / "policies"


@pytest.fixture
def surroundings() -> Iterator[Surroundings]:
    """A Vault and a shop of this test's own."""
    with start_surroundings() as started:
        yield started


def approve(approvals: Approvals) -> str:
    """Approve what waits, in the database; return its id."""
    (waiting,) = approvals.pending()
    answer = Approve(action_digest=waiting.request.digest)
    return approvals.answer(waiting.request.id, answer, by=MANAGER).request.id


def stricter(folder: Path) -> Path:
    """Return the rules with another reason: another policy."""
    changed = folder / "rules"
    changed.mkdir()
    for path in (*RULES.glob("*.cedar"), *RULES.glob("*.cedarschema")):
        shutil.copy(path, changed)
    for path in changed.glob("*.cedar"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("a refund moves money", "every cent counts"), "utf-8")
    return changed


def test_what_was_approved_while_it_was_away_is_asked_anew_under_other_rules(
    surroundings: Surroundings, tmp_path: Path
) -> None:
    """The old answer pays nothing; the thread waits for one to the new question, and then ends."""
    assert surroundings.shop is not None
    with serve(tmp_path, surroundings) as server, server.client("clerk") as clerk:
        waiting = ask(clerk, "A-1001")
    # What the tests of such a hook find of it in the same file is not there without one.
    assert not was_hooked(tmp_path)
    with closing(Ledger(f"sqlite:///{tmp_path / 'bailiwick.db'}")) as ledger:
        approvals = Approvals(ledger)
        first = approve(approvals)
        with (
            serve(tmp_path, surroundings, policy=stricter(tmp_path)) as server,
            server.client("clerk") as clerk,
        ):
            wait_for(lambda: approvals.pending() != ())
            assert surroundings.shop.refunds("A-1001") == ()
            assert "every cent counts" in approvals.pending()[0].request.reason
            wait_for(lambda: clerk.threads.get(waiting.thread)["status"] == "interrupted")
            assert approve(approvals) != first
            wait_for(lambda: has_ended(clerk, waiting))
            assert "refund on order A-1001 is made" in said(clerk, waiting)
    assert len(surroundings.shop.refunds("A-1001")) == 1
