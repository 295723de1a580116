"""Measures speed and size against the peers: `python -m tests.benchmarks [section ...]`."""

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version

SECTIONS = ("supervisor", "roundtrips", "threads", "approvals", "leases", "sealing")
PEERS = ("langgraph", "langchain", "langchain-core", "langgraph-supervisor")


def main(wanted: list[str]) -> int:
    """Run the sections that were asked for, or all."""
    unknown = [name for name in wanted if name not in SECTIONS]
    if unknown:
        print(f"no section {', '.join(unknown)}: there are {', '.join(SECTIONS)}", file=sys.stderr)
        return 2
    versions = ", ".join(f"{name} {version(name)}" for name in PEERS)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {versions}")
    for name in wanted or SECTIONS:
        run: Callable[[], None] = import_module(f"tests.benchmarks.{name}").run
        print()
        run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
