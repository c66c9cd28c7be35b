"""The suite runner on a test checkout: only a suite that ran and passed counts as passed."""

import os
import time
from pathlib import Path

import pytest

from rubyops.adapters.results import SealedResults
from rubyops.adapters.suites import PytestSuites
from rubyops.errors import Interrupted
from rubyops.model.recorded import SUITES

FILES = {
    "test_good.py": "def test_one(): pass\ndef test_two(): pass\n",
    "test_bad.py": "def test_fine(): pass\ndef test_broken(): assert 1 == 2, 'planted'\n",
    "helper.py": "def demand(that): assert that\n",
    "test_helped.py": "import helper\ndef test_it(): helper.demand(False)\n",
    "test_unreadable.py": "import no_such_module\n",
    "test_empty.py": "x = 1\n",
    "test_skipped.py": "import pytest\n@pytest.mark.skip(reason='later')\ndef test_later(): pass\n",
    "test_environment.py": (
        "import os\n"
        "OURS = ('RUBYOPS_HOME', 'RUBYOPS_FAILPOINT')\n"
        "def test_it(): assert not [n for n in os.environ if n in OURS]\n"
    ),
    "test_slow.py": (
        "import pathlib, time\n"
        "def test_it():\n"
        "    pathlib.Path('began').touch()\n"
        "    time.sleep(60)\n"
    ),
}


@pytest.fixture
def results(tmp_path: Path) -> SealedResults:
    return SealedResults(tmp_path / "results", "c0ffee", "digest")


@pytest.fixture
def suites(tmp_path: Path, results: SealedResults) -> PytestSuites:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    (checkout / "setup.cfg").write_text("[tool:pytest]\naddopts = --strict-markers\n")
    for name, text in FILES.items():
        (checkout / name).write_text(text)
    return PytestSuites(checkout, results)


def nothing() -> None:
    """Do nothing while waiting."""


def test_suites_that_pass_are_counted_and_kept(
    suites: PytestSuites, results: SealedResults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUBYOPS_HOME", "/nowhere")
    figures = suites.run(
        {"good": ("test_good.py",), "clean": ("test_environment.py", "test_good.py")}, nothing
    )
    assert {name: (row["passed"], row["failures"]) for name, row in figures.items()} == {
        "good": (2, []),
        "clean": (3, []),
    }
    kept = results.newest(SUITES).result
    assert kept is not None and (kept["passed"], kept["suites"]) == (True, figures)


@pytest.mark.parametrize(
    ("name", "value"),
    [("PYTEST_ADDOPTS", "--setup-plan"), ("PYTEST_ADDOPTS", "-k one"), ("PYTHONOPTIMIZE", "1")],
)
def test_variables_of_the_caller_change_no_suite(
    suites: PytestSuites, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    figures = suites.run({"good": ("test_good.py",), "helped": ("test_helped.py",)}, nothing)
    assert (figures["good"]["passed"], figures["helped"]["failures"][-1]) == (
        2,
        "test_helped.py::test_it",
    )


def test_a_suite_whose_tests_are_set_up_and_never_called_fails(
    suites: PytestSuites, tmp_path: Path
) -> None:
    (tmp_path / "checkout" / "setup.cfg").write_text("[tool:pytest]\naddopts = --setup-plan\n")
    figures = suites.run({"good": ("test_good.py",)}, nothing)
    assert (figures["good"]["passed"], figures["good"]["failures"]) == (
        0,
        [
            "test_good.py has no test that passed",
            "test_good.py::test_one was not run",
            "test_good.py::test_two was not run",
        ],
    )


def test_a_suite_fails_that_is_broken_missing_unreadable_empty_or_skipped(
    suites: PytestSuites, results: SealedResults
) -> None:
    names = ("bad", "gone", "unreadable", "empty", "skipped")
    figures = suites.run(
        {"good": ("test_good.py",), **{name: (f"test_{name}.py",) for name in names}}, nothing
    )
    assert {name: row["failures"] for name, row in figures.items()} == {
        "good": [],
        "bad": ["test_bad.py::test_broken"],
        "gone": ["test_gone.py is missing"],
        "unreadable": [
            "test_unreadable.py has no test that passed",
            "test_unreadable.py::test_unreadable",
        ],
        "empty": ["test_empty.py has no test that passed"],
        "skipped": ["test_skipped.py has no test that passed"],
    }
    kept = results.newest(SUITES).result
    assert kept is not None and not kept["passed"]


def test_one_file_that_is_gone_fails_its_suite_though_another_passes(suites: PytestSuites) -> None:
    figures = suites.run({"both": ("test_good.py", "test_gone.py")}, nothing)
    assert (figures["both"]["passed"], figures["both"]["failures"]) == (
        2,
        ["test_gone.py is missing"],
    )
    assert suites.run({"none": ("test_gone.py",)}, nothing)["none"]["failures"] == [
        "test_gone.py is missing"
    ]


def test_a_wish_to_stop_ends_the_tests_and_keeps_no_result(
    suites: PytestSuites, results: SealedResults, tmp_path: Path
) -> None:
    def stop_once_begun() -> None:
        if (tmp_path / "checkout" / "began").exists():
            raise Interrupted

    began = time.monotonic()
    with pytest.raises(Interrupted):
        suites.run({"slow": ("test_slow.py",)}, stop_once_begun)
    assert results.newest(SUITES).result is None
    assert time.monotonic() - began < 50
    # The processes were killed, but the kernel may take a moment to end them.
    deadline = time.monotonic() + 10
    while left := _processes_in(tmp_path / "checkout"):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def _processes_in(folder: Path) -> list[str]:
    """The ids of the processes whose working directory is this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found += [process.name] if os.readlink(process / "cwd") == str(folder) else []
        except OSError:
            continue
    return found
