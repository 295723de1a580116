"""The other package's own tests, unmodified, against ours."""

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

RELEASE = "langgraph-supervisor==0.0.31"
PUBLISHED_TESTS = 13

ALIASES = '''\
"""Lets `langgraph_supervisor` mean ours."""

import sys
from importlib import import_module

for part in ("", ".agent_name", ".handoff", ".supervisor"):
    sys.modules[f"langgraph_supervisor{part}"] = import_module(f"bailiwick.graphs{part}")
'''


@pytest.fixture(scope="session")
def published(pytestconfig: pytest.Config) -> Path:
    """Give the unpacked source distribution from the package index; a wheel holds no tests."""
    cache = pytestconfig.cache
    assert cache is not None
    folder = cache.mkdir("langgraph-supervisor")
    if not list(folder.glob("*/tests")):
        with tarfile.open(_download(folder)) as opened:
            # Before Python 3.11.4 there are no filters, and the argument `filter` is unknown.
            opened.extraction_filter = getattr(tarfile, "data_filter", None)
            opened.extractall(folder)  # noqa: S202 - what pip has fetched
    (tests,) = folder.glob("*/tests")
    return tests.parent


def _download(folder: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    options = ["--no-deps", "--no-binary", ":all:", "--dest", str(folder), RELEASE]
    done = subprocess.run([*pip, *options], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(
            f"the source distribution of {RELEASE} could not be had from the package index, so"
            f" nobody can say whether its tests pass: let pip reach the index\n{done.stderr}"
        )
    return next(folder.glob("langgraph*supervisor-*.tar.gz"))


def test_the_published_tests_pass(published: Path, tmp_path: Path) -> None:
    """All of them, with their own settings and nothing changed but what the name means."""
    (tmp_path / "aliases.py").write_text(ALIASES, encoding="utf-8")
    code = (
        "import sys, pytest;"
        f"sys.path.insert(0, {str(tmp_path)!r});"
        "sys.exit(pytest.main(['-p', 'aliases', '-p', 'no:cacheprovider', 'tests']))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=published, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{PUBLISHED_TESTS} passed" in done.stdout.splitlines()[-1]
