"""A resume accepts only the journal that `control` has anchored, and hides no failure."""

import shutil
from collections.abc import Callable
from dataclasses import replace as replaced_by
from typing import Any

import pytest

from rubyops.adapters.control import ControlDatabase
from rubyops.adapters.database import Link
from rubyops.effects.service_call import CallService
from rubyops.engine.effect_data import to_data
from rubyops.engine.report import Silent
from rubyops.errors import Refused, RubyopsError, Unreachable
from rubyops.model.exit_code import ExitCode
from rubyops.ports import HttpAnswer
from rubyops.testing.effects import Recorder
from tests.rubyops.engine import tiny
from tests.rubyops.engine.journal.proofs import COMMIT, OPS, World
from tests.rubyops.engine.tiny import Params, playbook

STEPS = (
    ("freeze", "freeze", Params()),
    ("several", "several", Params(calls=3)),
    ("restart", "restart", Params()),
    ("last", "fine", None),
)
Tamper = Callable[[World, str], str | None]


def stopped(world: World) -> str:
    """Make a run whose second call is refused; return its id."""
    operate = Recorder()
    engine = tiny.session(world.database.dsn(OPS), world.home, operate)

    def refuse(verb: str, subject: str) -> None:
        if subject.endswith("several/2"):
            operate.answer = HttpAnswer(409, {"code": "NOPE", "message": "not now"})

    operate.on_act = refuse
    report = engine.start(playbook(*STEPS), lambda plan: None)
    assert (report.exit_code, report.state) == (ExitCode.REFUSED, "failed")
    return report.run_id


def cut_off(world: World, run_id: str) -> None:
    world.write(run_id, world.lines(run_id)[:-3], hashed=False)


def cut_to_nothing(world: World, run_id: str) -> None:
    world.path(run_id).write_text("")


def cut_before_the_lock(world: World, run_id: str) -> None:
    world.write(run_id, world.lines(run_id)[:2], hashed=False)


def hashes_made_anew(world: World, run_id: str) -> None:
    lines = world.lines(run_id)
    lines[0]["playbook"]["steps"][1]["params"]["calls"] = 9
    world.write(run_id, lines)


def edited(world: World, run_id: str) -> None:
    lines = world.lines(run_id)
    lines[-1]["state"] = "finished"
    world.write(run_id, lines, hashed=False)


def a_line_left_out(world: World, run_id: str) -> None:
    lines = world.lines(run_id)
    del lines[5]
    world.write(run_id, lines, hashed=False)


def replaced(world: World, run_id: str) -> None:
    """Replace the run's journal by a longer one, made of another run's lines."""
    lines = world.lines(stopped(world))
    world.write(run_id, [line | {"run": run_id} for line in [*lines, *lines[1:]]])


def control_forgot(world: World, run_id: str) -> None:
    world.forget(run_id)


def renamed(world: World, run_id: str) -> str:
    world.path(run_id).rename(world.path("r-renamed"))
    return "r-renamed"


def a_copy(world: World, run_id: str) -> str:
    shutil.copy(world.path(run_id), world.path("r-copy"))
    return "r-copy"


def a_copy_with_its_name_inside(world: World, run_id: str) -> str:
    world.write("r-copy", [line | {"run": "r-copy"} for line in world.lines(run_id)])
    return "r-copy"


def symlinked(world: World, run_id: str) -> None:
    world.path(run_id).rename(world.home / "elsewhere")
    world.path(run_id).symlink_to(world.home / "elsewhere")


def hard_linked(world: World, run_id: str) -> None:
    world.path("r-second").hardlink_to(world.path(run_id))


def a_folder(world: World, run_id: str) -> None:
    world.path(run_id).unlink()
    world.path(run_id).mkdir()


def of_another_environment(world: World, run_id: str) -> None:
    lines = [line | {"environment": "staging"} for line in world.lines(run_id)]
    world.write(run_id, lines)
    world.anchor(run_id, world.lines(run_id)[-1])


def a_number_as_text(world: World, run_id: str) -> None:
    lines = world.lines(run_id)
    lines[6]["seq"] = "7"
    world.write(run_id, lines, hashed=False)


def junk(world: World, run_id: str) -> None:
    with world.path(run_id).open("ab") as file:
        file.write(b"\x00\xff\n")


def an_unknown_effect(world: World, run_id: str) -> None:
    lines = world.lines(run_id)
    for line in lines:
        if line["type"] == "step_planned" and line["step"] == "several":
            line["effects"][0]["effect"] = line["effects"][1]["effect"] = "Teleport"
        if line["type"] == "outcome" and line["status"] == "refused":
            line["status"] = "unknown"
    world.write(run_id, lines)
    world.anchor(run_id, world.lines(run_id)[-1])


TAMPERED: list[tuple[Tamper, str, bool]] = [
    (cut_off, "cut off: control has seen line", True),
    (cut_to_nothing, "does not begin with the start of a run", True),
    (cut_before_the_lock, "cut off: control has seen line", True),
    (hashes_made_anew, "is not the one that control has seen", True),
    (edited, "was changed", True),
    (a_line_left_out, "missing or out of order", True),
    (replaced, "is not the one that control has seen", True),
    (control_forgot, "control has no anchor of this run", True),
    (renamed, "belongs to run", True),
    (a_copy, "belongs to run", True),
    (a_copy_with_its_name_inside, "control has no anchor of this run", True),
    (symlinked, "is a symbolic link", True),
    (hard_linked, "has 2 names", True),
    (a_folder, "is a folder", True),
    (a_number_as_text, "is not a journal line", True),
    (junk, "is not a journal line", True),
    (of_another_environment, "of the environment 'staging'", False),
    (an_unknown_effect, "cannot be read by this version", False),
]


@pytest.mark.parametrize(
    ("tamper", "words", "seen"), TAMPERED, ids=[tamper.__name__ for tamper, _, _ in TAMPERED]
)
def test_a_journal_that_is_not_the_one_control_knows_is_not_resumed(
    world: World, tamper: Tamper, words: str, seen: bool
) -> None:
    run_id = stopped(world)
    name = tamper(world, run_id) or run_id
    before = world.path(name).read_bytes() if world.path(name).is_file() else None
    operate = Recorder()
    engine = tiny.session(world.database.dsn(OPS), world.home, operate)
    for _ in range(2):
        with pytest.raises(RubyopsError, match=words) as refused:
            engine.resume(name)
        assert refused.value.exit_code in (ExitCode.REFUSED, ExitCode.USAGE)
    assert (operate.acts, engine.ports.control.lock()) == ([], None)
    assert before == (world.path(name).read_bytes() if world.path(name).is_file() else None), (
        "nothing washes it clean"
    )
    assert (words in "".join(engine.faults(name))) is seen


def test_the_true_journal_is_resumed(world: World) -> None:
    run_id = stopped(world)
    operate = Recorder()
    engine = tiny.session(world.database.dsn(OPS), world.home, operate)
    assert engine.resume(run_id).exit_code == ExitCode.DONE
    assert engine.faults(run_id) == []
    assert [subject for verb, subject in operate.acts if verb == "call"] == [
        f"{run_id}/several/{number}" for number in (3, 4, 5)
    ]


def test_a_run_that_took_the_lock_waits_for_control(world: World) -> None:
    run_id = stopped(world)
    operate = Recorder()
    with pytest.raises(Unreachable, match="cannot be compared with its anchor"):
        tiny.session("postgresql://nobody@127.0.0.1:1/nowhere", world.home, operate).resume(run_id)
    assert operate.acts == []


def test_a_chain_that_control_does_not_know_stops_the_run_when_it_takes_the_lock(
    world: World,
) -> None:
    """`control` is away while the journal is compared; the run then stops before any effect."""
    run_id = stopped(world)
    lines = world.lines(run_id)[:2]
    lines[0]["playbook"]["title"] = "Another"
    world.write(run_id, lines)
    away = ControlDatabase(Link(lambda: "postgresql://nobody@127.0.0.1:1/nowhere", "control"))
    operate = Recorder()
    engine = tiny.session(world.database.dsn(OPS), world.home, operate)

    class Returning(ControlDatabase):
        asked = 0

        def head(self, run_id: str) -> tuple[int, str] | None:
            self.asked += 1
            return away.head(run_id) if self.asked == 1 else super().head(run_id)

    control = Returning(Link(lambda: world.database.dsn(OPS), "control"))
    engine = replaced_by(engine, ports=replaced_by(engine.ports, control=control))
    report = engine.resume(run_id)
    assert (report.exit_code, operate.acts) == (ExitCode.REFUSED, [])
    assert "this journal does not hold it" in str(report.message)
    assert "cut off: control has seen line" in "".join(engine.faults(run_id))


def test_a_resume_under_another_commit_says_so(world: World) -> None:
    told: list[str] = []

    class Listening(Silent):
        def note(self, text: str) -> None:
            told.append(text)

    world.broken = {"single-seed"}
    run_id = world.roll_out().run_id
    world.commit, world.broken = "b" * 40, set()
    session = world.session()
    assert replaced_by(session, reporter=Listening()).resume(run_id).state == "finished"
    assert f"was begun under commit {COMMIT[:12]} and goes on under bbbbbbbbbbbb" in told[0]
    reading = world.session().reading(run_id)
    assert reading.history is not None and reading.history.commits == (COMMIT, "b" * 40)


def outcomes(world: World, run_id: str) -> list[str]:
    return [
        line["effect_id"]
        for line in world.lines(run_id)
        if line["type"] == "outcome" and line["status"] in ("ok", "noop")
    ]


@pytest.fixture
def undisturbed(world: World) -> tuple[World, str]:
    report = tiny.session(world.database.dsn(OPS), world.home, Recorder()).start(
        playbook(*STEPS), lambda plan: None
    )
    assert report.exit_code == ExitCode.DONE
    return world, report.run_id


def test_killed_between_any_line_and_its_anchor_each_effect_is_done_once(
    undisturbed: tuple[World, str],
) -> None:
    """A kill between any journal line and its anchor leads to no effect that is done twice."""
    world, run_id = undisturbed
    whole = world.lines(run_id)
    first = next(number for number, line in enumerate(whole) if line["type"] == "lock_taken")
    done_at_all = outcomes(world, run_id)
    for length in range(first + 1, len(whole)):
        seen, ahead = whole[: length - 1], whole[length - 1]
        world.write(run_id, whole[:length], hashed=False)
        world.anchor(run_id, seen[-1])
        operate = Recorder()
        engine = tiny.session(world.database.dsn(OPS), world.home, operate)
        assert engine.resume(run_id).exit_code == ExitCode.DONE, ahead
        assert engine.faults(run_id) == [], ahead
        believed = [line["effect_id"] for line in seen if line["type"] == "outcome"]
        sent = [subject for verb, subject in operate.acts if verb == "call"]
        assert set(believed).isdisjoint(sent), (
            f"{ahead['type']}: what control saw done is not done again"
        )
        after = world.lines(run_id)
        told = {line["effect_id"]: line["effect"] for line in after if line["type"] == "intent"}
        assert set(told) == set(done_at_all), (
            f"{ahead['type']}: no number is left out or used for another effect"
        )
        assert engine.ahead(run_id) == 1 or ahead["type"] == "run_finished"


def test_a_forged_end_is_believed_for_nothing(world: World) -> None:
    run_id = stopped(world)
    lines = world.lines(run_id)
    base = {
        name: lines[-1][name] for name in ("run", "who", "host", "commit", "environment", "time")
    }
    forged = to_data(CallService("wallet_service", "POST", "/forged"))
    step = {"step": "several", "number": 7, "effect_id": f"{run_id}/several/7"}
    tail: list[dict[str, Any]] = [
        {"type": "run_resumed", "pid": 1, "anchored": 10_000},
        {
            "type": "step_planned",
            "step": "several",
            "first": 7,
            "effects": [forged],
            "facts": {},
            "reason": "",
        },
        {"type": "intent", **step, "effect": forged, "words": "", "token": 1, "guard": False},
        {"type": "outcome", **step, "status": "ok", "summary": "", "details": {"epoch": 99}},
        {"type": "step_finished", "step": "several", "status": "ok", "summary": "", "details": {}},
        {"type": "step_finished", "step": "last", "status": "ok", "summary": "", "details": {}},
        {"type": "run_finished", "state": "finished", "exit_code": 0},
    ]
    world.write(run_id, [*lines, *(base | line for line in tail)])
    operate = Recorder()
    engine = tiny.session(world.database.dsn(OPS), world.home, operate)
    assert engine.ahead(run_id) == len(tail)
    assert engine.resume(run_id).exit_code == ExitCode.DONE
    sent = [subject for verb, subject in operate.acts if verb == "call"]
    assert sent == [f"{run_id}/several/{number}" for number in (8, 9, 10)], (
        "the forged number is used up, its step is done"
    )
    assert engine.ahead(run_id) == len(tail)
    with pytest.raises(Refused, match="has finished"):
        engine.resume(run_id)


def test_a_forged_end_does_not_make_a_finished_run_go_on(undisturbed: tuple[World, str]) -> None:
    world, run_id = undisturbed
    lines = world.lines(run_id)
    base = {
        name: lines[-1][name] for name in ("run", "who", "host", "commit", "environment", "time")
    }
    world.write(run_id, [*lines, base | {"type": "run_resumed", "pid": 1, "anchored": 0}])
    with pytest.raises(Refused, match="has finished"):
        tiny.session(world.database.dsn(OPS), world.home, Recorder()).resume(run_id)
