"""The shop: a small foreign system over HTTP, and the tools that act on it."""

from bailiwick.tools.shop.shop import Shop
from bailiwick.tools.shop.tools import ShopTools, create_shop_tools

__all__ = ["Shop", "ShopTools", "create_shop_tools"]
