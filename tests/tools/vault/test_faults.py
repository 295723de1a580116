"""What can go wrong between an agent and Vault, told against the development Vault."""

from collections.abc import Callable, Mapping

import pytest
from starlette.responses import RedirectResponse
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope
from tests.tools.vault.faults import FAULTS, MINT, REVOKE, leaks, seal, stop, strike
from tests.tools.vault.leasing import ROLE, SECRET, count, lease_refund

from bailiwick.policies.errors import ScopeError, VaultError
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.loopback import serve
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import AppRole


@pytest.fixture
def hasty(vault_server: tuple[str, str], vault_approles: Mapping[str, AppRole]) -> Vault:
    """A client that does not wait long."""
    return Vault(vault_server[0], logins=vault_approles, timeout=(1, 1))


def test_the_search_for_leaks_finds_what_is_planted(
    vault_approles: Mapping[str, AppRole],
) -> None:
    """A search that cannot find a planted secret proves nothing."""

    def fail() -> None:
        planted = (SECRET, vault_approles["billing"].secret_id, "hvs.planted")
        try:
            int(planted[0])
        except ValueError as error:
            raise VaultError("no") from error

    with pytest.raises(VaultError) as caught:
        fail()

    assert set(leaks(caught.value, vault_approles)) == {
        SECRET,
        vault_approles["billing"].secret_id,
        "hvs.planted",
    }


@pytest.mark.parametrize(("fault", "remedy"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_gives_no_credential_leaves_no_child_and_leaks_nothing(
    devvault: DevelopmentVault,
    hasty: Vault,
    vault_approles: Mapping[str, AppRole],
    fault: Callable[[DevelopmentVault], None],
    remedy: str,
) -> None:
    """Whatever goes wrong: one error with its remedy, nothing secret in it, no live child."""
    fault(devvault)

    with pytest.raises(VaultError) as caught:
        lease_refund(hasty)
    hasty.close()

    assert remedy in str(caught.value)
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    assert leaks(caught.value, vault_approles) == []
    assert devvault.live_tokens(role=ROLE) == []


def test_a_child_whose_answer_was_lost_ends_by_itself(
    devvault: DevelopmentVault, vault: Vault
) -> None:
    """Where nobody knows the child's token, its time to live ends it; nothing is leased twice."""
    devvault.faults.add(Fault(path=MINT, loses="answer"))
    with pytest.raises(VaultError):
        lease_refund(vault)

    assert len(devvault.live_tokens(role=ROLE)) == 1
    assert count(devvault, f"auth/token/create/{ROLE}") == 1
    devvault.let_pass(61)
    assert devvault.live_tokens(role=ROLE) == []


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        (Fault(path=REVOKE, status=500), "answered 500 when asked to revoke a token"),
        (Fault(path=REVOKE, delay=1.5), "took too long to revoke a token"),
        (Fault(path=REVOKE, status=403), "allow `update` on auth/token/revoke-self"),
        (Fault(path=REVOKE, loses="request"), "does not answer"),
    ],
    ids=["500", "slow", "403", "lost"],
)
def test_a_credential_ends_even_if_vault_does_not_confirm(
    devvault: DevelopmentVault,
    hasty: Vault,
    vault_approles: Mapping[str, AppRole],
    fault: Fault,
    remedy: str,
) -> None:
    """The caller is told that the token may live on; the secret is forgotten here all the same."""
    lease = lease_refund(hasty)
    devvault.faults.add(fault)

    with pytest.raises(VaultError) as caught:
        hasty.revoke(lease)
    hasty.close()

    assert remedy in str(caught.value)
    assert leaks(caught.value, vault_approles) == []
    with pytest.raises(ScopeError):
        lease.credential.reveal()


def test_a_revocation_can_be_tried_again(devvault: DevelopmentVault, vault: Vault) -> None:
    """Whoever does not know whether it was done may ask again, also when it was."""
    lease = lease_refund(vault)
    devvault.faults.add(Fault(path=REVOKE, loses="answer"))
    with pytest.raises(VaultError):
        vault.revoke(lease)

    vault.revoke(lease)

    assert devvault.live_tokens(role=ROLE) == []


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        (stop, "start it with `bailiwick vault dev`"),
        (seal, "unseal it"),
        (strike(path="sys/health", status=501), "run `vault operator init`"),
    ],
    ids=["down", "sealed", "uninitialised"],
)
def test_ping_names_the_remedy(
    devvault: DevelopmentVault,
    vault: Vault,
    fault: Callable[[DevelopmentVault], None],
    remedy: str,
) -> None:
    """Before anything is leased, the operator can learn what is missing."""
    fault(devvault)

    with pytest.raises(VaultError) as caught:
        vault.ping()

    assert remedy in str(caught.value)


@pytest.mark.parametrize("status", [429, 473])
def test_a_standby_is_good_enough(devvault: DevelopmentVault, vault: Vault, status: int) -> None:
    """A standby node passes requests on."""
    devvault.faults.add(Fault(path="sys/health", status=status))

    vault.ping()


def test_after_unsealing_leases_are_given_again(devvault: DevelopmentVault, vault: Vault) -> None:
    """A sealed Vault is a pause, not an end."""
    devvault.seal()
    with pytest.raises(VaultError):
        lease_refund(vault)

    devvault.unseal()

    assert lease_refund(vault).credential.reveal() == SECRET


def test_production_sends_a_development_vault_nothing_secret(
    devvault: DevelopmentVault, vault_approles: Mapping[str, AppRole]
) -> None:
    """A development Vault is found out before the agent logs in."""
    before = len(devvault.requests)
    with (
        Vault(devvault.address, logins=vault_approles, production=True) as vault,
        pytest.raises(VaultError, match="is a development Vault, not for production"),
    ):
        lease_refund(vault)

    assert [e.path for e in devvault.requests[before:]] == ["sys/health"]


def test_a_redirect_is_not_followed(
    devvault: DevelopmentVault, vault_approles: Mapping[str, AppRole]
) -> None:
    """A token is not carried to where a redirect points."""

    async def redirect(scope: AsgiScope, receive: Receive, send: Send) -> None:
        target = RedirectResponse(f"{devvault.address}{scope['path']}")
        await target(scope, receive, send)

    before = len(devvault.requests)
    with (
        serve(redirect) as address,
        Vault(address, logins=vault_approles) as vault,
        pytest.raises(VaultError, match="answered 307 when asked to log in"),
    ):
        lease_refund(vault)

    assert len(devvault.requests) == before
