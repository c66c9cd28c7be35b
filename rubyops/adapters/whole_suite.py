"""Records how the test command ended: passed as a whole, with failed tests, or not at all.

The command records its begin, which replaces an earlier result of the commit. At its end it passes
its JUnit reports. No file may change in between. Each report must show that every test was run,
because a partial run proves nothing to a release gate.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

from rubyops.adapters.results import SealedResults
from rubyops.adapters.suites import clean_environ, count_outcomes, has_failed, read_cases
from rubyops.errors import Refused
from rubyops.model.recorded import TESTS
from rubyops.ports import Row

COLLECT = (sys.executable, "-m", "pytest", "--collect-only", "-qq", "-p", "no:cacheprovider")
COLLECT_SECONDS_MAX = 300
BY_HAND = "scripts/test without arguments records its result by itself"
FAILED_KEPT_MAX = 20
# Skipped tests are accepted only with this prefix of the reason, which `tests/conftest.py` writes.
DECLARED_SKIP = "embedded_only: "
_COUNTED = re.compile(r"^(\S.*\.py): (\d+)$", re.MULTILINE)
_ROUNDING = timedelta(seconds=2)
Cases = Mapping[str, Sequence[Row]]  # the tests of each file


def begin(results: SealedResults, note: Path) -> None:
    """Record that the test command begins now, with this commit and these files.

    Until the command ends, its run counts as unfinished. Raises `Refused` when git does not tell
    the commit.
    """
    begun_at = datetime.now(UTC).isoformat()
    row = {**results.stamped, "begun_at": begun_at}
    note.write_text(json.dumps(results.seal(row)), encoding="utf-8")
    results.record(TESTS, passed=False, ended=False, begun_at=begun_at)


def finish(results: SealedResults, checkout: Path, note: Path, reports: Sequence[Path]) -> Path:
    """Record that the whole suite passed; return the file of the result.

    Raises `Refused` when the reports do not show it, and records the reason as a failure.
    """
    begun_at = _begun(results, note)
    try:
        counts = _counts(checkout, reports, begun_at)
    except Refused as refusal:
        results.record(TESTS, passed=False, failed=[refusal.message], begun_at=begun_at.isoformat())
        raise
    return results.record(TESTS, passed=True, counts=counts, begun_at=begun_at.isoformat())


def _counts(
    checkout: Path, reports: Sequence[Path], begun_at: datetime
) -> dict[str, dict[str, int]]:
    """Count the outcomes of each report. Raises `Refused` for a report of no whole, passed run."""
    if not reports:
        raise Refused(f"no report of pytest was handed over; {BY_HAND}")
    wanted = _collected(checkout)
    return {report.stem: _counted(report, wanted, begun_at) for report in reports}


def fail(results: SealedResults, note: Path, parts: Sequence[str], reports: Sequence[Path]) -> Path:
    """Record the failed parts of the test command, and its first failed tests.

    Raises `Refused` when files have changed during the run.
    """
    begun_at = _begun(results, note)
    failed = [*parts, *(name for report in reports for name in _failed_tests(report))]
    return results.record(
        TESTS, passed=False, failed=failed[:FAILED_KEPT_MAX], begun_at=begun_at.isoformat()
    )


def _begun(results: SealedResults, note: Path) -> datetime:
    row = _read_note(results, note)
    if any(row.get(name) != value for name, value in results.stamped.items()):
        raise Refused(
            "files of this checkout changed while its tests ran, so their result is of no commit "
            "and is not kept"
        )
    if results.begun_at(TESTS) not in (row["begun_at"], None):
        raise Refused(
            "another whole run of this commit began since; its result counts, and this one is not "
            "kept"
        )
    return datetime.fromisoformat(row["begun_at"])


def _read_note(results: SealedResults, note: Path) -> Row:
    try:
        row: Row = json.loads(note.read_bytes())
    except (OSError, ValueError) as error:
        raise Refused(
            f"{note} does not tell when the tests began ({type(error).__name__}); {BY_HAND}"
        ) from None
    if not results.is_sealed(row) or "begun_at" not in row:
        raise Refused(f"{note} was not written by the test command when it began; {BY_HAND}")
    return row


def _collected(checkout: Path) -> dict[str, int]:
    """Count the tests of each file that pytest collects without any selection."""
    done = _collect(checkout)
    found = {file: int(count) for file, count in _COUNTED.findall(done.stdout)}
    if done.returncode != 0 or not found:
        said = (done.stdout + done.stderr).strip()[-300:]
        raise Refused(f"pytest did not say which tests there are: {said}")
    return found


def _collect(checkout: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        COLLECT,
        cwd=checkout,
        env=clean_environ(),
        capture_output=True,
        text=True,
        check=False,
        timeout=COLLECT_SECONDS_MAX,
    )


def _counted(report: Path, wanted: Mapping[str, int], begun_at: datetime) -> dict[str, int]:
    cases = _read_report(report, list(wanted), begun_at)
    _refuse_partial(report, cases, wanted)
    found = [(file, case) for file, of_file in cases.items() for case in of_file]
    _refuse_idle(report, found)
    _refuse_undeclared_skips(report, found)
    counts = count_outcomes(found)
    _refuse_failed(report, counts)
    return counts


def _refuse_failed(report: Path, counts: Mapping[str, int]) -> None:
    if counts["failed"] or not counts["passed"]:
        raise Refused(
            f"the report {report.name} tells of {counts['failed']} failed and {counts['passed']} "
            "passed tests"
        )


def _read_report(report: Path, files: Sequence[str], begun_at: datetime) -> Cases:
    try:
        if datetime.fromtimestamp(report.stat().st_mtime, UTC) < begun_at - _ROUNDING:
            raise Refused(f"the report {report.name} is older than this run of the tests")
        return read_cases(report, files, "")
    except (OSError, ElementTree.ParseError) as error:
        raise Refused(f"the report {report.name} cannot be read: {error}") from None


def _refuse_partial(report: Path, cases: Cases, wanted: Mapping[str, int]) -> None:
    ran = {file: len(cases.get(file, [])) for file in wanted}
    missing = [file for file, count in wanted.items() if ran[file] < count]
    if missing:
        file = missing[0]
        raise Refused(
            f"the report {report.name} is of a part: {file} has {wanted[file]} tests, "
            f"{ran[file]} of them ran ({len(missing)} files like that)"
        )


def _refuse_idle(report: Path, found: Sequence[tuple[str, Row]]) -> None:
    """Raise `Refused` for a test that was set up and never run."""
    idle = [f"{file}::{case['name']}" for file, case in found if case["outcome"] == "not run"]
    if idle:
        raise Refused(
            f"the report {report.name} tells of {len(idle)} tests that were not run: {idle[0]} "
            "was set up and never called"
        )


def _refuse_undeclared_skips(report: Path, found: Sequence[tuple[str, Row]]) -> None:
    """Raise `Refused` for a test that was skipped without a declared reason."""
    skipped = [(file, case) for file, case in found if case["outcome"] == "skipped"]
    hidden = [
        (file, case) for file, case in skipped if not case["reason"].startswith(DECLARED_SKIP)
    ]
    if hidden:
        file, case = hidden[0]
        raise Refused(
            f"the report {report.name} tells of {len(hidden)} skipped tests whose marker does not "
            "declare it: "
            f"{file}::{case['name']} ({case['reason']}); mark it `embedded_only`, or have it run"
        )


def _failed_tests(report: Path) -> list[str]:
    try:
        cases = list(ElementTree.parse(report).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return []
    failed = filter(has_failed, cases)
    return [f"{report.stem}: {case.get('classname')}::{case.get('name')}" for case in failed]
