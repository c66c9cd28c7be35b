"""Runs this checkout's own test suites in one pytest process, and counts the results (LOC-6).

The tests start their own servers. They never reach the operated environment, so they cannot change
its money.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from rubyops.adapters.executed import EXECUTED, PLUGIN
from rubyops.adapters.results import SealedResults
from rubyops.errors import Refused, TimedOut
from rubyops.model.recorded import SUITES
from rubyops.polling import poll
from rubyops.ports import Row

SECONDS_MAX = 600.0
POLL_SECONDS = 0.2
STOP_SECONDS_MAX = 30.0
KILL_SECONDS_MAX = 5.0
WORKERS_MAX = 4
FAILURES_NAMED_MAX = 5
# Tests do not inherit the variables that change how rubyops, pytest or Python work:
# `PYTHONOPTIMIZE`, for example, removes every assert. The PostgreSQL that a variable names is kept.
_OURS = ("RUBYOPS_", "RUBY_", "PYTEST_", "PYTHON", "HYPOTHESIS_", "DATABASE_URL", "REDIS_URL")
_KEPT = ("RUBYOPS_PG_BIN",)


class PytestSuites:
    """Runs the suites of one checkout, and records the result for its commit."""

    def __init__(self, checkout: Path, results: SealedResults) -> None:
        """Use this folder of a checkout, and this store of results."""
        self._checkout = checkout
        self._results = results

    def run(
        self, suites: Mapping[str, Sequence[str]], while_waiting: Callable[[], None]
    ) -> dict[str, Row]:
        """Run every file of every suite once, and record the result for this commit.

        Returns {passed, failed, skipped, failures} for each suite. A missing file is a failure, and
        so is a file in which no test passed. Raises `TimedOut` or the error of `while_waiting`,
        after the tests were stopped.
        """
        files = sorted({file for named in suites.values() for file in named})
        there = [file for file in files if (self._checkout / file).is_file()]
        cases = self._cases(there, while_waiting) if there else {}
        figures = {name: _figures(named, cases, there) for name, named in suites.items()}
        self._record(figures)
        return figures

    def _record(self, figures: Mapping[str, Row]) -> None:
        passed = not any(row["failures"] for row in figures.values())
        # A refused result is returned but not recorded, so that the next run tests again.
        with contextlib.suppress(Refused):
            self._results.record(SUITES, passed=passed, suites=figures)

    def _cases(
        self, files: Sequence[str], while_waiting: Callable[[], None]
    ) -> dict[str, list[Row]]:
        with tempfile.TemporaryDirectory(prefix="rubyops-suites-") as folder:
            report = Path(folder) / "report.xml"
            told = self._pytest(files, report, Path(folder) / "output", while_waiting)
            return read_cases(report, files, told)

    def _pytest(
        self, files: Sequence[str], report: Path, output: Path, while_waiting: Callable[[], None]
    ) -> str:
        with output.open("wb") as sink:
            # In a session of their own the tests do not get Ctrl-C. The engine gets it and then
            # interrupts the tests, so that they can stop their servers.
            tests = subprocess.Popen(
                [sys.executable, "-m", "pytest", *_options(report), *files],
                cwd=self._checkout,
                env=clean_environ(),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
            )
        try:
            _wait(tests, while_waiting)
        finally:
            _stop(tests)
        return output.read_text(encoding="utf-8", errors="replace")[-2000:]


def _options(report: Path) -> list[str]:
    workers = str(min(WORKERS_MAX, os.cpu_count() or 1))
    plugins = ["-p", "no:cacheprovider", "-p", PLUGIN]
    spread = ["--dist", "loadfile", "-n", workers]
    reporting = ["-o", "junit_family=xunit1", f"--junitxml={report}"]
    return ["-q", *plugins, *spread, *reporting]


def clean_environ() -> dict[str, str]:
    """Return the environment variables that tests inherit."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_OURS) or name in _KEPT
    }


def _wait(tests: "subprocess.Popen[bytes]", while_waiting: Callable[[], None]) -> None:
    def pause() -> None:
        while_waiting()
        time.sleep(POLL_SECONDS)

    if poll(tests.poll, SECONDS_MAX, pause) is None:
        raise TimedOut(f"the test suites did not end within {SECONDS_MAX:g} s")


def _stop(tests: "subprocess.Popen[bytes]") -> None:
    if tests.poll() is not None:
        return
    tests.send_signal(signal.SIGINT)
    try:
        tests.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        _kill(tests)


def _kill(tests: "subprocess.Popen[bytes]") -> None:
    os.killpg(tests.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        tests.wait(KILL_SECONDS_MAX)


def read_cases(report: Path, files: Sequence[str], told: str) -> dict[str, list[Row]]:
    """Read the outcome of every test from a JUnit report, grouped by test file.

    Without a report every file has failed, and the reason is the end of pytest's output (`told`).
    """
    if not report.exists():
        return _no_report(files, told)
    by_module = {file.removesuffix(".py").replace("/", "."): file for file in files}
    cases: dict[str, list[Row]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        file = _file_of(case, by_module)
        if file is not None:
            cases.setdefault(file, []).append(_row(case))
    return cases


def _no_report(files: Sequence[str], told: str) -> dict[str, list[Row]]:
    name = f"pytest gave no report: {told.strip()[-500:]}"
    return {file: [{"outcome": "failed", "name": name}] for file in files}


def _row(case: ElementTree.Element) -> Row:
    outcome, reason = _outcome(case)
    return {"outcome": outcome, "name": case.get("name", ""), "reason": reason}


def _file_of(case: ElementTree.Element, by_module: Mapping[str, str]) -> str | None:
    # A module that fails to import is reported as a case without a class, with the module's name.
    named = case.get("classname") or case.get("name") or ""
    found = (
        file
        for module, file in by_module.items()
        if named == module or named.startswith(f"{module}.")
    )
    return next(found, None)


def _outcome(case: ElementTree.Element) -> tuple[str, str]:
    """Return (outcome, reason of a skip). `not run` is a test whose body was never run."""
    if has_failed(case):
        return "failed", ""
    skipped = case.find("skipped")
    if skipped is not None:
        return "skipped", skipped.get("message", "")
    called = any(item.get("name") == EXECUTED for item in case.iter("property"))
    return "passed" if called else "not run", ""


def has_failed(case: ElementTree.Element) -> bool:
    """Whether a test case of a JUnit report has a failure or an error."""
    return case.find("failure") is not None or case.find("error") is not None


def _figures(files: Sequence[str], cases: Mapping[str, list[Row]], there: Sequence[str]) -> Row:
    found = [(file, case) for file in files for case in cases.get(file, [])]
    failures = [f"{file} is missing" for file in files if file not in there]
    failures += [f"{file} has no test that passed" for file in _idle_files(files, cases, there)]
    failures += _named(found, "failed", "")
    failures += _named(found, "not run", " was not run")
    return {**count_outcomes(found), "failures": failures[:FAILURES_NAMED_MAX]}


def _idle_files(
    files: Sequence[str], cases: Mapping[str, list[Row]], there: Sequence[str]
) -> list[str]:
    """Return the existing files in which no test passed."""
    mine = [file for file in there if file in files]
    return [file for file in mine if not _any_passed(cases.get(file, []))]


def _named(found: Sequence[tuple[str, Row]], outcome: str, words: str) -> list[str]:
    return [f"{file}::{case['name']}{words}" for file, case in found if case["outcome"] == outcome]


def count_outcomes(found: Sequence[tuple[str, Row]]) -> dict[str, int]:
    """Count tests by outcome: {passed, failed, skipped}."""
    return {
        outcome: sum(case["outcome"] == outcome for _, case in found)
        for outcome in ("passed", "failed", "skipped")
    }


def _any_passed(cases: Sequence[Row]) -> bool:
    return any(case["outcome"] == "passed" for case in cases)
