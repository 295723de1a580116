"""Owns the binding of tokens and secret ids to networks."""

import ipaddress
from collections.abc import Sequence

from bailiwick.tools.devvault.refusals import invalid


def networks(given: Sequence[str]) -> tuple[str, ...]:
    """Return networks as they were given, checked.

    Raises:
        Refusal: With status 400, if one is none.
    """
    for text in given:
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise invalid(f'error parsing CIDR blocks: "{text}" is not an IP network') from None
    return tuple(given)


def is_within(address: str, bound: Sequence[str]) -> bool:
    """Tell whether an address lies in one of the networks; where there are none, it does."""
    if not bound:
        return True
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in ipaddress.ip_network(text, strict=False) for text in bound)
