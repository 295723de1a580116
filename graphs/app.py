"""Owns the refund desk as a server runs it: one desk for each process, open until it ends.

Importing this module opens the desk, with a development Vault and shop where the settings name
none. A graph factory would do so for every run and every look at the graph.
"""

import atexit
from contextlib import ExitStack

from bailiwick.graphs.refund_desk import RefundDesk, open_refund_desk
from bailiwick.graphs.settings import Settings, read_settings
from bailiwick.policies.errors import BailiwickError
from bailiwick.tools.people.deliveries import SERVER


def _open() -> tuple[Settings, RefundDesk]:
    opened = ExitStack()
    atexit.register(opened.close)
    try:
        settings = read_settings()
        return settings, opened.enter_context(open_refund_desk(settings, place=SERVER))
    except BailiwickError as error:
        # Of any other exception LangGraph Server prints the traceback and not the sentence.
        raise SystemExit(f"bailiwick: {error}") from None


settings, desk = _open()

# The server brings its own checkpointer.
supervisor = desk.graph.compile(name="refund_desk")
