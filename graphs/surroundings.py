"""Owns what the refund desk works with: a Vault with its keys, and the shop that takes them."""

from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from bailiwick.agents.refund_desk import registry
from bailiwick.graphs.logins import read_logins, refuse_operator
from bailiwick.graphs.registries import shipped_registry
from bailiwick.graphs.settings import Settings
from bailiwick.policies.errors import SettingsError
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.provision import VaultOperator, set_up, write_secret
from bailiwick.tools.secrets.leases import SWEEPER
from bailiwick.tools.shop import Shop
from bailiwick.tools.shop.store import ShopScope
from bailiwick.tools.shop.tools import create_shop_tools
from bailiwick.tools.vault.answers import is_loopback
from bailiwick.tools.vault.methods import LoginMethod

KEY_SCOPES: Mapping[str, ShopScope] = {
    "look_up_order": "orders:read",
    "check_return_window": "policy:read",
    "register_return": "returns:write",
    "cancel_return": "returns:write",
    "issue_refund": "payments:refund",
}
"""What each tool's API key may do at the shop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Say where Vault and the shop are, and what the agents log in with.

    Attributes:
        vault_address: Vault's address.
        logins: What each agent logs in with.
        shop_address: The shop's address.
        vault: The development Vault of this process, if it is one.
        shop: The shop of this process, if it is one.
    """

    vault_address: str
    logins: Mapping[str, LoginMethod]
    shop_address: str
    vault: DevelopmentVault | None = None
    shop: Shop | None = None


@contextmanager
def open_surroundings(settings: Settings) -> Generator[Surroundings]:
    """Find Vault and the shop as the settings say, or start both in this process.

    Raises:
        SettingsError: If only some of what belongs together is set, or production lacks it or would
            send keys unencrypted.
    """
    named = _named(settings)
    refuse_operator(settings)
    if settings.vault_addr is not None and settings.shop_url is not None and all(named.values()):
        if settings.env == "production":
            _refuse_unencrypted(settings.shop_url)
        yield Surroundings(
            vault_address=settings.vault_addr,
            logins=read_logins(settings, shipped_registry()),
            shop_address=settings.shop_url,
        )
    elif settings.env == "development" and not any(named.values()):
        with start_surroundings() as started:
            # A Vault that is new knows no lease of a process before: to ask it would prove nothing.
            logins = {who: login for who, login in started.logins.items() if who != SWEEPER}
            yield replace(started, logins=logins)
    else:
        raise SettingsError(_incomplete(settings))


@contextmanager
def start_surroundings(*, vault_port: int = 0, shop_port: int = 0) -> Generator[Surroundings]:
    """Start a development Vault and the shop, and put the shop's keys into Vault alone.

    Args:
        vault_port: Vault's TCP port; 0 takes a free one.
        shop_port: The shop's.

    Raises:
        SettingsError: If a port is taken.
    """
    with ExitStack() as started:
        vault = started.enter_context(DevelopmentVault(port=vault_port))
        shop = started.enter_context(Shop(port=shop_port))
        shop.seed()
        operator = VaultOperator(vault.address, vault.root_token)
        started.callback(operator.close)
        with create_shop_tools(shop.address) as tools:
            declared = registry(tools)
        for tool, scope in declared.scopes.items():
            write_secret(operator, scope, {"api_key": shop.issue_key([KEY_SCOPES[tool]])})
        yield Surroundings(
            vault_address=vault.address,
            logins=set_up(operator, declared),
            shop_address=shop.address,
            vault=vault,
            shop=shop,
        )


def _named(settings: Settings) -> dict[str, object]:
    named: dict[str, object] = {
        "VAULT_ADDR": settings.vault_addr,
        "BAILIWICK_APPROLES": settings.approles,
        "BAILIWICK_SHOP_URL": settings.shop_url,
    }
    if settings.vault_login != "approle":
        del named["BAILIWICK_APPROLES"]
    return named


def _incomplete(settings: Settings) -> str:
    named = _named(settings)
    missing = ", ".join(name for name, value in named.items() if value is None)
    if settings.env == "production":
        return f"production starts no Vault and no shop of its own: set {missing}"
    return (
        f"{missing} must be set too, as {', '.join(named)} belong together: `bailiwick vault dev` "
        "prints all three; without any of them, development starts its own"
    )


def _refuse_unencrypted(shop: str) -> None:
    if shop.startswith("http://") and not is_loopback(urlsplit(shop).hostname or ""):
        raise SettingsError(
            f"BAILIWICK_SHOP_URL is {shop!r}, which would carry keys unencrypted: use an https "
            "address in production"
        )
