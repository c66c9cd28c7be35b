"""The suites of LOC-6 in a home of the acceptance tests."""

from pathlib import Path

from commands.suites import SUITES
from rubyops import bootstrap
from rubyops.adapters.results import SealedResults
from rubyops.model.recorded import SUITES as RECORDED


def results_of(folder: Path) -> SealedResults:
    """Return what a home has recorded for the commit at hand."""
    return bootstrap.sealed_results(folder / ".results")


def count_suites(folder: Path) -> None:
    """Keep a result of the suites that a rollout asks for: they are a part of this test run.

    `test_suites` runs them there.
    """
    figures = dict.fromkeys(SUITES, {"passed": 1, "failed": 0, "skipped": 0, "failures": []})
    results_of(folder).record(RECORDED, passed=True, suites=figures)
