"""The runner, on a real control database and real journal files."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from rubyops.adapters.control import ControlDatabase
from rubyops.adapters.database import Link
from rubyops.adapters.host import this_process
from rubyops.adapters.journal_file import JournalFolder
from rubyops.engine.report import RunReport
from rubyops.errors import Refused
from rubyops.model.exit_code import ExitCode
from rubyops.model.finding import Finding, failed, passed
from rubyops.ports import HttpAnswer
from rubyops.testing.effects import Recorder
from tests.cluster import TestDatabase
from tests.rubyops.engine import tiny
from tests.rubyops.engine.tiny import Params, playbook

OPS = "rubyops_ops"
EFFECTS = 5
POINTS = ("before-intent", "after-intent", "after-effect", "after-outcome")


def lines_of(home: Path, run_id: str) -> list[dict[str, Any]]:
    return [json.loads(text) for text in JournalFolder(home / "journal").read(run_id)[0]]


def start(
    database: TestDatabase,
    home: Path,
    operate: Recorder,
    *steps: Any,
    kind: Any = "task",
    **more: Any,
) -> RunReport:
    return tiny.session(database.dsn(OPS), home, operate, **more).start(
        playbook(*steps, kind=kind), lambda plan: None
    )


def test_intent_stands_before_and_outcome_after_each_effect(
    control_db: TestDatabase, tmp_path: Path
) -> None:
    operate = Recorder()
    report = start(
        control_db,
        tmp_path,
        operate,
        ("several", "several", Params(calls=2)),
        ("look", "fine", None),
    )
    assert (report.exit_code, report.state) == (ExitCode.DONE, "finished")
    kinds = [line["type"] for line in lines_of(tmp_path, report.run_id)]
    step = [
        "step_started",
        "step_planned",
        "intent",
        "outcome",
        "intent",
        "outcome",
        "step_finished",
    ]
    assert kinds == [
        "run_started",
        "plan",
        "lock_taken",
        *step,
        "step_started",
        "step_finished",
        "run_finished",
    ]
    assert [subject for verb, subject in operate.acts if verb == "call"] == [
        f"{report.run_id}/several/{number}" for number in (1, 2)
    ]
    assert tiny.session(control_db.dsn(OPS), tmp_path, operate).faults(report.run_id) == []


def test_a_broken_invariant_freezes_and_ends_with_3(
    control_db: TestDatabase, tmp_path: Path
) -> None:
    def check(name: str) -> Finding:
        return failed("account X of player 7 is 1 off") if name == "ledger-tips" else passed("fine")

    operate = Recorder()
    report = start(control_db, tmp_path, operate, ("several", "several", Params()), check=check)
    assert report.exit_code == ExitCode.REFUSED
    assert "player 7" in str(report.message)
    assert "FROZEN (ingress)" in str(report.message)
    assert report.freeze is not None and report.freeze.verdict.word == "ingress"
    assert not [verb for verb, _ in operate.acts if verb == "call"]


def test_a_control_that_refuses_the_freeze_does_not_hide_the_broken_invariant(
    control_db: TestDatabase, tmp_path: Path
) -> None:
    def check(name: str) -> Finding:
        return failed("account X of player 7 is 1 off") if name == "ledger-tips" else passed("fine")

    with psycopg.connect(control_db.superuser_dsn) as connection:
        signature = "control.raise_freeze(text, text, text, text, text, text, bigint)"
        connection.execute(f"REVOKE EXECUTE ON FUNCTION {signature} FROM rubyops_ops")
    operate = Recorder()
    report = start(control_db, tmp_path, operate, ("several", "several", Params()), check=check)
    assert report.exit_code == ExitCode.REFUSED
    assert "player 7" in str(report.message)
    assert not [verb for verb, _ in operate.acts if verb == "call"]


def test_a_failed_call_is_refused_and_resume_plans_it_anew(
    control_db: TestDatabase, tmp_path: Path
) -> None:
    operate = Recorder()
    operate.answer = HttpAnswer(409, {"code": "NOPE", "message": "not now"})
    report = start(control_db, tmp_path, operate, ("several", "several", Params()))
    assert (report.exit_code, report.results[0].status) == (ExitCode.REFUSED, "refused")
    operate.answer = HttpAnswer(200, {})
    again = tiny.session(control_db.dsn(OPS), tmp_path, operate).resume(report.run_id)
    assert again.exit_code == ExitCode.DONE
    assert operate.acts[-1] == ("call", f"{report.run_id}/several/2"), (
        "a refused effect's id is not used again"
    )


def test_no_answer_is_unknown_and_resume_repeats_the_same_id(
    control_db: TestDatabase, tmp_path: Path
) -> None:
    operate = Recorder()
    operate.answer = HttpAnswer(0, None, "reset")
    report = start(control_db, tmp_path, operate, ("several", "several", Params()))
    assert (report.exit_code, report.results[0].status) == (ExitCode.UNKNOWN, "unknown")
    operate.answer = HttpAnswer(200, {})
    assert (
        tiny.session(control_db.dsn(OPS), tmp_path, operate).resume(report.run_id).exit_code
        == ExitCode.DONE
    )
    assert [subject for verb, subject in operate.acts if verb == "call"] == [
        f"{report.run_id}/several/1"
    ] * 2


def test_an_overtaken_run_stops_before_its_next_effect(
    control_db: TestDatabase, tmp_path: Path
) -> None:
    other = ControlDatabase(Link(lambda: control_db.superuser_dsn, "control"))

    def overtake(verb: str, subject: str) -> None:
        if subject.endswith("several/1"):
            lock = other.lock()
            assert lock is not None
            run_id = subject.partition("/")[0]
            other._link.rows("control_lock_release", run_id=run_id, token=lock.token)
            other.acquire("r-other", this_process())

    operate = Recorder(overtake)
    report = start(control_db, tmp_path, operate, ("several", "several", Params(calls=2)))
    assert report.exit_code == ExitCode.REFUSED
    assert len([verb for verb, _ in operate.acts if verb == "call"]) == 1
    assert other.lock().run_id == "r-other"  # type: ignore[union-attr]


def test_stopping_is_resumable(control_db: TestDatabase, tmp_path: Path) -> None:
    operate = Recorder()
    engine = tiny.session(control_db.dsn(OPS), tmp_path, operate)
    operate.on_act = lambda verb, subject: (
        engine.stop.request() if subject.endswith("several/1") else None
    )
    report = engine.start(playbook(("several", "several", Params(calls=3))), lambda plan: None)
    assert (report.exit_code, report.state) == (ExitCode.INTERRUPTED, "stopped")
    operate.on_act = lambda verb, subject: None
    again = tiny.session(control_db.dsn(OPS), tmp_path, operate).resume(report.run_id)
    assert again.exit_code == ExitCode.DONE
    assert [subject[-1] for verb, subject in operate.acts if verb == "call"] == ["1", "2", "3"]
    with pytest.raises(Refused, match="has finished"):
        tiny.session(control_db.dsn(OPS), tmp_path, operate).resume(report.run_id)


def test_a_verification_looks_at_everything_before_it_fails(
    control_db: TestDatabase, tmp_path: Path
) -> None:
    def check(name: str) -> Finding:
        return failed("no") if name == "fine" else passed("yes")

    steps = (("a", "fine", None), ("b", "several", Params()), ("c", "fine", None))
    report = start(control_db, tmp_path, Recorder(), *steps, kind="verification", check=check)
    assert (report.exit_code, [result.status for result in report.results]) == (
        ExitCode.CHECK_FAILED,
        ["failed", "ok", "failed"],
    )


def test_a_resumed_run_refuses_a_freeze_that_somebody_changed(
    control_db: TestDatabase, tmp_path: Path
) -> None:
    operate = Recorder()
    operate.answer = HttpAnswer(409, {"code": "NOPE"})
    report = start(
        control_db,
        tmp_path,
        operate,
        ("freeze", "freeze", Params()),
        ("several", "several", Params()),
    )
    other = start(control_db, tmp_path, operate, ("freeze", "freeze", Params()))
    assert other.exit_code == ExitCode.DONE
    again = tiny.session(control_db.dsn(OPS), tmp_path, operate).resume(report.run_id)
    assert again.exit_code == ExitCode.REFUSED
    assert "was changed since" in str(again.message)


def test_a_dry_run_acts_on_nothing(control_db: TestDatabase, tmp_path: Path) -> None:
    operate = Recorder()
    report = tiny.session(control_db.dsn(OPS), tmp_path, operate).rehearse(
        playbook(("several", "several", Params()), ("look", "fine", None))
    )
    assert (report.exit_code, report.state, operate.acts) == (ExitCode.DONE, "planned", [])
    assert report.results[0].summary.startswith("would POST /0")
    assert report.proof == {"read_only_transactions": 0, "transaction_ids_assigned": 0}


@pytest.mark.fault
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("number", range(1, EFFECTS + 1))
def test_killed_at_any_instant_a_resume_does_each_effect_once(
    control_db: TestDatabase, tmp_path: Path, point: str, number: int
) -> None:
    def go(run_id: str, **environ: str) -> int:
        command = [
            sys.executable,
            "-m",
            "tests.rubyops.engine.tiny",
            control_db.dsn(OPS),
            str(tmp_path),
            run_id,
        ]
        return subprocess.run(
            command, env={**os.environ, **environ}, timeout=60, check=False, capture_output=True
        ).returncode

    assert go("", RUBYOPS_FAILPOINT=f"{point}:{number}") == -signal.SIGKILL
    (run_id,) = JournalFolder(tmp_path / "journal").runs()
    assert go(run_id) == ExitCode.DONE
    lines = lines_of(tmp_path, run_id)
    outcomes = [line["effect_id"] for line in lines if line["type"] == "outcome"]
    assert sorted(outcomes) == sorted(
        {
            f"{run_id}/{name}"
            for name in ("freeze/1", "several/1", "several/2", "restart/1", "restart/2")
        }
    )
    acts = [json.loads(text) for text in (tmp_path / "acts.ndjson").read_text().splitlines()]
    repeated = {
        subject for verb, subject in acts if verb == "call" and acts.count([verb, subject]) > 1
    }
    assert repeated <= {f"{run_id}/several/{number - 1}"}, (
        "only the effect in doubt is sent again, under its own id"
    )
    freezes = ControlDatabase(Link(lambda: control_db.dsn(OPS), "control")).freeze()
    assert (freezes.level, freezes.epoch) == ("ingress", 1)
