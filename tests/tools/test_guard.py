"""What happens to one call, in which order, whatever the tool, Vault or the ledger do."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest
from langchain_core.tools import ToolException
from tests.tools.governed import MANAGER, RULES, call_of, load_policy, pay_tool

from bailiwick.policies import LedgerError, Principal, Scope, ToolCall
from bailiwick.policies.approvals import Approve
from bailiwick.policies.errors import ScopeError
from bailiwick.policies.redaction import MASK
from bailiwick.tools.declared.scoped import ScopedTool, scoped_tool
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.guard import Guard
from bailiwick.tools.provision import ToolScope, VaultOperator, provision, write_secret
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.results import ToolResult
from bailiwick.tools.secrets.credentials import Credential
from bailiwick.tools.vault import Vault

SECRET = "refund-secret-7f3a"
REFUNDS = """
@id("billing-refunds") permit (
    principal == Agent::"billing", action == Action::"call", resource == Tool::"issue_refund"
);
"""
ALL = ["decision", "call.started", "lease.granted", "call.ended", "lease.revoked"]
UNDECIDED = "its outcome is not known, so it is not run again"

Run = Callable[[Guard, ToolCall, ScopedTool], ToolResult]


def run_sync(guard: Guard, call: ToolCall, tool: ScopedTool) -> ToolResult:
    """Run a call as a graph does on `invoke`."""
    return guard.run(call, tool)


def run_async(guard: Guard, call: ToolCall, tool: ScopedTool) -> ToolResult:
    """Run a call as a graph does on `ainvoke`."""
    return asyncio.run(guard.arun(call, tool))


@pytest.fixture(params=[run_sync, run_async], ids=["run", "arun"])
def run(request: pytest.FixtureRequest) -> Run:
    """Give both ways to run a call in turn."""
    way: Run = request.param
    return way


@pytest.fixture
def ledger(sqlite_url: str) -> Iterator[Ledger]:
    """Give a ledger in a file."""
    ledger = Ledger(sqlite_url)
    yield ledger
    ledger.close()


@pytest.fixture
def guard(tmp_path: Path, ledger: Ledger) -> Guard:
    """Give a guard without a vault."""
    return Guard(policy=load_policy(tmp_path), ledger=ledger)


@pytest.fixture
def vaulted(tmp_path: Path, ledger: Ledger, devvault: DevelopmentVault) -> Iterator[Guard]:
    """Give a guard that can lease what a refund needs."""
    scope = Scope(path="payments/refund")
    with closing(VaultOperator(devvault.address, devvault.root_token)) as operator:
        write_secret(operator, scope, {"key": SECRET})
        tools = [ToolScope(tool="issue_refund", scope=scope)]
        approles = provision(operator, agents={"billing": tools})
    with Vault(devvault.address, approles=approles, timeout=(0.5, 0.5)) as vault:
        yield Guard(policy=load_policy(tmp_path, RULES + REFUNDS), ledger=ledger, vault=vault)


def refund_tool(use: Callable[[Credential], object]) -> ScopedTool:
    """Return a tool that destroys and leases: what it does with its secret is given."""

    @scoped_tool(effect="destructive", credential="payments/refund")
    def issue_refund(order_id: str, amount: Decimal, *, credential: Credential) -> Any:  # noqa: ANN401 - as given
        """Refund."""
        assert (order_id, amount) == ("A-1", Decimal(40))
        return use(credential)

    return issue_refund


def refund(tool: ScopedTool, **changes: Any) -> ToolCall:  # noqa: ANN401 - any field of a call
    """Return a call of the refund tool."""
    return call_of(tool, {"order_id": "A-1", "amount": 40}, **changes)


def kinds(ledger: Ledger) -> list[str]:
    """Return what the ledger has recorded, in order."""
    return [record.kind for record in ledger.records("t")]


def live(guard: Guard, devvault: DevelopmentVault) -> list[str]:
    """Return the tools whose leases are alive, once those that were given back have ended."""
    assert guard.revocations is not None
    guard.revocations.drain()
    return [token.role for token in devvault.live_tokens() if token.role]


def break_records(ledger_url: str, kind: str) -> None:
    """Have the database refuse records of one kind from now on."""
    with closing(sqlite3.connect(ledger_url.removeprefix("sqlite:///"))) as connection:
        connection.execute(
            f"CREATE TRIGGER full BEFORE INSERT ON records WHEN NEW.kind = '{kind}' "
            "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_policy_that_permits_nothing_runs_nothing(
    tmp_path: Path, ledger: Ledger, run: Run
) -> None:
    """The refusal tells the model why, and the decision is all that happened."""
    ran: list[Any] = []
    tool = pay_tool(ran)
    guard = Guard(policy=load_policy(tmp_path, REFUNDS), ledger=ledger)

    result = run(guard, call_of(tool, {"to": "shop", "amount": 1}), tool)

    assert result.outcome == "refused"
    assert result.content == "pay did not run. No rule lets 'billing' call 'pay'."
    assert (ran, kinds(ledger)) == ([], ["decision"])


def test_an_allowed_call_runs_and_is_recorded(guard: Guard, ledger: Ledger, run: Run) -> None:
    """Who, on whose behalf, which tool, which arguments, by which rules, with what outcome."""
    ran: list[Any] = []
    tool = pay_tool(ran)
    call = call_of(tool, {"to": "shop", "amount": "40.50"}, chain=("desk",))

    result = run(guard, call, tool)
    decision, started, ended = ledger.records("t")

    assert result == ToolResult(content="paid 40.50 to shop", outcome="succeeded")
    assert ran == [("shop", Decimal("40.50"))]
    who = {"requester": "clerk", "chain": ["desk"], "agent": "billing", "tool": "pay"}
    for record in (decision, started, ended):
        assert who.items() <= record.body.items()
    assert decision.body["args"] == {"to": "shop", "amount": "40.5"}
    assert (decision.body["verdict"], decision.body["rules"]) == ("allow", ["billing-pays"])
    assert started.body["call"] == ended.body["call"] == call.digest(guard.policy.version)
    assert ended.body["outcome"] == "succeeded"


def test_everything_is_recorded_before_it_takes_effect(
    vaulted: Guard, ledger: Ledger, devvault: DevelopmentVault, run: Run
) -> None:
    """While the tool runs, decision, intent and lease stand, and the lease is alive."""
    seen: list[Any] = []

    def look(credential: Credential) -> str:
        seen.append((kinds(ledger), len(devvault.live_tokens(role="bailiwick-issue_refund"))))
        return f"done with {len(credential.reveal())} characters"

    tool = refund_tool(look)
    result = run(vaulted, refund(tool), tool)

    assert result.content == f"done with {len(SECRET)} characters"
    assert seen == [(ALL[:3], 1)]
    assert live(vaulted, devvault) == []
    assert kinds(ledger) == ALL


def test_a_lease_is_recorded_with_what_joins_it_to_vaults_audit(
    vaulted: Guard, ledger: Ledger, devvault: DevelopmentVault
) -> None:
    """Accessor, role, path and request ids; neither the secret nor a token."""
    tokens: list[str] = []

    def look(credential: Credential) -> str:
        tokens.extend(token.id for token in devvault.live_tokens())
        return credential.reveal()

    tool = refund_tool(look)
    vaulted.run(refund(tool), tool)
    granted = next(ledger.records("t", "lease.granted")).body
    written = "\n".join(ledger.export())

    assert (granted["role"], granted["path"]) == (
        "bailiwick-issue_refund",
        "secret/data/payments/refund",
    )
    assert granted["ttl"] == 60
    assert len(granted["request_ids"]) == 2  # type: ignore[arg-type]  # a list in any JSON
    assert tokens
    assert not [secret for secret in (SECRET, *tokens) if secret in written]


def test_a_denied_call_leases_nothing(
    vaulted: Guard, ledger: Ledger, devvault: DevelopmentVault, run: Run
) -> None:
    """Vault does not hear of it."""
    tool = refund_tool(Credential.reveal)
    before = len(devvault.requests)
    result = run(vaulted, refund(tool, agent="orders"), tool)

    assert result.outcome == "refused"
    assert len(devvault.requests) == before
    assert kinds(ledger) == ["decision"]


def test_a_call_that_needs_an_approval_does_not_run_without(
    guard: Guard, ledger: Ledger, run: Run
) -> None:
    """Whatever skipped the question, the guard decides again."""
    ran: list[Any] = []
    tool = pay_tool(ran)
    result = run(guard, call_of(tool, {"to": "shop", "amount": 140}), tool)

    assert result.outcome == "refused"
    assert "Needs the approval of manager: it is much" in str(result.content)
    assert (ran, kinds(ledger)) == ([], ["decision"])


def approve(guard: Guard, call: ToolCall, by: Principal) -> None:
    """Ask for a call's approval and give it."""
    request = guard.approvals.request(call, guard.decide(call), scope=None, description="")
    guard.approvals.answer(request.id, Approve(action_digest=request.digest), by=by)


def test_an_approved_call_runs_once(guard: Guard, ledger: Ledger, run: Run) -> None:
    """The approval is used up in the transaction that begins the call."""
    ran: list[Any] = []
    tool = pay_tool(ran)
    call = call_of(tool, {"to": "shop", "amount": 140})
    approve(guard, call, MANAGER)

    # Whoever resumes the thread drives the run, and the one who asked stays the requester.
    first = run(guard, call_of(tool, {"to": "shop", "amount": 140}, requester=MANAGER.id), tool)
    again = run(guard, call, tool)
    elsewhere = run(guard, call_of(tool, {"to": "shop", "amount": 140}, id="call-2"), tool)

    assert first == again == ToolResult(content="paid 140 to shop", outcome="succeeded")
    assert elsewhere.outcome == "refused"
    assert ran == [("shop", Decimal(140))]
    assert kinds(ledger) == [
        "approval.requested",
        "approval.answered",
        "approval.consumed",
        "decision",
        "call.started",
        "call.ended",
        "decision",
    ]
    used = next(ledger.records("t", "decision"))
    assert (used.body["requester"], used.body["verdict"]) == ("clerk", "allow")


@pytest.mark.parametrize(
    "changes",
    [
        {"thread": "copy"},
        {"namespace": "#message-2"},
        {"agent": "orders"},
        {"chain": ("desk",)},
        {"args": {"to": "thief", "amount": Decimal(140)}},
        {"args": {"to": "shop", "amount": Decimal("140.01")}},
    ],
    ids=["thread", "namespace", "agent", "chain", "to", "amount"],
)
def test_an_approval_is_for_one_exact_call(guard: Guard, changes: dict[str, Any]) -> None:
    """Whatever differs, it is another call, and nobody has approved that."""
    ran: list[Any] = []
    tool = pay_tool(ran)
    approve(guard, call_of(tool, {"to": "shop", "amount": 140}), MANAGER)

    call = replace(call_of(tool, {"to": "shop", "amount": 140}), **changes)
    assert guard.run(call, tool).outcome == "refused"
    assert ran == []


def test_without_a_ledger_nothing_runs(guard: Guard, sqlite_url: str, run: Run) -> None:
    """What cannot be recorded does not happen."""
    ran: list[Any] = []
    tool = pay_tool(ran)
    break_records(sqlite_url, "call.started")

    with pytest.raises(LedgerError):
        run(guard, call_of(tool, {"to": "shop", "amount": 1}), tool)
    assert ran == []
    assert guard.calls.list() == ()


def test_a_lease_that_cannot_be_recorded_is_given_back(
    vaulted: Guard, sqlite_url: str, devvault: DevelopmentVault, run: Run
) -> None:
    """The tool does not run with a credential that nobody knows of."""
    used: list[Credential] = []
    tool = refund_tool(used.append)
    break_records(sqlite_url, "lease.granted")

    with pytest.raises(LedgerError):
        run(vaulted, refund(tool), tool)
    assert used == []
    assert live(vaulted, devvault) == []


def test_an_outcome_that_cannot_be_recorded_is_in_doubt(
    vaulted: Guard, sqlite_url: str, devvault: DevelopmentVault, run: Run
) -> None:
    """It ran, nobody can say how, and so it does not run again."""
    used: list[Credential] = []
    tool = refund_tool(used.append)
    break_records(sqlite_url, "call.ended")

    with pytest.raises(LedgerError):
        run(vaulted, refund(tool), tool)
    result = run(vaulted, refund(tool), tool)

    assert (len(used), result.outcome) == (1, "refused")
    assert UNDECIDED in str(result.content)
    assert [call.state for call in vaulted.calls.list()] == ["under_way"]
    assert live(vaulted, devvault) == []


def test_without_a_credential_the_tool_does_not_run(
    vaulted: Guard,
    ledger: Ledger,
    devvault: DevelopmentVault,
    caplog: pytest.LogCaptureFixture,
    run: Run,
) -> None:
    """The operator reads why; the model reads nothing of what stands where."""
    used: list[Credential] = []
    tool = refund_tool(used.append)
    devvault.seal()
    result = run(vaulted, refund(tool), tool)

    assert result == ToolResult(
        content="issue_refund did not run. No credential could be had for it.", outcome="refused"
    )
    assert used == []
    assert kinds(ledger) == ["decision", "call.started", "lease.failed", "call.ended"]
    failed = next(ledger.records("t", "lease.failed"))
    assert "sealed" in str(failed.body["reason"])
    assert "issue_refund of billing got no credential: " in caplog.text
    assert "sealed" in caplog.text


def test_a_tool_that_cannot_lease_anywhere_does_not_run(guard: Guard, tmp_path: Path) -> None:
    """Whoever hands a guard without a vault such a tool gets a refusal too."""
    used: list[Credential] = []
    tool = refund_tool(used.append)
    guard.policy = load_policy(tmp_path, REFUNDS)

    assert guard.run(refund(tool), tool).outcome == "refused"
    assert used == []


def test_an_agent_that_vault_does_not_know_gets_no_credential(
    tmp_path: Path, ledger: Ledger, devvault: DevelopmentVault
) -> None:
    """The policy lets it, Vault does not: the narrower of both counts."""
    used: list[Credential] = []
    tool = refund_tool(used.append)
    with Vault(devvault.address, approles={}) as vault:
        guard = Guard(policy=load_policy(tmp_path, REFUNDS), ledger=ledger, vault=vault)
        assert guard.run(refund(tool), tool).outcome == "refused"
    assert used == []


def test_a_lease_that_vault_does_not_end_at_once_is_ended_later(
    vaulted: Guard,
    ledger: Ledger,
    devvault: DevelopmentVault,
    caplog: pytest.LogCaptureFixture,
    run: Run,
) -> None:
    """The result arrives all the same; log and ledger say that it took several tries."""
    tool = refund_tool(lambda _: "done")
    devvault.faults.add(Fault(path="auth/token/revoke-self", times=2, status=500))
    result = run(vaulted, refund(tool), tool)

    assert result == ToolResult(content="done", outcome="succeeded")
    assert live(vaulted, devvault) == []
    revoked = next(ledger.records("t", "lease.revoked")).body
    assert (revoked["end"], revoked["tries"], revoked["failure"]) == ("revoked", 3, None)
    assert caplog.text.count("is not revoked yet") == 1


def test_the_credential_ends_with_the_call(vaulted: Guard, run: Run) -> None:
    """What a tool keeps of it is an empty shell."""
    kept: list[Credential] = []
    tool = refund_tool(kept.append)
    run(vaulted, refund(tool), tool)

    with pytest.raises(ScopeError, match="ended with its call"):
        kept[0].reveal()


def raises(error: BaseException) -> Callable[[Credential], NoReturn]:
    """Return what a tool does that raises."""

    def fail(_: Credential) -> NoReturn:
        raise error

    return fail


def test_a_tool_that_raises_is_in_doubt(
    vaulted: Guard, ledger: Ledger, devvault: DevelopmentVault, run: Run
) -> None:
    """It may have had its effect before; its error is its result, and its lease ends as any."""
    tool = refund_tool(raises(ValueError(f"unreadable: {SECRET}")))
    result = run(vaulted, refund(tool), tool)

    assert result.outcome == "unknown"
    assert f"broke off (ValueError: unreadable: {MASK}): {UNDECIDED}" in str(result.content)
    assert live(vaulted, devvault) == []
    assert kinds(ledger) == ALL
    assert next(ledger.records("t", "call.ended")).body["outcome"] == "unknown"
    assert vaulted.calls.list(in_doubt=True) == vaulted.calls.list()
    assert run(vaulted, refund(tool), tool) == result
    assert live(vaulted, devvault) == []


def test_a_tool_that_refuses_has_failed(vaulted: Guard, ledger: Ledger, run: Run) -> None:
    """LangChain's own exception is how its author says that nothing happened."""
    tool = refund_tool(raises(ToolException(f"refused: {SECRET}")))
    result = run(vaulted, refund(tool), tool)

    assert result == ToolResult(content=f"issue_refund failed: refused: {MASK}", outcome="failed")
    assert kinds(ledger)[:4] == ALL[:4]
    assert [call.state for call in vaulted.calls.list()] == ["failed"]


def test_a_read_that_raises_has_failed(guard: Guard, run: Run) -> None:
    """It changes nothing, so nothing about it is in doubt."""

    @scoped_tool(effect="read")
    def look() -> str:
        """Look."""
        raise ValueError("no such order")

    result = run(guard, call_of(look, {}), look)
    assert result == ToolResult(content="look failed: ValueError: no such order", outcome="failed")
    assert guard.calls.list() == ()


@pytest.mark.parametrize(
    "signal", [KeyboardInterrupt(), SystemExit()], ids=lambda s: type(s).__name__
)
def test_a_tool_that_is_stopped_is_in_doubt(
    vaulted: Guard, devvault: DevelopmentVault, signal: BaseException
) -> None:
    """The lease ends, the signal goes on, and the call is not run again."""
    tool = refund_tool(raises(signal))

    with pytest.raises(type(signal)):
        vaulted.run(refund(tool), tool)
    assert live(vaulted, devvault) == []
    assert UNDECIDED in str(vaulted.run(refund(tool), tool).content)


async def test_a_tool_that_is_cancelled_is_in_doubt(
    vaulted: Guard, devvault: DevelopmentVault
) -> None:
    """A client that goes away leaves no lease behind."""
    begun = asyncio.Event()

    @scoped_tool(effect="destructive", credential="payments/refund")
    async def issue_refund(order_id: str, amount: Decimal, *, credential: Credential) -> str:
        """Refund, and take for ever."""
        begun.set()
        await asyncio.sleep(60)
        return f"{order_id} {amount} {credential}"

    task = asyncio.create_task(vaulted.arun(refund(issue_refund), issue_refund))
    await begun.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert live(vaulted, devvault) == []
    again = await vaulted.arun(refund(issue_refund), issue_refund)
    assert UNDECIDED in str(again.content)


async def test_a_tool_in_a_thread_loses_its_credential_when_cancelled(
    vaulted: Guard, devvault: DevelopmentVault
) -> None:
    """The thread goes on, as threads do, but what it holds is worth nothing any more."""
    begun, go_on = threading.Event(), threading.Event()
    found: list[str] = []

    def wait(credential: Credential) -> None:
        begun.set()
        go_on.wait(5)
        try:
            found.append(credential.reveal())
        except ScopeError as error:
            found.append(str(error))

    tool = refund_tool(wait)
    task = asyncio.create_task(vaulted.arun(refund(tool), tool))
    await asyncio.to_thread(begun.wait, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await asyncio.to_thread(wait_for, lambda: found)

    assert "ended with its call" in found[0]
    assert live(vaulted, devvault) == []


async def test_a_call_that_is_cancelled_while_it_leases_keeps_nothing(
    vaulted: Guard, devvault: DevelopmentVault
) -> None:
    """However often it is cancelled, the answer of Vault is waited for and given back."""
    used: list[Credential] = []
    tool = refund_tool(used.append)
    devvault.faults.add(Fault(path="secret/data/payments/refund", delay=0.2))
    task = asyncio.create_task(vaulted.arun(refund(tool), tool))
    await asyncio.to_thread(wait_for, lambda: devvault.live_tokens(role="bailiwick-issue_refund"))
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.01)

    with pytest.raises(asyncio.CancelledError):
        await task
    assert used == []
    assert live(vaulted, devvault) == []


def test_no_disguise_carries_a_secret_out(vaulted: Guard, run: Run) -> None:
    """Even where the tool ends its credential itself before it returns."""

    def leak(credential: Credential) -> dict[str, object]:
        value = credential.reveal()
        credential.end()
        return {"plain": value, "hex": value.encode().hex(), "bytes": [value.encode()]}

    tool = refund_tool(leak)
    result = run(vaulted, refund(tool), tool)

    assert result.content == f'{{"plain": "{MASK}", "hex": "{MASK}", "bytes": ["{MASK}"]}}'
    assert SECRET not in str(vaulted.calls.list())


def test_a_read_is_recorded_and_may_run_again(guard: Guard, ledger: Ledger, run: Run) -> None:
    """It changes nothing, so nothing is kept to tell its second run from its first."""
    ran: list[int] = []

    @scoped_tool(effect="read")
    def look() -> str:
        """Look."""
        ran.append(1)
        return f"look number {len(ran)}"

    call = call_of(look, {})
    contents = [run(guard, call, look).content for _ in range(2)]

    assert contents == ["look number 1", "look number 2"]
    assert guard.calls.list() == ()
    assert kinds(ledger) == ["decision", "call.started", "call.ended"] * 2


@pytest.mark.parametrize("effect", ["write", "destructive"])
def test_a_call_that_changes_something_runs_once(guard: Guard, effect: Any, run: Run) -> None:  # noqa: ANN401 - a literal
    """A second run gets what the first returned, from the database and without a record."""
    ran: list[Decimal] = []

    @scoped_tool(effect=effect)
    def pay(to: str, amount: Decimal) -> list[dict[str, str]]:
        """Pay."""
        ran.append(amount)
        return [{"type": "text", "text": f"to {to} é"}]

    call = call_of(pay, {"to": "shop", "amount": 1})
    first = run(guard, call, pay)
    records = kinds(guard.ledger)
    second = run(guard, call, pay)

    assert first == second
    assert ran == [Decimal(1)]
    assert kinds(guard.ledger) == records
    assert [each.effect for each in guard.calls.list()] == [effect]


def test_of_two_workers_with_one_call_one_runs_it(guard: Guard) -> None:
    """The other finds it begun, or finished."""
    ran: list[Any] = []
    tool = pay_tool(ran)
    call = call_of(tool, {"to": "shop", "amount": 1})
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(partial(guard.run, call), [tool, tool]))

    assert ran == [("shop", Decimal(1))]
    assert {result.outcome for result in results} <= {"succeeded", "refused"}


def test_a_refusal_for_another_reason_is_a_recorded_denial(guard: Guard, ledger: Ledger) -> None:
    """What no rule decides is on the record like what a rule denies."""
    tool = pay_tool([])
    result = guard.refuse(call_of(tool, {"to": "shop", "amount": 1}), "The shop is closed.")
    record = next(ledger.records("t"))

    assert result == ToolResult.refused("pay", "The shop is closed.")
    assert (record.kind, record.body["verdict"]) == ("decision", "deny")
    assert (record.body["reason"], record.body["rules"]) == ("The shop is closed.", [])


@pytest.mark.parametrize(
    ("agent", "to", "verdict"),
    [
        ("supervisor", "billing", "allow"),
        ("billing", "orders", "deny"),
        ("supervisor", "x", "deny"),
    ],
    ids=["permitted", "not permitted", "unknown"],
)
def test_a_hand_off_is_decided_and_recorded(
    guard: Guard, ledger: Ledger, agent: str, to: str, verdict: str
) -> None:
    """Who handed whose conversation to whom, whether it might happen or not."""
    reason = guard.hand_off(chain=("desk",), agent=agent, to=to, thread="t", requester="clerk")
    record = next(ledger.records("t"))

    assert (reason is None) == (verdict == "allow")
    assert record.kind == "handoff"
    assert record.body["verdict"] == verdict
    assert {"agent": agent, "to": to, "chain": ["desk"], "requester": "clerk"}.items() <= (
        record.body.items()
    )


def test_the_chain_of_records_holds(vaulted: Guard, ledger: Ledger, run: Run) -> None:
    """Whatever a guard writes can be verified."""
    tool = refund_tool(lambda _: "done")
    run(vaulted, refund(tool), tool)

    assert ledger.verify().broken is None
