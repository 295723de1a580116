"""The plan of a setup: what is declared against what stands in Vault, and nothing done unasked."""

import json
from collections import Counter
from contextlib import closing
from dataclasses import replace

import pytest
from tests.tools.provision.plans.declared import (
    APPROLE,
    BILLING,
    DESK,
    ENTITY,
    REFUND,
    SEALING,
    pending,
    step,
)

from bailiwick.policies.errors import ScopeError, VaultError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.provision import (
    AgentIdentity,
    Registry,
    ToolScope,
    TransitKey,
    VaultOperator,
    make_plan,
    set_up,
)
from bailiwick.tools.vault import Vault


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


def test_a_plan_is_of_one_moment(devvault: DevelopmentVault) -> None:
    """What several steps go by is read once: a change between two reads cannot split the plan."""
    with closing(VaultOperator(devvault.address, devvault.root_token)) as operator:
        make_plan(operator, DESK).apply(operator)
        begun = len(devvault.requests)
        make_plan(operator, DESK)

    read = Counter(exchange.path for exchange in devvault.requests[begun:])
    assert {"sys/auth", ENTITY, f"{APPROLE}/role-id"} <= read.keys()
    assert set(read.values()) == {1}


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


def test_a_service_has_its_keys_and_may_do_what_it_declares(
    operator: VaultOperator, vault_server: tuple[str, str]
) -> None:
    """Nothing else, and no agent may do it."""
    approles = set_up(operator, DESK)
    path = "transit/datakey/plaintext/bailiwick-test"
    with Vault(vault_server[0], logins=approles) as vault:
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
