"""What servers of the tests have in place of the deployed: shared checkpoints, another outbox."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from starlette.applications import Starlette

from bailiwick.graphs.app import desk, settings
from bailiwick.graphs.checkpoints.checkpointers import open_async_checkpointer
from bailiwick.graphs.outbox.service import create_outbox

LAPSE = 3.0


@asynccontextmanager
async def checkpoints() -> AsyncGenerator[BaseCheckpointSaver[Any]]:
    """Open the checkpoints beside the servers' folders."""
    path = Path.cwd().parent / "checkpoints.db"
    async with open_async_checkpointer(f"sqlite:///{path}") as checkpointer:
        yield checkpointer


no_outbox = Starlette()
outbox = create_outbox(settings, desk.guard.approvals, lapse=LAPSE)
