"""Owns a desk whose checkpoints are sealed, as the stories see it."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.messages import HumanMessage
from tests.stories.databases import Place
from tests.stories.desk import Desk, Thread
from tests.stories.engines import OPENERS
from tests.stories.people import CUSTOMER, REQUEST

from bailiwick.graphs.checkpoints.checkpoint_sealing import create_sealing
from bailiwick.graphs.settings import Settings
from bailiwick.tools.keys.checkpoint_keys import CheckpointKeys
from bailiwick.tools.keys.transit import Transit
from bailiwick.tools.provision import VaultOperator
from bailiwick.tools.provision.services import CHECKPOINT_KEY, CHECKPOINT_KEYS
from bailiwick.tools.vault import Vault

SENTENCE = "the lamp from grandmother arrived in pieces"
ASKED = f"{REQUEST}: {SENTENCE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shut:
    """Hold a desk whose checkpoints are sealed.

    Attributes:
        desk: The desk.
        place: Its databases.
        settings: Its settings.
        way: How it runs graphs.
        vault: A connection for services of the house.
        operator: Vault's operator.
    """

    desk: Desk
    place: Place
    settings: Settings
    way: str
    vault: Vault
    operator: VaultOperator

    @property
    def keeper(self) -> CheckpointKeys:
        """The keys, as an operator renews and destroys them."""
        identity = CHECKPOINT_KEYS.identity
        transit = Transit(vault=self.vault, name=CHECKPOINT_KEY, identity=identity)
        return CheckpointKeys(self.desk.guard.ledger, transit)

    def asked(self) -> Thread:
        """Return a new thread that was asked the sentence, and waits for a manager."""
        thread = self.desk.thread()
        thread.run({"messages": [HumanMessage(ASKED)]}, CUSTOMER)
        assert SENTENCE in thread.said()
        assert thread.waiting()
        return thread

    @contextmanager
    def elsewhere(self, thread: Thread) -> Generator[Thread]:
        """Give the thread as another process sees it, that has no key yet."""
        ledger = self.desk.guard.ledger
        sealing = create_sealing(self.settings, ledger, self.vault)
        with OPENERS[self.way](self.place.checkpoints, sealing) as engine:
            app: Any = self.desk.app.copy(update={"checkpointer": engine.checkpointer})
            yield Thread(desk=replace(self.desk, engine=engine), app=app, id=thread.id)
