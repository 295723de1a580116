"""Secret ids that travel wrapped: each opened once and used once."""

import logging
import re
import traceback
from pathlib import Path

import pytest
from tests.tools.vault.leasing import LOGIN, REFUND, REGISTRY, SECRET, Connect, count, lease_refund

from bailiwick.policies.errors import VaultError
from bailiwick.tools.devvault import DevelopmentVault, Fault
from bailiwick.tools.provision import (
    VaultOperator,
    make_plan,
    write_secret,
)
from bailiwick.tools.provision.secret_ids import wrapped_login
from bailiwick.tools.vault.methods import JwtLogin, WrappedAppRole, WrappedSecretId

UNWRAP, LOOKUP = "sys/wrapping/unwrap", "sys/wrapping/lookup"


@pytest.fixture
def operator(vault_operator: VaultOperator) -> VaultOperator:
    """An operator who has set Vault up for production."""
    make_plan(vault_operator, REGISTRY, loosen=True).apply(vault_operator)
    write_secret(vault_operator, REFUND, {"key": SECRET})
    return vault_operator


def wrapped(operator: VaultOperator) -> WrappedSecretId:
    """Have a secret id for `billing` wrapped."""
    return wrapped_login(operator, "billing", ttl=60)


def method(*given: WrappedSecretId) -> WrappedAppRole:
    """Return what logs in with what lies there: the first given, then the next."""
    lying = list(given)
    return WrappedAppRole(lambda: lying.pop(0) if len(lying) > 1 else lying[0])


def test_a_wrapped_secret_id_is_opened_once_and_used_once(
    devvault: DevelopmentVault, operator: VaultOperator, connect: Connect
) -> None:
    """Nobody has seen it: neither who had it made nor the file that it came in."""
    made = wrapped(operator)
    vault = connect({"billing": method(made)})
    vault.log_in()

    for _ in range(3):
        assert lease_refund(vault).credential.reveal() == SECRET

    assert [count(devvault, path) for path in (LOOKUP, UNWRAP, LOGIN)] == [1, 1, 1]
    assert operator.list("auth/approle/role/bailiwick-billing/secret-id") == []


def test_starting_logs_in_only_who_must_hurry(
    devvault: DevelopmentVault, operator: VaultOperator, connect: Connect
) -> None:
    """Whoever has a lasting way to log in does so when it is needed."""
    connect({"billing": JwtLogin(mount="jwt", role="x", path=Path("none"))}).log_in()
    assert count(devvault, LOGIN) == 0
    connect({"billing": method(wrapped(operator))}).log_in()
    assert count(devvault, LOGIN) == 1


def test_one_that_somebody_else_opened_is_a_security_error(
    operator: VaultOperator, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """The operator learns what to destroy, at a level that wakes somebody; nothing is quoted."""
    made = wrapped(operator)
    thief = VaultOperator(operator.address, made.token.get_secret_value())
    thief.write(UNWRAP)
    thief.close()
    vault = connect({"billing": method(made)})

    with caplog.at_level(logging.CRITICAL), pytest.raises(VaultError) as caught:
        vault.log_in()

    assert str(caught.value).startswith(
        "SECURITY: the wrapped secret id of agent 'billing' was opened before this process could, "
        "or its time was up: somebody else may hold it. Destroy it with `vault write "
        "auth/approle/role/bailiwick-billing/secret-id-accessor/destroy secret_id_accessor="
        f"{made.accessor}`"
    )
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    assert made.token.get_secret_value() not in str(caught.value) + caplog.text


def test_the_accessor_it_names_ends_the_stolen_secret_id(operator: VaultOperator) -> None:
    """The remedy in the sentence works."""
    made = wrapped(operator)
    thief = VaultOperator(operator.address, made.token.get_secret_value())
    stolen = thief.write(UNWRAP)["data"]
    thief.close()
    assert isinstance(stolen, dict)

    path = "auth/approle/role/bailiwick-billing/secret-id-accessor/destroy"
    operator.write(path, secret_id_accessor=made.accessor)

    with pytest.raises(VaultError, match="refused to write auth/approle/login"):
        operator.write(LOGIN, role_id=made.role_id, secret_id=stolen["secret_id"])


def test_one_whose_time_was_up_is_told_alike(
    devvault: DevelopmentVault, operator: VaultOperator, connect: Connect
) -> None:
    """Vault does not tell them apart, so neither does the alarm."""
    vault = connect({"billing": method(wrapped(operator))})
    devvault.let_pass(61)

    with pytest.raises(VaultError, match=r"SECURITY: .* or its time was up"):
        vault.log_in()


def test_one_that_is_opened_between_look_and_grasp_is_told_alike(
    devvault: DevelopmentVault, operator: VaultOperator, connect: Connect
) -> None:
    """The thief may be quick."""
    devvault.faults.add(Fault(path=UNWRAP, status=400))

    with pytest.raises(VaultError, match=r"SECURITY: .* opened before this process could"):
        connect({"billing": method(wrapped(operator))}).log_in()


def test_one_from_elsewhere_is_not_opened(
    devvault: DevelopmentVault, operator: VaultOperator, connect: Connect
) -> None:
    """Who can write the file cannot make an agent take another's identity, or a made-up one."""
    others = wrapped_login(operator, "orders", ttl=60)
    made_up = operator.wrap("sys/wrapping/wrap", {"secret_id": "mine"}, seconds=60)
    for token in (others.token, made_up.token):
        planted = WrappedSecretId(role_id=others.role_id, token=token)
        with pytest.raises(VaultError, match="SECURITY: what agent 'billing' was given to unwrap"):
            connect({"billing": method(planted)}).log_in()

    assert count(devvault, UNWRAP) == 0


def test_after_its_session_an_agent_needs_a_new_one(
    devvault: DevelopmentVault, operator: VaultOperator, connect: Connect
) -> None:
    """The sentence says so, without an alarm; a new one that lies there is taken up."""
    first = wrapped(operator)
    vault = connect({"billing": method(first, first, wrapped(operator))})
    vault.log_in()
    (parent,) = [token for token in devvault.live_tokens(role="") if token.path == LOGIN]
    operator.write("auth/token/revoke-accessor", accessor=parent.accessor)

    with pytest.raises(VaultError, match=r"was good for one login: .*vault bootstrap billing "):
        lease_refund(vault)
    assert lease_refund(vault).credential.reveal() == SECRET


def test_a_new_one_needs_no_new_start(
    devvault: DevelopmentVault, operator: VaultOperator, connect: Connect
) -> None:
    """What is written for it is read at each login, so nobody is told to start it again."""
    vault = connect({"billing": method(wrapped(operator), wrapped(operator))})
    devvault.faults.add(Fault(path=LOGIN, status=400))
    with pytest.raises(VaultError, match="spent or wrong: give it a new one with") as caught:
        vault.log_in()

    vault.log_in()

    assert "start this process again" not in str(caught.value)


def test_a_vault_that_is_down_for_a_moment_does_not_cost_the_secret_id(
    devvault: DevelopmentVault, operator: VaultOperator, connect: Connect
) -> None:
    """It was opened, and is kept until Vault has said something to the login."""
    vault = connect({"billing": method(wrapped(operator))})
    devvault.faults.add(Fault(path=LOGIN, status=503))
    with pytest.raises(VaultError, match="unseal it"):
        vault.log_in()

    vault.log_in()

    assert [count(devvault, path) for path in (UNWRAP, LOGIN)] == [1, 2]


def test_no_error_of_a_login_shows_what_it_was_tried_with(
    devvault: DevelopmentVault, operator: VaultOperator, connect: Connect
) -> None:
    """Neither the secret id nor the wrapping token stand in a frame of a traceback."""
    made = wrapped(operator)
    vault = connect({"billing": method(made)})
    devvault.faults.add(Fault(path=LOGIN, loses="answer"))
    with pytest.raises(VaultError) as caught:
        vault.log_in()

    shown = "".join(
        traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    )
    assert made.token.get_secret_value() not in shown
    assert not re.search(r"secret_id.{0,5}[0-9a-f]{8}-[0-9a-f]{4}", shown)
