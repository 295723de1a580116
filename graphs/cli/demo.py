"""Owns `bailiwick demo`: the refund desk, unattended, told so that a newcomer understands it."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Interrupt
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from bailiwick.agents.models import SCRIPTED
from bailiwick.graphs.checkpoints.checkpointers import open_checkpointer
from bailiwick.graphs.cli.terminal.console import quoted, terminal
from bailiwick.graphs.cli.terminal.narration import Narration
from bailiwick.graphs.cli.terminal.records import describe, record_table
from bailiwick.graphs.refund_desk import RefundDesk, open_refund_desk
from bailiwick.graphs.session import Session
from bailiwick.graphs.settings import Settings, read_settings
from bailiwick.policies.errors import BailiwickError, SettingsError
from bailiwick.policies.principals import Principal
from bailiwick.tools.shop import Shop

CUSTOMER = Principal(id="customer")
MANAGER = Principal(id="manager", roles=frozenset({"manager"}))


def run_demo() -> None:
    """Run the refund desk to its end: a refund, a second click, an injected instruction.

    It starts everything it needs and leaves nothing behind.

    Raises:
        SettingsError: In production.
        BailiwickError: If what the demo says is not what happened.
    """
    with TemporaryDirectory() as folder:
        settings = _own_settings(Path(folder))
        with (
            open_refund_desk(settings) as desk,
            open_checkpointer(settings.checkpoints, desk.sealing) as checkpointer,
        ):
            demo = Demo(terminal(), desk, desk.graph.compile(checkpointer=checkpointer))
            demo.open()
            demo.refund()
            demo.injection()
            demo.ledger()


def _own_settings(folder: Path) -> Settings:
    settings = read_settings()
    if settings.env == "production":
        raise SettingsError(
            "the demo starts a Vault and a shop of its own, which production does not: "
            "take BAILIWICK_ENV=production away"
        )
    own = {
        "database_url": f"sqlite:///{folder / 'ledger.db'}",
        "checkpoint_url": None,
        "policy": None,
        "vault_addr": None,
        "approles": None,
        "shop_url": None,
        # Any other model may be too clever for the second act, and costs money.
        "model": SCRIPTED,
    }
    return settings.model_copy(update=own)


class Demo:
    """Tell one act after the other, and check that each ended as it says.

    Args:
        console: Where to print.
        desk: The open refund desk, with a shop in this process.
        app: Its compiled graph.
    """

    def __init__(
        self, console: Console, desk: RefundDesk, app: CompiledStateGraph[Any, Any, Any, Any]
    ) -> None:
        self._console = console
        self._desk = desk
        self._app = app
        self._narration = Narration(console)

    @property
    def _shop(self) -> Shop:
        shop = self._desk.surroundings.shop
        if shop is None:
            raise BailiwickError("the demo counts refunds at a shop of its own: unset the shop's")
        return shop

    def open(self) -> None:
        """Say what stands where."""
        where = self._desk.surroundings
        self._title("The desk opens")
        self._say(
            f"""
            A scripted model plays the agents: it follows rules, and believes what it reads.
            The shop answers at {where.shop_address} and wants an API key for everything.
            Its keys lie in Vault, at {where.vault_address}, and nowhere else: no agent, no
            prompt and no environment variable holds one. Each tool call leases its own.
            """
        )

    def refund(self) -> None:
        """Refund an order: refused to the requester, approved by a manager, clicked twice."""
        self._title("1. A refund needs a manager")
        session = self._request("refund", "Please refund order A-1001.")
        interrupt = session.waiting()[0]
        self._narration.ask(interrupt.value)
        self._say("The customer tries to approve the refund they asked for:")
        self._refuse(session, interrupt)
        self._count("A-1001", 0)
        self._say("A manager approves exactly this call:")
        session.answer(interrupt, _approval(interrupt), MANAGER)
        self._count("A-1001", 1)
        self._say("The manager's second click, a moment later:")
        session.answer(interrupt, _approval(interrupt), MANAGER)
        self._count("A-1001", 1)

    def injection(self) -> None:
        """Let the model obey an instruction that stands in an order's note."""
        self._title("2. An order's note gives orders")
        self._request("injection", "Please refund order A-1005.")
        self._say("The model did what the note told it to. The policy did not let it:")
        denials = [
            record
            for record in self._desk.guard.ledger.records("injection", "decision")
            if record.body["verdict"] == "deny"
        ]
        for record in denials:
            self._narration.say(*describe(record))
        self._check("the denials stand in the ledger", bool(denials))
        self._count("A-1005", 0)

    def ledger(self) -> None:
        """Show what was recorded, and that nothing of it was changed."""
        self._title("3. What stands in the ledger")
        ledger = self._desk.guard.ledger
        # Leases end behind their calls.
        self._desk.guard.drain()
        self._console.print(record_table("refund", ledger.records("refund")))
        verification = ledger.verify()
        self._check(
            f"{verification.records} records, each chained to the last", verification.is_sound
        )
        self._say(
            """
            Next: `bailiwick run` for a request of your own, `bailiwick policy check` for the
            rules, notebooks/01_refund_desk.ipynb for the same in a notebook.
            """
        )

    def _request(self, thread: str, text: str) -> Session:
        session = Session(self._app, thread, self._narration.tell)
        self._narration.say("customer", quoted(text))
        session.request(text, CUSTOMER)
        return session

    def _refuse(self, session: Session, interrupt: Interrupt) -> None:
        try:
            session.answer(interrupt, _approval(interrupt), CUSTOMER)
        except ValidationError as error:
            self._narration.refuse(error)
        self._check("the request is still open", bool(session.waiting()))

    def _count(self, order_id: str, expected: int) -> None:
        found = len(self._shop.refunds(order_id))
        self._check(f"refunds of {order_id} in the shop's database: {found}", found == expected)

    def _check(self, what: str, holds: bool) -> None:  # noqa: FBT001 - it reads as a sentence
        if not holds:
            raise BailiwickError(f"the demo did not go as it should: {what}")
        self._narration.say("", Text("checked: ", style="green").append(what, "default"))

    def _title(self, title: str) -> None:
        self._console.print(f"\n[bold]{title}[/]")

    def _say(self, text: str) -> None:
        self._console.print(Text("\n" + " ".join(text.split()), style="italic"))


def _approval(interrupt: Interrupt) -> dict[str, str]:
    return {"type": "approve", "action_digest": interrupt.value["action_digest"]}
