"""Owns the Merkle tree of RFC 6962, section 2.1: one hash that stands for a list."""

import hashlib
from collections.abc import Sequence


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the hash of a list, 32 bytes; no other list has it, whatever its length or order.

    Leaves and nodes are hashed with another byte in front, so that none can be taken for the other.
    """
    hashes = [hashlib.sha256(b"\x00" + leaf).digest() for leaf in leaves]
    return _root(hashes) if hashes else hashlib.sha256(b"").digest()


def _root(hashes: Sequence[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    # The left side is as large as a power of two can be that leaves something to the right.
    left = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + _root(hashes[:left]) + _root(hashes[left:])).digest()
