"""The one place where adapters, commands, checks and playbooks are put together. Nothing connects before it is asked to.

Adapters that bring a driver are imported when an environment is opened: completion and `--help` of every line come here too.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import playbooks
from rubyops import config
from rubyops.adapters.checkout import name_commit
from rubyops.adapters.driver import Driver
from rubyops.adapters.host import this_process
from rubyops.adapters.journal_file import JournalFolder
from rubyops.adapters.local import binaries
from rubyops.adapters.results import SealedResults
from rubyops.engine.journal.evidence import EvidenceBook
from rubyops.engine.playbook import Library, load_playbook, suggest
from rubyops.engine.report import Reporter, Silent
from rubyops.engine.session import Session
from rubyops.engine.stop import StopSignal
from rubyops.engine.tools import EnginePorts, Flow
from rubyops.errors import UsageError
from rubyops.model.environment import Environment
from rubyops.model.finding import Finding
from rubyops.model.freeze import FreezeTruth
from rubyops.model.step import COMMAND_LINE, Check, Command, Playbook, Step
from rubyops.ports import Database, EnvironmentFacts, HttpAnswer
from rubyops.registry import CHECKS, COMMANDS, PLAYBOOKS
from sql.code import code_digest

if TYPE_CHECKING:
    from rubyops.adapters.control import ControlDatabase
    from rubyops.adapters.read import Reader


@dataclass(frozen=True)
class EnvironmentServices:
    """Everything of one environment that the command line works with."""

    environment: Environment
    driver: Driver
    reader: "Reader"
    control: "ControlDatabase"
    journals: JournalFolder
    tools: EnginePorts

    def session(self, reporter: Reporter, stop: StopSignal) -> Session:
        """Return the front door of the engine."""
        self.reader.listen(stop.raise_if_set)
        self.driver.listen(stop.raise_if_set, reporter.note)
        return Session(self.tools, self.journals, this_process(), reporter, stop)

    def ask(self, process: str, path: str, body: Mapping[str, object]) -> HttpAnswer:
        """POST a question that changes nothing, such as the validation of a document."""
        from rubyops.adapters.http import CallClient, encode

        client = CallClient(self.driver)
        return client.send(process, "POST", path, client.operator_headers(None), encode(body))


def open_environment(name: str | None) -> EnvironmentServices:
    """Wire the named environment, `local` when none is named. Raises `UsageError`."""
    from rubyops.adapters.bounded import Patience
    from rubyops.adapters.control import ControlDatabase
    from rubyops.adapters.database import Link
    from rubyops.adapters.local.driver import LocalDriver
    from rubyops.adapters.operate import ROLE, Operator
    from rubyops.adapters.read import Reader
    from rubyops.adapters.suites import PytestSuites

    environment = config.environment(name)
    driver = LocalDriver(environment)
    facts = EnvironmentFacts(
        environment.name,
        environment.topology,
        environment.copies,
        environment.seed_players,
        commit(),
        code_digest(),
    )
    journals = JournalFolder(environment.home / "journal")
    results = sealed_results(config.results_home())

    def head(run_id: str) -> tuple[int, str] | None:
        # Asked as the reader: a dry-run weighs evidence, too.
        rows = reader.rows("control_journal_head", database="control", run_id=run_id)
        return (rows[0]["sequence"], rows[0]["hash"]) if rows else None

    def known(suite: str, commit: str) -> list[str]:
        rows = reader.rows(
            "control_runs_that_prove", database="control", suite=suite, commit=commit
        )
        return [row["run_id"] for row in rows]

    evidence = EvidenceBook(facts, journals, results.newest, head, known, shipped, find_command)
    # A server that was late once is asked shortly by every link, so that bounds do not add up.
    patience: dict[Database, Patience] = {"platform": Patience(), "control": Patience()}
    reader = Reader(facts, driver, evidence.newest, patience)

    def link(name: Database, words: str) -> Link:
        where = f"the {words} of {environment.name}"
        return Link(lambda: driver.dsn(ROLE, name), where, patience=patience[name])

    control = ControlDatabase(link("control", "control database"))
    platform = link("platform", "database")
    operator = Operator(
        driver,
        platform,
        reader,
        environment.home / "exports",
        PytestSuites(config.CHECKOUT, results),
    )

    def check(name: str) -> Finding:
        return find_check(name).run(reader)

    freezing = import_module("checks._freeze")
    state = import_module("checks._state")
    locks = import_module("checks._locks")

    def whose(found: FreezeTruth) -> list[str]:
        return [freezing.whose(layer) for layer in found.layers]

    tools = EnginePorts(
        reader,
        control,
        operator,
        check,
        find_command,
        find_flow,
        reader.proof,
        freeze=lambda: freezing.truth(reader),
        whose=whose,
        state=lambda: state.platform_state(reader),
        holding=lambda table: locks.held_by(reader, table),
    )
    return EnvironmentServices(environment, driver, reader, control, journals, tools)


def quiet_session(toolkit: EnvironmentServices) -> Session:
    """Return the engine's front door for looking only."""
    return toolkit.session(Silent(), StopSignal())


def server_programs() -> str:
    """Say where PostgreSQL and Valkey are. Raises `UsageError` when one of them is not to be found."""
    return f"PostgreSQL {binaries.postgres_bin()}, Valkey {binaries.valkey_server()}"


def find_command(name: str) -> Command[Any]:
    """Import a command by its name. Raises `UsageError`."""
    _known(name, COMMANDS, "command")
    found: Command[Any] = import_module(COMMANDS[name].place).COMMAND
    return found


def find_check(name: str) -> Check:
    """Import a check by its name. Raises `UsageError`."""
    _known(name, CHECKS, "check")
    found: Check = import_module(CHECKS[name].place).CHECK
    return found


def find_flow(name: str) -> Flow:
    """Return a flow by its name. Raises `UsageError`."""
    flows: Mapping[str, Flow] = import_module("commands.flows").FLOWS
    _known(name, flows, "flow")
    return flows[name]


def library() -> Library:
    """Return the names that a playbook may use."""
    return Library(tuple(COMMANDS), tuple(CHECKS), find_command, find_check)


def playbook(name: str, given: Mapping[str, str] | None = None) -> Playbook:
    """Load a playbook that comes with rubyops by its name, or any file by its path."""
    return load_playbook(playbook_path(name), library(), given)


def playbook_path(name: str) -> Path:
    """Return the file of a playbook, by name or path. Raises `UsageError`."""
    if name.endswith((".yaml", ".yml")) or os.sep in name:
        return Path(name)
    _known(name, PLAYBOOKS, "playbook")
    return Path(str(playbooks.__file__)).parent / PLAYBOOKS[name].place


def shipped(name: str, given: Mapping[str, str]) -> Playbook:
    """Load a playbook by the name under which it ships, and no file of somebody's own."""
    _known(name, PLAYBOOKS, "playbook")
    return playbook(name, given)


def single_step(name: str, params: object) -> Playbook:
    """Make the playbook of one step that a command typed by hand is."""
    step = Step(name, find_command(name).summary, "command", name, params, (), 0)
    return Playbook(name, step.title, "task", (step,), {}, COMMAND_LINE)


def _known(name: str, table: Mapping[str, object], what: str) -> None:
    if name not in table:
        raise UsageError(
            f"there is no {what} {name!r}{suggest(name, list(table))} (known: {', '.join(table)})"
        )


@cache
def commit() -> str:
    """Name the commit of this checkout, as it was when this process first asked.

    See `name_commit`.
    """
    return _commit_now()


def sealed_results(home: Path) -> SealedResults:
    """Open the sealed results of this checkout.

    One is kept only while the files are still the same.
    """
    return SealedResults(home, commit(), code_digest(), lambda: (_commit_now(), code_digest()))


def _commit_now() -> str:
    return name_commit(config.CHECKOUT, config.results_home().parent)
