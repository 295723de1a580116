"""Measures many threads that wait at approvals in one process, then all answered by the outbox.

Run as `python -m tests.benchmarks.approvals [THREADS [DATABASE_URL]]`; without a URL, ledger and
checkpoints are two SQLite files. It fails unless every thread ends and each was paid for once.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from tests.graphs.till import Book, Till, opened_till
from tests.tools.governed import load_policy

from bailiwick.graphs.checkpoints.checkpointers import open_checkpointer
from bailiwick.graphs.outbox.deliveries import deliver

THREADS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """Hold what one phase took: seconds, and how far the process has grown until then, in MiB."""

    name: str
    seconds: float
    grown: float


def measure(threads: int, url: str | None = None) -> list[Phase]:
    """Ask, answer and deliver in that many threads; return what each phase took."""
    before = _peak()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        book, policy = Book(folder / "book.db"), load_policy()
        checkpoints = url or f"sqlite:///{folder / 'checkpoints.db'}"
        with (
            open_checkpointer(checkpoints) as checkpointer,
            opened_till(
                url or f"sqlite:///{folder / 'ledger.db'}", checkpointer, book, policy
            ) as till,
        ):
            works: dict[str, Callable[[], object]] = {
                "ask, until all wait": lambda: _ask(till, threads),
                "answer in the database": lambda: till.approve(*till.guard.approvals.pending()),
                "deliver, until all end": lambda: _deliver(till, threads),
            }
            phases = [_timed(name, work, before) for name, work in works.items()]
            _check(till, threads)
    return phases


def _ask(till: Till, threads: int) -> None:
    for number in range(threads):
        till.ask(f"t-{number}")
    assert len(till.guard.approvals.pending()) == threads


def _deliver(till: Till, threads: int) -> None:
    reports = deliver(till.app, till.guard)
    assert [report.outcome for report in reports] == ["resumed"] * threads


def _check(till: Till, threads: int) -> None:
    assert all(till.is_done(f"t-{number}") for number in range(threads))
    assert len(till.book.paid()) == threads
    assert till.guard.ledger.verify().is_sound


def _timed(name: str, work: Callable[[], object], before: float) -> Phase:
    began = time.perf_counter()
    work()
    return Phase(name=name, seconds=time.perf_counter() - began, grown=_peak() - before)


def _peak() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        # Linux counts what the parent had grown to into `ru_maxrss` of a process that it starts.
        (line,) = [each for each in status.read_text().splitlines() if each.startswith("VmHWM:")]
        return int(line.split()[1]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def run(threads: int = THREADS, url: str | None = None) -> None:
    """Print what each phase took."""
    print(f"{threads} threads wait at approvals in one process")
    # A process of its own: the peak of this one may be that of another measurement.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        phases = alone.submit(measure, threads, url).result()
    for phase in phases:
        each = phase.seconds / threads * 1000
        print(
            f"  {phase.name:24} {phase.seconds:7.1f} s {each:7.2f} ms each   process grown by "
            f"{phase.grown:6.1f} MiB, {phase.grown * 1024 / threads:6.1f} KiB each"
        )


if __name__ == "__main__":
    run(int(sys.argv[1]) if sys.argv[1:] else THREADS, *sys.argv[2:3])
