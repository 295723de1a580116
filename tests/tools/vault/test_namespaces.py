"""Namespaces: the one that is named is in every request, or nothing is sent."""

from collections.abc import Mapping
from contextlib import closing

import pytest
from tests.tools.vault.leasing import LOGIN, REFUND, REGISTRY, SECRET, lease_refund
from tests.tools.vault.namespaced import BAO, ENTERPRISE, serve_namespaced

from bailiwick.policies.errors import SettingsError, VaultError
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.provision import VaultOperator, make_plan, set_up, write_secret
from bailiwick.tools.provision.secret_ids import wrapped_login
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import AppRole, WrappedAppRole

NAMED = "team/desk"
HEALTH = "sys/health"
COMMUNITY: Mapping[str, object] = {"version": "1.21.0", "enterprise": False}


def operator_of(address: str, token: str, namespace: str | None = NAMED) -> VaultOperator:
    """Return an operator's connection to a namespace."""
    return VaultOperator(address, token, namespace=namespace)


@pytest.mark.parametrize("health", [ENTERPRISE, BAO, {"version": "1.15.2+ent"}, {}], ids=repr)
def test_setup_bootstrap_logins_leases_and_their_ends_are_made_in_it(
    devvault: DevelopmentVault, health: Mapping[str, object]
) -> None:
    """Health alone is asked for in the root, where alone it is told."""
    with serve_namespaced(devvault, health) as (address, before):
        with closing(operator_of(address, devvault.root_token)) as operator:
            logins = dict(set_up(operator, REGISTRY))
            write_secret(operator, REFUND, {"key": SECRET})
            made = wrapped_login(operator, "billing", ttl=60)
        wrapped = WrappedAppRole(lambda: made)
        with Vault(address, logins={**logins, "billing": wrapped}, namespace=NAMED) as vault:
            vault.ping()
            vault.log_in()
            lease = lease_refund(vault)
            assert lease.credential.reveal() == SECRET
            vault.revoke(lease)

    paths = {path for path, _ in before.asked}
    assert {"sys/auth/approle", LOGIN, "sys/wrapping/unwrap", "auth/token/revoke-self"} <= paths
    assert {named for path, named in before.asked if path != HEALTH} == {NAMED}
    assert {named for path, named in before.asked if path == HEALTH} == {None}


@pytest.mark.parametrize("namespace", [None, "", "/", "root", "root/"], ids=repr)
def test_the_root_is_not_named(devvault: DevelopmentVault, namespace: str | None) -> None:
    """Any Vault will do then, and its health is not asked for first."""
    with (
        serve_namespaced(devvault, COMMUNITY) as (address, before),
        closing(operator_of(address, devvault.root_token, namespace)) as operator,
    ):
        assert operator.read("sys/mounts")

    assert before.asked == [("sys/mounts", None)]


@pytest.mark.parametrize("namespace", ["team/desk/", "/team/desk"])
def test_slashes_around_it_say_nothing(devvault: DevelopmentVault, namespace: str) -> None:
    """HashiCorp writes it with one at its end."""
    with (
        serve_namespaced(devvault) as (address, before),
        closing(operator_of(address, devvault.root_token, namespace)) as operator,
    ):
        operator.read("sys/mounts")

    assert before.asked == [(HEALTH, None), ("sys/mounts", NAMED)]


@pytest.mark.parametrize("namespace", ["a b", "a//b", "a\r\nX-Vault-Token: b", "caf\u00e9"])
def test_what_is_no_namespace_is_refused(namespace: str) -> None:
    """Before anything is sent, in particular as another header."""
    with pytest.raises(SettingsError, match=r"is no path of a namespace, .* set VAULT_NAMESPACE"):
        Vault("http://127.0.0.1:1", logins={}, namespace=namespace)
    with pytest.raises(SettingsError, match="set VAULT_NAMESPACE"):
        operator_of("http://127.0.0.1:1", "hvs.t", namespace)


@pytest.mark.parametrize(
    "health", [COMMUNITY, {"version": "1.15.2"}, {"version": "0.11.0"}], ids=repr
)
def test_a_vault_that_would_do_it_in_its_root_is_sent_nothing(
    devvault: DevelopmentVault, health: Mapping[str, object]
) -> None:
    """Vault's Community Edition passes the header over in silence."""
    told = f"has no namespaces, so nothing was sent to it for '{NAMED}': unset VAULT_NAMESPACE"
    logins = {"billing": AppRole(role_id="r", secret_id="s")}
    with serve_namespaced(devvault, health) as (address, before):
        with closing(operator_of(address, devvault.root_token)) as operator:
            for _ in range(2):
                with pytest.raises(VaultError, match=told):
                    make_plan(operator, REGISTRY)
        with Vault(address, logins=logins, namespace=NAMED) as vault:
            with pytest.raises(VaultError, match=told):
                vault.ping()
            with pytest.raises(VaultError, match=told):
                lease_refund(vault)

    assert {path for path, _ in before.asked} == {HEALTH}


def test_a_development_vault_has_none(devvault: DevelopmentVault) -> None:
    """It says so by its mark, whichever version it speaks like."""
    with (
        closing(operator_of(devvault.address, devvault.root_token)) as operator,
        pytest.raises(VaultError, match=r"has no namespaces, .*development Vaults have none"),
    ):
        make_plan(operator, REGISTRY)

    assert [exchange.path for exchange in devvault.requests] == [HEALTH]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (403, f"may not write sys/auth/x in the namespace '{NAMED}': use one with more policies"),
        (404, f"cannot write sys/auth/x in the namespace '{NAMED}': create the namespace, or"),
    ],
)
def test_a_refusal_names_it(devvault: DevelopmentVault, status: int, told: str) -> None:
    """It may be misspelt, or not be there."""
    devvault.faults.add(Fault(path="sys/auth/x", status=status))
    with (
        serve_namespaced(devvault) as (address, _),
        closing(operator_of(address, devvault.root_token)) as operator,
        pytest.raises(VaultError, match=f"{told}.* check VAULT_NAMESPACE"),
    ):
        operator.write("sys/auth/x", type="approle")
