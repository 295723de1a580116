"""Owns what is done to a checkpoint's row before a sealed saver keeps it, and after."""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    get_checkpoint_id,
    get_checkpoint_metadata,
)

from bailiwick.graphs.checkpoints.sealing import MARK, Place, SealingSerializer, labelled
from bailiwick.policies.errors import CheckpointError
from bailiwick.tools.keys.keyring import Unopened

NEEDED = (
    "source",
    "step",
    "parents",
    "run_id",
    "counters_since_delta_snapshot",
    "delta_writes_versioned",
)
"""What LangGraph and its savers look for in a checkpoint's metadata; nothing else is kept."""

_PLACE = ("thread_id", "checkpoint_ns", "checkpoint_id")


def place_of(config: RunnableConfig) -> Place:
    """Return the place that a config names, the root namespace where it names none."""
    named = config.get("configurable", {})
    return Place(str(named["thread_id"]), str(named.get("checkpoint_ns", "")))


def whole_place(config: RunnableConfig | None) -> Place | None:
    """Return the place that a config names, or None where it names thread or namespace not."""
    named = (config or {}).get("configurable", {})
    if config is None or not {"thread_id", "checkpoint_ns"} <= named.keys():
        return None
    return place_of(config)


def bare(config: RunnableConfig) -> RunnableConfig:
    """Return a config without what savers would copy into the metadata."""
    named = config.get("configurable", {})
    return {"configurable": {name: named[name] for name in _PLACE if name in named}}


def scrubbed(config: RunnableConfig, metadata: CheckpointMetadata) -> CheckpointMetadata:
    """Return the metadata that is needed, of what the saver would keep."""
    whole = cast("Mapping[str, Any]", get_checkpoint_metadata(config, metadata))
    kept = {name: whole[name] for name in NEEDED if name in whole}
    return cast("CheckpointMetadata", kept)  # its keys are all optional


def closed(
    checkpoint: Checkpoint, metadata: CheckpointMetadata, serde: SealingSerializer | None
) -> Checkpoint:
    """Return a checkpoint with its values labelled, and a seal over the rest where it needs one."""
    values = {
        # Nothing stays nothing, or each branch of a graph would take a row of its own.
        name: value if value is None else labelled(value, "value", name)
        for name, value in checkpoint["channel_values"].items()
    }
    row = {**checkpoint, "channel_values": values}
    if serde is not None:
        row[MARK] = serde.sign(row, cast("Mapping[str, Any]", metadata))
    return cast("Checkpoint", row)  # savers keep what they do not know


def closed_writes(writes: Sequence[tuple[str, Any]], task: str) -> list[tuple[str, Any]]:
    """Return a task's writes, labelled."""
    return [(channel, labelled(value, "write", task, channel)) for channel, value in writes]


def opened(serde: SealingSerializer, found: CheckpointTuple) -> CheckpointTuple:
    """Return a checkpoint that was read, opened.

    Raises:
        Unopened: If something of it was changed, moved, or not sealed.
    """
    # Whatever was written there: a cast, as it may be no checkpoint.
    read = cast("object", found.checkpoint)
    if not isinstance(read, dict):
        raise Unopened("something else was put in its place")
    row = cast("dict[str, Any]", {**read})
    serde.check(row, cast("Mapping[str, Any]", found.metadata))
    if row["id"] != get_checkpoint_id(found.config):
        raise Unopened("it is another checkpoint of the thread")
    row["channel_values"] = {
        name: _value(serde, value, "value", name) for name, value in row["channel_values"].items()
    }
    writes = [
        (task, channel, _value(serde, value, "write", task, channel))
        for task, channel, value in found.pending_writes or ()
    ]
    return found._replace(checkpoint=cast("Checkpoint", row), pending_writes=writes)


def opened_history(
    serde: SealingSerializer, found: Mapping[str, DeltaChannelHistory]
) -> dict[str, DeltaChannelHistory]:
    """Return what channels are rebuilt from, opened.

    Raises:
        Unopened: If something of it was changed, moved, or not sealed.
    """
    return {channel: _history(serde, channel, history) for channel, history in found.items()}


def first(
    limit: int | None, found: Iterable[CheckpointTuple], wanted: Mapping[str, Any] | None
) -> Iterator[CheckpointTuple]:
    """Return the first checkpoints whose metadata is as wanted."""
    fields = (wanted or {}).items()
    matching = (row for row in found if all(row.metadata.get(k) == value for k, value in fields))
    return islice(matching, limit)


def closable(iterator: object) -> Any:  # noqa: ANN401 - savers only say that it is an iterator
    """Return what a saver's `list` gives as the generator that it is."""
    return iterator


@contextmanager
def named(place: Place, config: RunnableConfig | None) -> Generator[None]:
    """Say which checkpoint could not be opened.

    Raises:
        CheckpointError: If one could not.
    """
    try:
        yield
    except Unopened as error:
        known = get_checkpoint_id(config) if config else None
        which = f"checkpoint {known!r}" if known else "a checkpoint"
        raise CheckpointError(
            f"{which} of thread {place.thread!r} cannot be opened: {error}; restore it from a "
            "backup, or go on in another thread"
        ) from None


def _history(
    serde: SealingSerializer, channel: str, history: DeltaChannelHistory
) -> DeltaChannelHistory:
    writes = [
        (task, name, _value(serde, value, "write", task, name))
        for task, name, value in history["writes"]
    ]
    if "seed" not in history:
        return {"writes": writes}
    return {"writes": writes, "seed": _value(serde, history["seed"], "value", channel)}


def _value(serde: SealingSerializer, value: object, *label: str) -> Any:  # noqa: ANN401 - whatever was sealed
    try:
        return serde.open(value, *label)
    except Unopened as error:
        raise Unopened(f"of its channel {label[-1]!r}, {error}") from None
