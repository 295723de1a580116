"""A Vault as it begins: uninitialised, opened by several, renewed by the same."""

import base64
from collections.abc import Iterator

import hvac
import pytest
import requests
from hvac.exceptions import InvalidRequest, VaultDown
from tests.tools.devvault.clients import Hvac

from bailiwick.tools.devvault import FLAVORS, Faults
from bailiwick.tools.devvault.app import App
from bailiwick.tools.devvault.core import Core
from bailiwick.tools.devvault.system.root_generation import unveil
from bailiwick.tools.loopback import serve


@pytest.fixture
def vault() -> Iterator[Hvac]:
    """Give the client of an uninitialised Vault."""
    core = Core(lambda: 0.0, FLAVORS["vault"], is_ready=False)
    with serve(App(core, Faults())) as address, requests.Session() as session:
        session.trust_env = False
        yield hvac.Client(url=address, token="", session=session, strict_http=True)


@pytest.fixture
def keys(vault: Hvac) -> list[str]:
    """Initialise it with five shares of which three open it, and give them."""
    made = vault.sys.initialize(secret_shares=5, secret_threshold=3)
    vault.token = made["root_token"]
    found: list[str] = made["keys"]
    return found


def test_it_begins_with_nothing(vault: Hvac) -> None:
    """Uninitialised is told by its health alone; everything else is sealed."""
    assert not vault.sys.is_initialized()
    assert vault.sys.read_health_status(method="GET").status_code == 501
    assert vault.sys.is_sealed()
    with pytest.raises(VaultDown):
        vault.sys.list_auth_methods()
    with pytest.raises(InvalidRequest, match="not initialized"):
        vault.sys.submit_unseal_key("00")


@pytest.mark.parametrize(("shares", "threshold"), [(0, 0), (1, 2), (2, 1), (256, 2)])
def test_shares_must_fit_their_threshold(vault: Hvac, shares: int, threshold: int) -> None:
    """No number of shares opens it that could not be brought."""
    with pytest.raises(InvalidRequest, match="threshold must be"):
        vault.sys.initialize(secret_shares=shares, secret_threshold=threshold)
    assert not vault.sys.is_initialized()


def test_it_takes_the_threshold_to_open(vault: Hvac, keys: list[str]) -> None:
    """A share brought twice counts once; in base64 it is the same share."""
    assert vault.sys.submit_unseal_key(keys[0])["progress"] == 1
    again = base64.b64encode(bytes.fromhex(keys[0])).decode()
    assert vault.sys.submit_unseal_key(again)["progress"] == 1
    assert vault.sys.submit_unseal_key(reset=True)["progress"] == 0

    assert not vault.sys.submit_unseal_keys(keys[1:4])["sealed"]
    assert vault.sys.list_auth_methods()
    with pytest.raises(InvalidRequest, match="already initialized"):
        vault.sys.initialize(secret_shares=1, secret_threshold=1)


def test_a_made_up_share_opens_nothing(vault: Hvac, keys: list[str]) -> None:
    """It is found out when there would be enough, and all are to be brought again."""
    vault.sys.submit_unseal_keys(keys[:2])

    with pytest.raises(InvalidRequest, match="invalid key"):
        vault.sys.submit_unseal_key("00")
    assert vault.sys.read_seal_status()["progress"] == 0
    assert vault.sys.is_sealed()


def test_new_shares_take_the_place_of_the_old(vault: Hvac, keys: list[str]) -> None:
    """Those who hold the old ones agree."""
    vault.sys.submit_unseal_keys(keys)
    started = vault.sys.start_rekey(secret_shares=3, secret_threshold=2)
    with pytest.raises(InvalidRequest, match="already in progress"):
        vault.sys.start_rekey()
    with pytest.raises(InvalidRequest, match="incorrect nonce"):
        vault.sys.rekey(keys[0], nonce="other")
    new = vault.sys.rekey_multi(keys, nonce=started["nonce"])["keys"]

    vault.sys.seal()
    with pytest.raises(InvalidRequest, match="invalid key"):
        vault.sys.submit_unseal_keys(keys)
    assert not vault.sys.submit_unseal_keys(new[:2])["sealed"]


def test_new_shares_may_have_to_be_proven(vault: Hvac, keys: list[str]) -> None:
    """Until then the old ones hold."""
    vault.sys.submit_unseal_keys(keys)
    started = vault.sys.start_rekey(require_verification=True)
    made = vault.sys.rekey_multi(keys, nonce=started["nonce"])
    vault.sys.seal()
    vault.sys.submit_unseal_keys(keys)

    proof = vault.sys.read_rekey_verify_progress()["nonce"]
    assert vault.sys.rekey_verify_multi(made["keys"], nonce=proof)["complete"]
    vault.sys.seal()
    assert not vault.sys.submit_unseal_keys(made["keys"])["sealed"]


def test_a_rekey_can_be_given_up(vault: Hvac, keys: list[str]) -> None:
    """Then there is none, and no backup of one."""
    vault.sys.submit_unseal_keys(keys)
    started = vault.sys.start_rekey()
    vault.sys.cancel_rekey()

    assert not vault.sys.read_rekey_progress()["started"]
    with pytest.raises(InvalidRequest, match="no rekey in progress"):
        vault.sys.rekey(keys[0], nonce=started["nonce"])
    with pytest.raises(InvalidRequest, match="no rekey verification"):
        vault.sys.read_rekey_verify_progress()
    with pytest.raises(InvalidRequest, match="no backed-up keys"):
        vault.sys.read_backup_keys()


def test_a_new_root_token_takes_the_shares_and_the_pad(vault: Hvac, keys: list[str]) -> None:
    """Whoever sees the answer alone sees no token."""
    vault.sys.submit_unseal_keys(keys)
    with pytest.raises(InvalidRequest, match="wrong length"):
        vault.sys.start_root_token_generation(otp="short")
    started = vault.sys.start_root_token_generation()
    vault.token = ""
    for key in keys[:2]:
        assert not vault.sys.generate_root(key, nonce=started["nonce"])["complete"]
    made = vault.sys.generate_root(keys[2], nonce=started["nonce"])

    assert made["complete"]
    vault.token = unveil(made["encoded_root_token"], started["otp"])
    assert vault.auth.token.lookup_self()["data"]["policies"] == ["root"]
    with pytest.raises(InvalidRequest, match="no root generation"):
        vault.sys.generate_root(keys[0], nonce=started["nonce"])


def test_the_inner_key_is_rotated_without_anybody(vault: Hvac, keys: list[str]) -> None:
    """Its term tells how often."""
    vault.sys.submit_unseal_keys(keys)
    vault.sys.rotate_encryption_key()

    assert vault.key_status["term"] == 2
