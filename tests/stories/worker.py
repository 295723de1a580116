"""Owns the worker of the stories: a process of its own that answers one thread's question.

It reads its order from standard input, says `ready`, waits for a second line and goes to work.
"""

import json
import sys
from pathlib import Path

from langgraph.types import Command

from bailiwick.graphs.checkpoints import open_checkpointer
from bailiwick.graphs.refund_desk import open_refund_desk
from bailiwick.graphs.settings import Settings
from bailiwick.policies.principals import Principal
from bailiwick.tools.principals import acting_as

MANAGER = Principal(id="manager", roles=frozenset({"manager"}))


def main() -> None:
    """Resume the ordered thread as the manager."""
    order = json.loads(sys.stdin.readline())
    settings = Settings.model_construct(
        database_url=order["ledger"],
        vault_addr=order["vault"],
        approles=Path(order["approles"]),
        shop_url=order["shop"],
    )
    with open_refund_desk(settings) as desk, open_checkpointer(order["checkpoints"]) as saver:
        app = desk.graph.compile(checkpointer=saver)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        with acting_as(MANAGER):
            app.invoke(
                Command(resume=order["answers"]),
                {"configurable": {"thread_id": order["thread"]}},
            )


if __name__ == "__main__":
    main()
