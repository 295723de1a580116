"""A desk of one's own under the settings: its guard, its logins, its checkpoints."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.tools.governed import call_of, load_policy, pay_tool

from bailiwick import policies
from bailiwick.graphs.approles import write_approles
from bailiwick.graphs.governance import open_governance
from bailiwick.graphs.settings import Settings
from bailiwick.policies import Scope
from bailiwick.policies.errors import SettingsError
from bailiwick.tools import Credential, scoped_tool
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.provision import (
    SERVICES,
    AgentIdentity,
    Registry,
    ToolScope,
    VaultOperator,
    set_up,
    write_secret,
)

KEY = Scope(path="bank/look")
REGISTRY = Registry(
    agents=(AgentIdentity(name="billing", tools=(ToolScope(tool="look", scope=KEY),)),),
    services=SERVICES,
)


@scoped_tool(effect="read", credential=KEY)
def look(*, credential: Credential) -> str:
    """Look with a key."""
    return f"looked with {len(credential.reveal())} characters"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give settings that name a ledger and no Vault, whatever the environment says."""
    database = f"sqlite:///{tmp_path / 'ledger.db'}"
    return Settings.model_construct(
        env="development", database_url=database, vault_addr=None, policy=None
    )


@pytest.fixture
def with_vault(settings: Settings, tmp_path: Path) -> Iterator[Settings]:
    """Give settings that name a Vault in which the registry stands, and the logins."""
    approles = tmp_path / "approles.json"
    with DevelopmentVault() as vault:
        operator = VaultOperator(vault.address, vault.root_token)
        write_secret(operator, KEY, {"key": "k-123"})
        write_approles(approles, set_up(operator, REGISTRY))
        operator.close()
        yield settings.model_copy(update={"vault_addr": vault.address, "approles": approles})


def test_tools_work_without_a_vault_where_none_is_named(settings: Settings) -> None:
    """What needs a credential is refused there."""
    ran: list[object] = []
    pay = pay_tool(ran)  # type: ignore[arg-type]  # only its length is looked at
    with open_governance(settings, REGISTRY, load_policy()) as governance:
        paid = governance.guard.run(call_of(pay, {"to": "a", "amount": 1}), pay)
        looked = governance.guard.run(call_of(look, {}, id="call-2"), look)

    assert (paid.outcome, len(ran), governance.sealing) == ("succeeded", 1, None)
    assert looked.outcome == "refused"


def test_a_tool_leases_what_the_registry_declares(with_vault: Settings) -> None:
    """With the login that the settings name."""
    with open_governance(with_vault, REGISTRY, load_policy()) as governance:
        looked = governance.guard.run(call_of(look, {}), look)

    assert looked.content == "looked with 5 characters"


def test_checkpoints_are_sealed_where_the_settings_say_so(with_vault: Settings) -> None:
    """What seals them is given to `open_checkpointer`."""
    sealed = with_vault.model_copy(update={"encrypt": "transit"})
    with open_governance(sealed, REGISTRY, load_policy()) as governance:
        assert governance.sealing is not None


def test_the_rules_that_the_settings_name_take_the_place_of_the_desks(settings: Settings) -> None:
    """The refund desk's know no such tool."""
    named = settings.model_copy(update={"policy": Path(next(iter(policies.__path__)))})
    pay = pay_tool([])
    with open_governance(named, REGISTRY, load_policy()) as governance:
        assert (
            governance.guard.run(call_of(pay, {"to": "a", "amount": 1}), pay).outcome == "refused"
        )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vault_token": SecretStr("hvs.root")}, "VAULT_TOKEN is an operator's"),
        ({}, "secret ids of .* that anybody can use again"),
        ({"approles": None}, "BAILIWICK_APPROLES is not set"),
    ],
    ids=["operator", "lasting", "none"],
)
def test_production_refuses_what_is_for_development(
    with_vault: Settings, changes: dict[str, object], words: str
) -> None:
    """As it does for the refund desk."""
    strict = with_vault.model_copy(update={"env": "production", **changes})
    with (
        pytest.raises(SettingsError, match=words),
        open_governance(strict, REGISTRY, load_policy()),
    ):
        pytest.fail("it was opened")
