"""What provisioning writes to Vault: enough for each tool's one secret, and nothing more."""

from collections.abc import Mapping

import pytest

from bailiwick.policies.errors import ScopeError, VaultError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.devvault.policies import read_policy
from bailiwick.tools.provision import ToolScope, VaultOperator, provision, write_secret
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import AppRole

REFUND = ToolScope(tool="issue_refund", scope=Scope(path="payments/refund", ttl=45))


def inside(answer: Mapping[str, object] | None) -> dict[str, object]:
    """Return what an answer of Vault says."""
    assert answer is not None
    data = answer["data"]
    assert isinstance(data, dict)
    return data


def allowed(policy: object) -> dict[str, set[str]]:
    """Return what a policy's text allows, by path."""
    return {rule.pattern: set(rule.capabilities) for rule in read_policy(str(policy))}


def test_no_agents_write_nothing(vault_operator: VaultOperator) -> None:
    """Without agents there are no AppRoles."""
    assert provision(vault_operator, agents={}) == {}


def test_a_tool_may_read_its_secret_and_revoke_itself(vault_operator: VaultOperator) -> None:
    """The tool's policy has two rules, and its role gives that policy alone."""
    provision(vault_operator, agents={"billing": [REFUND]})

    policy = inside(vault_operator.read("sys/policies/acl/bailiwick-issue_refund"))["policy"]
    assert allowed(policy) == {
        "secret/data/payments/refund": {"read"},
        "auth/token/revoke-self": {"update"},
    }
    role = inside(vault_operator.read("auth/token/roles/bailiwick-issue_refund"))
    assert role["allowed_policies"] == ["bailiwick-issue_refund"]
    assert role["token_explicit_max_ttl"] == 45
    assert role["token_no_default_policy"]
    assert not role["renewable"]
    assert not role["orphan"]
    assert role["token_type"] == "service"


def test_an_agent_may_make_tokens_for_its_tools(vault_operator: VaultOperator) -> None:
    """The agent's only policy names its tools' roles and its own token."""
    provision(vault_operator, agents={"billing": [REFUND]})

    role = inside(vault_operator.read("auth/approle/role/bailiwick-billing"))
    assert role["token_policies"] == ["bailiwick-billing.agent"]
    assert role["token_no_default_policy"]
    policy = inside(vault_operator.read("sys/policies/acl/bailiwick-billing.agent"))["policy"]
    assert allowed(policy) == {
        "auth/token/create/bailiwick-issue_refund": {"update"},
        "auth/token/lookup-self": {"read"},
        "auth/token/renew-self": {"update"},
        "auth/token/revoke-self": {"update"},
    }


def test_doing_it_again_keeps_what_works(
    vault_operator: VaultOperator, vault_server: tuple[str, str]
) -> None:
    """Role ids stay, and a running program's secret id stays good."""
    first = provision(vault_operator, agents={"billing": [REFUND]})
    write_secret(vault_operator, REFUND.scope, {"key": "k"})

    second = provision(vault_operator, agents={"billing": [REFUND]})

    assert first["billing"].role_id == second["billing"].role_id
    for approles in (first, second):
        with Vault(vault_server[0], logins=approles) as vault:
            vault.lease(REFUND.scope, agent="billing", tool="issue_refund", meta={})


def test_a_tool_that_was_taken_away_is_gone(
    vault_operator: VaultOperator, vault_server: tuple[str, str]
) -> None:
    """Provisioning an agent without a tool ends what it could lease through it."""
    provision(vault_operator, agents={"billing": [REFUND]})
    approles = provision(vault_operator, agents={"billing": []})

    with (
        Vault(vault_server[0], logins=approles) as vault,
        pytest.raises(VaultError, match="may not make tokens"),
    ):
        vault.lease(REFUND.scope, agent="billing", tool="issue_refund", meta={})


def test_an_agent_named_like_a_tool_gets_no_tools_policy(
    vault_operator: VaultOperator, vault_server: tuple[str, str]
) -> None:
    """An agent and a tool of one name stay two things."""
    tool = ToolScope(tool="orders", scope=Scope(path="orders/read"))
    approles = provision(vault_operator, agents={"orders": [tool]})
    write_secret(vault_operator, tool.scope, {"key": "k"})

    with Vault(vault_server[0], logins=approles) as vault:
        lease = vault.lease(tool.scope, agent="orders", tool="orders", meta={})
    assert lease.credential.reveal() == "k"
    role = inside(vault_operator.read("auth/approle/role/bailiwick-orders"))
    assert role["token_policies"] == ["bailiwick-orders.agent"]


def test_a_mount_that_is_missing_is_made(vault_operator: VaultOperator) -> None:
    """A Vault that has no such secrets engine gets one."""
    scope = Scope(path="a", mount="team-secrets")
    provision(vault_operator, agents={"x": [ToolScope(tool="t", scope=scope)]})

    write_secret(vault_operator, scope, {"key": "k"})

    assert inside(vault_operator.read("team-secrets/data/a"))["data"] == {"key": "k"}
    vault_operator.delete("sys/mounts/team-secrets")


@pytest.mark.parametrize(
    ("agents", "words"),
    [
        (
            {"a": [REFUND], "b": [ToolScope(tool="issue_refund", scope=Scope(path="other"))]},
            "the tool 'issue_refund' has two scopes",
        ),
        (
            {"a": [REFUND, ToolScope(tool="Issue_Refund", scope=Scope(path="other"))]},
            "tool 'Issue_Refund' and tool 'issue_refund' are one in Vault",
        ),
        ({"Billing": [], "billing": []}, "agent 'billing' and agent 'Billing' are one in Vault"),
        ({"my agent": []}, "the agent name 'my agent' cannot be used in Vault"),
        ({"a": [ToolScope(tool="t", scope=Scope(path="*"))]}, "without wildcards"),
        ({"a": [ToolScope(tool="t", scope=Scope(path="x", ttl=1201))]}, "raise token_ttl"),
    ],
    ids=["two scopes", "tools by case", "agents by case", "a name", "a wildcard", "too long"],
)
def test_what_would_go_wrong_is_refused_before_anything_is_written(
    devvault: DevelopmentVault, agents: Mapping[str, list[ToolScope]], words: str
) -> None:
    """Names that Vault would take for one another, and wildcards, do not get there."""
    operator = VaultOperator(devvault.address, devvault.root_token)
    with pytest.raises(ScopeError) as caught:
        provision(operator, agents=agents)
    operator.close()

    assert words in str(caught.value)
    assert devvault.requests == []


def test_an_operator_without_rights_is_told_so(
    vault_server: tuple[str, str], vault_approles: Mapping[str, AppRole]
) -> None:
    """A token that Vault does not know is refused with a remedy."""
    assert vault_approles
    operator = VaultOperator(vault_server[0], "hvs.unknown")
    with pytest.raises(VaultError, match="the operator's token may not read sys/auth"):
        provision(operator, agents={})
    operator.close()


def test_an_answer_without_what_was_asked_for_is_an_error(devvault: DevelopmentVault) -> None:
    """A Vault that gives no secret id gives no AppRole."""
    devvault.faults.add(Fault(path="*/secret-id", status=200, body=b"{}"))
    operator = VaultOperator(devvault.address, devvault.root_token)
    with pytest.raises(VaultError, match="Vault gave no secret_id"):
        provision(operator, agents={"billing": [REFUND]})
    operator.close()


def test_deleting_what_is_not_there_is_no_error(vault_operator: VaultOperator) -> None:
    """Setting up and taking down can both be done again."""
    vault_operator.delete("secret/metadata/nothing/here")

    assert vault_operator.read("secret/data/nothing/here") is None
