"""Owns what the refund desk works with: a Vault with its keys, and the shop that takes them."""

import json
import os
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from bailiwick.agents.refund_desk import holdings
from bailiwick.graphs.settings import Settings
from bailiwick.policies.errors import ScopeError, SettingsError
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.provision import (
    AgentIdentity,
    Registry,
    ToolScope,
    VaultOperator,
    set_up,
    write_secret,
)
from bailiwick.tools.scoped import ScopedTool
from bailiwick.tools.services import SERVICES
from bailiwick.tools.shop import Shop
from bailiwick.tools.shop.store import ShopScope
from bailiwick.tools.shop.tools import create_shop_tools
from bailiwick.tools.vault.methods import AppRole


class _Login(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    role_id: str
    secret_id: str


_LOGINS: TypeAdapter[dict[str, _Login]] = TypeAdapter(dict[str, _Login])

KEY_SCOPES: Mapping[str, ShopScope] = {
    "look_up_order": "orders:read",
    "check_return_window": "policy:read",
    "issue_refund": "payments:refund",
}
"""What each tool's API key may do at the shop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Say where Vault and the shop are, and what the agents log in with.

    Attributes:
        vault_address: Vault's address.
        approles: Each agent's AppRole.
        shop_address: The shop's address.
        vault: The development Vault of this process, if it is one.
        shop: The shop of this process, if it is one.
    """

    vault_address: str
    approles: Mapping[str, AppRole]
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
    named = (settings.vault_addr, settings.approles, settings.shop_url)
    match named:
        case str() as vault, Path() as approles, str() as shop:
            if settings.env == "production":
                _refuse_unencrypted(shop)
            yield Surroundings(
                vault_address=vault, approles=read_approles(approles), shop_address=shop
            )
        case (None, None, None) if settings.env == "development":
            with start_surroundings() as started:
                yield started
        case _:
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
            held = {agent: _leased(tool) for agent, tool in holdings(tools).items()}
        for tool in held.values():
            key = shop.issue_key([KEY_SCOPES[tool.tool]])
            write_secret(operator, tool.scope, {"api_key": key})
        agents = tuple(AgentIdentity(name=agent, tools=(tool,)) for agent, tool in held.items())
        yield Surroundings(
            vault_address=vault.address,
            approles=set_up(operator, Registry(agents=agents, services=SERVICES)),
            shop_address=shop.address,
            vault=vault,
            shop=shop,
        )


def _incomplete(settings: Settings) -> str:
    named = {
        "VAULT_ADDR": settings.vault_addr,
        "BAILIWICK_APPROLES": settings.approles,
        "BAILIWICK_SHOP_URL": settings.shop_url,
    }
    missing = ", ".join(name for name, value in named.items() if value is None)
    if settings.env == "production":
        return f"production starts no Vault and no shop of its own: set {missing}"
    return (
        f"{missing} must be set too, as {', '.join(named)} belong together: `bailiwick vault dev` "
        "prints all three; without any of them, development starts its own"
    )


def _refuse_unencrypted(shop: str) -> None:
    host = urlsplit(shop).hostname or ""
    if shop.startswith("http://") and host not in {"localhost", "127.0.0.1", "::1"}:
        raise SettingsError(
            f"BAILIWICK_SHOP_URL is {shop!r}, which would carry keys unencrypted: use an https "
            "address in production"
        )


def _leased(tool: ScopedTool) -> ToolScope:
    if tool.scope is None:
        raise ScopeError(f"{tool.name!r} declares no credential: the shop answers nobody without")
    return ToolScope(tool=tool.name, scope=tool.scope)


def read_approles(path: Path) -> dict[str, AppRole]:
    """Read the agents' logins from the file that `bailiwick vault dev` or an operator wrote.

    Raises:
        SettingsError: If it is missing or is not of that form.
    """
    try:
        logins = _LOGINS.validate_json(path.read_bytes())
    except OSError as error:
        raise SettingsError(
            f"BAILIWICK_APPROLES names {str(path)!r}, which cannot be read ({error.strerror}): "
            "`bailiwick vault dev` writes one while it runs"
        ) from None
    except ValidationError:
        raise SettingsError(
            f"{str(path)!r} is no file of AppRoles: it maps each agent to role_id and secret_id"
        ) from None
    return {
        agent: AppRole(role_id=login.role_id, secret_id=login.secret_id)
        for agent, login in logins.items()
    }


def write_approles(path: Path, approles: Mapping[str, AppRole]) -> None:
    """Write the agents' logins into a new file that only its owner can read.

    Raises:
        SettingsError: If the file exists already or cannot be written.
    """
    logins = {
        agent: {"role_id": login.role_id, "secret_id": login.secret_id}
        for agent, login in approles.items()
    }
    try:
        # A new one: an old one may be open to others, be a link, or hold logins that still count.
        with open(path, "x", encoding="utf-8", opener=_private) as file:
            file.write(json.dumps(logins, indent=2) + "\n")
    except FileExistsError:
        raise SettingsError(
            f"{str(path)!r} exists already: remove it, or name another file with --approles"
        ) from None
    except OSError as error:
        raise SettingsError(
            f"{str(path)!r} cannot be written ({error.strerror}): name another file with --approles"
        ) from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
