"""Keeps the result of the test command where pytest's reports show that all of it passed.

The command says when it begins and hands its reports over when it ends. In between no file may have
changed, and every test that pytest collects must stand in each report: a run of a part proves
nothing to a release gate.
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
from rubyops.adapters.suites import clean_environ, read_cases
from rubyops.errors import Refused
from rubyops.model.recorded import TESTS

COLLECT_SECONDS_MAX = 300
BY_HAND = "scripts/test without arguments records its result by itself"
_COUNTED = re.compile(r"^(\S.*\.py): (\d+)$", re.MULTILINE)
_ROUNDING = timedelta(seconds=2)


def begin(results: SealedResults, note: Path) -> None:
    """Note that the test command begins now, with this commit and these files."""
    row = {**results.stamped, "begun_at": datetime.now(UTC).isoformat()}
    note.write_text(json.dumps(results.seal(row)), encoding="utf-8")


def finish(results: SealedResults, checkout: Path, note: Path, reports: Sequence[Path]) -> Path:
    """Keep that the whole suite passed.

    Raises `Refused`, and keeps nothing, unless the reports show it.
    """
    begun_at = _begun(results, note)
    if not reports:
        raise Refused(f"no report of pytest was handed over; {BY_HAND}")
    wanted = _collected(checkout)
    counts = {report.stem: _counted(report, wanted, begun_at) for report in reports}
    return results.record(TESTS, passed=True, counts=counts, begun_at=begun_at.isoformat())


def _begun(results: SealedResults, note: Path) -> datetime:
    try:
        row = json.loads(note.read_bytes())
    except (OSError, ValueError) as error:
        raise Refused(f"{note} does not tell when the tests began ({type(error).__name__}); {BY_HAND}") from None
    if not results.is_sealed(row) or "begun_at" not in row:
        raise Refused(f"{note} was not written by the test command when it began; {BY_HAND}")
    if any(row.get(name) != value for name, value in results.stamped.items()):
        raise Refused("files of this checkout changed while its tests ran, so their result is of no commit and is not kept")
    return datetime.fromisoformat(row["begun_at"])


def _collected(checkout: Path) -> dict[str, int]:
    """Count the tests of each file, as pytest finds them when nobody narrows it down."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command, cwd=checkout, env=clean_environ(), capture_output=True, text=True, check=False, timeout=COLLECT_SECONDS_MAX
    )
    found = {file: int(count) for file, count in _COUNTED.findall(done.stdout)}
    if done.returncode != 0 or not found:
        raise Refused(f"pytest did not say which tests there are: {(done.stdout + done.stderr).strip()[-300:]}")
    return found


def _counted(report: Path, wanted: Mapping[str, int], begun_at: datetime) -> dict[str, int]:
    try:
        if datetime.fromtimestamp(report.stat().st_mtime, UTC) < begun_at - _ROUNDING:
            raise Refused(f"the report {report.name} is older than this run of the tests")
        cases = read_cases(report, list(wanted), "")
    except (OSError, ElementTree.ParseError) as error:
        raise Refused(f"the report {report.name} cannot be read: {error}") from None
    outcomes = [case["outcome"] for found in cases.values() for case in found]
    counts = {outcome: outcomes.count(outcome) for outcome in ("passed", "failed", "skipped")}
    missing = [file for file, count in wanted.items() if len(cases.get(file, [])) < count]
    if missing:
        found = len(cases.get(missing[0], []))
        raise Refused(
            f"the report {report.name} is of a part: {missing[0]} has {wanted[missing[0]]} tests, {found} of them ran "
            f"({len(missing)} files like that)"
        )
    if counts["failed"] or not counts["passed"]:
        raise Refused(f"the report {report.name} tells of {counts['failed']} failed and {counts['passed']} passed tests")
    return counts
