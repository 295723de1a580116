"""Owns which ways a story is told where all four would tell the same twice."""

import pytest

ONE_OF_EACH = pytest.mark.parametrize(
    "way", ["sqlite-sync", "postgresql-async"], indirect=True, scope="module"
)
"""Each database and each way to run a graph: for what depends on one of them at a time."""
