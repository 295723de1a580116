"""Owns the encryption that `langgraph.json` may name: it seals what the server keeps."""

from bailiwick.graphs.app import desk
from bailiwick.graphs.checkpoints.server_encryption import create_encryption

if desk.sealing is None:
    raise SystemExit(
        "bailiwick: langgraph.json names an encryption and BAILIWICK_ENCRYPT is off: set it to "
        "transit, or take the encryption out"
    )

encryption = create_encryption(desk.sealing.keys)
