"""Owns the services of the house: what sealing, signing and sweeping need of Vault."""

from bailiwick.tools.provision.declarations import Service, TransitKey
from bailiwick.tools.provision.rules import READ, UPDATE, sweeper_rules

CHECKPOINT_KEY = "bailiwick-checkpoints"
"""The transit key that wraps the keys which checkpoints are sealed with."""

LEDGER_KEY = "bailiwick-ledger"
"""The transit key that signs the ledger."""

CHECKPOINTS = Service(
    name="checkpoints",
    purpose="Seals checkpoints and opens them: makes data keys, and unwraps those it has made.",
    rules={
        f"transit/datakey/plaintext/{CHECKPOINT_KEY}": UPDATE,
        f"transit/decrypt/{CHECKPOINT_KEY}": UPDATE,
        f"transit/keys/{CHECKPOINT_KEY}": READ,
    },
    keys=(TransitKey(name=CHECKPOINT_KEY, is_derived=True),),
)

CHECKPOINT_KEYS = Service(
    name="checkpoint-keys",
    purpose="Renews and retires what wraps the keys of checkpoints; opens none of them.",
    rules={
        f"transit/rewrap/{CHECKPOINT_KEY}": UPDATE,
        f"transit/keys/{CHECKPOINT_KEY}": READ,
        f"transit/keys/{CHECKPOINT_KEY}/rotate": UPDATE,
        f"transit/keys/{CHECKPOINT_KEY}/config": UPDATE,
        f"transit/keys/{CHECKPOINT_KEY}/trim": UPDATE,
    },
    is_apart=True,
)

LEDGER = Service(
    name="ledger",
    purpose="Signs the ledger.",
    rules={f"transit/sign/{LEDGER_KEY}": UPDATE, f"transit/keys/{LEDGER_KEY}": READ},
    keys=(TransitKey(name=LEDGER_KEY, kind="ed25519"),),
    is_apart=True,
)

REVOCATIONS = Service(
    name="revocations",
    purpose="Ends, by their handles alone, the leases that processes left behind.",
    rules=sweeper_rules(),
)

SERVICES = (CHECKPOINTS, CHECKPOINT_KEYS, LEDGER, REVOCATIONS)
"""All of them, for whoever sets Vault up."""
