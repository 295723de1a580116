"""The surroundings: a Vault and a shop, named by the settings or started for development."""

import errno
import json
import stat
from pathlib import Path
from typing import NoReturn

import httpx
import pytest
from pydantic import SecretStr

from bailiwick.graphs.approles import read_approles, write_approles, write_wrapped
from bailiwick.graphs.settings import Settings
from bailiwick.graphs.surroundings import KEY_SCOPES, open_surroundings, start_surroundings
from bailiwick.policies.errors import SettingsError
from bailiwick.tools.provision import VaultOperator
from bailiwick.tools.provision.services import SERVICES
from bailiwick.tools.secrets.leases import SWEEPER
from bailiwick.tools.vault.methods import AppRole, JwtLogin, WrappedAppRole, WrappedSecretId

LOGINS = {"billing": AppRole(role_id="r", secret_id="s")}
WRAPPED = {"billing": WrappedSecretId(role_id="r", token=SecretStr("hvs.w"), accessor="a")}
ALONE = Settings.model_construct(env="development", vault_addr=None, approles=None, shop_url=None)


def named(**changes: object) -> Settings:
    """Return settings that name everything, but for the changes."""
    given = {
        "vault_addr": "http://127.0.0.1:8200",
        "approles": Path("approles.json"),
        "shop_url": "http://127.0.0.1:8300",
    }
    return ALONE.model_copy(update={**given, **changes})


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_nothing_named_starts_both_for_development() -> None:
    """They answer while the context lasts, and not after it.

    Nobody sweeps there: a Vault that is new knows no lease that another process has left behind.
    """
    with open_surroundings(ALONE) as found:
        assert found.vault is not None
        assert found.shop is not None
        services = {service.identity for service in SERVICES} - {SWEEPER}
        assert set(found.logins) == {"orders", "returns", "billing"} | services
        assert httpx.get(f"{found.shop_address}/orders/A-1001").status_code == 401
    for address in (found.shop_address, found.vault_address):
        with pytest.raises(httpx.ConnectError):
            httpx.get(address)


def test_the_shops_keys_lie_in_vault_alone_and_do_one_thing_each() -> None:
    """A key that reads orders refunds nothing."""
    paths = {"look_up_order": "shop/orders", "issue_refund": "payments/refund"}
    with start_surroundings() as started:
        assert started.vault is not None
        operator = VaultOperator(started.vault_address, started.vault.root_token)
        keys = {tool: key_at(operator, path) for tool, path in paths.items()}
        operator.close()
        order = f"{started.shop_address}/orders/A-1001"
        answers = {
            tool: httpx.get(order, headers={"Authorization": f"Bearer {key}"}).status_code
            for tool, key in keys.items()
        }
    assert answers == {"look_up_order": 200, "issue_refund": 403}
    assert all(key not in repr(started) for key in keys.values())
    assert set(paths) < set(KEY_SCOPES)


def key_at(operator: VaultOperator, path: str) -> str:
    """Return the API key at a path in Vault."""
    answer = operator.read(f"secret/data/{path}")
    assert answer is not None
    held = answer["data"]
    assert isinstance(held, dict)
    return str(held["data"]["api_key"])


def test_what_is_named_is_used_as_it_is(home: Path) -> None:
    """Nothing is started."""
    write_approles(home / "approles.json", LOGINS)
    with open_surroundings(named()) as found:
        assert (found.vault, found.shop) == (None, None)
        assert found.logins == LOGINS
        assert found.vault_address == "http://127.0.0.1:8200"


@pytest.mark.parametrize("missing", ["vault_addr", "approles", "shop_url"])
@pytest.mark.parametrize("env", ["development", "production"])
def test_two_of_three_are_refused_by_the_name_of_the_third(missing: str, env: str) -> None:
    """Half of a production would be filled up with development."""
    spelled = {"vault_addr": "VAULT_ADDR"}.get(missing, f"BAILIWICK_{missing.upper()}")
    settings = named(**{missing: None, "env": env})
    with pytest.raises(SettingsError, match=spelled), open_surroundings(settings):
        pass


def test_production_starts_nothing_of_its_own() -> None:
    """It names what has to be set, and no development Vault as the remedy."""
    settings = ALONE.model_copy(update={"env": "production"})
    with pytest.raises(SettingsError, match="production starts no Vault") as caught:
        open_surroundings(settings).__enter__()
    for name in ("VAULT_ADDR", "BAILIWICK_APPROLES", "BAILIWICK_SHOP_URL"):
        assert name in str(caught.value)
    assert "vault dev" not in str(caught.value)


def test_production_sends_no_key_unencrypted(home: Path) -> None:
    """Not to another machine."""
    write_wrapped(home / "approles.json", WRAPPED)
    plain = named(env="production", shop_url="http://shop.example")
    with pytest.raises(SettingsError, match="https address"), open_surroundings(plain):
        pass
    for address in ("https://shop.example", "http://127.0.0.1:8300", "http://[::1]:8300"):
        with open_surroundings(named(env="production", shop_url=address)) as found:
            assert found.shop_address == address


def test_production_takes_no_secret_id_that_can_be_used_again(home: Path) -> None:
    """What lies in a file for ever is found there one day."""
    write_approles(home / "approles.json", LOGINS)
    with (
        pytest.raises(SettingsError, match="holds secret ids of billing that anybody can use"),
        open_surroundings(named(env="production")),
    ):
        pass


def test_production_takes_no_operators_token(home: Path) -> None:
    """Agents log in by themselves; a token that may do everything is for nobody's process."""
    write_wrapped(home / "approles.json", WRAPPED)
    settings = named(env="production", vault_token=SecretStr("hvs.root"))
    with (
        pytest.raises(SettingsError, match="VAULT_TOKEN is an operator's") as caught,
        open_surroundings(settings),
    ):
        pass
    assert "hvs" not in str(caught.value)


def test_the_platforms_token_takes_the_place_of_approles() -> None:
    """Then no file of logins is needed; the roles are named like the AppRoles."""
    settings = named(env="production", approles=None, vault_login="kubernetes")
    with open_surroundings(settings) as found:
        billing = found.logins["billing"]
    assert billing == JwtLogin(
        mount="kubernetes", role="bailiwick-billing", path=settings.vault_jwt
    )
    assert "checkpoints.service" in found.logins
    assert "ledger.service" not in found.logins


def test_each_agent_may_have_a_token_of_its_own() -> None:
    """The file is then named by the agent."""
    settings = named(
        env="production",
        approles=None,
        vault_login="jwt",
        vault_mount="spiffe",
        vault_jwt=Path("tokens") / "{agent}.jwt",
    )
    with open_surroundings(settings) as found:
        orders = found.logins["orders"]
    assert orders == JwtLogin(
        mount="spiffe", role="bailiwick-orders", path=Path("tokens/orders.jwt")
    )


def test_wrapped_secret_ids_are_put_beside_those_that_are_there(home: Path) -> None:
    """One agent is let in again without the others; nobody else can read the file."""
    path = home / "approles.json"
    write_wrapped(path, WRAPPED)
    write_wrapped(path, {"orders": WrappedSecretId(role_id="o", token=SecretStr("hvs.o"))})

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {type(one) for one in read_approles(path, production=True).values()} == {WrappedAppRole}
    assert json.loads(path.read_text())["billing"] == {
        "role_id": "r",
        "wrapping_token": "hvs.w",
        "secret_id_accessor": "a",
    }
    with pytest.raises(SettingsError, match="cannot be written"):
        write_wrapped(home / "no" / "approles.json", WRAPPED)
    assert [each.name for each in home.iterdir()] == ["approles.json"]


def test_a_file_that_cannot_be_put_in_place_is_not_left_behind(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds tokens that let somebody in."""

    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(SettingsError, match="cannot be written"):
        write_wrapped(home / "approles.json", WRAPPED)
    assert list(home.iterdir()) == []


def test_logins_are_written_for_their_owner_alone_and_read_again(home: Path) -> None:
    """Whatever the umask."""
    path = home / "approles.json"
    write_approles(path, LOGINS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_approles(path) == LOGINS
    assert json.loads(path.read_text()) == {"billing": {"role_id": "r", "secret_id": "s"}}


def test_logins_are_written_over_nothing_and_through_no_link(home: Path) -> None:
    """What is there may be open to others, or somebody else's."""
    path = home / "approles.json"
    path.symlink_to(home / "elsewhere.json")
    with pytest.raises(SettingsError, match="exists already"):
        write_approles(path, LOGINS)
    assert not (home / "elsewhere.json").exists()
    with pytest.raises(SettingsError, match="cannot be written"):
        write_approles(home / "no" / "approles.json", LOGINS)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"a": {}}', b'{"a": {"role_id": "s3cret", "x": 1}}', b"\xff"],
    ids=["empty", "cut", "list", "lacking", "more", "binary"],
)
def test_a_file_that_holds_no_logins_is_refused(home: Path, content: bytes) -> None:
    """By its name, and without what it holds."""
    path = home / "approles.json"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="is no file of AppRoles") as caught:
        read_approles(path)
    assert "s3cret" not in str(caught.value)


def test_a_missing_file_of_logins_is_told() -> None:
    """With what writes one."""
    with pytest.raises(SettingsError, match=r"cannot be read .*vault dev"):
        read_approles(Path("nowhere.json"))
