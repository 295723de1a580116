"""Owns `make conformance`: hvac's integration tests against the development Vault, and a table."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from tests.conformance.report import Result, Verdict, judge, read_expected, read_results, table
from tests.conformance.suite import MODULES, Suite

CACHE = Path.home() / ".cache" / "bailiwick" / "conformance"
EXPECTED = Path(__file__).with_name("expected.toml")


def main(arguments: Sequence[str]) -> int:
    """Run the tests and return 0 where everything went as expected."""
    given = _parser().parse_args(arguments)
    suite = Suite(given.cache)
    suite.prepare()
    chosen = [module for module in MODULES if any(part in module for part in given.only)]
    suite.run(given.flavor, given.workers, chosen)
    if not suite.results.exists():
        sys.stderr.write("the tests did not run: see above\n")
        return 2
    results, expected = read_results(suite.results), read_expected(EXPECTED, given.flavor)
    verdict = judge(results, expected, whole=not given.only)
    _show(Console(), results, expected, verdict)
    return 0 if verdict.is_as_expected else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the tests are kept")
    parser.add_argument("--flavor", default="vault", help="vault or openbao")
    parser.add_argument("--workers", type=int, default=2, help="how many modules at a time")
    parser.add_argument("only", nargs="*", help="parts of the names of the modules to run")
    return parser


def _show(
    console: Console,
    results: Sequence[Result],
    expected: Mapping[str, str],
    verdict: Verdict,
) -> None:
    console.print(table(results))
    listed = [result for result in results if result.id in expected and result.outcome != "passed"]
    if listed:
        console.print(f"{len(listed)} fail as expected:")
    for result in listed:
        console.print(f"  {result.id}\n    {expected[result.id]}", highlight=False)
    for result in verdict.broken:
        console.print(f"fails, and is not listed: {result.id}\n    {result.message}", markup=False)
    for result in verdict.mended:
        console.print(f"passes, but is listed as failing: {result.id}", markup=False)
    for test in verdict.gone:
        console.print(f"is listed, but did not run: {test}", markup=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
