"""Layers: who imports whom, read from the source, and what an import costs."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("policies", "tools", "agents", "graphs")
"""From the bottom up: each may import itself and those before it."""

VAULT = {"tools/vault/wire.py"}
SETTINGS = {"graphs/settings.py"}


def modules(layer: str) -> list[Path]:
    """Return the modules of a layer."""
    return sorted((ROOT / layer).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """Yield the dotted names that a module imports anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.relative_to(ROOT)} imports relatively"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers(*packages: str, among: tuple[str, ...] = LAYERS) -> set[str]:
    """Return the modules that import one of the packages."""
    return {
        path.relative_to(ROOT).as_posix()
        for layer in among
        for path in modules(layer)
        if any(name.split(".")[0] in packages for name in imported(path))
    }


def run_python(code: str) -> str:
    """Run code in a Python of its own and return what it prints."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_go_one_way_only(layer: str) -> None:
    """A layer imports itself and the layers below it, nothing above."""
    above = tuple(f"bailiwick.{each}" for each in LAYERS[LAYERS.index(layer) + 1 :])
    found = modules(layer)
    wrong = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in found
        for name in imported(path)
        if name.startswith(above)
    }
    assert found
    assert not wrong


@pytest.mark.parametrize("layer", LAYERS)
def test_layers_are_imported_by_their_full_names(layer: str) -> None:
    """No module says `import tools`: installed, there is only `bailiwick.tools`."""
    assert not importers(*LAYERS, among=(layer,))


def test_policies_know_neither_langgraph_nor_vault() -> None:
    """The rules can be read, tested and fuzzed alone."""
    foreign = ("langgraph", "langchain_core", "langchain_openai", "hvac", "requests", "sqlalchemy")
    assert not importers(*foreign, among=("policies",))


def test_importing_policies_imports_no_graphs() -> None:
    """Nor do they by way of something else."""
    code = "import sys, bailiwick.policies; print({'langgraph', 'hvac'} & {*sys.modules})"
    assert run_python(code) == "set()\n"


def test_only_the_wire_imports_hvac() -> None:
    """What hvac raises, which holds tokens, is translated in one place."""
    assert importers("hvac", "requests") == VAULT


def test_only_the_settings_read_the_environment() -> None:
    """Whoever wants to know what can be configured reads one file."""
    readers = {
        path.relative_to(ROOT).as_posix()
        for layer in LAYERS
        for path in modules(layer)
        if any(
            isinstance(node, ast.Attribute | ast.Name | ast.alias)
            and {getattr(node, "attr", ""), getattr(node, "id", ""), getattr(node, "name", "")}
            & {"environ", "environb", "getenv"}
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        )
    }
    assert readers <= SETTINGS
    assert importers("pydantic_settings", "dotenv") == SETTINGS


def test_importing_tools_imports_no_graphs() -> None:
    """Somebody who only declares tools does not pay for LangGraph's graphs."""
    code = "import sys, bailiwick.tools; print('langgraph.graph' in sys.modules)"
    assert run_python(code) == "False\n"


@pytest.mark.parametrize("layer", LAYERS)
def test_what_a_layer_exports_can_be_listed(layer: str) -> None:
    """Completion and notebooks ask `dir`, also where an import waits until it is used."""
    code = f"import bailiwick.{layer} as it; print(set(it.__all__) - set(dir(it)))"
    assert run_python(code) == "set()\n"


def test_help_imports_no_heavy_library() -> None:
    """`bailiwick --help` answers at once."""
    heavy = {"pydantic", "langgraph", "langchain_core", "sqlalchemy", "hvac", "httpx", "openai"}
    code = (
        "import sys\n"
        "from bailiwick.graphs.cli import main\n"
        "try:\n    main(['--help'])\n"
        f"except SystemExit as end:\n    print(end.code, {heavy!r} & {{*sys.modules}})\n"
    )
    assert run_python(code).endswith("\n0 set()\n")


def test_the_version_is_told() -> None:
    """Whoever reports something is asked for it first."""
    code = "from bailiwick.graphs.cli import main; main(['--version'])"
    assert run_python(code) == f"bailiwick {version('bailiwick')}\n"


@pytest.mark.parametrize("command", ["approvals ls", "calls ls", "audit show", "audit leases"])
def test_reading_the_record_imports_no_graphs(command: str, tmp_path: Path) -> None:
    """Who looks something up waits for half of what a run's imports take."""
    heavy = {"langgraph", "langsmith", "hvac", "httpx", "openai"}
    code = (
        "import os, sys\n"
        f"os.chdir({str(tmp_path)!r})\n"
        "from bailiwick.graphs.cli import main\n"
        "from bailiwick.tools.records.ledger import Ledger\n"
        "Ledger('sqlite:///bailiwick.db').close()\n"
        f"try:\n    main({command.split()!r})\n"
        f"except SystemExit as end:\n    print(end.code, {heavy!r} & {{*sys.modules}})\n"
    )
    assert run_python(code).endswith("\n0 set()\n")
