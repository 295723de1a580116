"""The house: what lies at the root of the repository, and what must not be in it anywhere."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {"agents", "graphs", "notebooks", "policies", "tests", "tools"}
FILES = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "langgraph.json",
    "pyproject.toml",
    "uv.lock",
}
LAYERS = ("agents", "graphs", "policies", "tools")
NOT_OURS = re.compile(r"/(?:work|root|tmp|home)/\w|\bTODO\b|\bFIXME\b|NotImplementedError")


def committed() -> list[str]:
    """Return the paths of what Git knows or would take, or of what lies there without Git."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - whichever is on PATH
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for path in listed.stdout.splitlines() if (ROOT / path).exists()]


@pytest.fixture(scope="module")
def paths() -> list[str]:
    """Give the paths of the repository's files."""
    if not (ROOT / ".git").exists():
        pytest.fail("the repository's own files are told from others by Git: clone it")
    return committed()


def test_the_root_holds_the_folders_of_the_design(paths: list[str]) -> None:
    """A newcomer finds four layers, the tests and the notebooks, and no other folder."""
    folders = {path.partition("/")[0] for path in paths if "/" in path}
    assert {name for name in folders if not name.startswith(".")} == FOLDERS


def test_the_root_holds_the_files_that_people_expect(paths: list[str]) -> None:
    """And no others, but for those that begin with a dot."""
    files = {path for path in paths if "/" not in path and not path.startswith(".")}
    assert files == FILES
    assert ".env.example" in paths


@pytest.fixture(scope="module")
def sources(paths: list[str]) -> dict[str, str]:
    """Give what the modules of the four layers say."""
    wanted = [path for path in paths if path.startswith(tuple(f"{each}/" for each in LAYERS))]
    assert wanted
    return {path: (ROOT / path).read_text(encoding="utf-8") for path in wanted}


@pytest.mark.parametrize("name", LAYERS)
def test_type_checkers_find_each_layer_through_a_relative_link(name: str) -> None:
    """An absolute one would point into the house of whoever made it."""
    link = ROOT / "tests/import_root/bailiwick" / name
    assert link.is_symlink()
    assert not link.readlink().is_absolute()
    assert link.resolve() == ROOT / name


def test_modules_are_short(paths: list[str]) -> None:
    """A module of 300 lines is to be split by its nouns, one of tests, too."""
    modules = [ROOT / path for path in paths if path.endswith(".py")]
    lengths = {str(each): len(each.read_text("utf-8").splitlines()) for each in modules}
    assert {path: length for path, length in lengths.items() if length >= 300} == {}


def test_sources_hold_nothing_of_a_machine_and_nothing_unfinished(sources: dict[str, str]) -> None:
    """No path of whoever wrote them, no promise of a later day."""
    assert {path for path, text in sources.items() if NOT_OURS.search(text)} == set()
