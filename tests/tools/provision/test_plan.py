"""The plan of a setup: what is declared against what stands in Vault, and nothing done unasked."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from bailiwick.policies.errors import ScopeError, VaultError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.devvault.policies import read_policy
from bailiwick.tools.provision import (
    AgentIdentity,
    LoginTerms,
    PathRule,
    Plan,
    Registry,
    Service,
    ToolScope,
    TransitKey,
    VaultOperator,
    make_plan,
    set_up,
)
from bailiwick.tools.provision.steps import Step
from bailiwick.tools.vault import Vault

REFUND = ToolScope(tool="issue_refund", scope=Scope(path="payments/refund", ttl=45))
BILLING = AgentIdentity(
    name="billing", tools=(REFUND,), owner="finance", purpose="Pays refunds back."
)
SEALING = Service(
    name="sealing",
    owner="platform",
    purpose="Seals what is kept.",
    rules={"transit/datakey/plaintext/bailiwick-test": PathRule(("update",))},
    keys=(TransitKey(name="bailiwick-test"),),
)
DESK = Registry(agents=(BILLING,), services=(SEALING,))
POLICY, ROLE = "sys/policies/acl/bailiwick-issue_refund", "auth/token/roles/bailiwick-issue_refund"
APPROLE, ENTITY = "auth/approle/role/bailiwick-billing", "identity/entity/name/bailiwick-billing"


@pytest.fixture
def operator(vault_operator: VaultOperator) -> Iterator[VaultOperator]:
    """An operator's connection, after which nothing of ours is left."""
    yield vault_operator
    make_plan(vault_operator, Registry(), prune=True).apply(vault_operator)


@pytest.fixture
def settled(operator: VaultOperator) -> VaultOperator:
    """The same, where the desk has been set up."""
    make_plan(operator, DESK).apply(operator)
    return operator


def pending(plan: Plan) -> list[tuple[str, str, str]]:
    """Return what a plan would do, in short."""
    return [(step.action, step.kind, step.name) for step in plan.pending]


def step(plan: Plan, kind: str, name: str) -> Step:
    """Return the step about one thing."""
    (found,) = [each for each in plan.steps if (each.kind, each.name) == (kind, name)]
    return found


def fields(operator: VaultOperator, path: str) -> Mapping[str, object]:
    """Return what stands at a path."""
    found = operator.fields(path)
    assert found is not None
    return found


def test_nobody_declared_needs_no_more_than_the_way_to_log_in(operator: VaultOperator) -> None:
    """An empty registry leaves Vault as it is, and only asks for AppRole."""
    assert {step.kind for step in make_plan(operator, Registry()).steps} == {"auth method"}


def test_a_plan_writes_nothing(devvault: DevelopmentVault) -> None:
    """It can be looked at with a token that may only read."""
    operator = VaultOperator(devvault.address, devvault.root_token)

    plan = make_plan(operator, DESK, prune=True)

    assert plan.counts["create"] == 13
    assert {exchange.method for exchange in devvault.requests} <= {"GET", "LIST"}
    operator.close()


def test_after_it_was_applied_nothing_is_left_to_do(settled: VaultOperator) -> None:
    """A second run plans nothing, not even a removal."""
    plan = make_plan(settled, DESK, prune=True)

    assert pending(plan) == []
    assert plan.counts["keep"] == len(plan.steps)


def test_an_interrupted_setup_goes_on_where_it_was(devvault: DevelopmentVault) -> None:
    """The next plan holds what is left."""
    operator = VaultOperator(devvault.address, devvault.root_token)
    devvault.faults.add(Fault(path=APPROLE, method="POST", status=500))
    with pytest.raises(VaultError, match="answered 500"):
        make_plan(operator, DESK).apply(operator)

    left = make_plan(operator, DESK)
    assert ("create", "policy", "bailiwick-issue_refund") not in pending(left)
    assert ("create", "AppRole", "bailiwick-billing") in pending(left)
    left.apply(operator)

    assert pending(make_plan(operator, DESK)) == []
    operator.close()


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
    with Vault(vault_server[0], approles=approles) as vault:
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
    with Vault(vault_server[0], approles=approles) as vault:
        vault.request("GET", "auth/token/lookup-self", agent="billing", to="look")

    make_plan(operator, DESK).apply(operator)

    assert pending(make_plan(operator, DESK)) == []


def test_a_declared_change_is_shown_before_and_after(settled: VaultOperator) -> None:
    """As the reviewer of a change wants it."""
    moved = replace(REFUND, scope=Scope(path="payments/other", ttl=30))
    plan = make_plan(settled, Registry(agents=(replace(BILLING, tools=(moved,)),)))

    assert pending(plan) == [
        ("change", "policy", "bailiwick-issue_refund"),
        ("change", "token role", "bailiwick-issue_refund"),
    ]
    (change,) = step(plan, "policy", "bailiwick-issue_refund").changes
    assert 'path "secret/data/payments/refund"' in str(change.before)
    assert 'path "secret/data/payments/other"' in str(change.after)
    (ttl,) = step(plan, "token role", "bailiwick-issue_refund").changes
    assert (ttl.field, ttl.before, ttl.after) == ("token_explicit_max_ttl", 45, 30)


def test_a_policy_that_somebody_widened_is_mended_and_told(settled: VaultOperator) -> None:
    """Drift is shown as such."""
    text = str(fields(settled, POLICY)["policy"])
    settled.write(POLICY, policy=text + 'path "secret/*" { capabilities = ["read"] }\n')

    plan = make_plan(settled, DESK)
    assert step(plan, "policy", "bailiwick-issue_refund").notes == ("somebody else changed it",)
    plan.apply(settled)

    assert fields(settled, POLICY)["policy"] == text


def test_a_policy_that_somebody_tightened_is_kept(settled: VaultOperator) -> None:
    """Until the operator says that it shall be loosened."""
    tight = 'path "auth/token/revoke-self" { capabilities = ["update"] }'
    settled.write(POLICY, policy=tight)

    plan = make_plan(settled, DESK)
    assert pending(plan) == []
    (note,) = step(plan, "policy", "bailiwick-issue_refund").notes
    assert "stricter than declared" in note
    assert "--loosen" in note

    make_plan(settled, DESK, loosen=True).apply(settled)
    assert len(read_policy(str(fields(settled, POLICY)["policy"]))) == 2


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        (ROLE, "token_explicit_max_ttl", 10),
        (APPROLE, "token_ttl", 60),
        (APPROLE, "token_max_ttl", 1200),
        (APPROLE, "secret_id_ttl", 60),
    ],
)
def test_a_stricter_role_is_kept_and_told(
    settled: VaultOperator, path: str, name: str, value: int
) -> None:
    """An operator's own bound is not lifted by the way, also where something else changes."""
    kind = "token role" if path == ROLE else "AppRole"
    settled.write(path, **{name: value})
    settled.write(path, token_no_default_policy=False)

    plan = make_plan(settled, DESK)
    found = step(plan, kind, path.rpartition("/")[2])
    plan.apply(settled)

    assert [change.field for change in found.changes] == ["token_no_default_policy"]
    assert f"{name} is {value}, stricter than the " in found.notes[0]
    assert fields(settled, path)[name] == value
    make_plan(settled, DESK, loosen=True).apply(settled)
    assert fields(settled, path)[name] != value


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        (ROLE, "token_explicit_max_ttl", 0),
        (ROLE, "allowed_policies", ["bailiwick-issue_refund", "default"]),
        (ROLE, "allowed_policies_glob", ["*"]),
        (ROLE, "renewable", True),
        (ROLE, "token_period", 3600),
        (APPROLE, "secret_id_num_uses", 0),
        (APPROLE, "token_policies", ["default"]),
        (APPROLE, "bind_secret_id", False),
        (APPROLE, "token_period", 3600),
    ],
)
def test_a_looser_role_is_tightened(
    settled: VaultOperator, path: str, name: str, value: object
) -> None:
    """Whatever somebody opened is closed again; 0 is no limit and so the loosest."""
    before = fields(settled, path)[name]
    settled.write(path, secret_id_bound_cidrs=["127.0.0.0/8"])
    settled.write(path, **{name: value})

    make_plan(settled, DESK).apply(settled)

    assert fields(settled, path)[name] == before


def test_what_is_not_declared_of_a_role_is_left_alone(settled: VaultOperator) -> None:
    """Networks that an operator bound an agent to stay bound."""
    settled.write(APPROLE, token_bound_cidrs=["127.0.0.0/8"])

    assert pending(make_plan(settled, DESK)) == []
    make_plan(settled, DESK, LoginTerms(token_ttl=900), loosen=True).apply(settled)

    assert fields(settled, APPROLE)["token_bound_cidrs"]


def test_what_vault_leaves_out_of_a_role_is_not_set(devvault: DevelopmentVault) -> None:
    """Servers differ in whether they show a limit of 0; it is no difference."""
    operator = VaultOperator(devvault.address, devvault.root_token)
    make_plan(operator, DESK).apply(operator)
    shown = {name: value for name, value in fields(operator, ROLE).items() if value}
    answer = json.dumps({"data": shown}).encode()
    devvault.faults.add(Fault(path=ROLE, method="GET", status=200, body=answer))

    assert pending(make_plan(operator, DESK)) == []
    operator.close()


def test_what_nobody_declares_any_more_is_removed_only_when_told_to(
    settled: VaultOperator,
) -> None:
    """What can be used goes first; nothing of the removed agent is left."""
    assert pending(make_plan(settled, Registry(services=(SEALING,)))) == []

    plan = make_plan(settled, Registry(services=(SEALING,)), prune=True)
    plan.apply(settled)

    assert pending(plan) == [
        ("remove", "AppRole", "bailiwick-billing"),
        ("remove", "token role", "bailiwick-issue_refund"),
        ("remove", "entity", "bailiwick-billing"),
        ("remove", "policy", "bailiwick-billing.agent"),
        ("remove", "policy", "bailiwick-issue_refund"),
    ]
    assert all(settled.fields(path) is None for path in (POLICY, ROLE, APPROLE, ENTITY))


def test_what_does_not_carry_our_mark_is_never_removed(settled: VaultOperator) -> None:
    """A name like ours is no proof: it may be somebody else's."""
    theirs: dict[str, dict[str, object]] = {
        "sys/policies/acl/bailiwick-theirs": {"policy": 'path "a" { capabilities = ["read"] }'},
        "auth/token/roles/bailiwick-theirs": {"allowed_policies": ["bailiwick-theirs"]},
        "auth/approle/role/bailiwick-theirs": {"token_policies": ["bailiwick-theirs"]},
        "identity/entity/name/bailiwick-theirs": {"metadata": {"owner": "them"}},
    }
    for path, body in theirs.items():
        settled.write(path, **body)

    make_plan(settled, Registry(), prune=True).apply(settled)

    assert [path for path in theirs if settled.fields(path) is None] == []
    assert settled.fields(APPROLE) is None
    for path in theirs:
        settled.delete(path)


def test_secrets_keys_and_mounts_are_never_removed(settled: VaultOperator) -> None:
    """What they hold would be lost."""
    settled.write("secret/data/payments/refund", data={"key": "k"})

    make_plan(settled, Registry(), prune=True).apply(settled)

    assert settled.fields("secret/data/payments/refund") is not None
    assert settled.fields("transit/keys/bailiwick-test") is not None


def test_a_service_has_its_keys_and_may_do_what_it_declares(
    operator: VaultOperator, vault_server: tuple[str, str]
) -> None:
    """Nothing else, and no agent may do it."""
    approles = set_up(operator, DESK)
    path = "transit/datakey/plaintext/bailiwick-test"
    with Vault(vault_server[0], approles=approles) as vault:
        made = vault.request("POST", path, agent="sealing.service", to="make a data key", json={})
        other = vault.request("POST", path, agent="billing", to="make a data key", json={})
        read = vault.request(
            "GET", "secret/data/payments/refund", agent="sealing.service", to="read"
        )

    assert (made.status, other.status, read.status) == (200, 403, 403)


def test_a_mount_of_another_kind_is_in_the_way(operator: VaultOperator) -> None:
    """It is named, and neither moved nor used."""
    operator.write("sys/mounts/old", type="kv", options={"version": "1"})
    scope = ToolScope(tool="t", scope=Scope(path="a", mount="old"))
    with pytest.raises(VaultError, match="the mount 'old' is 'kv 1' and not kv 2: declare another"):
        make_plan(operator, Registry(agents=(AgentIdentity(name="a", tools=(scope,)),)))
    operator.delete("sys/mounts/old")


def test_a_key_of_another_type_is_in_the_way(settled: VaultOperator) -> None:
    """What it sealed could not be opened any more."""
    other = replace(SEALING, keys=(TransitKey(name="bailiwick-test", kind="ed25519"),))
    with pytest.raises(VaultError, match=r"is of the type .aes256-gcm96. .* and not .ed25519."):
        make_plan(settled, Registry(services=(other,)))


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


def test_a_step_can_be_written_as_json(operator: VaultOperator) -> None:
    """Scripts read the same plan as people."""
    plan = make_plan(operator, DESK)

    shown = json.loads(json.dumps([each.shown for each in plan.steps]))

    assert [each["name"] for each in shown] == [each.name for each in plan.steps]
    assert {each["action"] for each in shown} <= {"create", "change", "keep", "remove"}


def test_two_services_of_one_name_are_refused(operator: VaultOperator) -> None:
    """As with agents and tools, case is no difference to Vault."""
    with pytest.raises(ScopeError, match="one in Vault: rename one"):
        make_plan(operator, Registry(services=(SEALING, replace(SEALING, name="Sealing"))))
