"""A lease in Vault: what it costs, what it says of itself, and what ends with what."""

from collections.abc import Mapping

import pytest
from tests.tools.vault.faults import TOKEN
from tests.tools.vault.leasing import LOGIN, REFUND, RENEW, ROLE, SECRET, count, lease_refund

from bailiwick.policies.errors import VaultError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.provision import VaultOperator
from bailiwick.tools.secrets.leases import Lease
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import AppRole
from bailiwick.tools.vault.renewal import Renewal


def make_refund_ahead(vault: Vault) -> Lease:
    """Make a child that waits for a call of the refund tool."""
    scope = Scope(path="payments/refund", uses=1, ahead=1)
    return vault.make_ahead(scope, agent="billing", tool="issue_refund", meta={})


def test_a_child_dies_with_its_time_to_live(devvault: DevelopmentVault, vault: Vault) -> None:
    """What the program forgets to revoke, Vault ends."""
    lease = lease_refund(vault)
    child = VaultOperator(devvault.address, lease.token)
    devvault.let_pass(30)
    assert child.read("secret/data/payments/refund") is not None

    devvault.let_pass(31)

    with pytest.raises(VaultError, match="may not read"):
        child.read("secret/data/payments/refund")
    child.close()
    vault.revoke(lease)


def test_a_child_that_would_outlive_its_scope_is_not_used(
    devvault: DevelopmentVault, vault: Vault, vault_operator: VaultOperator
) -> None:
    """A role with a period gives that, whatever is asked; somebody agreed to a minute."""
    path = f"auth/token/roles/{ROLE}"
    kept = vault_operator.read(path) or {}
    vault_operator.write(path, **{**kept, "token_explicit_max_ttl": 0, "token_period": 3600})
    try:
        for make in (lease_refund, make_refund_ahead):
            with pytest.raises(VaultError, match=r"3600 s where 60 s were asked for.*vault setup"):
                make(vault)
        assert devvault.live_tokens(role=ROLE) == []
    finally:
        vault_operator.write(path, **kept)


def test_children_die_with_their_agents_login(
    devvault: DevelopmentVault, vault: Vault, vault_operator: VaultOperator
) -> None:
    """Revoking the agent ends what it has leased."""
    lease = lease_refund(vault)
    (login,) = devvault.live_tokens(role="")

    vault_operator.write("auth/token/revoke-accessor", accessor=login.accessor)

    assert devvault.live_tokens() == []
    vault.revoke(lease)


def test_a_login_reads_no_secret_itself(devvault: DevelopmentVault, vault: Vault) -> None:
    """What an agent holds between calls is good for leasing, not for reading."""
    lease_refund(vault)
    (login,) = devvault.live_tokens(role="")
    agent = VaultOperator(devvault.address, login.id)

    for path in ("secret/data/payments/refund", "sys/policies/acl/bailiwick-issue_refund"):
        with pytest.raises(VaultError, match="may not read"):
            agent.read(path)
    with pytest.raises(VaultError, match="may not write"):
        agent.write("auth/token/create", policies=["bailiwick-issue_refund"])
    agent.close()


def test_a_lease_costs_two_requests_after_the_login(
    devvault: DevelopmentVault, vault: Vault
) -> None:
    """The first lease logs in; each one makes a child and reads, and its end revokes."""
    lease_refund(vault)
    before = len(devvault.requests)

    vault.revoke(lease_refund(vault))

    assert [(e.method, e.path, e.status) for e in devvault.requests[before:]] == [
        ("POST", f"auth/token/create/{ROLE}", 200),
        ("GET", "secret/data/payments/refund", 200),
        ("POST", "auth/token/revoke-self", 204),
    ]


def test_the_leases_request_ids_are_vaults(devvault: DevelopmentVault, vault: Vault) -> None:
    """The ids on a lease join it with what Vault wrote down."""
    lease = lease_refund(vault)

    by_id = {e.id: e.path for e in devvault.requests}
    assert by_id[lease.mint_request] == f"auth/token/create/{ROLE}"
    assert by_id[lease.read_request] == "secret/data/payments/refund"


def test_a_login_too_short_for_the_lease_is_renewed(
    devvault: DevelopmentVault,
    vault_approles: Mapping[str, AppRole],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A child dies with its login, so the login must outlast the lease."""

    def leave(*_: object) -> None:
        """Start no thread: it would renew as soon as it sees how late it is."""

    monkeypatch.setattr(Renewal, "watch", leave)
    now = [0.0]
    with Vault(devvault.address, logins=vault_approles, clock=lambda: now[0]) as vault:
        lease_refund(vault)
        now[0] = 1200 - 61
        lease_refund(vault)
        assert count(devvault, RENEW) == 0

        now[0] = 1200 - 59
        lease = lease_refund(vault)

        assert (count(devvault, RENEW), count(devvault, LOGIN)) == (1, 1)
        assert lease.deadline == now[0] + 60


def test_a_login_that_was_revoked_is_made_anew_once(
    devvault: DevelopmentVault, vault: Vault, vault_operator: VaultOperator
) -> None:
    """A kill of the agent's tokens does not need a restart where its AppRole is still good."""
    vault.revoke(lease_refund(vault))
    (login,) = devvault.live_tokens(role="")
    vault_operator.write("auth/token/revoke-accessor", accessor=login.accessor)

    assert lease_refund(vault).credential.reveal() == SECRET

    assert count(devvault, LOGIN) == 2


def test_a_denial_is_not_answered_with_another_login(
    devvault: DevelopmentVault, vault: Vault
) -> None:
    """Where the login is alive, a refusal is the policy's and stays."""
    with pytest.raises(VaultError):
        vault.lease(REFUND, agent="orders", tool="issue_refund", meta={})

    assert count(devvault, LOGIN) == 1
    assert count(devvault, f"auth/token/create/{ROLE}") == 1


def test_a_login_that_stays_dead_fails(devvault: DevelopmentVault, vault: Vault) -> None:
    """There is one new login and no more."""
    devvault.faults.add(Fault(path="auth/token/*", status=403, times=10))

    with pytest.raises(VaultError, match="may not make tokens"):
        lease_refund(vault)

    devvault.faults.clear()
    assert count(devvault, LOGIN) == 2


def test_a_lease_does_not_show_its_secrets(
    vault: Vault, vault_approles: Mapping[str, AppRole]
) -> None:
    """Printing a lease, a login or an AppRole shows neither token nor secret."""
    lease = lease_refund(vault)

    shown = f"{lease!r} {lease} {vault_approles!r} {vault!r}"

    assert SECRET not in shown
    assert not TOKEN.search(shown)
    assert vault_approles["billing"].secret_id not in shown
