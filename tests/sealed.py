"""A Vault with the services of the house, for tests of what is sealed and signed."""

from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace

from sqlalchemy import select

from bailiwick.graphs.checkpoints.sealing import SealingSerializer
from bailiwick.tools.devvault import DevelopmentVault
from bailiwick.tools.keys.checkpoint_keys import CheckpointKeys
from bailiwick.tools.keys.keyring import Keyring
from bailiwick.tools.keys.transit import Transit
from bailiwick.tools.provision import Registry, Service, VaultOperator, set_up
from bailiwick.tools.provision.services import (
    CHECKPOINT_KEY,
    CHECKPOINT_KEYS,
    CHECKPOINTS,
    LEDGER,
    LEDGER_KEY,
    SERVICES,
)
from bailiwick.tools.records.ledger import Ledger
from bailiwick.tools.records.tables import checkpoint_keys
from bailiwick.tools.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Hold a ledger, and a Vault that wraps keys for it and signs it."""

    devvault: DevelopmentVault
    vault: Vault
    operator: VaultOperator
    ledger: Ledger

    @property
    def keys(self) -> CheckpointKeys:
        """The keys of checkpoints, as a run uses them."""
        return CheckpointKeys(self.ledger, self.transit(CHECKPOINT_KEY, CHECKPOINTS))

    @property
    def keeper(self) -> CheckpointKeys:
        """The same keys, as an operator renews and destroys them."""
        return CheckpointKeys(self.ledger, self.transit(CHECKPOINT_KEY, CHECKPOINT_KEYS))

    @property
    def signer(self) -> Transit:
        """The key that signs the ledger."""
        return self.transit(LEDGER_KEY, LEDGER)

    def transit(self, name: str, service: Service) -> Transit:
        """Return a key as a service uses it."""
        return Transit(vault=self.vault, name=name, identity=service.identity)

    def keyring(self, *, shared: bool = False) -> Keyring:
        """Return the keys as a new process holds them: none yet."""
        return Keyring(self.keys, shared=shared)

    def sealing(self, *, migrating: bool = False, shared: bool = False) -> SealingSerializer:
        """Return what seals checkpoints in a new process."""
        return SealingSerializer(self.keyring(shared=shared), migrating=migrating)

    def count(self) -> int:
        """Return how many keys there are that were not destroyed."""
        alive = checkpoint_keys.c.wrapped.is_not(None)
        with self.ledger.reading() as connection:
            return len(connection.execute(select(checkpoint_keys).where(alive)).all())

    def requests(self) -> int:
        """Return how many requests Vault has answered."""
        return len(self.devvault.requests)


@contextmanager
def open_house(devvault: DevelopmentVault, ledger_url: str) -> Generator[House]:
    """Set a running development Vault up, and open the ledger."""
    with ExitStack() as opened:
        operator = opened.enter_context(
            closing(VaultOperator(devvault.address, devvault.root_token))
        )
        logins = set_up(operator, Registry(services=SERVICES))
        vault = opened.enter_context(Vault(devvault.address, logins=logins, timeout=(2.0, 2.0)))
        ledger = opened.enter_context(closing(Ledger(ledger_url)))
        yield House(devvault=devvault, vault=vault, operator=operator, ledger=ledger)


@contextmanager
def moved(house: House, ledger_url: str) -> Generator[House]:
    """Open another ledger with the same Vault."""
    with closing(Ledger(ledger_url)) as ledger:
        yield replace(house, ledger=ledger)
