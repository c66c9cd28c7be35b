"""`scripts/test` runs all tests and records how they end; a run of some tests records nothing."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from rubyops.adapters.executed import PLUGIN
from rubyops.config import CHECKOUT
from tests.signals import answered

# A script in place of python and of every tool. It records its calls and fails on demand.
TOOL = """#!/bin/sh
echo "$(basename "$0") $* [$(env | grep -E '^(PYTEST_|PYTHONOPTIMIZE|RUBYOPS_)' |
    sort | tr '\\n' ' ')]" >> "$CALLS"
for word in "$@"; do
    case $word in --junitxml=*) echo '<testsuites/>' > "${word#--junitxml=}" ;; esac
done
case "$(basename "$0") $*" in
    *tests.sources*) exit 1 ;;
    $INTERRUPTED) kill -INT "$PPID" ;;
    $BROKEN) exit 1 ;;
esac
"""
TOOLS = ("python", "ruff", "mypy", "lint-imports")
CHOOSING = {
    "PYTEST_ADDOPTS": "--setup-plan",
    "PYTEST_PLUGINS": "some.plugin",
    "PYTHONOPTIMIZE": "2",
    "RUBYOPS_FREEZES": "0",
    "RUBYOPS_HISTORIES": "1",
}
OURS = {"RUBYOPS_TEST_SOURCE": "embedded", "RUBYOPS_PG_BIN": "/opt/pg"}


class Run:
    """One call of `scripts/test` in a checkout whose tools only record their calls."""

    def __init__(
        self,
        root: Path,
        *words: str,
        broken: str = "none",
        interrupted: str = "none",
        **environ: str,
    ) -> None:
        """Make the checkout and call the script."""
        calls = root / "calls"
        (root / "scripts").mkdir()
        (root / ".venv" / "bin").mkdir(parents=True)
        (root / "scripts" / "prepare.py").touch()
        script = shutil.copy(CHECKOUT / "scripts" / "test", root / "scripts" / "test")
        for name in TOOLS:
            tool = root / ".venv" / "bin" / name
            tool.write_text(TOOL)
            tool.chmod(0o755)
        given = {
            "PATH": os.environ["PATH"],
            "CALLS": str(calls),
            "BROKEN": broken,
            "INTERRUPTED": interrupted,
        }
        with answered(signal.SIGINT, signal.SIG_DFL):
            self.done = subprocess.run(
                [script, *words], env=given | environ, capture_output=True, text=True, check=False
            )
        self.calls = calls.read_text().splitlines()

    def of(self, words: str) -> list[str]:
        """The recorded calls that contain these words."""
        return [call for call in self.calls if words in call]


def test_a_whole_run_is_made_without_what_chooses_tests_and_says_so(tmp_path: Path) -> None:
    run = Run(tmp_path, **CHOOSING, **OURS)
    assert run.done.returncode == 0, run.done.stderr
    for name, value in CHOOSING.items():
        assert f"{name}={value}" not in "".join(run.calls)
        assert name in run.done.stdout
    (tests,) = run.of("-m pytest")
    assert f"-p {PLUGIN}" in tests
    assert "RUBYOPS_PG_BIN=/opt/pg RUBYOPS_TEST_SOURCE=embedded" in tests


def test_a_whole_run_that_passes_begins_and_finishes(tmp_path: Path) -> None:
    run = Run(tmp_path)
    records = [call.split()[2] for call in run.of("record_tests.py")]
    assert records == ["begin", "finish"]
    assert run.calls[0].startswith("python scripts/record_tests.py begin")
    assert "embedded.xml" in run.of("finish")[0]


@pytest.mark.parametrize(
    ("broken", "part"),
    [
        ("ruff format*", "ruff format;"),
        ("mypy*", "mypy;"),
        ("*-m pytest*", "pytest, source embedded;"),
    ],
)
def test_a_whole_run_that_fails_says_what_failed(tmp_path: Path, broken: str, part: str) -> None:
    run = Run(tmp_path, broken=broken)
    assert run.done.returncode == 1
    assert [call.split()[2] for call in run.of("record_tests.py")] == ["begin", "fail"]
    (failed,) = run.of(" fail ")
    assert part in failed and "embedded.xml" in failed


def test_a_whole_run_that_is_interrupted_has_begun_and_no_end(tmp_path: Path) -> None:
    run = Run(tmp_path, interrupted="mypy*")
    assert run.done.returncode in (-signal.SIGINT, 128 + signal.SIGINT)
    assert [call.split()[2] for call in run.of("record_tests.py")] == ["begin"]


def test_a_part_uses_the_variables_and_records_nothing(tmp_path: Path) -> None:
    run = Run(tmp_path, "tests/test_whole_run.py", **CHOOSING)
    assert run.of("record_tests.py") == []
    assert "PYTEST_ADDOPTS=--setup-plan" in run.of("-m pytest")[0]
