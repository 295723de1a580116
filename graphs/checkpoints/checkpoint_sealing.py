"""Owns how the settings say that checkpoints are sealed, and with what."""

from bailiwick.graphs.checkpoints.sealing import SealingSerializer
from bailiwick.graphs.settings import Settings
from bailiwick.policies.errors import SettingsError
from bailiwick.tools.keys.checkpoint_keys import CheckpointKeys
from bailiwick.tools.keys.keyring import Keyring
from bailiwick.tools.keys.transit import Transit
from bailiwick.tools.provision.services import CHECKPOINT_KEY, CHECKPOINTS
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.vault import Vault


def create_sealing(
    settings: Settings, ledger: Ledger, vault: Vault | None
) -> SealingSerializer | None:
    """Return what seals checkpoints, or None where the settings want none sealed.

    Raises:
        SettingsError: If no Vault is named: the one that is started here is gone with its keys.
        VaultError: If Vault is not there, or does not let us use the key that wraps.
    """
    if settings.encrypt == "off":
        return None
    if settings.vault_addr is None or vault is None:
        raise SettingsError(
            "BAILIWICK_ENCRYPT is set and VAULT_ADDR is not: what is sealed can be read as long as "
            "its Vault lasts; name yours, or the one that `bailiwick vault dev` runs"
        )
    transit = Transit(vault=vault, name=CHECKPOINT_KEY, identity=CHECKPOINTS.identity)
    keys = CheckpointKeys(ledger, transit)
    # Told now, and not by the first run.
    keys.check()
    ring = Keyring(keys, shared=settings.encrypt_keys == "shared")
    return SealingSerializer(ring, migrating=settings.encrypt == "migrating")
