"""Creates the adapters and the engine's ports for one environment.

Connections are opened at their first use. This module imports every adapter, so `bootstrap` imports
it only when an environment is opened, and not for `--help`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any

from rubyops import config
from rubyops.adapters.access import Access, WalletRules
from rubyops.adapters.bounded import Patience
from rubyops.adapters.control import ControlDatabase
from rubyops.adapters.database import Link
from rubyops.adapters.driver import Driver
from rubyops.adapters.fence import EnvironmentFence
from rubyops.adapters.host import this_process
from rubyops.adapters.http import CallClient, encode
from rubyops.adapters.journal_file import JournalFolder
from rubyops.adapters.read import Reader
from rubyops.adapters.results import SealedResults
from rubyops.adapters.suites import PytestSuites
from rubyops.effects.base import AnyEffect
from rubyops.effects.flow import Flow
from rubyops.engine.engine_ports import EnginePorts
from rubyops.engine.journal.evidence import EvidenceBook
from rubyops.engine.report import Reporter
from rubyops.engine.session import Session
from rubyops.model.environment import Environment
from rubyops.model.finding import Finding
from rubyops.model.recorded import Evidence
from rubyops.model.step import Check, Command, Playbook
from rubyops.ports import Database, EnvironmentFacts, HttpAnswer
from rubyops.readings import freeze, locks
from rubyops.registry import DRIVERS, EFFECTS
from rubyops.stop_signal import StopSignal

OPERATORS_ROLE = "rubyops_ops"


@dataclass(frozen=True)
class Names:
    """Functions that find a command, check, flow or playbook by name, or raise `UsageError`."""

    command: Callable[[str], Command[Any]]
    check: Callable[[str], Check]
    flow: Callable[[str], Flow]
    shipped: Callable[[str, Mapping[str, str]], Playbook]


@dataclass(frozen=True)
class EnvironmentServices:
    """The objects of one environment that the command line uses."""

    environment: Environment
    driver: Driver
    reader: Reader
    control: ControlDatabase
    journals: JournalFolder
    access: Access
    ports: EnginePorts

    @property
    def rules(self) -> WalletRules:
        """The questions about the wallet that adapters and the command line share."""
        return self.access.rules

    def session(self, reporter: Reporter, stop: StopSignal) -> Session:
        """Return an engine session; waits of reader and driver also check `stop`."""
        self.reader.listen(stop.raise_if_set)
        self.driver.listen(stop.raise_if_set, reporter.note)
        return Session(self.ports, self.journals, this_process(), reporter, stop)

    def ask(self, process: str, path: str, body: Mapping[str, object]) -> HttpAnswer:
        """POST a request that changes nothing, such as the validation of a document."""
        client = self.access.client
        return client.send(process, "POST", path, client.operator_headers(None), encode(body))


@dataclass(frozen=True)
class EffectPorts:
    """The ports of the families of effects, each created at its first use."""

    access: Access
    _made: dict[str, object] = field(default_factory=dict)

    def of(self, effect: AnyEffect) -> object:
        """Return the port of an effect's family."""
        place = type(effect).__module__
        if place not in self._made:
            self._made[place] = import_module(_adapter_of(place)).connect(self.access)
        return self._made[place]


def _adapter_of(place: str) -> str:
    return next(family.adapter for family in EFFECTS.values() if family.place == place)


def connect_driver(environment: Environment) -> Driver:
    """Create the driver of the environment."""
    driver: Driver = import_module(DRIVERS[environment.driver]).connect(environment)
    return driver


def wire(
    environment: Environment, facts: EnvironmentFacts, results: SealedResults, names: Names
) -> EnvironmentServices:
    """Create all objects of an environment."""
    driver = connect_driver(environment)
    journals = JournalFolder(environment.home / "journal")
    # The links to one server share a `Patience`: after one of them met a timeout, all of them use
    # short timeouts, so that the waits do not add up.
    patience: dict[Database, Patience] = {"platform": Patience(), "control": Patience()}
    reader = _reader(facts, driver, patience, journals, results, names)

    of = environment.name
    access = Access(
        driver,
        _link(driver, "platform", f"the database of {of}", patience),
        ControlDatabase(_link(driver, "control", f"the control database of {of}", patience)),
        reader,
        CallClient(driver),
        PytestSuites(config.CHECKOUT, results),
        environment.home / "exports",
        names.flow,
        _wallet_rules(reader),
    )
    ports = _engine_ports(access, reader, names)
    return EnvironmentServices(environment, driver, reader, access.control, journals, access, ports)


def _link(
    driver: Driver, database: Database, words: str, patience: Mapping[Database, Patience]
) -> Link:
    return Link(lambda: driver.dsn(OPERATORS_ROLE, database), words, patience=patience[database])


def _reader(
    facts: EnvironmentFacts,
    driver: Driver,
    patience: Mapping[Database, Patience],
    journals: JournalFolder,
    results: SealedResults,
    names: Names,
) -> Reader:
    """Create the reader, and the evidence book that reads `control` through it."""

    def newest(suite: str) -> Evidence:
        return evidence.newest(suite)

    reader = Reader(facts, driver, newest, patience)
    evidence = EvidenceBook(
        facts,
        journals,
        results.newest,
        partial(_anchor, reader),
        partial(_runs_that_prove, reader),
        names.shipped,
        names.command,
    )
    return reader


def _anchor(reader: Reader, run_id: str) -> tuple[int, str] | None:
    # The read-only role is used, because a dry-run evaluates evidence, too.
    rows = reader.rows("control_journal_head", database="control", run_id=run_id)
    return (rows[0]["sequence"], rows[0]["hash"]) if rows else None


def _runs_that_prove(reader: Reader, suite: str, commit: str) -> list[str]:
    proving = {"suite": suite, "commit": commit}
    rows = reader.rows("control_runs_that_prove", database="control", **proving)
    return [row["run_id"] for row in rows]


def _wallet_rules(reader: Reader) -> WalletRules:
    """Bind the rules about the wallet to the reader."""
    state = import_module("checks._state")
    return WalletRules(
        truth=lambda: freeze.truth(reader),
        whose=lambda found: [freeze.whose(layer) for layer in found.layers],
        state=lambda: state.platform_state(reader),
        holding=lambda table: locks.held_by(reader, table),
        fence_tables=(locks.FENCE, locks.GATE),
        outbox_table=locks.OUTBOX,
    )


def _engine_ports(access: Access, reader: Reader, names: Names) -> EnginePorts:
    def check(name: str) -> Finding:
        return names.check(name).run(reader)

    fence = EnvironmentFence(access.driver, access.platform, access.rules)
    guard = import_module("commands._money_guard").MoneyGuard(
        fence.has_money, check, lambda: access.control.freeze().level
    )
    return EnginePorts(
        reader,
        access.control,
        fence,
        EffectPorts(access).of,
        check,
        names.command,
        guard,
        reader.proof,
        access.rules.truth,
    )
