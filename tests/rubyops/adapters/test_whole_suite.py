"""The test command's result is kept where pytest's reports show all of it, and only there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rubyops.adapters import whole_suite
from rubyops.adapters.results import SealedResults
from rubyops.adapters.suites import clean_environ
from rubyops.config import CHECKOUT
from rubyops.errors import Refused
from rubyops.model.recorded import TESTS

COMMIT, CODE = "a" * 40, "c" * 64
FILES = {
    "tests/test_one.py": "import pytest\n@pytest.mark.parametrize('n', [1, 2])\ndef test_it(n): pass\n",
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


def run(checkout: Path, *words: str) -> Path:
    """Run the tests of the checkout as the test command does, and return pytest's report."""
    report = checkout.parent / "embedded.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "junit_family=xunit1", f"--junitxml={report}"]
    subprocess.run([*command, *words], cwd=checkout, env=clean_environ(), check=False, capture_output=True)
    return report


def refused(results: SealedResults, checkout: Path, note: Path, *reports: Path) -> str:
    with pytest.raises(Refused) as refusal:
        whole_suite.finish(results, checkout, note, reports)
    assert results.newest(TESTS).result is None
    return refusal.value.message


def test_a_whole_run_is_kept(results: SealedResults, checkout: Path, note: Path) -> None:
    whole_suite.finish(results, checkout, note, [run(checkout)])
    kept = results.newest(TESTS).result
    assert kept is not None
    assert (kept["passed"], kept["counts"]) == (True, {"embedded": {"passed": 4, "failed": 0, "skipped": 0}})
    assert {"suite", "commit", "code", "python", "recorded_at", "begun_at", "seal"} <= set(kept)


@pytest.mark.parametrize("words", [("-k", "that"), ("tests/test_one.py",), ("--deselect", "tests/test_one.py::test_it[1]")])
def test_a_part_is_not_kept(results: SealedResults, checkout: Path, note: Path, words: tuple[str, ...]) -> None:
    assert "is of a part" in refused(results, checkout, note, run(checkout, *words))


def test_failures_are_not_kept(results: SealedResults, checkout: Path, note: Path) -> None:
    (checkout / "tests" / "test_two.py").write_text("def test_it(): assert False\ndef test_that(): pass\n")
    assert "1 failed and 3 passed" in refused(results, checkout, note, run(checkout))


def test_nothing_that_passed_is_not_kept(results: SealedResults, checkout: Path, note: Path) -> None:
    for file in FILES:
        (checkout / file).write_text("import pytest\ndef test_it(): pytest.skip('later')\n")
    assert "0 failed and 0 passed" in refused(results, checkout, note, run(checkout))


def test_no_tests_are_not_kept(results: SealedResults, checkout: Path, note: Path) -> None:
    report = run(checkout)
    for file in FILES:
        (checkout / file).unlink()
    assert "did not say which tests there are" in refused(results, checkout, note, report)


def test_a_file_that_cannot_be_imported_is_not_kept(results: SealedResults, checkout: Path, note: Path) -> None:
    (checkout / "tests" / "test_two.py").write_text("import no_such_module\n")
    assert "did not say which tests there are" in refused(results, checkout, note, run(checkout))


def test_nothing_is_kept_by_hand(results: SealedResults, checkout: Path, note: Path, tmp_path: Path) -> None:
    report = run(checkout)
    assert "no report of pytest" in refused(results, checkout, note)
    assert "does not tell when the tests began" in refused(results, checkout, tmp_path / "none", report)
    (tmp_path / "forged").write_text(json.dumps({"begun_at": "2020-01-01T00:00:00+00:00", "commit": COMMIT, "code": CODE}))
    assert "was not written by the test command" in refused(results, checkout, tmp_path / "forged", report)
    report.write_text("<testsuites/>")
    assert "is of a part" in refused(results, checkout, note, report)
    report.write_text("passed")
    assert "cannot be read" in refused(results, checkout, note, report)
    assert "cannot be read" in refused(results, checkout, note, tmp_path / "none.xml")


def test_a_report_of_an_earlier_run_is_not_kept(results: SealedResults, checkout: Path, note: Path) -> None:
    report = run(checkout)
    os.utime(report, (1, 1))
    assert "older than this run" in refused(results, checkout, note, report)


def test_one_bad_report_of_two_keeps_nothing(results: SealedResults, checkout: Path, note: Path) -> None:
    whole = run(checkout).rename(checkout.parent / "containers.xml")
    assert "embedded.xml is of a part" in refused(results, checkout, note, whole, run(checkout, "-k", "that"))


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
def test_the_script_called_by_hand_records_nothing(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    command = [sys.executable, str(CHECKOUT / "scripts" / "record_tests.py"), *arguments]
    done = subprocess.run(command, env={**os.environ, "RUBYOPS_HOME": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert list(tmp_path.rglob("*.json")) == []
