"""Owns starting worker processes and telling them when to go."""

import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from langgraph.types import Interrupt
from tests.stories.databases import Place
from tests.stories.desk import Desk, Thread, decision

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0

Worker = subprocess.Popen[str]


@contextmanager
def start_worker(
    desk: Desk, place: Place, thread: Thread, *questions: Interrupt
) -> Generator[Worker]:
    """Start a process that approves what a thread waits for once it is told to go."""
    order = {
        "ledger": place.ledger,
        "checkpoints": place.checkpoints,
        "vault": desk.ground.surroundings.vault_address,
        "approles": str(desk.ground.approles),
        "shop": desk.ground.surroundings.shop_address,
        "thread": thread.id,
        "answers": {each.id: decision(each) for each in questions},
    }
    command = [sys.executable, "-m", "tests.stories.worker"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as worker:
        tell(worker, json.dumps(order))
        try:
            yield worker
        finally:
            worker.kill()


def tell(worker: Worker, line: str = "go") -> None:
    """Send a line to a worker."""
    assert worker.stdin is not None
    worker.stdin.write(f"{line}\n")
    worker.stdin.flush()


def await_ready(worker: Worker) -> None:
    """Wait until a worker is about to resume its thread."""
    assert worker.stdout is not None
    assert worker.stdout.readline() == "ready\n"
