"""A test result is recorded only if pytest's reports show a complete run of all tests."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rubyops.adapters import whole_suite
from rubyops.adapters.executed import PLUGIN
from rubyops.adapters.results import SealedResults
from rubyops.adapters.suites import clean_environ
from rubyops.config import CHECKOUT
from rubyops.errors import Refused
from rubyops.model.recorded import TESTS
from tests.conftest import EMBEDDED_ONLY

COMMIT, CODE = "a" * 40, "c" * 64
FILES = {
    "tests/test_one.py": (
        "import pytest\n@pytest.mark.parametrize('n', [1, 2])\ndef test_it(n): pass\n"
    ),
    "tests/test_two.py": "def test_it(): pass\ndef test_that(): pass\n",
}


@pytest.fixture
def results(tmp_path: Path) -> SealedResults:
    return SealedResults(tmp_path / "results", COMMIT, CODE)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    made = tmp_path / "checkout"
    (made / "tests").mkdir(parents=True)
    (made / "tests" / "__init__.py").touch()
    (made / "setup.cfg").write_text("[tool:pytest]\ntestpaths = tests\n")
    for name, text in FILES.items():
        (made / name).write_text(text)
    return made


@pytest.fixture
def note(tmp_path: Path, results: SealedResults) -> Path:
    whole_suite.begin(results, tmp_path / "begun.json")
    return tmp_path / "begun.json"


def run(checkout: Path, *words: str, **environ: str) -> Path:
    """Run the tests of the checkout as `scripts/test` does, and return pytest's report."""
    report = checkout.parent / "embedded.xml"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        PLUGIN,
        "-o",
        "junit_family=xunit1",
    ]
    subprocess.run(
        [*command, f"--junitxml={report}", *words],
        cwd=checkout,
        env=clean_environ() | environ,
        check=False,
        capture_output=True,
    )
    return report


def not_passed(results: SealedResults) -> bool:
    kept = results.newest(TESTS).result
    return kept is None or kept["passed"] is False


def refused(results: SealedResults, checkout: Path, note: Path, *reports: Path) -> str:
    with pytest.raises(Refused) as refusal:
        whole_suite.finish(results, checkout, note, reports)
    assert not_passed(results)
    return refusal.value.message


def test_a_whole_run_is_kept(results: SealedResults, checkout: Path, note: Path) -> None:
    whole_suite.finish(results, checkout, note, [run(checkout)])
    kept = results.newest(TESTS).result
    assert kept is not None
    assert (kept["passed"], kept["counts"]) == (
        True,
        {"embedded": {"passed": 4, "failed": 0, "skipped": 0}},
    )
    assert {"suite", "commit", "code", "python", "recorded_at", "begun_at", "seal"} <= set(kept)


@pytest.mark.parametrize(
    "words",
    [("-k", "that"), ("tests/test_one.py",), ("--deselect", "tests/test_one.py::test_it[1]")],
)
def test_a_part_is_not_kept(
    results: SealedResults, checkout: Path, note: Path, words: tuple[str, ...]
) -> None:
    assert "is of a part" in refused(results, checkout, note, run(checkout, *words))


PART, NOT_RUN = "is of a part", "tests that were not run"
CHOOSING: list[tuple[str, str]] = [
    ("--setup-plan", NOT_RUN),
    ("--setup-only", NOT_RUN),
    ("--setup-plan --setup-show", NOT_RUN),
    ("--collect-only", "cannot be read|is of a part"),
    ("--co -q", "cannot be read|is of a part"),
    ("-k that", PART),
    ("-k 'not that'", PART),
    ("-m slow", PART),
    ("--deselect tests/test_one.py::test_it[1]", PART),
    ("--ignore tests/test_two.py", PART),
    ("--ignore-glob *two*", PART),
    ("--maxfail=1 -k 'not that'", PART),
    ("-p no:junitxml", "cannot be read"),
    ("-p no:executed -o python_functions=test_that", PART),
]


@pytest.mark.parametrize(("options", "words"), CHOOSING, ids=[options for options, _ in CHOOSING])
def test_options_of_the_environment_choose_no_tests(
    results: SealedResults, checkout: Path, note: Path, options: str, words: str
) -> None:
    assert re.search(words, refused(results, checkout, note, run(checkout, PYTEST_ADDOPTS=options)))


@pytest.mark.parametrize("options", ["-x", "--lf", "-v --durations=3", "--tb=short"])
def test_options_that_leave_all_tests_in_are_harmless(
    results: SealedResults, checkout: Path, note: Path, options: str
) -> None:
    whole_suite.finish(
        results, checkout, note, [run(checkout, "-p", "cacheprovider", PYTEST_ADDOPTS=options)]
    )
    assert not not_passed(results)


def test_a_failed_run_takes_a_pass_back_and_says_what_failed(
    results: SealedResults, checkout: Path, note: Path
) -> None:
    whole_suite.finish(results, checkout, note, [run(checkout)])
    whole_suite.begin(results, note)
    (checkout / "tests" / "test_two.py").write_text(
        "def test_it(): assert False\ndef test_that(): pass\n"
    )
    whole_suite.fail(
        results, note, ["ruff", "pytest, source embedded"], [run(checkout), checkout / "none.xml"]
    )
    kept = results.newest(TESTS).result
    assert kept is not None
    assert (kept["passed"], kept["failed"]) == (
        False,
        ["ruff", "pytest, source embedded", "embedded: tests.test_two::test_it"],
    )


def test_a_run_that_began_and_did_not_end_takes_a_pass_back(
    results: SealedResults, checkout: Path, note: Path
) -> None:
    whole_suite.finish(results, checkout, note, [run(checkout)])
    whole_suite.begin(results, note)
    evidence = results.newest(TESTS)
    assert evidence.result is None
    assert "did not come to an end" in evidence.because()


def test_a_run_that_began_earlier_says_nothing_once_another_began(
    results: SealedResults, checkout: Path, note: Path
) -> None:
    later = note.with_name("later.json")
    whole_suite.begin(results, later)
    assert "another whole run of this commit began since" in refused(
        results, checkout, note, run(checkout)
    )
    with pytest.raises(Refused, match="another whole run"):
        whole_suite.fail(results, note, ["ruff"], [])
    assert "did not come to an end" in results.newest(TESTS).because()
    whole_suite.finish(results, checkout, later, [run(checkout)])
    assert not not_passed(results)


def test_a_run_under_no_commit_begins_and_is_not_kept(tmp_path: Path) -> None:
    nowhere = SealedResults(tmp_path / "results", "unknown", CODE)
    with pytest.raises(Refused, match="git does not tell the commit"):
        whole_suite.begin(nowhere, tmp_path / "begun.json")
    assert list((tmp_path / "results").rglob("*.json")) == []


SKIPPED = (
    "import pytest\n@pytest.mark.skip(reason='{}')\ndef test_it(): pass\ndef test_that(): pass\n"
)


def test_a_declared_skip_is_counted_and_did_not_pass(
    results: SealedResults, checkout: Path, note: Path
) -> None:
    (checkout / "tests" / "test_two.py").write_text(
        SKIPPED.format(f"{whole_suite.DECLARED_SKIP}it stops a server")
    )
    whole_suite.finish(results, checkout, note, [run(checkout)])
    kept = results.newest(TESTS).result
    assert kept is not None
    assert kept["counts"] == {"embedded": {"passed": 3, "failed": 0, "skipped": 1}}
    assert f"{EMBEDDED_ONLY}: " == whole_suite.DECLARED_SKIP


def test_a_skip_that_nobody_declared_is_refused(
    results: SealedResults, checkout: Path, note: Path
) -> None:
    (checkout / "tests" / "test_two.py").write_text(SKIPPED.format("later"))
    assert "whose marker does not declare it: tests/test_two.py::test_it (later)" in refused(
        results, checkout, note, run(checkout)
    )


def test_failures_are_not_kept(results: SealedResults, checkout: Path, note: Path) -> None:
    (checkout / "tests" / "test_two.py").write_text(
        "def test_it(): assert False\ndef test_that(): pass\n"
    )
    assert "1 failed and 3 passed" in refused(results, checkout, note, run(checkout))


def test_nothing_that_passed_is_not_kept(
    results: SealedResults, checkout: Path, note: Path
) -> None:
    for file in FILES:
        (checkout / file).write_text(
            SKIPPED.format(f"{whole_suite.DECLARED_SKIP}later").replace("def test_that(): pass", "")
        )
    assert "0 failed and 0 passed" in refused(results, checkout, note, run(checkout))


def test_no_tests_are_not_kept(results: SealedResults, checkout: Path, note: Path) -> None:
    report = run(checkout)
    for file in FILES:
        (checkout / file).unlink()
    assert "did not say which tests there are" in refused(results, checkout, note, report)


def test_a_file_that_cannot_be_imported_is_not_kept(
    results: SealedResults, checkout: Path, note: Path
) -> None:
    (checkout / "tests" / "test_two.py").write_text("import no_such_module\n")
    assert "did not say which tests there are" in refused(results, checkout, note, run(checkout))


def test_nothing_is_kept_by_hand(
    results: SealedResults, checkout: Path, note: Path, tmp_path: Path
) -> None:
    report = run(checkout)
    assert "no report of pytest" in refused(results, checkout, note)
    assert "does not tell when the tests began" in refused(
        results, checkout, tmp_path / "none", report
    )
    (tmp_path / "forged").write_text(
        json.dumps({"begun_at": "2020-01-01T00:00:00+00:00", "commit": COMMIT, "code": CODE})
    )
    assert "was not written by the test command" in refused(
        results, checkout, tmp_path / "forged", report
    )
    report.write_text("<testsuites/>")
    assert "is of a part" in refused(results, checkout, note, report)
    report.write_text("passed")
    assert "cannot be read" in refused(results, checkout, note, report)
    assert "cannot be read" in refused(results, checkout, note, tmp_path / "none.xml")


def test_a_report_of_an_earlier_run_is_not_kept(
    results: SealedResults, checkout: Path, note: Path
) -> None:
    report = run(checkout)
    os.utime(report, (1, 1))
    assert "older than this run" in refused(results, checkout, note, report)


def test_one_bad_report_of_two_keeps_nothing(
    results: SealedResults, checkout: Path, note: Path
) -> None:
    whole = run(checkout).rename(checkout.parent / "containers.xml")
    assert "embedded.xml is of a part" in refused(
        results, checkout, note, whole, run(checkout, "-k", "that")
    )


@pytest.mark.parametrize(("commit", "code"), [("b" * 40, CODE), (COMMIT, "d" * 64)])
def test_a_tree_that_changed_meanwhile_is_not_kept(
    results: SealedResults, checkout: Path, note: Path, tmp_path: Path, commit: str, code: str
) -> None:
    after = SealedResults(tmp_path / "results", commit, code)
    assert "changed while its tests ran" in refused(after, checkout, note, run(checkout))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "usage"),
        (["tests"], 2, "usage"),
        (["finish", "/nowhere/begun.json"], 3, "does not tell when the tests began"),
    ],
)
def test_the_script_called_by_hand_records_nothing(
    tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    command = [sys.executable, str(CHECKOUT / "scripts" / "record_tests.py"), *arguments]
    done = subprocess.run(
        command,
        env={**os.environ, "RUBYOPS_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert list(tmp_path.rglob("*.json")) == []
