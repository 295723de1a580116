"""The way to Vault: the wire, the sessions of agents, and what is leased over them."""

from bailiwick.tools.vault.client import Vault

__all__ = ["Vault"]
