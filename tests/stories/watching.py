"""Owns how the runs of a desk are watched: what was seen of them, and the secrets to look for."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from tests.stories.answers import resume
from tests.stories.databases import Place
from tests.stories.desk import Desk, Thread
from tests.stories.people import CUSTOMER, MANAGER, REQUEST
from tests.stories.search import found
from tests.stories.wiretap import ShopTap, VaultTap
from tests.stories.witness import Witness, listen_to_everything, logged, open_witness

from bailiwick.policies.principals import Principal
from bailiwick.tools.declared.scoped import ScopedTool


@dataclass(frozen=True, slots=True, kw_only=True)
class Taps:
    """Hold what was noted on the wires to Vault and to the shop."""

    vault: VaultTap
    shop: ShopTap


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Hold a desk whose runs are watched, and where to look afterwards."""

    desk: Desk
    place: Place
    taps: Taps
    witness: Witness
    look: Callable[[], dict[str, bytes]]
    known: frozenset[str]

    def run(self, thread: Thread, given: object, who: Principal, note: str = "") -> None:
        """Run a graph before the witness's eyes, with a note in the run's metadata."""
        config: RunnableConfig = {
            **thread.config,
            "callbacks": [self.witness.tracer],
            "metadata": {"note": note},
        }
        try:
            self.desk.engine.watch(thread.as_run(given, who, config), self.witness.saw)
        except Exception as error:
            self.witness.caught(error)
            raise

    def refund(
        self,
        tool: ScopedTool | None = None,
        customer: Principal = CUSTOMER,
        manager: Principal = MANAGER,
        note: str = "",
    ) -> Thread:
        """Ask for a refund and approve it, made by the shop's own tool or by another."""
        app = self.desk.app if tool is None else self.desk.deploy(refund=tool)
        thread = self.desk.thread(app)
        self.run(thread, {"messages": [HumanMessage(REQUEST)]}, customer, note)
        self.run(thread, resume(thread.waiting_for_one()), manager, note)
        return thread

    def leaks(self) -> set[tuple[str, str, str]]:
        """Return every credential that can be found anywhere: its name, its form, the place."""
        return found(self.secrets, self.look())

    @property
    def secrets(self) -> dict[str, str]:
        """Everything that Vault gave out since the test began, and what outlasts a test."""
        noted = self.taps.vault.secrets.items()
        return {
            name: secret
            for name, secret in noted
            if name not in self.known or not name.startswith(("token", "child"))
        }


@contextmanager
def open_watch(
    desk: Desk,
    place: Place,
    taps: Taps,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> Generator[Watched]:
    """Watch the runs of a desk."""
    listen_to_everything(caplog)
    with open_witness() as witness:

        def look() -> dict[str, bytes]:
            # What ends behind the calls is looked at too, where Vault lets it end.
            desk.guard.drain(1)
            stored = witness.places(place.ledger, place.checkpoints)
            out, err = capfd.readouterr()
            printed = {"stdout": out.encode(), "stderr": err.encode()}
            return {**stored, **printed, "log": logged(caplog)}

        known = frozenset(taps.vault.secrets)
        yield Watched(desk=desk, place=place, taps=taps, witness=witness, look=look, known=known)
