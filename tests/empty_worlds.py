"""Test worlds that are empty, or in which a part does not answer, on real servers.

Every check and every command of the registry is tried in each world, so new ones are included
automatically. A parameter that is neither a flag nor a choice needs its values in `VALUES`, or the
test fails.
"""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import partial
from importlib import import_module
from typing import Any, Literal, get_args, get_origin, get_type_hints

import psycopg

from commands.flows import FLOWS
from rubyops.adapters.database import Link
from rubyops.adapters.migrations import MAINTENANCE_DATABASE
from rubyops.adapters.read import ROLE
from rubyops.adapters.streams import StreamReader
from rubyops.errors import Refused, Unreachable, UsageError
from rubyops.model.finding import Finding
from rubyops.model.recorded import Evidence
from rubyops.model.secret import Secret
from rubyops.model.step import Check, Command, NoOp, Planned
from rubyops.ports import Copy, Database, HttpAnswer, Read, Row
from rubyops.registry import CHECKS, COMMANDS
from rubyops.testing.reading import FACTS
from tests.checks.money import Money
from tests.cluster import PASSWORD, Cluster, TestDatabase
from wallet_runtime.contract.consumers import WALLET_CONSUMERS
from wallet_runtime.contract.processes import PROCESSES

WORLDS = (
    "empty",
    "sealed",
    "unmigrated",
    "driver mute",
    "databases mute",
    "redis mute",
    "health mute",
)
CODE = "c" * 64  # the code digest of the checkout and of every copy that reports
GREEN = ("ok", "noop")
CLOSED = "127.0.0.1:1"  # a port that no server listens on
NOBODY = "00000000-0000-0000-0000-00000000abcd"
DOCUMENTS = "tests/cases/documents"

# The values to try for each parameter that is neither a flag nor a choice: its default, and one
# value per further meaning.
VALUES: dict[str, dict[str, tuple[Any, ...]]] = {
    "backfill": {
        "batch_size": (1000,),
        "tenant_id": (None, NOBODY),
        "expect_created": (None, 0),
    },
    "bets-rollback": {"authorization": (NOBODY,)},
    "bets-settle": {"authorization": (NOBODY,), "payout": ("0",)},
    "confirm-health": {"timeout_seconds": (30,)},
    "dead-letter-discard": {
        "number": (1,),
        "reason": ("it is no event",),
        "consumer": tuple(WALLET_CONSUMERS),
    },
    "dead-letter-replay": {"number": (1,), "consumer": tuple(WALLET_CONSUMERS)},
    "drain-outbox": {"timeout_seconds": (60,)},
    "flow": {"name": tuple(FLOWS)},
    "freeze": {"reason": ("",), "take_over": ("", "r-1")},
    "policy-activate": {"version": (1, 2), "policy_key": ("default",)},
    "policy-save": {"file": (f"{DOCUMENTS}/policy_v3.json",)},
    "seed-players": {"count": (0, 5)},
    "sessions-end": {"pid": (1,)},
    "thaw": {"reason": ("",), "take_over": ("", "r-1")},
    "topology-activate": {
        "version": ("previous", "newest", "current", "1", "2"),
        "code": ("",),
        "policy_key": ("default",),
        "policy_version": (0, 1),
    },
    "topology-move": {
        "file": ("", f"{DOCUMENTS}/topology_map.json"),
        "plan_digest": ("",),
        "undo": ("", "r-1"),
        "batch_size": (500,),
    },
    "topology-save": {"file": (f"{DOCUMENTS}/topology_v3.json",)},
}


@dataclass(frozen=True)
class Answer:
    """The answer of one check or one plan, with these parameters, in one world."""

    name: str
    world: str
    status: str
    sentence: str
    params: Mapping[str, object] = field(default_factory=dict)


class WorldRead:
    """A `Read` port on real servers or on ports without a server; the services never answer."""

    environment = replace(FACTS, code=CODE)

    def __init__(
        self,
        databases: Mapping[Database, str],
        redis_url: str,
        kept: Sequence[Copy] = (),
        mute: str | None = None,
    ) -> None:
        """Store the addresses; the first query connects."""
        self._links = {name: _link(name, dsn) for name, dsn in databases.items()}
        self._streams = StreamReader(lambda: redis_url)
        self._kept = tuple(kept)
        self._mute = mute

    def rows(
        self,
        query: str,
        /,
        *,
        database: Database = "platform",
        **values: object,
    ) -> list[Row]:
        """Run a named query as the SELECT-only role."""
        return self._links[database].rows(query, **values)

    def one(self, query: str, /, *, database: Database = "platform", **values: object) -> Row:
        """Run a named query that always returns one row."""
        return self._links[database].one(query, **values)

    def get(
        self,
        process: str,
        path: str,
        *,
        copy: int = 1,
        brand_id: str | None = None,
    ) -> HttpAnswer:
        """Return a refused connection."""
        return HttpAnswer(0, None, "connection refused")

    def copies(self) -> Sequence[Copy]:
        """The copies at the driver. Raises `Unreachable` if the driver is mute."""
        if self._mute is not None:
            raise Unreachable(self._mute)
        return self._kept

    def groups(self) -> list[Row]:
        """List the consumer groups."""
        return self._streams.groups()

    def results(self, suite: str) -> Evidence:
        """Return no evidence, because nothing was ever run."""
        return Evidence()


def _link(name: Database, dsn: str) -> Link:
    return Link(lambda: Secret(dsn), f"the {name} database", read_only=True)


RUNNING = tuple(Copy(process, 1, f"http://{CLOSED}", 1, "running") for process in PROCESSES)


def make(
    world: str,
    cluster: Cluster,
    platform: TestDatabase,
    control: TestDatabase,
    redis_url: str,
) -> Read:
    """Make the named world, on the two migrated databases of a test."""
    databases: dict[Database, str] = {
        "platform": platform.dsn(ROLE),
        "control": control.dsn(ROLE),
    }
    match world:
        case "empty":
            return WorldRead(databases, redis_url)
        case "sealed":
            _seal(platform, control)
            return WorldRead(databases, redis_url)
        case "unmigrated":
            bare = cluster.postgres.dsn(ROLE, PASSWORD, MAINTENANCE_DATABASE)
            return WorldRead(dict.fromkeys(databases, bare), redis_url)
        case "databases mute":
            closed = f"postgresql://{ROLE}@{CLOSED}/nowhere"
            return WorldRead(dict.fromkeys(databases, closed), redis_url, RUNNING)
    Money(platform).activate()
    _beat(control)
    if world == "driver mute":
        return WorldRead(databases, redis_url, mute="its socket is gone")
    redis = f"redis://{CLOSED}/0" if world == "redis mute" else redis_url
    return WorldRead(databases, redis, RUNNING)


def _seal(platform: TestDatabase, control: TestDatabase) -> None:
    """Seal `control` and the fence row, as after a freeze whose copies have all ended."""
    for database, statement in (
        (control, "UPDATE control.freeze_state SET level = 'sealed', epoch = 1"),
        (platform, "UPDATE wallet.wallet_gate SET freeze_level = 'sealed', freeze_epoch = 1"),
    ):
        with psycopg.connect(database.superuser_dsn, autocommit=True) as connection:
            connection.execute(statement.encode())


def _beat(control: TestDatabase) -> None:
    """Register every copy with a heartbeat that stays fresh during the whole test."""
    with psycopg.connect(control.superuser_dsn, autocommit=True) as connection:
        for process in PROCESSES:
            connection.execute(
                "INSERT INTO control.service_copy (process, copy, url, version, pid, "
                "acknowledged_epoch, heartbeat_at, ready, detail) "
                "VALUES (%s, 1, 'http://127.0.0.1:1', 'v', 1, 0, now() + interval '1 hour', "
                "true, %s)",
                [process, json.dumps({"status": "ok", "code": CODE})],
            )


def checks() -> dict[str, Check]:
    """Import every registered check."""
    return {name: import_module(entry.place).CHECK for name, entry in CHECKS.items()}


def commands() -> dict[str, Command[Any]]:
    """Import every registered command."""
    return {name: import_module(entry.place).COMMAND for name, entry in COMMANDS.items()}


def variants(command: Command[Any]) -> Iterator[dict[str, Any]]:
    """Yield every combination of parameter values to try.

    Raises `LookupError` for a parameter without values.
    """
    hints = get_type_hints(command.params)
    known = VALUES.get(command.name, {})
    names = [item.name for item in fields(command.params)]
    stale = set(known) - set(names)
    if stale:
        raise LookupError(f"{command.name} has no parameter {', '.join(sorted(stale))}")
    choices = [_choices(command.name, item, hints[item], known) for item in names]
    for values in itertools.product(*choices):
        yield dict(zip(names, values, strict=True))


def _choices(
    command: str,
    name: str,
    hint: Any,
    known: Mapping[str, tuple[Any, ...]],
) -> tuple[Any, ...]:
    if name in known:
        return known[name]
    if hint is bool:
        return (False, True)
    if get_origin(hint) is Literal:
        return get_args(hint)
    raise LookupError(f"{command}: say in VALUES what is tried of its parameter {name!r}")


def ask(
    world: str,
    read: Read,
    asked: Mapping[str, Check],
    planned: Mapping[str, Command[Any]],
) -> list[Answer]:
    """Run every check and every command's plan."""
    answers = [_answer(name, world, partial(check.run, read)) for name, check in asked.items()]
    for name, command in planned.items():
        try:
            tried = list(variants(command))
        except LookupError as fault:
            answers.append(Answer(name, world, "fault", str(fault)))
            continue
        for values in tried:
            question = partial(command.plan, command.params(**values), read)
            answers.append(_answer(name, world, question, values))
    return answers


def _answer(
    name: str,
    world: str,
    question: Callable[[], Finding | NoOp | Planned],
    params: Mapping[str, object] | None = None,
) -> Answer:
    try:
        status, sentence = _told(question())
    except Unreachable as fault:
        status, sentence = "unknown", fault.message
    except Refused as fault:
        status, sentence = "refused", fault.message
    except UsageError as fault:
        status, sentence = "usage", fault.message
    except Exception as fault:  # any other exception is a fault and no answer
        status, sentence = "fault", f"{type(fault).__name__}: {fault}"
    return Answer(name, world, status, sentence, params or {})


def _told(said: Finding | NoOp | Planned) -> tuple[str, str]:
    match said:
        case Finding():
            return said.status, said.summary
        case NoOp():
            return "noop", said.reason
        case _:
            # A plan without effects does nothing, so it counts as a no-op.
            return ("wanted", "") if said.effects else ("noop", "no effect is wanted")
