"""Owns what the tests of who gets in share: settings with a secret, and none of the machine's."""

from pathlib import Path

import pytest
from pydantic import SecretStr
from tests.graphs.clients import SECRET

from bailiwick.graphs.settings import Settings


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def settings() -> Settings:
    """Settings with a secret."""
    return Settings(auth_secret=SecretStr(SECRET))
