"""Owns `bailiwick demo`: the refund desk, unattended, told so that a newcomer understands it."""

from pathlib import Path
from tempfile import TemporaryDirectory

from langgraph.types import Interrupt
from pydantic import ValidationError
from rich.console import Console

from bailiwick.graphs.checkpoints import open_checkpointer
from bailiwick.graphs.cli.narration import Narration
from bailiwick.graphs.cli.records import record_table
from bailiwick.graphs.refund_desk import RefundDesk, open_refund_desk
from bailiwick.graphs.session import Session
from bailiwick.graphs.settings import read_settings
from bailiwick.policies.errors import BailiwickError
from bailiwick.policies.principals import Principal
from bailiwick.tools.shop import Shop

CUSTOMER = Principal(id="customer")
CLERK = Principal(id="clerk")
MANAGER = Principal(id="manager", roles=frozenset({"manager"}))


def run_demo() -> None:
    """Run the refund desk to its end: a refund, a second click, and an injected instruction.

    Raises:
        BailiwickError: If what the demo shows is not what happened.
    """
    console = Console()
    with TemporaryDirectory() as folder:
        settings = read_settings().model_copy(
            update={
                "database_url": f"sqlite:///{Path(folder) / 'ledger.db'}",
                "checkpoint_url": f"sqlite:///{Path(folder) / 'checkpoints.db'}",
                "vault_addr": None,
                "approles": None,
                "shop_url": None,
            }
        )
        with (
            open_refund_desk(settings) as desk,
            open_checkpointer(settings.checkpoints) as checkpointer,
        ):
            _Demo(console, desk, checkpointer).run()
