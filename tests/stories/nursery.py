"""Owns the worker processes of the stories: each a fork of one process that has imported all.

Started as `python -m tests.stories.nursery`, it reads lists of jobs from its standard input, one a
line, in JSON. It answers each with the workers' process ids, what the workers say, and how they
ended. Workers of one list begin at the same moment.
"""

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.types import Command
from pydantic import ValidationError
from tests.stories.answers import resume
from tests.stories.engines import OPENERS, App, Engine, Run
from tests.stories.ground import Ground
from tests.stories.lives import Barrier, Life
from tests.stories.people import CUSTOMER, MANAGER

from bailiwick.graphs.refund_desk import open_refund_desk
from bailiwick.graphs.surroundings import Surroundings

_ROOT = Path(__file__).parents[2]
_IMPORTED_LATE = (
    "bailiwick.graphs.checkpoints.sqlite_saver",
    "httpcore",
    "langchain_core.messages.block_translators.langchain_v0",
    "langchain_core.tracers.context",
    "langgraph.checkpoint.postgres.aio",
    "psycopg_pool",
    "sqlalchemy.dialects.postgresql.psycopg",
)
_TURNS = 6
"""Runs in which every thread comes to its end, answers included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Say what a worker does: carry one thread to its end, or run it once.

    Attributes:
        thread: The thread.
        way: How it runs graphs, `sync` or `async`.
        ledger: The ledger's URL.
        checkpoints: The checkpoints' URL.
        vault: Vault's address.
        shop: The shop's address.
        approles: The file with the agents' logins.
        dies_at: The step of its own at which it kills itself; none where negative.
        request: What the customer asks first, where the thread is new.
        answers: What the one run of the thread is resumed with; without answers where it is empty.
        late: The agent whose checkpoints are kept late; none where it is empty.
        policy: The folder with the rules; the shipped ones where it is empty.
    """

    thread: str
    way: str
    ledger: str
    checkpoints: str
    vault: str
    shop: str
    approles: str
    dies_at: int = -1
    request: str = ""
    answers: dict[str, Any] | None = None
    late: str = ""
    policy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Tell how a worker ended.

    Attributes:
        status: Its exit code, or its signal, negative.
        steps: The steps it took; none where it was killed.
    """

    status: int
    steps: tuple[str, ...] = ()


@dataclass(slots=True)
class Nursery:
    """Hold the process that workers are forked from."""

    process: "subprocess.Popen[str]"

    def start(self, *jobs: Job) -> list[int]:
        """Start workers that begin at the same moment; return their process ids."""
        self._tell(json.dumps([asdict(job) for job in jobs]))
        return list(self._hear()["pids"])

    def end(self) -> list[Ending]:
        """Wait for the workers' ends, and tell them in the order of their jobs."""
        steps: dict[int, list[str]] = {}
        while "ended" not in (told := self._hear()):
            steps[told["worker"]] = told["steps"]
        return [
            Ending(status=status, steps=tuple(steps.get(number, ())))
            for number, status in enumerate(told["ended"])
        ]

    def work(self, *jobs: Job) -> list[Ending]:
        """Have workers do jobs at the same time."""
        self.start(*jobs)
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


def carry(engine: Engine, app: App, thread: str, request: str = "") -> None:
    """Carry a thread to its end: the manager says yes, and whoever asked runs it on."""
    config: RunnableConfig = {"configurable": {"thread_id": thread}}
    for _ in range(_TURNS):
        state = engine.state(app, config)
        if state.interrupts:
            engine.run(Run(app=app, given=resume(state.interrupts[0]), config=config, who=MANAGER))
        elif state.tasks:
            engine.run(Run(app=app, given=None, config=config, who=CUSTOMER))
        elif request and state.created_at is None:
            asked = {"messages": [HumanMessage(request)]}
            engine.run(Run(app=app, given=asked, config=config, who=CUSTOMER))
        else:
            return


def _run_once(engine: Engine, app: App, thread: str, answers: dict[str, Any]) -> None:
    config: RunnableConfig = {"configurable": {"thread_id": thread}}
    given: Command[Any] | None = Command(resume=answers) if answers else None
    # Of workers that run one thread at once, some are refused: what they answer is gone.
    with suppress(ValidationError):
        engine.run(Run(app=app, given=given, config=config, who=MANAGER))


def _stream(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def _work(job: Job, number: int, barrier: Barrier) -> None:
    surroundings = Surroundings(vault_address=job.vault, logins={}, shop_address=job.shop)
    ground = Ground(surroundings=surroundings, approles=Path(job.approles))
    life = Life(job.dies_at, job.late)
    with ExitStack() as opened:
        engine: Engine = opened.enter_context(OPENERS[job.way](job.checkpoints))
        settings = ground.settings(job.ledger, Path(job.policy) if job.policy else None)
        desk = opened.enter_context(open_refund_desk(settings))
        app = desk.graph.compile(checkpointer=engine.checkpointer)
        barrier.wait()
        life.watch_transactions()
        life.watch_checkpoints(engine.checkpointer)
        if job.answers is None:
            carry(engine, app, job.thread, job.request)
        else:
            _run_once(engine, app, job.thread, job.answers)
    _say(worker=number, steps=life.steps)


def _say(**told: object) -> None:
    sys.stdout.write(f"{json.dumps(told)}\n")
    sys.stdout.flush()


def _fork(job: Job, number: int, barrier: Barrier) -> int:
    if child := os.fork():
        return child
    try:
        _work(job, number, barrier)
    except BaseException:  # noqa: BLE001 - it must not go on as a second nursery
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _raise(jobs: Sequence[Job]) -> None:
    barrier = Barrier()
    children = [_fork(job, number, barrier) for number, job in enumerate(jobs)]
    _say(pids=children)
    barrier.open(len(children))
    ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    _say(ended=ended)


def main() -> None:
    """Do the jobs that are read from standard input."""
    # Here once, and not in every worker: it is most of what one would do.
    for name in _IMPORTED_LATE:
        import_module(name)
    while line := sys.stdin.readline():
        _raise([Job(**fields) for fields in json.loads(line)])


if __name__ == "__main__":
    main()
