"""Owns how tests call the shop's tools: with a key, as a guard would."""

from collections.abc import Callable

import pytest
from langchain_core.tools import ToolException

from bailiwick.tools.declared.scoped import ScopedTool
from bailiwick.tools.secrets.credentials import Credential

Run = Callable[..., str]


def call(tool: ScopedTool, key: str, idempotency_key: str = "", **args: object) -> str:
    """Run a tool with a key."""
    credential = Credential("shop/key", {"key": key})
    answer = tool.call(tool.validate_args(args), credential, idempotency_key)
    assert isinstance(answer, str)
    return answer


def error(run: Callable[[], object]) -> str:
    """Return in which words a tool says that nothing happened."""
    with pytest.raises(ToolException) as caught:
        run()
    assert caught.value.__context__ is None
    return str(caught.value)
