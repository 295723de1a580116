"""The credential of a call: when it exists, who may know of it, how it ends."""

from typing import Any

import pytest
from tests.tools.governed import load_policy
from tests.tools.guard.refunds import (
    ALL,
    REFUNDS,
    SECRET,
    Run,
    break_records,
    kinds,
    live,
    refund,
    refund_tool,
)

from bailiwick.policies import LedgerError
from bailiwick.policies.errors import ScopeError
from bailiwick.policies.redaction import MASK
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.guard import Guard
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.results import ToolResult
from bailiwick.tools.secrets.credentials import Credential
from bailiwick.tools.vault import Vault


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


def test_a_tool_that_cannot_lease_anywhere_does_not_run(guard: Guard) -> None:
    """Whoever hands a guard without a vault such a tool gets a refusal too."""
    used: list[Credential] = []
    tool = refund_tool(used.append)
    guard.policy = load_policy(REFUNDS)

    assert guard.run(refund(tool), tool).outcome == "refused"
    assert used == []


def test_an_agent_that_vault_does_not_know_gets_no_credential(
    ledger: Ledger, devvault: DevelopmentVault
) -> None:
    """The policy lets it, Vault does not: the narrower of both counts."""
    used: list[Credential] = []
    tool = refund_tool(used.append)
    with Vault(devvault.address, logins={}) as vault:
        guard = Guard(policy=load_policy(REFUNDS), ledger=ledger, vault=vault)
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
