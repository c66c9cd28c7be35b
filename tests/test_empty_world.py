"""No check and no plan answers ok or noop if data is missing or a server does not answer.

The tests try the whole registry in every world of `tests.empty_worlds`. `ALLOWED` lists the
exceptions, each with the test that justifies it. docs/nothing-found.md shows the expected answers.
"""

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest

from checks.money import conservation, ledger_tips, no_live_authorizations
from checks.platform import freeze_acknowledged, migrations_current, single_seed
from commands import migrate, thaw
from commands._money_guard import MoneyGuard
from commands.flows import FLOWS
from rubyops.errors import CheckFailed, Inconclusive
from rubyops.model.finding import passed
from rubyops.model.step import Check, Command, NoOp, Planned
from rubyops.ports import HttpAnswer, Read
from rubyops.registry import CHECKS, COMMANDS
from tests.checks.conftest import CONSUMED
from tests.checks.live import LiveRead
from tests.checks.money import Money
from tests.cluster import Cluster, TestDatabase
from tests.empty_worlds import GREEN, WORLDS, Answer, ask, checks, commands, make
from tests.rubyops.cli.test_command_line import rubyops
from wallet_runtime.contract.processes import PROCESSES

ALLOWED_MAX = 8
CHECKOUT = Path(__file__).parent.parent
PAGE = CHECKOUT / "docs" / "nothing-found.md"


@dataclass(frozen=True)
class Allowed:
    """The worlds in which ok or noop is right, and the name of the test that shows why."""

    worlds: tuple[str, ...]
    shown_by: str


_SEEDED = ("driver mute", "redis mute", "health mute")
_MIGRATED = ("empty", "sealed", *_SEEDED)
ALLOWED: dict[str, Allowed] = {
    "conservation": Allowed(_MIGRATED, "test_a_platform_without_money_begins_its_first_rollout"),
    "ledger-tips": Allowed(_MIGRATED, "test_a_platform_without_money_begins_its_first_rollout"),
    "migrations-current": Allowed(_MIGRATED, "test_revisions_are_read_from_both_databases"),
    "migrate": Allowed(_MIGRATED, "test_revisions_are_read_from_both_databases"),
    "single-seed": Allowed(_SEEDED, "test_the_seed_is_read_from_its_rows"),
    "no-live-authorizations": Allowed(_SEEDED, "test_an_open_bet_is_seen_in_the_same_worlds"),
    "freeze-acknowledged": Allowed(_SEEDED, "test_every_fresh_copy_confirmed"),
    "thaw": Allowed(_SEEDED, "test_money_that_every_copy_confirms_to_be_open_needs_no_thaw"),
}

# Wrong answers of ok or noop that are not corrected yet, each with its error. Add none.
KNOWN_WRONG: dict[tuple[str, str], str] = {}


def verdict(
    answers: Sequence[Answer],
    allowed: Mapping[str, Allowed],
    known_wrong: Mapping[tuple[str, str], str],
) -> list[str]:
    """All faults of these answers, and of the lists that allow exceptions."""
    green = {(answer.name, answer.world) for answer in answers if answer.status in GREEN}
    asked = {(answer.name, answer.world) for answer in answers}
    excused = {(name, world) for name, entry in allowed.items() for world in entry.worlds}
    excuses = excused | known_wrong.keys()
    wrong = [a for a in answers if a.status == "fault" or (a.name, a.world) in green - excuses]
    said = [f"{a.name} in {a.world} {dict(a.params)} is {a.status}: {a.sentence}" for a in wrong]
    stale = (excuses & asked) - green
    said += [f"{name} in {world} is excused, and is not green" for name, world in sorted(stale)]
    both = sorted(excused & known_wrong.keys())
    said += [f"{name} in {world} is right and wrong at once" for name, world in both]
    if len(allowed) > ALLOWED_MAX:
        said.append(f"{len(allowed)} names may be green, at most {ALLOWED_MAX} are looked after")
    return said


@pytest.fixture
def read(
    request: pytest.FixtureRequest,
    cluster: Cluster,
    platform_db: TestDatabase,
    control_db: TestDatabase,
    redis_url: str,
) -> Read:
    """The read port of one world."""
    return make(request.param, cluster, platform_db, control_db, redis_url)


def in_world(*worlds: str) -> pytest.MarkDecorator:
    """Parametrize a test with these worlds; it gets `world` and `read`."""
    each = [pytest.param(world, world, id=world) for world in worlds]
    return pytest.mark.parametrize(("world", "read"), each, indirect=["read"])


@in_world(*WORLDS)
def test_nothing_found_is_never_success(world: str, read: Read) -> None:
    answers = ask(world, read, checks(), commands())
    assert {answer.name for answer in answers} == CHECKS.keys() | COMMANDS.keys()
    assert verdict(answers, ALLOWED, KNOWN_WRONG) == []
    assert unlike_the_page(world, answers) == []


# --- the verdict: faults that it must find


@dataclass(frozen=True)
class Nothing:
    """No parameters."""


@dataclass(frozen=True)
class Unthought:
    """A parameter without values in `VALUES`."""

    amount: int


def planted(name: str, plan: Any, params: type = Nothing) -> dict[str, Command[Any]]:
    """A registry of one command with this plan."""
    return {name: Command(name, params, plan)}


@in_world("empty")
def test_a_new_check_that_is_ok_on_nothing_is_found(world: str, read: Read) -> None:
    def run(read: Read) -> Any:
        rows = read.rows("facts_topologies")
        return passed(f"none of {len(rows)} topologies is broken")

    answers = ask(world, read, {"new-check": Check("new-check", "New", (), run)}, {})
    (said,) = verdict(answers, ALLOWED, KNOWN_WRONG)
    assert said == "new-check in empty {} is ok: none of 0 topologies is broken"


@in_world("empty")
@pytest.mark.parametrize("nothing", [NoOp("nothing to do"), Planned((), {})])
def test_a_new_noop_on_nothing_is_found(world: str, read: Read, nothing: Any) -> None:
    answers = ask(world, read, {}, planted("new-command", lambda params, read: nothing))
    (said,) = verdict(answers, ALLOWED, KNOWN_WRONG)
    assert said.startswith("new-command in empty {} is noop")


@in_world("empty")
def test_a_new_parameter_fails_until_somebody_has_thought_about_it(world: str, read: Read) -> None:
    answers = ask(world, read, {}, planted("new-command", lambda params, read: NoOp(""), Unthought))
    (said,) = verdict(answers, ALLOWED, KNOWN_WRONG)
    assert "say in VALUES what is tried of its parameter 'amount'" in said


@in_world("empty")
def test_an_unexpected_error_is_no_answer(world: str, read: Read) -> None:
    def run(read: Read) -> Any:
        return read.rows("facts_topologies")[0]["code"]

    answers = ask(world, read, {"new-check": Check("new-check", "New", (), run)}, {})
    (said,) = verdict(answers, ALLOWED, KNOWN_WRONG)
    assert said.startswith("new-check in empty {} is fault: IndexError")


def test_an_excuse_that_nobody_needs_any_more_is_found() -> None:
    answers = [Answer("old", "empty", "failed", "")]
    excuse = {"old": Allowed(("empty",), "")}
    assert verdict(answers, excuse, {}) == ["old in empty is excused, and is not green"]
    assert verdict(answers, {}, {("old", "empty"): ""}) == verdict(answers, excuse, {})
    many = {str(number): Allowed((), "") for number in range(ALLOWED_MAX + 1)}
    assert verdict([], many, {}) == ["9 names may be green, at most 8 are looked after"]


ASKS_THE_DRIVER_ALONE = {
    "rubyops/readings/liveness.py",  # combines the driver's answer with heartbeats
}


def test_who_lives_is_asked_of_both_sources() -> None:
    """Only one module asks the driver for copies, because the driver alone can be mute or wrong."""
    folders = [CHECKOUT / name for name in ("checks", "commands", "rubyops/readings")]
    files = [path for folder in folders for path in folder.rglob("*.py")]
    asking = {path for path in files if ".copies()" in path.read_text(encoding="utf-8")}
    assert {str(path.relative_to(CHECKOUT)) for path in asking} == ASKS_THE_DRIVER_ALONE


# --- the tests that justify the exceptions


def test_every_excuse_is_shown_by_a_test() -> None:
    assert [entry.shown_by for entry in ALLOWED.values() if entry.shown_by not in globals()] == []


def test_a_platform_without_money_begins_its_first_rollout(platform_db: TestDatabase) -> None:
    """The money guard passes before any player exists: without accounts nothing can be wrong.

    `tests/checks/test_money_checks.py` shows that the checks still notice lost money.
    """
    read = LiveRead(databases={"platform": platform_db}, stream_groups=CONSUMED)
    with psycopg.connect(platform_db.superuser_dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO wallet.wallet_ledger_seal (partition, ends_at, row_count, digest) "
            "VALUES ('wallet_ledger_202001', '2020-02-01', 0, '')"
        )
    assert ledger_tips.run(read).summary.startswith("no money yet")
    assert conservation.run(read).summary.startswith("no money yet")
    every = checks()
    guard = MoneyGuard(lambda: True, lambda name: every[name].run(read), lambda: "open")
    assert guard.first_broken() is None
    Money(platform_db).prepare().deposit(500)
    assert "accounts agree with their ledger" in ledger_tips.run(read).summary
    with psycopg.connect(platform_db.superuser_dsn, autocommit=True) as connection:
        connection.execute("UPDATE wallet.wallet_bucket SET balance = balance + 1")
    assert guard.first_broken() is not None


@pytest.mark.parametrize("behind", ["platform", "control"])
def test_revisions_are_read_from_both_databases(
    platform_db: TestDatabase,
    control_db: TestDatabase,
    behind: Any,
) -> None:
    """`migrate` is a no-op by the revisions of both databases, which answer in these worlds."""
    databases: Any = {"platform": platform_db, "control": control_db}
    read = LiveRead(databases=databases)
    assert isinstance(migrate.COMMAND.plan(migrate.Params(), read), NoOp)
    with psycopg.connect(databases[behind].superuser_dsn, autocommit=True) as connection:
        connection.execute("UPDATE public.alembic_version SET version_num = '0001'")
    assert f"{behind} is at 0001" in migrations_current.run(read).summary
    assert isinstance(migrate.COMMAND.plan(migrate.Params(), read), Planned)


def test_the_seed_is_read_from_its_rows(platform_db: TestDatabase) -> None:
    """The check of the seed reads only the database, which answers in these worlds."""
    Money(platform_db).activate()
    read = LiveRead(databases={"platform": platform_db})
    assert single_seed.run(read).ok
    with psycopg.connect(platform_db.superuser_dsn, autocommit=True) as connection:
        connection.execute("UPDATE wallet.wallet_gate SET topology_version = 2")
    assert single_seed.run(read).status == "failed"


def test_an_open_bet_is_seen_in_the_same_worlds(platform_db: TestDatabase) -> None:
    """The check of open bets reads only the database, which answers in these worlds."""
    money = Money(platform_db).prepare()
    read = LiveRead(databases={"platform": platform_db}, mute="its socket is gone")
    assert no_live_authorizations.run(read).ok
    money.deposit(500)
    money.bet(100)
    assert no_live_authorizations.run(read).status == "failed"


@in_world(*_SEEDED)
def test_every_fresh_copy_confirmed(world: str, read: Read, control_db: TestDatabase) -> None:
    """A freeze needs no Redis: `control`, the fence row and every fresh heartbeat confirm it."""
    every = len(PROCESSES)
    assert f"{every} of {every} copies confirmed" in freeze_acknowledged.run(read).summary
    with psycopg.connect(control_db.superuser_dsn, autocommit=True) as connection:
        connection.execute("UPDATE control.service_copy SET acknowledged_epoch = -1")
    assert freeze_acknowledged.run(read).status == "failed"


@in_world(*_SEEDED)
def test_money_that_every_copy_confirms_to_be_open_needs_no_thaw(
    world: str, read: Read, control_db: TestDatabase
) -> None:
    """`thaw` is a no-op only if `control`, the fence row and every copy say `open`."""
    assert isinstance(thaw.COMMAND.plan(thaw.Params(), read), NoOp)
    with psycopg.connect(control_db.superuser_dsn, autocommit=True) as connection:
        connection.execute(
            "UPDATE control.service_copy SET acknowledged_epoch = -1 WHERE process = 'gateway'"
        )
    assert isinstance(thaw.COMMAND.plan(thaw.Params(), read), Planned)


# --- docs/nothing-found.md


@cache
def page() -> dict[str, dict[str, str]]:
    """The page's table of answers: {name: {world: statuses}}."""
    found: dict[str, dict[str, str]] = {}
    for text in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in text.strip().strip("|").split("|")]
        name = re.fullmatch(r"`([a-z0-9-]+)`", cells[0])
        if name and len(cells) == len(WORLDS) + 1:
            found[name[1]] = dict(zip(WORLDS, cells[1:], strict=True))
    return found


@cache
def sentences() -> dict[str, str]:
    """The page's table of meanings: {name: sentence in the empty world}."""
    four_cells = r"^\| `([a-z0-9-]+)` \| [^|]{10,} \| ([^|]+) \| [^|]{10,} \|$"
    return dict(re.findall(four_cells, PAGE.read_text(encoding="utf-8"), re.MULTILINE))


def unlike_the_page(world: str, answers: Sequence[Answer]) -> list[str]:
    """The differences between the statuses of a world and those on the page."""
    seen: dict[str, set[str]] = {}
    for answer in answers:
        seen.setdefault(answer.name, set()).add(answer.status)
    return [
        f"{name} in {world}: the page says {told[world]}, seen is {', '.join(sorted(seen[name]))}"
        for name, told in page().items()
        if name in seen and told[world] != ", ".join(sorted(seen[name]))
    ]


def test_the_page_has_a_line_for_each_name_of_the_registry_and_no_other() -> None:
    assert list(page()) == [*CHECKS, *COMMANDS]
    assert list(sentences()) == [*CHECKS, *COMMANDS]


@in_world("empty")
def test_the_page_quotes_what_is_said(world: str, read: Read) -> None:
    said: dict[str, str] = {}
    for answer in ask(world, read, checks(), commands()):
        said[answer.name] = said.get(answer.name, "") + answer.sentence + "\n"
    assert {n: t for n, t in sentences().items() if t != "—" and t not in said[n]} == {}
    assert {n for n, text in said.items() if not text.strip() and sentences()[n] != "—"} == set()


# --- the command line on an environment that was never up


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("gate", "--dry-run"),
        ("verify",),
        ("stop-consumers",),
        ("start-consumers",),
        ("backfill", "--dry-run"),
        ("reconcile", "ledger"),
    ],
    ids=" ".join,
)
def test_an_environment_that_was_never_up(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done: subprocess.CompletedProcess[str] = rubyops(*arguments, home=tmp_path)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "rubyops up" in done.stderr


# --- flows: every plan includes them, so they must notice missing parts when they are played


class Nobody:
    """An actor without services; it cannot register a player."""

    def __init__(self, read: Read) -> None:
        """Read this world."""
        self.read = read

    def as_operator(self, *arguments: Any, **named: Any) -> HttpAnswer:
        """Return a refused connection."""
        return HttpAnswer(0, None, "connection refused")


@in_world("empty", "sealed")
def test_a_flow_without_a_topology_is_not_passed(world: str, read: Read) -> None:
    actor: Any = Nobody(read)
    for name, flow in FLOWS.items():
        with pytest.raises(CheckFailed) as said:
            flow(actor)
        if name not in ("reconciliation", "GATE-10"):  # these flows call a service first
            assert isinstance(said.value, Inconclusive), name
            nothing = "no movement to look at" if name == "GATE-4" else "no topology is active here"
            assert nothing in said.value.message
