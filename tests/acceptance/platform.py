"""A live platform for acceptance tests.

A test runs the real command line in separate processes, and queries the servers as the superuser.
`front_door` has the calls of the services.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
import redis
from psycopg.rows import dict_row

from rubyops import config
from rubyops.adapters.local.driver import LocalDriver
from rubyops.adapters.local.servers import SUPERUSER
from rubyops.ports import Database
from tests.acceptance.forked import Forked, run_line
from tests.acceptance.front_door import FrontDoor, Player
from tests.acceptance.home import Home
from wallet_runtime.contract.documents import DEFAULT_POLICY_KEY, RUBY_SPLIT_V1
from wallet_runtime.contract.events import PARTITIONS, WALLET_STREAM_PREFIX
from wallet_runtime.contract.freeze import OPEN
from wallet_runtime.contract.processes import PROCESSES, WALLET_SERVICE

RUN_SECONDS_MAX = 180
SETTLE_SECONDS_MAX = 90.0  # a busy machine takes long to deliver the events of eight clients
LOOK_SECONDS = 0.02
SETTLE_LOOK_SECONDS = 0.1  # each of these polls queries both servers and the driver


@dataclass(frozen=True)
class Answer:
    """The result of one rubyops command.

    The exit code, the JSON of stdout (empty after a kill) and the text of stderr.
    """

    code: int
    body: dict[str, Any]
    told: str

    def covered(self) -> set[str]:
        """The ids of the runbook lines that the passed steps cover."""
        return {
            identity
            for row in self.body["results"]
            if row["status"] in ("ok", "noop")
            for identity in row["covers"]
        }

    def step(self, identity: str) -> dict[str, Any]:
        """The result row of one step."""
        (row,) = [row for row in self.body["results"] if row["id"] == identity]
        return dict(row)

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return str(self.body["run"]["id"])


class Live(FrontDoor):
    """One environment of a home: its command line, its servers and its services."""

    def __init__(self, home: Home, name: str) -> None:
        """Load the environment without starting anything."""
        self.home = home
        known = config.load_environments(home.file)[name]
        self.environment = replace(known, home=home.folder / name)
        self.driver = LocalDriver(self.environment)

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.environment.name

    # --- the command line

    def start(self, *words: str, failpoint: str | None = None) -> Forked:
        """Start one rubyops command on this environment."""
        line = (*words, "-e", self.name, "--output", "json")
        return Forked(run_line, line, self.home.environ(failpoint))

    def run(self, *words: str, failpoint: str | None = None) -> Answer:
        """Run one rubyops command on this environment until it ends."""
        return finish(self.start(*words, failpoint=failpoint))

    def done(self, *words: str) -> Answer:
        """Run a command that must exit with 0."""
        answer = self.run(*words)
        assert answer.code == 0, f"{words} ended with {answer.code}: {answer.told}"
        return answer

    @contextmanager
    def paused_before(self, step: str, *words: str) -> Iterator["Paused"]:
        """Run a command until it pauses before `step`.

        A command that still runs when the block ends is killed.
        """
        process = self.start(*words, failpoint=f"pause-before:{step}")
        try:
            wait_until(
                lambda: process.poll() is not None or stands_still(process.pid),
                f"rubyops reaches step {step}",
            )
            assert process.returncode is None, (
                f"{words} ended before it reached step {step}: {finish(process).told}"
            )
            yield Paused(process)
        finally:
            if process.poll() is None:
                process.kill()
                finish(process)

    def journal(self, run_id: str) -> list[dict[str, Any]]:
        """Read a run's journal."""
        text = (self.environment.home / "journal" / f"{run_id}.ndjson").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def newest_run(self) -> str:
        """The id of the newest run."""
        return max(path.stem for path in (self.environment.home / "journal").glob("r-*.ndjson"))

    # --- the servers

    def superuser(self, database: Database = "platform") -> psycopg.Connection[dict[str, Any]]:
        """Connect as the superuser, to plant faults and to read every table."""
        return psycopg.connect(
            self.driver.dsn(SUPERUSER, database), autocommit=True, row_factory=dict_row
        )

    def rows(
        self, statement: str, *values: object, database: Database = "platform"
    ) -> list[dict[str, Any]]:
        """Run a query as the superuser, on a connection that stays open; return its rows."""
        connection = self._connections.get(database)
        if connection is None or connection.closed:
            connection = self._connections[database] = self.superuser(database)
        return connection.execute(statement.encode(), values).fetchall()

    def one(
        self, statement: str, *values: object, database: Database = "platform"
    ) -> dict[str, Any]:
        """Run a query that must return exactly one row."""
        (row,) = self.rows(statement, *values, database=database)
        return row

    @cached_property
    def _connections(self) -> dict[Database, psycopg.Connection[dict[str, Any]]]:
        return {}

    @cached_property
    def streams(self) -> redis.Redis:
        """A Valkey client with the user of the services."""
        return redis.Redis.from_url(self.driver.redis_url())

    def close(self) -> None:
        """Close all connections; the next query or call opens new ones."""
        self._let_go_of_servers()
        super().close()

    def _let_go_of_servers(self) -> None:
        for connection in self.__dict__.pop("_connections", {}).values():
            connection.close()
        if "streams" in self.__dict__:
            self.__dict__.pop("streams").close()

    # --- the platform's state

    def rollings(self, player: Player) -> list[dict[str, Any]]:
        """The player's rollings, from the tables of rolling_service."""
        return self.rows(
            "SELECT rolling_id::text, bucket_type_code, amount, target_turnover, turnover, state "
            "FROM rolling.player_rolling WHERE brand_id = %s AND player_id = %s "
            "ORDER BY rolling_id",
            player.brand_id,
            player.player_id,
        )

    def gate(self) -> dict[str, Any]:
        """The gate row."""
        return self.one("SELECT * FROM wallet.wallet_gate")

    def freezes(self) -> list[str]:
        """The ids of the runs whose freeze layers still exist, oldest first."""
        rows = self.rows(
            "SELECT run_id FROM control.freeze_layer ORDER BY set_at", database="control"
        )
        return [str(row["run_id"]) for row in rows]

    def level(self) -> str:
        """The freeze level in `control`."""
        return str(self.one("SELECT level FROM control.freeze_state", database="control")["level"])

    def activate(self, version: int) -> None:
        """Activate topology and policy `version` of the split seed, unless they are active."""
        gate = self.gate()
        if gate["topology_version"] == version:
            return
        body = {
            "version": version,
            "policy": {"policy_key": DEFAULT_POLICY_KEY, "version": version},
            "from": {
                "topology_code": gate["topology_code"],
                "topology_version": gate["topology_version"],
            },
        }
        path = f"/internal/wallet/topology/{gate['topology_code']}/activate"
        answer = self.as_operator(WALLET_SERVICE, "PUT", path, body)
        assert answer.status_code == 200, answer.text

    def open_with_the_seed(self) -> None:
        """Save the split pair from its seed and activate it, as a rollout does."""
        seeded = self.as_operator(
            WALLET_SERVICE, "POST", "/internal/wallet/topology/seed-ruby-split-v1", {}
        )
        assert seeded.status_code in (200, 201), seeded.text
        wish = {
            "version": 1,
            "policy": {"policy_key": DEFAULT_POLICY_KEY, "version": 1},
            "from": None,
        }
        path = f"/internal/wallet/topology/{RUBY_SPLIT_V1}/activate"
        activated = self.as_operator(WALLET_SERVICE, "PUT", path, wish)
        assert activated.status_code == 200, activated.text

    def make_open(self) -> None:
        """Start stopped copies and lift every freeze, with the commands that an operator uses."""
        if any(copy.state != "running" for copy in self.driver.copies()):
            self.done("up")
        while (freezes := self.freezes()) or self.gate()["freeze_level"] != OPEN:
            self.done("verify")
            self.done("thaw", *(("--take-over", freezes[0]) if freezes else ()))

    def settle_down(self) -> None:
        """Wait until every copy is ready at the level of `control` and no event is pending."""
        wait_until(
            self._is_well, "every process is well and every event is through", SETTLE_LOOK_SECONDS
        )

    def is_green(self, since: datetime | None = None) -> bool:
        """Whether every copy is ready at the level of `control`, by a heartbeat after `since`.

        False if a server does not answer.
        """
        try:
            return self._is_well(events=False, since=since)
        except (psycopg.Error, redis.RedisError):
            self._let_go_of_servers()
            return False

    def _is_well(self, *, events: bool = True, since: datetime | None = None) -> bool:
        # Heartbeats come each second. A dead copy's row stays for a while, so old heartbeats do not
        # count.
        fresh = "ready AND heartbeat_at > greatest(clock_timestamp() - interval '2 seconds', %s)"
        # Tests that open money by SQL do not wait for the copies, so compare each copy's epoch
        # here.
        heard = "acknowledged_epoch = (SELECT epoch FROM control.freeze_state)"
        rows = self.rows(
            f"SELECT process, copy, pid FROM control.service_copy WHERE {fresh} AND {heard}",
            since,
            database="control",
        )
        well = {(row["process"], row["copy"], row["pid"]) for row in rows}
        if len(well) != len(PROCESSES) * self.environment.copies:
            return False
        running = {
            (copy.process, copy.number, copy.pid) for copy in self.driver.copies() if copy.pid
        }
        settled = not events or (self._unpublished() == 0 and self._unread() == 0)
        return running <= well and settled

    def _unpublished(self) -> int:
        tables = ("wallet.wallet_outbox", "rolling.rolling_outbox")
        return sum(
            self.one(f"SELECT count(*) AS left FROM {table} WHERE published_at IS NULL")["left"]
            for table in tables
        )

    def _unread(self) -> int:
        names = [f"{WALLET_STREAM_PREFIX}{number}" for number in range(PARTITIONS)]
        groups = [group for name in names for group in self.streams.xinfo_groups(name)]
        return sum((group["lag"] or 0) + group["pending"] for group in groups)

    def pids(self, process: str) -> list[int]:
        """The process ids of every copy of a process."""
        return [copy.pid for copy in self.driver.copies() if copy.process == process]

    @contextmanager
    def stopped(self, process: str) -> Iterator[None]:
        """Suspend every copy of a process with SIGSTOP until the block ends."""
        pids = self.pids(process)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)


@dataclass(frozen=True)
class Paused:
    """A rubyops command that is paused between two steps while the platform runs."""

    process: Forked

    def go_on(self) -> Answer:
        """Continue the command until it ends."""
        self.process.send_signal(signal.SIGCONT)
        return finish(self.process)


def finish(process: "Forked | subprocess.Popen[str]") -> Answer:
    """Wait until a rubyops command ends, and return its result."""
    out, told = process.communicate(timeout=RUN_SECONDS_MAX)
    assert process.returncode is not None
    return Answer(process.returncode, json.loads(out) if out.strip() else {}, told)


def stands_still(pid: int) -> bool:
    """Whether a process is suspended by SIGSTOP."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def wait_until(holds: Callable[[], bool], what: str, look_seconds: float = LOOK_SECONDS) -> None:
    """Poll until `holds` returns true; fail after `SETTLE_SECONDS_MAX`."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while not holds():
        assert time.monotonic() < deadline, f"not within {SETTLE_SECONDS_MAX:g} s: {what}"
        time.sleep(look_seconds)
