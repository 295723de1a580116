"""Setups at once: two that find the same Vault empty both come to their end."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from tests.tools.provision.plans.declared import BILLING, DESK, SEALING, pending

from bailiwick.policies.errors import VaultError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.provision import (
    AgentIdentity,
    Registry,
    ToolScope,
    VaultOperator,
    make_plan,
)

ELSEWHERE = ToolScope(tool="look_up", scope=Scope(path="a", mount="parcels"))
DESK_AND_MOUNT = Registry(
    agents=(BILLING, AgentIdentity(name="courier", tools=(ELSEWHERE,))), services=(SEALING,)
)


def test_what_another_setup_mounted_meanwhile_is_taken(vault_operator: VaultOperator) -> None:
    """Its plan is older than that mount: Vault says no, and has what was asked for."""
    first, second = (make_plan(vault_operator, DESK_AND_MOUNT) for _ in range(2))

    first.apply(vault_operator)
    second.apply(vault_operator)

    assert pending(make_plan(vault_operator, DESK_AND_MOUNT)) == []
    make_plan(vault_operator, Registry(), prune=True).apply(vault_operator)
    vault_operator.delete("sys/mounts/parcels")


def test_two_pipelines_at_once_both_come_to_their_end(devvault: DevelopmentVault) -> None:
    """Each plans and applies by itself, as `bailiwick vault setup --yes` does."""

    def set_up(_: int) -> None:
        with closing(VaultOperator(devvault.address, devvault.root_token)) as operator:
            make_plan(operator, DESK).apply(operator)

    with ThreadPoolExecutor(4) as pipelines:
        assert list(pipelines.map(set_up, range(4))) == [None] * 4

    with closing(VaultOperator(devvault.address, devvault.root_token)) as operator:
        assert pending(make_plan(operator, DESK)) == []


@pytest.mark.parametrize(
    ("table", "path", "other"),
    [
        ("sys/auth", "approle", {"type": "jwt"}),
        ("sys/mounts", "parcels", {"type": "transit"}),
        ("sys/mounts", "parcels", {"type": "kv", "options": {"version": "1"}}),
    ],
    ids=["method", "engine", "version"],
)
def test_what_is_of_another_kind_is_still_in_the_way(
    devvault: DevelopmentVault, table: str, path: str, other: dict[str, object]
) -> None:
    """Vault's refusal is told."""
    with closing(VaultOperator(devvault.address, devvault.root_token)) as operator:
        plan = make_plan(operator, DESK_AND_MOUNT)
        operator.write(f"{table}/{path}", **other)

        with pytest.raises(VaultError, match=f"Vault refused to write {table}/{path}: "):
            plan.apply(operator)
