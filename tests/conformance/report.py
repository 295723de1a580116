"""Owns the judgement of a run: what passed, what failed as it must, and what surprises."""

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.etree import ElementTree as ET

from rich.table import Table

Outcome = Literal["passed", "failed", "skipped", "error"]
OUTCOMES: Sequence[Outcome] = ("passed", "failed", "skipped", "error")
_PREFIX = "tests.integration_tests."


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Hold what became of one test."""

    module: str
    name: str
    outcome: Outcome
    message: str = ""

    @property
    def id(self) -> str:
        """How the test is named in the list of expected failures."""
        return f"{self.module}::{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Hold what is wrong with a run: nothing, if it went as expected.

    Attributes:
        broken: Tests that fail and are not listed.
        mended: Tests that pass and are listed.
        gone: Listed tests that did not run.
    """

    broken: Sequence[Result]
    mended: Sequence[Result]
    gone: Sequence[str]

    @property
    def is_as_expected(self) -> bool:
        """Whether nothing surprises."""
        return not (self.broken or self.mended or self.gone)


def read_results(file: Path) -> list[Result]:
    """Return the results in a file of JUnit's form, as pytest writes it."""
    # The file was just written by this program's own child.
    root = ET.parse(file).getroot()  # noqa: S314
    return [_result(case) for case in root.iter("testcase")]


def read_expected(file: Path, flavor: str) -> dict[str, str]:
    """Return the tests that must fail, each with its reason: for any server and for this one."""
    listed: dict[str, dict[str, str]] = tomllib.loads(file.read_text(encoding="utf-8"))
    return {**listed["failures"], **listed.get(flavor, {})}


def judge(results: Iterable[Result], expected: Mapping[str, str], *, whole: bool = True) -> Verdict:
    """Compare a run with what was expected of it.

    Args:
        results: What became of each test.
        expected: The tests that must fail.
        whole: Whether every module ran, so that a listed test must have.
    """
    known = {result.id: result for result in results}
    return Verdict(
        broken=[r for r in known.values() if _is_bad(r) and r.id not in expected],
        mended=[r for r in known.values() if r.outcome == "passed" and r.id in expected],
        gone=[test for test in expected if test not in known] if whole else [],
    )


def table(results: Sequence[Result]) -> Table:
    """Return the figures of each module and of all."""
    shown = Table("module", *OUTCOMES)
    for column in shown.columns[1:]:
        column.justify = "right"
    counts: dict[str, Counter[str]] = {}
    for result in results:
        counts.setdefault(result.module.rpartition(".")[0], Counter())[result.outcome] += 1
    for module, count in sorted(counts.items()):
        shown.add_row(module, *_figures(count))
    shown.add_section()
    shown.add_row("all", *_figures(Counter(result.outcome for result in results)))
    return shown


def _result(case: ET.Element) -> Result:
    module, name = case.get("classname", ""), case.get("name", "")
    outcomes: Mapping[str, Outcome] = {"failure": "failed", "error": "error", "skipped": "skipped"}
    for tag, outcome in outcomes.items():
        found = case.find(tag)
        if found is not None:
            lines = (found.get("message") or "").strip().splitlines() or [""]
            return _named(module, name, outcome, lines[0])
    return _named(module, name, "passed", "")


def _named(module: str, name: str, outcome: Outcome, message: str) -> Result:
    return Result(module=module.removeprefix(_PREFIX), name=name, outcome=outcome, message=message)


def _is_bad(result: Result) -> bool:
    return result.outcome in ("failed", "error")


def _figures(count: Counter[str]) -> list[str]:
    return [str(count[outcome] or "") for outcome in OUTCOMES]
