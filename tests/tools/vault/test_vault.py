"""What leasing from any Vault does; a real one is tried too where its address is given."""

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.tools.vault.leasing import REFUND, SECRET, lease_refund

from bailiwick.policies.errors import ScopeError, SettingsError, VaultError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.provision import VaultOperator, write_secret
from bailiwick.tools.secrets.leases import Lease
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import AppRole
from bailiwick.tools.vault.wire import Wire

LOOKUP = Scope(path="orders/read", ttl=30)


def is_alive(operator: VaultOperator, lease: Lease) -> bool:
    """Tell whether Vault still knows a lease's child token."""
    try:
        operator.write("auth/token/lookup-accessor", accessor=lease.accessor)
    except VaultError:
        return False
    return True


def test_an_agent_without_an_approle_gets_nothing(vault_server: tuple[str, str]) -> None:
    """Whoever was not provisioned cannot lease, and is told what to do."""
    with Vault(vault_server[0], logins={}) as vault, pytest.raises(VaultError) as caught:
        vault.lease(REFUND, agent="billing", tool="issue_refund", meta={})

    assert str(caught.value) == (
        "agent 'billing' has nothing to log in with: put its AppRole into the file that "
        "BAILIWICK_APPROLES names, with `bailiwick vault bootstrap billing --approles FILE`; "
        "without a name it renews all; then start this process again: it read its AppRoles when it "
        "began"
    )


def test_a_lease_holds_the_secret_of_its_scope(vault: Vault) -> None:
    """The credential reveals what was written, and the lease says how it was had."""
    lease = lease_refund(vault)

    assert lease.credential.reveal() == SECRET
    assert lease.role == "bailiwick-issue_refund"
    assert lease.path == "secret/data/payments/refund"
    assert (lease.ttl_asked, lease.ttl) == (60, 60)
    assert len({lease.mint_request, lease.read_request, ""}) == 3


def test_a_lease_holds_every_text_field(vault: Vault) -> None:
    """A secret with several fields reveals each by its name."""
    lease = vault.lease(LOOKUP, agent="orders", tool="find_order", meta={})

    assert lease.credential.reveal("user") == "desk"
    assert lease.credential.reveal("key") == "orders-secret-2b9c"


def test_fields_that_are_no_text_are_left_out(vault: Vault, vault_operator: VaultOperator) -> None:
    """A number beside the key does not become part of the credential."""
    vault_operator.write("secret/data/payments/refund", data={"key": "text-1", "limit": 5})

    assert lease_refund(vault).credential.values() == ("text-1",)


def test_the_child_may_read_its_secret_and_nothing_else(
    vault: Vault, vault_server: tuple[str, str]
) -> None:
    """The child of one tool may not read another tool's secret, nor look around."""
    child = VaultOperator(vault_server[0], lease_refund(vault).token)

    assert child.read("secret/data/payments/refund") is not None
    for path in ("secret/data/orders/read", "auth/token/lookup-self", "sys/mounts"):
        with pytest.raises(VaultError, match="may not read"):
            child.read(path)
    with pytest.raises(VaultError, match="may not write"):
        child.write("auth/token/create")
    child.close()


def test_a_tools_role_reads_no_other_tools_secret(vault: Vault) -> None:
    """A tool that asks for another tool's secret is refused by its token role."""
    with pytest.raises(VaultError) as caught:
        vault.lease(LOOKUP, agent="billing", tool="issue_refund", meta={})

    assert str(caught.value) == (
        "the token role 'bailiwick-issue_refund' may not read 'secret/data/orders/read': "
        "allow `read` on it in the role's policy"
    )


def test_an_agent_cannot_use_another_agents_tool(vault: Vault) -> None:
    """An agent's login makes tokens through the roles of its own tools only."""
    with pytest.raises(VaultError) as caught:
        vault.lease(REFUND, agent="orders", tool="issue_refund", meta={})

    assert str(caught.value) == (
        "agent 'orders' may not make tokens through the token role 'bailiwick-issue_refund': "
        "allow `update` on auth/token/create/bailiwick-issue_refund in the policy of its AppRole"
    )


def test_a_lease_carries_its_call_in_vault(vault: Vault, vault_operator: VaultOperator) -> None:
    """Vault's audit can tell agent, tool and call, and the caller cannot claim another agent."""
    lease = vault.lease(
        REFUND, agent="billing", tool="issue_refund", meta={"call": "c-1", "agent": "somebody"}
    )

    found = vault_operator.write("auth/token/lookup-accessor", accessor=lease.accessor)["data"]
    assert isinstance(found, dict)
    assert found["meta"] == {"agent": "billing", "tool": "issue_refund", "call": "c-1"}
    assert found["explicit_max_ttl"] == 60
    assert found["policies"] == ["bailiwick-issue_refund"]
    assert not found["renewable"]


def test_a_revoked_lease_is_gone_in_vault_and_here(
    vault: Vault, vault_operator: VaultOperator
) -> None:
    """Revocation ends the child token and the credential."""
    lease = lease_refund(vault)
    assert is_alive(vault_operator, lease)

    vault.revoke(lease)

    assert not is_alive(vault_operator, lease)
    with pytest.raises(ScopeError, match="ended with its call"):
        lease.credential.reveal()


def test_a_spent_secret_id_names_its_remedy(
    vault_server: tuple[str, str], vault_approles: Mapping[str, AppRole]
) -> None:
    """A wrong secret id is not told apart from a used one, and neither is quoted."""
    role_id = vault_approles["billing"].role_id
    wrong = {"billing": AppRole(role_id=role_id, secret_id="wrong-secret-id")}
    with Vault(vault_server[0], logins=wrong) as vault, pytest.raises(VaultError) as caught:
        lease_refund(vault)

    assert str(caught.value) == (
        "agent 'billing' cannot log in: its secret id is spent or wrong: give it a new one with "
        "`bailiwick vault bootstrap billing --approles FILE`; without a name it renews all; then "
        "start this process again: it read its AppRoles when it began"
    )


def test_a_secret_that_is_not_there_names_its_remedy(
    vault: Vault, vault_operator: VaultOperator
) -> None:
    """A deleted secret reads like one that was never written, and the child is revoked."""
    vault_operator.delete("secret/metadata/payments/refund")

    with pytest.raises(VaultError) as caught:
        lease_refund(vault)

    assert str(caught.value) == (
        "Vault holds nothing at 'secret/data/payments/refund': write it with "
        "`vault kv put -mount=secret payments/refund NAME=VALUE`"
    )


def test_a_deleted_version_is_no_secret(vault: Vault, vault_operator: VaultOperator) -> None:
    """A secret whose newest version is deleted cannot be leased."""
    vault_operator.delete("secret/data/payments/refund")

    with pytest.raises(VaultError, match="holds nothing"):
        lease_refund(vault)


def test_a_secret_without_text_cannot_be_leased(
    vault: Vault, vault_operator: VaultOperator
) -> None:
    """A credential with nothing to reveal is refused."""
    write_secret(vault_operator, REFUND, {})

    with pytest.raises(VaultError, match="holds no text: write a text field"):
        lease_refund(vault)


def test_a_missing_token_role_names_its_remedy(vault: Vault, vault_operator: VaultOperator) -> None:
    """A tool whose role was removed is named."""
    vault_operator.delete("auth/token/roles/bailiwick-issue_refund")

    with pytest.raises(VaultError, match="'bailiwick-issue_refund': it is missing or limits"):
        lease_refund(vault)


def test_parallel_leases_are_distinct_and_all_revoked(
    vault: Vault, vault_operator: VaultOperator, caplog: pytest.LogCaptureFixture
) -> None:
    """Thirty-two threads share one client without sharing a token, a login or a lost connection."""
    with caplog.at_level(logging.WARNING, "urllib3"), ThreadPoolExecutor(32) as pool:
        leases = list(pool.map(lease_refund, [vault] * 32))
        assert all(is_alive(vault_operator, lease) for lease in leases)
        list(pool.map(vault.revoke, leases))

    assert len({lease.accessor for lease in leases}) == 32
    assert len({lease.token for lease in leases}) == 32
    assert not any(is_alive(vault_operator, lease) for lease in leases)
    assert not caplog.records


def test_closing_ends_what_is_still_leased(
    vault_server: tuple[str, str],
    vault_approles: Mapping[str, AppRole],
    vault_operator: VaultOperator,
) -> None:
    """A program that stops leaves no live token behind."""
    with Vault(vault_server[0], logins=vault_approles) as vault:
        lease = lease_refund(vault)

    assert not is_alive(vault_operator, lease)


def test_ping_is_quiet_where_vault_works(vault: Vault) -> None:
    """A Vault that can lease has nothing to say."""
    vault.ping()


def test_nothing_is_taken_from_the_environment(
    vault_server: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a proxy nor a token of the environment reaches a request."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("VAULT_TOKEN", vault_server[1])
    wire = Wire(vault_server[0], timeout=(5, 5), verify=True, production=False)
    answer = wire.request("GET", "auth/token/lookup-self", to="look a token up")
    wire.close()

    assert answer.status == 403


@pytest.mark.parametrize(
    "address",
    ["", "vault:8200", "ftp://vault", "http://", "https://me:pass@vault", "https://vault?a=b"],
)
def test_what_is_no_address_is_refused_without_quoting_it(address: str) -> None:
    """An address with a password in it does not come back in the message."""
    with pytest.raises(SettingsError, match="set VAULT_ADDR") as caught:
        Vault(address, logins={})

    assert "pass@" not in str(caught.value)


def test_production_refuses_unencrypted_addresses() -> None:
    """Secrets do not travel in the clear, except to this machine itself."""
    with pytest.raises(SettingsError, match="use an https address in production"):
        Vault("http://vault.example:8200", logins={}, production=True)

    for address in ("https://vault.example", "http://127.0.0.1:1", "http://localhost:1"):
        Vault(address, logins={}, production=True).close()


@pytest.mark.parametrize("token", ["", "hvs.\n", "hvs.\u00e9"])
def test_an_operator_needs_a_token(token: str) -> None:
    """An empty or garbled token is refused before it is sent."""
    with pytest.raises(VaultError, match="set VAULT_TOKEN"):
        VaultOperator("http://127.0.0.1:1", token)
