"""What a run of hvac's tests must be like to be as expected."""

from pathlib import Path

import pytest
from tests.conformance.report import Outcome, Result, judge, read_expected, read_results

EXPECTED = {"m.A::known": "needs another engine"}


def result(name: str, outcome: Outcome) -> Result:
    """Return what became of a test."""
    return Result(module="m.A", name=name, outcome=outcome)


def test_a_listed_test_that_did_not_run_is_a_surprise() -> None:
    """It may have been left out by accident, unless only some modules were asked for."""
    assert judge([], {}).is_as_expected
    assert judge([], EXPECTED).gone == ["m.A::known"]
    assert judge([], EXPECTED, whole=False).is_as_expected


@pytest.mark.parametrize(
    ("name", "outcome", "as_expected"),
    [
        ("other", "passed", True),
        ("other", "skipped", True),
        ("other", "failed", False),
        ("other", "error", False),
        ("known", "failed", True),
        ("known", "error", True),
        ("known", "skipped", True),
        ("known", "passed", False),
    ],
)
def test_surprises_of_both_kinds_fail_a_run(
    name: str,
    outcome: Outcome,
    as_expected: bool,  # noqa: FBT001 - a table
) -> None:
    """A failure that is not listed, and a success that is listed as a failure."""
    verdict = judge([result(name, outcome)], EXPECTED, whole=False)

    assert verdict.is_as_expected is as_expected


def test_results_are_read_as_pytest_writes_them(tmp_path: Path) -> None:
    """The first line of a failure is its message."""
    file = tmp_path / "results.xml"
    file.write_text(
        "<testsuites><testsuite>"
        '<testcase classname="tests.integration_tests.api.test_x.A" name="one"/>'
        '<testcase classname="tests.integration_tests.api.test_x.A" name="two">'
        '<failure message="why&#10;more"/></testcase>'
        "</testsuite></testsuites>"
    )

    one, two = read_results(file)

    assert (one.id, one.outcome) == ("api.test_x.A::one", "passed")
    assert (two.id, two.outcome, two.message) == ("api.test_x.A::two", "failed", "why")


def test_every_expected_failure_has_its_reason() -> None:
    """The list is read, and says why; a server may have its own besides those of all."""
    file = Path(__file__).with_name("expected.toml")
    common, own = read_expected(file, "vault"), read_expected(file, "openbao")

    assert all(own.values())
    assert common.items() < own.items()
