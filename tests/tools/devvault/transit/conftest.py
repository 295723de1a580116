"""A transit engine, and how to ask it."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.tools.devvault.clients import Hvac

Post = Callable[..., dict[str, Any]]


@pytest.fixture
def post(root: Hvac) -> Post:
    """Return a function that writes below the engine's mount and gives the answer's data."""
    root.sys.enable_secrets_engine("transit")

    def write(path: str, **fields: object) -> dict[str, Any]:
        answer = root.adapter.post(f"/v1/transit/{path}", json=fields)
        return answer["data"] if isinstance(answer, dict) else {}

    return write
