"""No damaged journal stops a reader: it reports the damage and reads the other journals."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from checks.release import gate_02
from rubyops.engine.session import Session
from rubyops.errors import RubyopsError
from rubyops.ports import Read
from rubyops.testing.effects import Recorder
from rubyops.views.runs import read_run, read_runs
from tests.chains import Lines, chained
from tests.rubyops.engine import tiny
from tests.rubyops.engine.journal.forgeries import rolled_out
from tests.rubyops.engine.journal.proofs import OPS, World
from tests.rubyops.engine.test_resume import stopped

WRONG: tuple[Any, ...] = (None, 7, "7", [[1]], {"a": []})
MISSING = object()
ANCHOR = (
    "INSERT INTO control.journal_head VALUES (%s, %s, %s)"
    " ON CONFLICT (run_id) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash"
)
GONE_SINCE = ("freeze_level", "freeze_epoch")  # the first version of lock_taken had only the token


def one_of_each_type(lines: Lines) -> Lines:
    types = [line["type"] for line in lines]
    return [line for index, line in enumerate(lines) if types.index(line["type"]) == index]


def journals_with_one_fault(lines: Lines) -> Iterator[tuple[str, Lines]]:
    """Yield the lines once per fault: each field missing, or with a value of a wrong type."""
    for index, line in enumerate(lines):
        for name in line.keys() - {"prev", "hash", "seq"}:
            for value in (MISSING, *WRONG):
                changed = copy.deepcopy(lines)
                if value is MISSING:
                    del changed[index][name]
                else:
                    changed[index][name] = value
                yield f"{line['type']}.{name}={value!r}", chained(changed)


def read_by_all(
    world: World, run_id: str, *, engine: Session | None = None, read: Read | None = None
) -> tuple[str, ...]:
    """Read the run with every reader; return the faults that the engine found."""
    engine = engine or tiny.session(world.database.dsn(OPS), world.home, Recorder())
    reading = engine.reading(run_id)
    read_runs(engine, 100)
    read_run(engine, "test", run_id)
    engine.faults(run_id)
    engine.ahead(run_id)
    gate_02.run(read or world.read())
    return reading.faults


def test_no_field_that_is_missing_or_of_another_type_ends_a_reader(world: World) -> None:
    lines = one_of_each_type([*world.lines(rolled_out(world)), *world.lines(stopped(world))])
    kinds = {line["type"] for line in lines}
    assert {
        "run_started",
        "lock_taken",
        "step_planned",
        "intent",
        "outcome",
        "recorded",
        "run_finished",
    } <= kinds
    lines += [{**lines[-1], "type": "run_resumed", "pid": 1, "anchored": 1, "bytes_dropped": 0}]
    lines += [{**lines[-1], "type": "of_a_later_version", "step": "x"}]
    lines = [line | {"run": "r-fault"} for line in lines]
    for name in world.journals.runs():
        world.path(name).unlink()
    engine, read = world.session(), world.read()
    world.write("r-fault", lines)
    assert read_by_all(world, "r-fault", engine=engine, read=read) == ()
    tried = 0
    for fault, changed in journals_with_one_fault(lines):
        world.write("r-fault", changed, hashed=False)
        world.run(ANCHOR, "r-fault", changed[-1]["seq"], changed[-1]["hash"])
        try:
            read_by_all(world, "r-fault", engine=engine, read=read)
        except RubyopsError:
            pass
        except Exception as error:
            raise AssertionError(f"{fault} ends a reader: {error!r}") from error
        tried += 1
    assert tried > 400


def of_the_first_version(lines: Lines) -> Lines:
    return [
        {name: value for name, value in line.items() if name not in GONE_SINCE} for line in lines
    ]


def test_a_lock_taken_of_the_first_version_is_sound_and_its_freeze_unknown(world: World) -> None:
    run_id = stopped(world)
    world.write(run_id, of_the_first_version(world.lines(run_id)))
    world.anchor(run_id, world.lines(run_id)[-1])
    assert read_by_all(world, run_id) == ()
    history = world.session().reading(run_id).history
    assert history is not None and history.began_under is None


@pytest.mark.parametrize("name", GONE_SINCE)
def test_a_lock_taken_with_a_freeze_of_another_type_is_damaged(world: World, name: str) -> None:
    run_id = stopped(world)
    lines = world.lines(run_id)
    next(line for line in lines if line["type"] == "lock_taken")[name] = ["open"]
    world.write(run_id, lines)
    assert f"{name} missing or not as it has to be" in read_by_all(world, run_id)[0]


def test_a_journal_of_one_torn_line_ends_no_reader(world: World) -> None:
    run_id = rolled_out(world)
    (recorded,) = [
        text for text in world.path(run_id).read_text().splitlines() if '"recorded"' in text
    ]
    world.path(run_id).write_text(recorded)
    assert "does not begin with the start of a run" in read_by_all(world, run_id)[0]


def test_a_line_as_deep_as_it_can_be_read_ends_no_reader(world: World) -> None:
    run_id = rolled_out(world)
    whole = world.path(run_id).read_text().splitlines()
    engine, read = world.session(), world.read()
    for depth in (40, *range(900, 1000, 4)):
        deep = whole[4].removesuffix("}") + ',"deep":' + "[" * depth + "]" * depth + "}"
        world.path(run_id).write_text("\n".join([*whole[:4], deep, *whole[5:]]) + "\n")
        assert read_by_all(world, run_id, engine=engine, read=read)
