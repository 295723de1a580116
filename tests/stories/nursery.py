"""Owns the worker processes of the stories: each a fork of one process that has imported all.

Started as `python -m tests.stories.nursery`, it reads jobs from its standard input, one JSON object
a line, and answers each with the worker's process id, what the worker says, and how it ended.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import sqlalchemy
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from sqlalchemy import event
from tests.stories.desk import CUSTOMER, MANAGER, Ground, resume
from tests.stories.engines import OPENERS, App, Engine, Run

from bailiwick.graphs.refund_desk import open_refund_desk
from bailiwick.graphs.surroundings import Surroundings

_ROOT = Path(__file__).parents[2]
_IMPORTED_LATE = (
    "httpcore",
    "langchain_core.messages.block_translators.langchain_v0",
    "langchain_core.tracers.context",
    "langgraph.checkpoint.postgres.aio",
    "langgraph.checkpoint.sqlite.aio",
    "psycopg_pool",
    "sqlalchemy.dialects.postgresql.psycopg",
)
_TURNS = 6
"""Runs in which every thread comes to its end, answers included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Say what a worker does: carry one thread to its end.

    Attributes:
        thread: The thread.
        way: How it runs graphs, `sync` or `async`.
        ledger: The ledger's URL.
        checkpoints: The checkpoints' URL.
        vault: Vault's address.
        shop: The shop's address.
        approles: The file with the agents' logins.
        dies_at: The step of its own at which it kills itself; none where negative.
        waits: Whether it begins only when it is told to.
    """

    thread: str
    way: str
    ledger: str
    checkpoints: str
    vault: str
    shop: str
    approles: str
    dies_at: int = -1
    waits: bool = False


class Life:
    """Count the steps of a worker, and end it at one of them without any goodbye."""

    def __init__(self, dies_at: int) -> None:
        self.steps: list[str] = []
        self._dies_at = dies_at
        self._lock = threading.Lock()

    def step(self, name: str) -> None:
        """Take a step, or die before it."""
        with self._lock:
            if len(self.steps) == self._dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
            self.steps.append(name)

    def watch_transactions(self) -> None:
        """Count where every transaction of the ledger begins and where it is about to be kept."""
        for name in ("begin", "commit"):
            event.listen(sqlalchemy.Engine, name, self._stepping(f"ledger {name}"))

    def watch_checkpoints(self, checkpointer: BaseCheckpointSaver[Any]) -> None:
        """Count where each checkpoint, and each of a task's writes, is about to be kept."""
        life, kind = self, type(checkpointer)

        class Mortal(kind):  # type: ignore[misc, valid-type]  # one of LangGraph's four
            def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:  # noqa: ANN401 - as LangGraph's
                life.step("checkpoint")
                return super().put(config, checkpoint, metadata, new_versions)

            def put_writes(
                self,
                config: Any,  # noqa: ANN401 - as above
                writes: Any,  # noqa: ANN401 - as above
                task_id: str,
                task_path: str = "",
            ) -> None:
                life.step("writes")
                super().put_writes(config, writes, task_id, task_path)

            async def aput(
                self,
                config: Any,  # noqa: ANN401 - as above
                checkpoint: Any,  # noqa: ANN401 - as above
                metadata: Any,  # noqa: ANN401 - as above
                new_versions: Any,  # noqa: ANN401 - as above
            ) -> Any:  # noqa: ANN401 - as above
                life.step("checkpoint")
                return await super().aput(config, checkpoint, metadata, new_versions)

            async def aput_writes(
                self,
                config: Any,  # noqa: ANN401 - as above
                writes: Any,  # noqa: ANN401 - as above
                task_id: str,
                task_path: str = "",
            ) -> None:
                life.step("writes")
                await super().aput_writes(config, writes, task_id, task_path)

        checkpointer.__class__ = Mortal

    def _stepping(self, name: str) -> Callable[[object], None]:
        return lambda _: self.step(name)


@dataclass(slots=True)
class Nursery:
    """Hold the process that workers are forked from."""

    process: "subprocess.Popen[str]"

    def start(self, job: Job) -> int:
        """Start a worker, return its process id."""
        self._tell(json.dumps(asdict(job)))
        return int(self._hear()["pid"])

    def go(self) -> None:
        """Tell a worker that waits to begin, once it is ready."""
        assert self._hear() == {"ready": True}
        self._tell("go")

    def end(self) -> tuple[int, list[str]]:
        """Wait for a worker's end; return how it ended, as `Popen` does, and its steps."""
        steps: list[str] = []
        while "ended" not in (told := self._hear()):
            steps = told["steps"]
        return int(told["ended"]), steps

    def work(self, job: Job) -> tuple[int, list[str]]:
        """Have a worker do a job."""
        self.start(job)
        return self.end()

    def _tell(self, line: str) -> None:
        stream = _stream(self.process.stdin)
        stream.write(f"{line}\n")
        stream.flush()

    def _hear(self) -> dict[str, Any]:
        line = _stream(self.process.stdout).readline()
        assert line, "the nursery has ended"
        heard: dict[str, Any] = json.loads(line)
        return heard


@contextmanager
def open_nursery() -> Generator[Nursery]:
    """Start a nursery."""
    args = [sys.executable, "-m", "tests.stories.nursery"]
    pipe = subprocess.PIPE
    with subprocess.Popen(args, stdin=pipe, stdout=pipe, cwd=_ROOT, text=True) as process:
        yield Nursery(process)
        _stream(process.stdin).close()


def carry(engine: Engine, app: App, thread: str) -> None:
    """Carry a thread to its end: the manager says yes, and whoever asked runs it on."""
    config: RunnableConfig = {"configurable": {"thread_id": thread}}
    for _ in range(_TURNS):
        state = engine.state(app, config)
        if state.interrupts:
            engine.run(Run(app=app, given=resume(state.interrupts[0]), config=config, who=MANAGER))
        elif state.tasks:
            engine.run(Run(app=app, given=None, config=config, who=CUSTOMER))
        else:
            return


def _stream(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def _work(job: Job) -> None:
    surroundings = Surroundings(vault_address=job.vault, approles={}, shop_address=job.shop)
    ground = Ground(surroundings=surroundings, approles=Path(job.approles))
    life = Life(job.dies_at)
    with ExitStack() as opened:
        engine: Engine = opened.enter_context(OPENERS[job.way](job.checkpoints))
        desk = opened.enter_context(open_refund_desk(ground.settings(job.ledger)))
        app = desk.graph.compile(checkpointer=engine.checkpointer)
        if job.waits:
            _say(ready=True)
            sys.stdin.readline()
        life.watch_transactions()
        life.watch_checkpoints(engine.checkpointer)
        carry(engine, app, job.thread)
    _say(steps=life.steps)


def _say(**told: object) -> None:
    sys.stdout.write(f"{json.dumps(told)}\n")
    sys.stdout.flush()


def _fork(job: Job) -> int:
    child = os.fork()
    if child:
        _say(pid=child)
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)
    try:
        _work(job)
    except BaseException:  # noqa: BLE001 - it must not go on as a second nursery
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def main() -> None:
    """Do the jobs that are read from standard input."""
    # Here once, and not in every worker: it is most of what one would do.
    for name in _IMPORTED_LATE:
        import_module(name)
    while line := sys.stdin.readline():
        _say(ended=_fork(Job(**json.loads(line))))


if __name__ == "__main__":
    main()
