"""`bailiwick run`: a person at a terminal, against a Vault and a shop in another process."""

import io
import re
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from tests.graphs.cli.outcomes import Command, flat
from tests.graphs.cli.terminals import Terminal
from tests.graphs.till import let_pass
from tests.stories.gates import Gate, Stop
from tests.stories.people import MANAGER

from bailiwick.graphs.approles import write_approles
from bailiwick.graphs.surroundings import start_surroundings
from bailiwick.policies.answers import Approve
from bailiwick.tools.loopback import serve
from bailiwick.tools.people.approvals import Approvals
from bailiwick.tools.people.deliveries import LAPSE
from bailiwick.tools.records.ledger import Ledger

Start = Callable[..., Terminal]

QUESTION = "approve, edit, reject, respond or later? "
REFUND = "Please refund order "


@pytest.fixture
def start(development: dict[str, str], tmp_path: Path) -> Start:
    """Give what starts `bailiwick run` in a terminal."""
    return starter(development, tmp_path)


def starter(env: dict[str, str], folder: Path) -> Start:
    """Return what starts `bailiwick run` with an environment in a folder."""

    def start(*args: str, **more: str) -> Terminal:
        return Terminal(("run", *args), {**env, **more}, folder)

    return start


def thread_of(terminal: Terminal) -> str:
    """Return the thread that a terminal shows."""
    found = re.search(r"Thread (\S+)", terminal.shown)
    assert found
    return found[1]


def test_an_approved_refund_is_made(start: Start) -> None:
    """Who asks for what, why and with which credential is shown before, the refund after."""
    with start("Please refund 6.00 on order A-1001") as terminal:
        asked = terminal.expect(QUESTION)
        terminal.type("approve")
        assert terminal.end() == 0
    for shown in (
        "The scripted model answers",
        "hands over to billing",
        "Refund 6.00 EUR on order A-1001.",
        "supervisor > billing",
        "a manager must agree",
        "payments/refund for 60 s",
    ):
        assert shown in asked
    assert "Refunded" not in asked
    assert "Refunded 6.00 EUR on order A-1001" in terminal.shown
    assert f"bailiwick audit show --thread {thread_of(terminal)}" in terminal.shown


def test_leaving_at_the_question_keeps_the_thread(start: Start) -> None:
    """Ctrl-C ends cleanly; and what was typed before the question was no answer to it."""
    with start("Please refund 1.00 on order A-1001") as terminal:
        terminal.expect("Thread ")
        terminal.type("approve")
        terminal.expect(QUESTION)
        terminal.press("c")
        assert terminal.end() == 130
    assert "Traceback" not in terminal.shown
    assert "Refunded 1.00" not in terminal.shown
    assert f"go on with: bailiwick run --thread {thread_of(terminal)}" in terminal.shown


def test_a_vault_sealed_in_between_pays_nothing_and_says_so(
    clean_environment: dict[str, str], tmp_path: Path
) -> None:
    """The agent gets a refusal, whoever runs it the reason and the remedy."""
    with ExitStack() as stack:
        started = stack.enter_context(start_surroundings())
        assert started.vault is not None
        assert started.shop is not None
        write_approles(tmp_path / "approles.json", started.logins)
        env = {
            **clean_environment,
            "VAULT_ADDR": started.vault_address,
            "BAILIWICK_APPROLES": "approles.json",
            "BAILIWICK_SHOP_URL": started.shop_address,
        }
        terminal = stack.enter_context(starter(env, tmp_path)(f"{REFUND}A-1001"))
        terminal.expect(QUESTION)
        started.vault.seal()
        terminal.type("approve")
        assert terminal.end() == 0
        assert started.shop.refunds("A-1001") == ()
    shown = flat(terminal.shown)
    assert "bailiwick: issue_refund of billing got no credential" in shown
    assert "is sealed or not active: unseal it" in shown
    assert "Traceback" not in shown


def test_what_somebody_else_answers_goes_on_at_the_terminal(
    clean_environment: dict[str, str], tmp_path: Path
) -> None:
    """Whoever sits at the question sees it answered, and what comes of it."""
    with starter(clean_environment, tmp_path)(f"{REFUND}A-1001") as terminal:
        terminal.expect(QUESTION)
        with closing(Ledger(f"sqlite:///{tmp_path / 'bailiwick.db'}")) as ledger:
            (asked,) = Approvals(ledger).pending()
            answer = Approve(action_digest=asked.request.digest)
            Approvals(ledger).answer(asked.request.id, answer, by=MANAGER)
        assert terminal.end() == 0
    assert "Refunded 42.00 EUR" in flat(terminal.shown)
    assert terminal.shown.count(QUESTION) == 1


def test_who_is_overtaken_at_the_question_is_told_how_it_ended(
    clean_environment: dict[str, str], tmp_path: Path
) -> None:
    """Two terminals show one question, and one of them answers it."""
    begin = starter(clean_environment, tmp_path)
    with begin(f"{REFUND}A-1001") as one:
        one.expect(QUESTION)
        with begin("--thread", thread_of(one)) as other:
            other.expect(QUESTION)
            one.type("approve")
            assert one.end() == 0
            assert other.end() == 0
    told = flat(other.shown)
    assert "Refund 42.00 EUR on order A-1001. It was answered:" in told
    assert "Refunded 42.00 EUR on order A-1001 (R-" in told


def test_a_killed_terminal_s_thread_is_asked_about_no_second_time(
    clean_environment: dict[str, str], tmp_path: Path
) -> None:
    """It was answered: the next one says so, waits until nobody is at it any more, and goes on."""
    with ExitStack() as stack:
        started = stack.enter_context(start_surroundings())
        assert started.shop is not None
        gate = Gate(started.shop.app)
        write_approles(tmp_path / "approles.json", started.logins)
        env = {
            **clean_environment,
            "VAULT_ADDR": started.vault_address,
            "BAILIWICK_APPROLES": "approles.json",
            "BAILIWICK_SHOP_URL": stack.enter_context(serve(gate)),
        }
        terminal = stack.enter_context(starter(env, tmp_path)(f"{REFUND}A-1001"))
        terminal.expect(QUESTION)
        with gate.striking(Stop(path="/refunds", when="after")) as stop:
            terminal.type("approve")
            assert stop.reached.wait(60)
            terminal.process.kill()

        eager = stack.enter_context(
            starter(env, tmp_path)("--thread", thread_of(terminal), "And A-1002, please")
        )
        assert eager.end() == 1
        second = starter(env, tmp_path)("--thread", thread_of(terminal))
        other = stack.enter_context(second)
        told = flat(other.expect("Ctrl-C leaves it to others."))
        with closing(Ledger(f"sqlite:///{tmp_path / 'bailiwick.db'}")) as ledger:
            let_pass(ledger, LAPSE)
        assert other.end() == 0
        assert len(started.shop.refunds("A-1001")) == 1
    assert "Refund 42.00 EUR on order A-1001. It was answered:" in told
    assert "approved it at" in told
    assert QUESTION not in other.shown
    assert "may still be under way elsewhere" in flat(other.shown)
    for shown in (eager.shown, other.shown):
        assert "What came of issue_refund is not known, it may be under way until" in flat(shown)
        assert "\\n" not in shown
    assert "waits for an answer" not in flat(eager.shown)


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """Put lines on standard input, which ends after them."""
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def test_a_request_is_asked_for_where_none_is_given(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any order id works; one that nobody knows gets a helpful answer."""
    typed(monkeypatch, f"{REFUND}Z-9")
    outcome = bailiwick("run")
    assert outcome.status == 0
    assert "There is no order" in outcome.out


def test_no_request_at_all_is_an_error(bailiwick: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that forgot it is told how to give one."""
    typed(monkeypatch)
    outcome = bailiwick("run")
    assert outcome.status == 1
    assert 'no request was given: write, for example, bailiwick run "' in outcome.err
    assert "The thread is kept" not in outcome.err


def test_who_may_not_approve_is_told_why_and_somebody_else_goes_on(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost: the thread goes on in another run, where an edit is looked at, too."""
    with monkeypatch.context() as clerk:
        clerk.setenv("BAILIWICK_ROLES", "clerk")
        typed(clerk, "approve", "later")
        waits = bailiwick("run", f"{REFUND}A-1006")
    assert waits.status == 0
    assert waits.out.count(QUESTION) == 2
    assert "it takes the role 'manager'" in flat(waits.out)
    assert "Value error" not in waits.out
    found = re.search(r"It waits\. Go on with: bailiwick run --thread (\S+)", waits.out)
    assert found
    typed(monkeypatch, "edit", "", "-5", "edit", "", "10")
    ended = bailiwick("run", "--thread", found[1])
    assert ended.status == 0
    assert [ended.out.count(each) for each in ("order_id (A-1006): ", "amount (300): ")] == [2, 2]
    assert "not taken: amount: Input should be greater than 0" in flat(ended.out)
    assert "Refunded 10.00 EUR on order A-1006" in ended.out
    assert "The refund on order A-1006 is made." in ended.out


def test_a_rejection_reaches_the_agent_with_its_reason(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is paid; an answer that fits several words is asked again."""
    typed(monkeypatch, "re", "rej", "the customer called it off")
    outcome = bailiwick("run", f"{REFUND}A-1001")
    assert outcome.status == 0
    assert "as much of it as tells it apart" in flat(outcome.out)
    assert "rejected it: the customer called it off" in flat(outcome.out)
    assert "Refunded 42" not in outcome.out


def test_an_answer_in_the_tools_place_reaches_the_agent(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty one is asked for again."""
    typed(monkeypatch, "respond", "", "ask again tomorrow")
    outcome = bailiwick("run", f"{REFUND}A-1001")
    assert outcome.status == 0
    assert outcome.out.count("What shall the agent be told?") == 2
    assert "ask again tomorrow" in outcome.out


def test_a_thread_that_waits_takes_no_new_request(
    bailiwick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nobody there to answer, it waits; then it wants the answer and nothing else."""
    typed(monkeypatch)
    waits = bailiwick("run", f"{REFUND}A-1001")
    found = re.search(r"Go on with: bailiwick run --thread (\S+)", waits.out)
    assert waits.status == 0
    assert found
    eager = bailiwick("run", "--thread", found[1], "And A-1002, please")
    assert eager.status == 1
    assert f"thread {found[1]!r} waits for an answer" in eager.err
    typed(monkeypatch, "approve", "How is order A-1001?")
    assert "Refunded 42.00 EUR" in bailiwick("run", "--thread", found[1]).out
    ended = bailiwick("run", "--thread", found[1])
    assert ended.status == 0
    assert "This is how order A-1001 stands." in ended.out
