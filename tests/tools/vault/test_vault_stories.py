"""What can go wrong between an agent and Vault, told against the development Vault."""

import re
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from starlette.responses import RedirectResponse
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from bailiwick.policies.errors import ScopeError, VaultError
from bailiwick.policies.scopes import Scope
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.loopback import serve
from bailiwick.tools.provision import VaultOperator
from bailiwick.tools.secrets.leases import Lease
from bailiwick.tools.vault import Vault
from bailiwick.tools.vault.methods import AppRole

REFUND = Scope(path="payments/refund")
ROLE = "bailiwick-issue_refund"
SECRET = "refund-secret-7f3a"
LOGIN, MINT = "auth/approle/login", "auth/token/create/*"
RENEW = "auth/token/renew-self"
READ, REVOKE = "secret/data/*", "auth/token/revoke-self"
_TOKEN = re.compile(r"hvs\.\w+")


def lease_refund(vault: Vault) -> Lease:
    """Lease what the refund tool needs."""
    return vault.lease(REFUND, agent="billing", tool="issue_refund", meta={})


def everything_in(error: BaseException) -> str:
    """Return all that an error, its causes and the locals of its frames would print."""
    texts: list[str] = []
    todo: list[BaseException | None] = [error]
    while todo:
        if (found := todo.pop()) is not None:
            shown = traceback.TracebackException.from_exception(found, capture_locals=True)
            texts += [repr(found), repr(found.args), repr(vars(found)), *shown.format()]
            todo += [found.__context__, found.__cause__]
    return "\n".join(texts)


def leaks(error: BaseException, approles: Mapping[str, AppRole]) -> list[str]:
    """Return the secrets that an error would print: tokens, secret ids, secrets."""
    text = everything_in(error)
    known = [SECRET, *(approle.secret_id for approle in approles.values())]
    return [secret for secret in known if secret in text] + _TOKEN.findall(text)


def stop(devvault: DevelopmentVault) -> None:
    """Take Vault down."""
    devvault.stop()


def seal(devvault: DevelopmentVault) -> None:
    """Seal Vault."""
    devvault.seal()


def strike(**fault: Any) -> Callable[[DevelopmentVault], None]:  # noqa: ANN401 - a fault's fields
    """Return what makes the next matching request go wrong."""
    return lambda devvault: devvault.faults.add(Fault(**fault))


ANSWERS: dict[str, tuple[dict[str, object], str]] = {
    "500": ({"status": 500}, "answered 500 when asked to"),
    "502": ({"status": 502, "body": b"<html>"}, "answered 502 when asked to"),
    "429": ({"status": 429}, "limits requests: wait"),
    "501": ({"status": 501}, "is not initialised: run `vault operator init`"),
    "503": ({"status": 503}, "unseal it"),
    "nonsense": ({"status": 200, "body": b"<html>"}, "check VAULT_ADDR"),
    "half": ({"status": 200, "body": b'{"auth": {}}'}, "check VAULT_ADDR"),
    "slow": ({"status": 500, "delay": 0.4}, "took too long to"),
    "lost": ({"loses": "request"}, "does not answer"),
}
FAULTS = {
    "down": (stop, "start it with `bailiwick vault dev` or set VAULT_ADDR"),
    "sealed": (seal, "is sealed or not active: unseal it"),
    "lost login": (strike(path=LOGIN, loses="answer"), "does not answer"),
    "lost secret": (strike(path=READ, loses="answer"), "does not answer"),
    **{
        f"{name} at {where}": (strike(path=where, **fault), remedy)
        for where in (LOGIN, MINT, READ)
        for name, (fault, remedy) in ANSWERS.items()
    },
}


@pytest.fixture
def vault_server(devvault: DevelopmentVault) -> tuple[str, str]:
    """Tell these stories against the development Vault alone."""
    return devvault.address, devvault.root_token


@pytest.fixture
def hasty(vault_server: tuple[str, str], vault_approles: Mapping[str, AppRole]) -> Vault:
    """A client that does not wait long."""
    return Vault(vault_server[0], approles=vault_approles, timeout=(0.2, 0.2))


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
    assert [e.path for e in devvault.requests].count(f"auth/token/create/{ROLE}") == 1
    devvault.let_pass(61)
    assert devvault.live_tokens(role=ROLE) == []


def test_a_child_dies_with_its_time_to_live(devvault: DevelopmentVault, vault: Vault) -> None:
    """What the program forgets to revoke, Vault ends."""
    lease = lease_refund(vault)
    child = VaultOperator(devvault.address, lease.token)
    devvault.let_pass(59)
    assert child.read("secret/data/payments/refund") is not None

    devvault.let_pass(2)

    with pytest.raises(VaultError, match="may not read"):
        child.read("secret/data/payments/refund")
    child.close()
    vault.revoke(lease)


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


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        (Fault(path=REVOKE, status=500), "answered 500 when asked to revoke a token"),
        (Fault(path=REVOKE, delay=0.7), "took too long to revoke a token"),
        (Fault(path=REVOKE, status=403), "allow `update` on auth/token/revoke-self"),
        (Fault(path=REVOKE, loses="request"), "does not answer"),
    ],
    ids=["500", "slow", "403", "lost"],
)
def test_a_credential_ends_even_if_vault_does_not_confirm(
    devvault: DevelopmentVault,
    vault: Vault,
    vault_approles: Mapping[str, AppRole],
    fault: Fault,
    remedy: str,
) -> None:
    """The caller is told that the token may live on; the secret is forgotten here all the same."""
    lease = lease_refund(vault)
    devvault.faults.add(fault)

    with pytest.raises(VaultError) as caught:
        vault.revoke(lease)

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
    devvault: DevelopmentVault, vault_approles: Mapping[str, AppRole]
) -> None:
    """A child dies with its login, so the login must outlast the lease."""
    now = [0.0]
    with Vault(devvault.address, approles=vault_approles, clock=lambda: now[0]) as vault:
        lease_refund(vault)
        now[0] = 1200 - 61
        lease_refund(vault)
        assert [e.path for e in devvault.requests].count(RENEW) == 0

        now[0] = 1200 - 59
        lease = lease_refund(vault)

        asked = [e.path for e in devvault.requests]
        assert (asked.count(RENEW), asked.count(LOGIN)) == (1, 1)
        assert lease.deadline == now[0] + 60


def test_a_login_that_was_revoked_is_made_anew_once(
    devvault: DevelopmentVault, vault: Vault, vault_operator: VaultOperator
) -> None:
    """A kill of the agent's tokens does not need a restart where its AppRole is still good."""
    vault.revoke(lease_refund(vault))
    (login,) = devvault.live_tokens(role="")
    vault_operator.write("auth/token/revoke-accessor", accessor=login.accessor)

    assert lease_refund(vault).credential.reveal() == SECRET

    assert [e.path for e in devvault.requests].count(LOGIN) == 2


def test_a_denial_is_not_answered_with_another_login(
    devvault: DevelopmentVault, vault: Vault
) -> None:
    """Where the login is alive, a refusal is the policy's and stays."""
    with pytest.raises(VaultError):
        vault.lease(REFUND, agent="orders", tool="issue_refund", meta={})

    paths = [e.path for e in devvault.requests]
    assert paths.count(LOGIN) == 1
    assert paths.count(f"auth/token/create/{ROLE}") == 1


def test_a_login_that_stays_dead_fails(devvault: DevelopmentVault, vault: Vault) -> None:
    """There is one new login and no more."""
    devvault.faults.add(Fault(path="auth/token/*", status=403, times=10))

    with pytest.raises(VaultError, match="may not make tokens"):
        lease_refund(vault)

    devvault.faults.clear()
    assert [e.path for e in devvault.requests].count(LOGIN) == 2


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
        Vault(devvault.address, approles=vault_approles, production=True) as vault,
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
        Vault(address, approles=vault_approles) as vault,
        pytest.raises(VaultError, match="answered 307 when asked to log in"),
    ):
        lease_refund(vault)

    assert len(devvault.requests) == before


def test_a_lease_does_not_show_its_secrets(
    vault: Vault, vault_approles: Mapping[str, AppRole]
) -> None:
    """Printing a lease, a login or an AppRole shows neither token nor secret."""
    lease = lease_refund(vault)

    shown = f"{lease!r} {lease} {vault_approles!r} {vault!r}"

    assert SECRET not in shown
    assert not _TOKEN.search(shown)
    assert vault_approles["billing"].secret_id not in shown
