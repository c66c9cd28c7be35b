"""Runs the shipped rollout with the real engine, real files and a real control database.

The shipped commands get plans that change nothing, flows pass without a platform, and the state of
the processes is data.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg

from rubyops import bootstrap
from rubyops.adapters.control import ControlDatabase
from rubyops.adapters.database import Link
from rubyops.adapters.host import this_process
from rubyops.adapters.journal_file import JournalFolder
from rubyops.adapters.results import SealedResults
from rubyops.effects.backfill import Backfill
from rubyops.effects.base import AnyEffect
from rubyops.effects.flow import Flow, RunFlow
from rubyops.engine.journal.evidence import EvidenceBook
from rubyops.engine.report import RunReport, Silent
from rubyops.engine.session import Session
from rubyops.errors import CheckFailed
from rubyops.model.finding import Finding, failed, passed
from rubyops.model.recorded import Evidence
from rubyops.model.step import Command, NoOp, Planned, Playbook
from rubyops.ports import Copy, Database, EnvironmentFacts, HttpAnswer, Row
from rubyops.stop_signal import StopSignal
from rubyops.testing.effects import Recorder
from rubyops.testing.reading import StillRead
from tests.chains import Lines, as_text, chained
from tests.cluster import TestDatabase
from tests.rubyops.engine.doubles import engine_ports
from wallet_runtime.contract.documents import RUBY_SPLIT_V1
from wallet_runtime.contract.processes import PROCESSES, WORKER_PROCESSES

COMMIT, CODE = "a" * 40, "c" * 64
OTHER = "b" * 40
DIRTY = f"{COMMIT}-dirty-0123456789ab"
SHIPPED = "rollout-local"
OPS, READER = "rubyops_ops", "rubyops_read"
ELSEWHERE = ("FLOW-11",)


@dataclass(frozen=True)
class PlainFlows:
    """Flows that need no platform; their actor is a dummy."""

    find: Callable[[str], Flow]

    def script(self, flow: str) -> Flow:
        """Find a flow."""
        return self.find(flow)

    def actor(self, identity: object, flow: str) -> Any:
        """Return a dummy actor."""
        return self


@dataclass
class World:
    """A checkout and an environment, with all facts that evidence depends on.

    Tests change single fields.
    """

    database: TestDatabase
    home: Path
    commit: str = COMMIT
    code: str = CODE
    environment: str = "test"
    topology: str = RUBY_SPLIT_V1
    told: dict[str, str | None] = field(default_factory=lambda: dict.fromkeys(PROCESSES, CODE))
    broken: set[str] = field(default_factory=set)
    idle: set[str] = field(default_factory=lambda: set(ELSEWHERE))
    on_flow: Callable[[str], None] = lambda name: None

    @property
    def facts(self) -> EnvironmentFacts:
        """The facts that checks and runs are given."""
        return EnvironmentFacts(self.environment, self.topology, 1, 0, self.commit, self.code)

    @property
    def journals(self) -> JournalFolder:
        """The folder of journals."""
        return JournalFolder(self.home / "journal")

    @property
    def sealed(self) -> SealedResults:
        """The sealed results of the checkout."""
        return SealedResults(self.home / "results", self.commit, self.code)

    @property
    def control(self) -> ControlDatabase:
        """The control database, connected as the operators' role."""
        return ControlDatabase(Link(lambda: self.database.dsn(OPS), "the test's control"))

    def read(self) -> "WorldRead":
        """The read port for a check."""
        return WorldRead(self)

    def session(self, *, control: ControlDatabase | None = None) -> Session:
        """A session of the engine on this world."""

        def check(name: str) -> Finding:
            return failed(f"{name} is broken") if name in self.broken else passed(f"{name} holds")

        used = control or self.control
        recorder = Recorder()
        recorded, flows = recorder.port_of(used), PlainFlows(self.flow)

        def port_of(effect: AnyEffect) -> object:
            return flows if isinstance(effect, RunFlow) else recorded(effect)

        ports = engine_ports(self.read(), used, recorder, check, self.command, port_of)
        return Session(ports, self.journals, this_process(), Silent(), StopSignal())

    def command(self, name: str) -> Command[Any]:
        """The shipped command, with a plan that needs no platform."""

        def plan(params: Any, read: object) -> Planned | NoOp:
            del read
            if name == "backfill":
                return Planned((Backfill(1, None),), {"created": 7})
            if name != "flow" or params.name in self.idle:
                return NoOp("there is nothing to do here")
            return Planned((RunFlow(params.name),), {})

        return replace(bootstrap.find_command(name), plan=plan)

    def flow(self, name: str) -> Callable[[object], object]:
        """A flow that passes, unless its name is in `broken`."""

        def play(actor: object) -> object:
            del actor
            self.on_flow(name)
            if name in self.broken:
                raise CheckFailed(f"{name}: planted")
            return {}

        return play

    def roll_out(self, playbook: Playbook | None = None) -> RunReport:
        """Run the shipped local rollout, or another playbook."""
        return self.session().start(
            playbook or bootstrap.playbook("rollout-local"), lambda plan: None
        )

    # --- changes of journals, as a person, a crash or a forger makes them

    def path(self, run_id: str) -> Path:
        """The journal file of a run."""
        return self.home / "journal" / f"{run_id}.ndjson"

    def lines(self, run_id: str) -> Lines:
        """The journal lines of a run."""
        return [json.loads(text) for text in self.path(run_id).read_text().splitlines()]

    def write(self, run_id: str, lines: Lines, *, hashed: bool = True) -> None:
        """Replace a run's journal; with `hashed`, under a valid hash chain."""
        self.path(run_id).parent.mkdir(parents=True, exist_ok=True)
        self.path(run_id).write_text(as_text(chained(lines) if hashed else lines))

    def anchor(self, run_id: str, line: Mapping[str, Any]) -> None:
        """Make this line the run's anchor in `control`."""
        self.forget(run_id)
        self.control.anchor(run_id, line["seq"], line["hash"])

    def forget(self, run_id: str) -> None:
        """Delete the run's anchor from `control`."""
        self.run("DELETE FROM control.journal_head WHERE run_id = %s", run_id)

    def run(self, statement: str, *values: object) -> None:
        """Run a statement as the superuser."""
        with psycopg.connect(self.database.superuser_dsn) as connection:
            connection.execute(statement.encode(), values)

    def report_copy(self, process: str, copy: int, code: str | None) -> None:
        """Write a heartbeat of this copy, with this code digest, into `control`."""
        self.run(
            "INSERT INTO control.service_copy (process, copy, url, version, pid, detail)"
            " VALUES (%s, %s, '', '', 1, %s)",
            process,
            copy,
            json.dumps({"code": code}),
        )


class WorldRead(StillRead):
    """The read port of a world: copies come from data, `control` and evidence are real."""

    def __init__(self, world: World) -> None:
        """Read this world."""
        super().__init__(environment=world.facts)
        self.world = world
        self._link = Link(lambda: world.database.dsn(READER), "the test's control", read_only=True)

    def rows(
        self, query: str, /, *, database: Database = "platform", **values: object
    ) -> list[Row]:
        """Query the real control database, except for heartbeats, which come from the world."""
        if query == "facts_service_copies":
            return [_beat(process) for process in self.world.told]
        if query == "facts_has_revision_table":
            return [{"present": True, "definitions": False, "schema": True}]
        return (
            self._link.rows(query, **values)
            if database == "control"
            else super().rows(query, database=database, **values)
        )

    def copies(self) -> list[Copy]:
        """One running copy of each process of the world."""
        return [Copy(process, 1, "", 1, "running") for process in self.world.told]

    def get(
        self, process: str, path: str, *, copy: int = 1, brand_id: str | None = None
    ) -> HttpAnswer:
        """Answer for a copy; a copy without a code digest times out."""
        code = self.world.told[process]
        if code is None:
            return HttpAnswer(0, None, "timed out")
        loop = {"age_seconds": 0.1, "limit_seconds": 5, "failures": 0, "ok": True}
        loops = {"turns": loop} if process in WORKER_PROCESSES else {}
        return HttpAnswer(200, {"process": process, "code": code, "loops": loops})

    def results(self, suite: str) -> Evidence:
        """The newest evidence of a suite in this world."""
        world = self.world
        sealed, shipped = world.sealed.newest, bootstrap.shipped
        book = EvidenceBook(
            world.facts, world.journals, sealed, self._head, self._known, shipped, world.command
        )
        return book.newest(suite)

    def _known(self, suite: str, commit: str) -> list[str]:
        rows = self.rows("control_runs_that_prove", database="control", suite=suite, commit=commit)
        return [row["run_id"] for row in rows]

    def _head(self, run_id: str) -> tuple[int, str] | None:
        rows = self.rows("control_journal_head", database="control", run_id=run_id)
        return (rows[0]["sequence"], rows[0]["hash"]) if rows else None


def _beat(process: str) -> Row:
    said = {"acknowledged_epoch": 0, "heartbeat_age_ms": 9, "ended": False, "version": "v"}
    return {"process": process, "copy": 1, "url": "", "pid": 1, **said}


Way = Callable[[World], object]
