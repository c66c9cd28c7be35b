"""The suites step of a rollout (LOC-6), with a real pytest on a checkout with a planted fault."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from commands.suites import SUITES
from rubyops import bootstrap
from rubyops.adapters.results import SealedResults
from rubyops.adapters.suites import PytestSuites
from rubyops.engine.report import RunReport
from rubyops.model.exit_code import ExitCode
from rubyops.testing.effects import Recorder
from tests.cluster import TestDatabase
from tests.rubyops.engine import tiny

GATEWAY = SUITES["gateway split-balance routes"][0]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that has every file of every suite, with one test in each."""
    made = tmp_path / "checkout"
    for file in {file for files in SUITES.values() for file in files}:
        (made / file).parent.mkdir(parents=True, exist_ok=True)
        (made / file).write_text("def test_it(): pass\n")
        for folder in (made / file).parents[: len(Path(file).parts) - 1]:
            (folder / "__init__.py").touch()
    (made / "setup.cfg").write_text("[tool:pytest]\n")
    return made


def roll_out(database: TestDatabase, home: Path, checkout: Path) -> RunReport:
    """Run only the `suites` step of the rollout, on this checkout."""
    whole = bootstrap.playbook("rollout-local")
    playbook = replace(whole, steps=tuple(step for step in whole.steps if step.id == "suites"))
    suites = PytestSuites(checkout, SealedResults(checkout.parent / "results", "c0ffee", ""))
    session = tiny.session(database.dsn("rubyops_ops"), home, Recorder())
    ports = replace(session.ports, port_of=lambda effect: suites)
    return replace(session, ports=ports).start(playbook, lambda plan: None)


def test_a_broken_suite_turns_the_rollout_red(
    control_db: TestDatabase, tmp_path: Path, checkout: Path
) -> None:
    (checkout / GATEWAY).write_text("def test_planted(): assert False\n")
    report = roll_out(control_db, tmp_path, checkout)
    (row,) = report.results
    assert (report.exit_code, row.status, row.covers) == (
        ExitCode.CHECK_FAILED,
        "failed",
        ("LOC-6",),
    )
    assert f"1 of {len(SUITES)} suites failed: gateway split-balance routes: " in str(
        report.message
    )
    assert f"{GATEWAY}::test_planted" in str(report.message)


def test_a_suite_that_is_gone_is_not_taken_for_passed(
    control_db: TestDatabase, tmp_path: Path, checkout: Path
) -> None:
    (checkout / GATEWAY).unlink()
    report = roll_out(control_db, tmp_path, checkout)
    assert (report.exit_code, f"{GATEWAY} is missing" in str(report.message)) == (
        ExitCode.CHECK_FAILED,
        True,
    )


def test_suites_that_pass_let_it_go_on(
    control_db: TestDatabase, tmp_path: Path, checkout: Path
) -> None:
    report = roll_out(control_db, tmp_path, checkout)
    (row,) = report.results
    assert (report.exit_code, row.status) == (ExitCode.DONE, "ok")
    told: Any = row.details["suites"]
    passed = {name: figures["passed"] for name, figures in told.items()}
    assert passed == {name: len(files) for name, files in SUITES.items()}
