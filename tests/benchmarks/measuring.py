"""Owns the measuring loop: variants of a task, in blocks by turns, so that all share the noise."""

import gc
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from statistics import median

Task = Callable[[str], object]
AsyncTask = Callable[[str], Awaitable[object]]

BLOCK = 6
"""Tasks a variant runs in one go: the processor's caches are then its own, as in production."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Hold how long one variant takes.

    Attributes:
        milliseconds: The median of a task's wall time.
        ratio: The median of its ratios to the first variant, each within one round.
    """

    milliseconds: float
    ratio: float


def measure(variants: Mapping[str, Task], *, rounds: int) -> dict[str, Timing]:
    """Run each variant's block in each round; the first variant is what the others are held to.

    Args:
        variants: What to run, given the name of a fresh thread.
        rounds: Rounds that count; one more runs before them to warm up.
    """
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(rounds + 1):
        for name, task in variants.items():
            gc.collect()
            started = time.perf_counter()
            for place in range(BLOCK):
                task(f"{name}-{number}-{place}")
            taken[name].append((time.perf_counter() - started) / BLOCK)
    return _timings(taken)


async def ameasure(variants: Mapping[str, AsyncTask], *, rounds: int) -> dict[str, Timing]:
    """Do what `measure` does with asynchronous tasks, one after another."""
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for number in range(rounds + 1):
        for name, task in variants.items():
            gc.collect()
            started = time.perf_counter()
            for place in range(BLOCK):
                await task(f"{name}-{number}-{place}")
            taken[name].append((time.perf_counter() - started) / BLOCK)
    return _timings(taken)


def _timings(taken: Mapping[str, list[float]]) -> dict[str, Timing]:
    counted = {name: times[1:] for name, times in taken.items()}
    first = next(iter(counted.values()))
    return {
        name: Timing(
            milliseconds=median(times) * 1000,
            ratio=median(own / other for own, other in zip(times, first, strict=True)),
        )
        for name, times in counted.items()
    }
