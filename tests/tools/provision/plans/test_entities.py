"""Agents as Vault's entities: without rights of their own, and with their logins' alias."""

import pytest
from tests.tools.provision.plans.declared import (
    APPROLE,
    DESK,
    ENTITY,
    REFUND,
    fields,
    pending,
    step,
)

from bailiwick.policies.errors import VaultError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.provision import (
    AgentIdentity,
    Registry,
    ToolScope,
    VaultOperator,
    make_plan,
    set_up,
)
from bailiwick.tools.vault import Vault


def test_an_agent_is_an_entity_without_policies_that_its_logins_belong_to(
    settled: VaultOperator,
) -> None:
    """Owner, purpose and capabilities stand in it for people; its rights stand in its AppRole."""
    entity = fields(settled, ENTITY)
    assert entity["metadata"] == {
        "owner": "finance",
        "purpose": "Pays refunds back.",
        "capabilities": "issue_refund",
        "managed-by": "bailiwick",
    }
    assert not entity["policies"]
    role_id = fields(settled, f"{APPROLE}/role-id")["role_id"]
    aliases = entity["aliases"]
    assert isinstance(aliases, list)
    assert [alias["name"] for alias in aliases] == [role_id]


def test_a_login_and_its_leases_belong_to_the_entity(
    operator: VaultOperator, vault_server: tuple[str, str]
) -> None:
    """So disabling the entity stops the agent at once, whatever it holds."""
    approles = set_up(operator, DESK)
    operator.write("secret/data/payments/refund", data={"key": "k"})
    with Vault(vault_server[0], logins=approles) as vault:
        lease = vault.lease(REFUND.scope, agent="billing", tool="issue_refund", meta={})
        looked_up = operator.write("auth/token/lookup-accessor", accessor=lease.accessor)["data"]
        assert isinstance(looked_up, dict)
        assert looked_up["entity_id"] == fields(operator, ENTITY)["id"]

        operator.write(ENTITY, disabled=True)

        with pytest.raises(VaultError, match="billing"):
            vault.lease(REFUND.scope, agent="billing", tool="issue_refund", meta={})


def test_who_was_disabled_stays_so(settled: VaultOperator) -> None:
    """A setup is no pardon; it says so."""
    settled.write(ENTITY, disabled=True)

    plan = make_plan(settled, DESK)

    assert pending(plan) == []
    assert step(plan, "entity", "bailiwick-billing").notes == ("it is disabled, and stays so",)


def test_a_group_that_an_entity_is_in_is_told(settled: VaultOperator) -> None:
    """Its policies reach every child, and the group is somebody else's."""
    path = "identity/group/name/bailiwick-test-group"
    settled.write(path, member_entity_ids=[fields(settled, ENTITY)["id"]])

    (note,) = step(make_plan(settled, DESK), "entity", "bailiwick-billing").notes

    assert "that group's policies too" in note
    settled.delete(path)


def test_policies_that_somebody_gave_an_entity_are_taken_away(settled: VaultOperator) -> None:
    """Every child would inherit them, past its tool's own."""
    settled.write(ENTITY, policies=["default"])

    plan = make_plan(settled, DESK)
    (change,) = step(plan, "entity", "bailiwick-billing").changes
    plan.apply(settled)

    assert (change.field, change.before, change.after) == ("policies", ["default"], [])
    assert not fields(settled, ENTITY)["policies"]


def test_an_approle_that_was_made_anew_gets_its_alias_back(settled: VaultOperator) -> None:
    """Its role id is another one, and an entity has one alias at a mount."""
    settled.delete(APPROLE)
    make_plan(settled, DESK).apply(settled)
    plan = make_plan(settled, DESK)

    assert pending(plan) == []
    aliases = fields(settled, ENTITY)["aliases"]
    assert isinstance(aliases, list)
    assert len(aliases) == 1


def test_an_entity_that_a_login_made_by_itself_gives_its_alias_away(
    operator: VaultOperator, vault_server: tuple[str, str]
) -> None:
    """Vault makes a nameless one for whoever logs in before the setup; it loses the agent."""
    approles = set_up(operator, DESK)
    operator.delete(ENTITY)
    with Vault(vault_server[0], logins=approles) as vault:
        vault.request("GET", "auth/token/lookup-self", agent="billing", to="look")

    make_plan(operator, DESK).apply(operator)

    assert pending(make_plan(operator, DESK)) == []


def test_long_lists_of_capabilities_are_continued(operator: VaultOperator) -> None:
    """Vault takes 512 bytes as one value."""
    tools = tuple(
        ToolScope(tool=f"a_tool_with_a_long_name_{n:03}", scope=Scope(path="a")) for n in range(40)
    )
    plan = make_plan(operator, Registry(agents=(AgentIdentity(name="many", tools=tools),)))
    change = step(plan, "entity", "bailiwick-many").changes[0]

    assert isinstance(change.after, dict)
    pieces = [text for name, text in change.after.items() if name.startswith("capabilities")]
    assert ",".join(pieces).split(",") == [tool.tool for tool in tools]
    assert all(len(piece) <= 512 for piece in pieces)
