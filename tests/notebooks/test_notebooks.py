"""Holds the notebooks to what they promise to whoever runs them."""

import ast
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook
from tests.notebooks.conftest import RunNotebook

FOLDER = Path(__file__).parents[2] / "notebooks"

SHOWN: Mapping[str, frozenset[str]] = {
    "01_refund_desk": frozenset({"graph", "ledger", "chart"}),
}
"""What must be seen in the outputs of each notebook."""

every_notebook = pytest.mark.parametrize("name", SHOWN)


def test_every_notebook_is_tried_here() -> None:
    """A notebook that nobody runs would rot."""
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(SHOWN)


@every_notebook
def test_a_notebook_is_committed_without_traces_of_a_run(name: str) -> None:
    """Outputs hold ports, times and hashes of one machine, and change with every run."""
    notebook = read(name)

    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    assert all(cell.metadata == {} for cell in notebook.cells)
    assert all(cell.outputs == [] for cell in code_cells(notebook))
    assert all(cell.execution_count is None for cell in code_cells(notebook))


@every_notebook
def test_each_section_of_a_notebook_ends_in_an_assertion(name: str) -> None:
    """A section that passes has proved what it says."""
    endings = {title: ending(cells) for title, cells in sections(read(name)).items()}

    assert endings
    assert {title for title, last in endings.items() if not isinstance(last, ast.Assert)} == set()


@every_notebook
async def test_a_notebook_runs_to_its_end_and_shows_what_it_promises(
    name: str, run_notebook: RunNotebook
) -> None:
    """Top to bottom in a fresh kernel, without a key, a network or a warning."""
    executed = await run_notebook(read(name))

    outputs = [output for cell in code_cells(executed) for output in cell.outputs]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    seen = [output.data for output in outputs if "data" in output]
    assert {what for what in SHOWN[name] if not any(map(IS[what], seen))} == set()


async def test_a_kernel_has_no_network_and_no_key(run_notebook: RunNotebook) -> None:
    """Otherwise the notebooks would not have shown that they need none."""
    notebook = notebook_of(
        "import os, socket",
        "assert not any('KEY' in name or 'VAULT' in name for name in os.environ)",
        "socket.create_connection(('192.0.2.1', 443), timeout=5)",
    )

    with pytest.raises(CellExecutionError, match="this kernel has no network"):
        await run_notebook(notebook)


def is_graph(shown: Mapping[str, Any]) -> bool:
    """Tell a drawing in mermaid that can also be read as text."""
    text = str(shown.get("text/plain", ""))
    fence = str(shown.get("text/markdown", ""))
    return "graph TD;" in text and "billing" in text and fence.startswith("```mermaid\n")


def is_ledger(shown: Mapping[str, Any]) -> bool:
    """Tell a table with the records of a refund, from the first hand-off to the revocation."""
    table = str(shown.get("text/html", ""))
    kinds = ("handoff", "approval.answered", "lease.granted", "lease.revoked", "call.ended")
    return "<table" in table and all(kind in table for kind in kinds)


def is_chart(shown: Mapping[str, Any]) -> bool:
    """Tell a chart in the form that Jupyter draws without any network."""
    return bool(shown.get("application/vnd.vegalite.v5+json", {}).get("datasets"))


IS: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "graph": is_graph,
    "ledger": is_ledger,
    "chart": is_chart,
}


def read(name: str) -> NotebookNode:
    """Read a notebook of the project."""
    path = FOLDER / f"{name}.ipynb"
    notebook: NotebookNode = nbformat.read(  # type: ignore[no-untyped-call]  # none in nbformat
        path, as_version=nbformat.NO_CONVERT
    )
    return notebook


def notebook_of(*sources: str) -> NotebookNode:
    """Return a notebook of cells with this code."""
    notebook: NotebookNode = new_notebook(  # type: ignore[no-untyped-call]  # as above
        cells=[new_code_cell(source) for source in sources]  # type: ignore[no-untyped-call]
    )
    return notebook


def code_cells(notebook: NotebookNode) -> Iterator[NotebookNode]:
    """Iterate over the cells that hold code."""
    return (cell for cell in notebook.cells if cell.cell_type == "code")


def sections(notebook: NotebookNode) -> dict[str, list[NotebookNode]]:
    """Return the code cells below each heading of the second level."""
    found: dict[str, list[NotebookNode]] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            next(reversed(found.values())).append(cell)
        elif cell.source.startswith("## "):
            found[cell.source.splitlines()[0]] = []
    return found


def ending(cells: list[NotebookNode]) -> ast.stmt | None:
    """Return the last statement of a section."""
    statements = ast.parse(cells[-1].source).body if cells else []
    return statements[-1] if statements else None
