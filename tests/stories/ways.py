"""Owns which ways a story is told where all four would tell the same twice."""

import pytest

ONE_OF_EACH = pytest.mark.parametrize(
    "way", ["sqlite-sync", "postgresql-async"], indirect=True, scope="module"
)
"""Each database once and each way to run a graph once: for what depends on one of them at a time.

So does a story that strikes Vault, or looks at a text or an answer: the other two pairs would find
the same again. What both do together, who saves what when and beside whom, is told in all four.
"""
