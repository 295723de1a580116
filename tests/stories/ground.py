"""Owns what the stories of a module stand on: a Vault, a shop, and its count of effects."""

from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from bailiwick.graphs.settings import Settings
from bailiwick.graphs.surroundings import Surroundings
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.shop import Shop


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Hold what the stories of a module stand on: a Vault, a shop, the agents' logins in a file."""

    surroundings: Surroundings
    approles: Path

    @property
    def shop(self) -> Shop:
        """The shop, whose own database is where effects are counted."""
        assert self.surroundings.shop is not None
        return self.surroundings.shop

    @property
    def vault(self) -> DevelopmentVault:
        """The development Vault."""
        assert self.surroundings.vault is not None
        return self.surroundings.vault

    def settings(self, database_url: str, policy: Path | None = None) -> Settings:
        """Return settings of a desk on this ground, whatever the environment says."""
        return Settings.model_construct(
            database_url=database_url,
            policy=policy,
            vault_addr=self.surroundings.vault_address,
            approles=self.approles,
            shop_url=self.surroundings.shop_address,
        )


def refund_requests(shop: Shop) -> int:
    """Return how often a shop was asked for a refund and did not refuse."""
    return sum(
        (asked.method, asked.path) == ("POST", "/refunds") and asked.status < HTTPStatus.BAD_REQUEST
        for asked in shop.requests
    )
