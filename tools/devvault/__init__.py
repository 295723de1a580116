"""Owns the development Vault: Vault's HTTP API on loopback, in memory, with nothing to install.

It follows Vault's documented behaviour so that the client's code is the one of production, and it
is no vault: it says so in its banner, its version and a header of every answer.
"""

from bailiwick.tools.devvault.app import MARK, Exchange
from bailiwick.tools.devvault.development import BANNER, DevelopmentVault
from bailiwick.tools.devvault.faults import Fault, Faults
from bailiwick.tools.devvault.flavors import FLAVORS, VERSION, Flavor, FlavorName

__all__ = [
    "BANNER",
    "FLAVORS",
    "MARK",
    "VERSION",
    "DevelopmentVault",
    "Exchange",
    "Fault",
    "Faults",
    "Flavor",
    "FlavorName",
]
