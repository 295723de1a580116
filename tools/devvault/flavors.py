"""Owns what tells Vault from OpenBao on the wire, as far as clients can see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bailiwick.tools.devvault.tokens import Kind

FlavorName = Literal["vault", "openbao"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flavor:
    """Describe one of the two servers.

    Attributes:
        version: The version whose ways are followed, and the mark that this is no release.
        prefixes: What the text of a token of each kind begins with.
        bad_token: The error text where a token is unknown, expired or revoked.
    """

    version: str
    prefixes: Mapping[Kind, str]
    bad_token: str


FLAVORS: Mapping[FlavorName, Flavor] = {
    "vault": Flavor(
        version="1.18.0+bailiwick-dev",
        prefixes={"service": "hvs.", "batch": "hvb."},
        bad_token="2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n",  # noqa: S106 - an error text
    ),
    "openbao": Flavor(
        version="2.6.2+bailiwick-dev",
        prefixes={"service": "s.", "batch": "b."},
        bad_token="permission denied",  # noqa: S106 - an error text
    ),
}
"""The servers that the development Vault can speak like."""
VERSION = FLAVORS["vault"].version
"""The version that the development Vault says it has, unless it speaks like OpenBao."""
