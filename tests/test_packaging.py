"""Packaging: the wheel holds all that runs, under its import name, and nothing else."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("agents", "graphs", "policies", "tools")
SHIPPED = {".py", ".cedar", ".cedarschema"}
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


def shipped() -> set[str]:
    """Return what a wheel must hold of the tree, by its place in the wheel."""
    return {
        f"bailiwick/{path.relative_to(ROOT).as_posix()}"
        for layer in LAYERS
        for path in (ROOT / layer).rglob("*")
        if path.suffix in SHIPPED or path.name == "py.typed"
    }


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """Give what pyproject.toml says."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Build a wheel from a copy of the tree, without a network."""
    tree, built = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("built")
    for layer in LAYERS:
        shutil.copytree(ROOT / layer, tree / layer, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    subprocess.run(
        [sys.executable, "-c", BUILD, str(built)], cwd=tree, check=True, capture_output=True
    )
    (made,) = built.glob("*.whl")
    with zipfile.ZipFile(made) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def test_the_wheel_holds_every_module_rule_and_marker(wheel: dict[str, bytes]) -> None:
    """A sub-package that pyproject.toml does not list, or a forgotten rule, would be missing."""
    inside = {name for name in wheel if ".dist-info/" not in name}
    assert inside == shipped()
    assert {f"bailiwick/{layer}/py.typed" for layer in LAYERS} <= inside


def test_the_wheel_claims_no_name_of_others(wheel: dict[str, bytes]) -> None:
    """A top-level package `agents` or `tools` would overwrite somebody else's."""
    tops = {name.partition("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"bailiwick"}


def test_bailiwick_itself_is_a_namespace(wheel: dict[str, bytes]) -> None:
    """The four layers are four folders; there is no fifth to put a module into."""
    assert "bailiwick/__init__.py" not in wheel


def test_the_wheel_brings_the_command_and_the_licence(wheel: dict[str, bytes]) -> None:
    """What a person types, and what they may do with it."""
    info = {
        name.partition(".dist-info/")[2]: held.decode()
        for name, held in wheel.items()
        if ".dist-info/" in name
    }
    assert "bailiwick = bailiwick.graphs.cli:main" in info["entry_points.txt"]
    assert "License-Expression: Apache-2.0" in info["METADATA"]
    assert "licenses/LICENSE" in info


def test_every_dependency_has_a_lower_bound(project: dict[str, Any]) -> None:
    """One without is a promise about versions nobody has tried."""
    wanted = [
        *project["project"]["dependencies"],
        *(each for extra in project["project"]["optional-dependencies"].values() for each in extra),
    ]
    loose = [each for each in wanted if not re.search(r"(>=|==)\d", each)]
    assert loose == []
