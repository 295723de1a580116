"""What somebody changed in Vault: looser is mended and told, stricter is kept and told."""

import json

import pytest
from tests.tools.provision.plans.declared import APPROLE, DESK, POLICY, ROLE, fields, pending, step

from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.devvault.policies import read_policy
from bailiwick.tools.provision import (
    LoginTerms,
    VaultOperator,
    make_plan,
)


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
