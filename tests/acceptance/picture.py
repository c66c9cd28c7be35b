"""Takes pictures of all stored data of an environment, to show that a dry-run changed nothing.

PostgreSQL's log shows in addition how each transaction of rubyops began.
"""

import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rubyops.adapters.local.servers import SUPERUSER
from rubyops.ports import Database
from tests.acceptance.platform import Live, wait_until

# Columns that the running platform changes by itself, with the reason. Every other column of these
# tables is compared.
CHANGED_BY_THE_PLATFORM = {
    "control.service_copy": {
        "heartbeat_at",
        "detail",
    },  # each copy's heartbeat, with the age of its loops' last turns
    "rolling.rolling_consumer": {"seen_at"},  # the consumer's heartbeat
    "rolling.rolling_partition": {"expires_at"},  # the consumer renews its leases
    "wallet.wallet_outbox_partition": {
        "compared_at",
        "applied_no",
    },  # every two seconds the publisher reads which events are applied
    "wallet.wallet_counter_fold": {
        "folded_below"
    },  # the wallet folds its counters each minute, up to the newest transaction
}
# Entries of an environment's folder that are not compared. A dry-run writes its own journal. The
# servers rewrite their files for the columns above, and their data is compared as tables and
# streams. The processes log each request.
NOT_COMPARED = ("journal", "postgres", "valkey", "logs")
ROLES = ("rubyops_read", "rubyops_ops", SUPERUSER)
LOGGED = re.compile(
    r" (?P<role>\w+)@\w+ LOG:  duration: \S+ ms  (?:statement|execute [^:]*): (?P<words>.*)$",
    re.MULTILINE,
)
LOG_SECONDS = 0.5


@dataclass(frozen=True)
class Picture:
    """Hashes of every table, sequence and file of the environments, and the streams."""

    tables: dict[str, str]
    streams: dict[str, list[Any]]
    files: dict[str, str]

    def differences(self, other: "Picture") -> list[str]:
        """The names of all tables, streams and files that differ."""
        pairs = (
            (self.tables, other.tables),
            (self.streams, other.streams),
            (self.files, other.files),
        )
        return sorted(
            name
            for one, two in pairs
            for name in {*one, *two}
            if dict(one).get(name) != dict(two).get(name)
        )


def folded(live: Live) -> Picture:
    """Fold the wallet's counters, then take a picture.

    The wallet's own fold, once a minute, then finds nothing to change.
    """
    with live.superuser() as connection:
        connection.execute("SELECT wallet.fold_counters()")
    return take(live)


def take(live: Live) -> Picture:
    """Take a picture of the current state."""
    tables: dict[str, str] = {}
    for database in ("platform", "control"):
        tables |= _tables(live, database)
    return Picture(tables, _streams(live), _files(live.home.folder))


def _tables(live: Live, database: Database) -> dict[str, str]:
    columns: dict[str, list[str]] = {}
    for row in live.rows(
        "SELECT n.nspname || '.' || c.relname AS name, a.attname AS attribute "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "JOIN pg_attribute a ON a.attrelid = c.oid "
        "WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped "
        "AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' "
        "ORDER BY 1, a.attnum",
        database=database,
    ):
        if row["attribute"] not in CHANGED_BY_THE_PLATFORM.get(row["name"], ()):
            columns.setdefault(row["name"], []).append(f'"{row["attribute"]}"')
    hashes = {
        name: live.one(
            f"SELECT count(*) || ' ' || coalesce(md5(string_agg(line, '' ORDER BY line)), '')"
            f" AS hash FROM (SELECT md5(ROW({', '.join(listed)})::text) AS line FROM {name})"
            " AS lines",
            database=database,
        )["hash"]
        for name, listed in columns.items()
    }
    sequences = live.rows(
        "SELECT schemaname || '.' || sequencename AS name, last_value FROM pg_sequences",
        database=database,
    )
    return {**hashes, **{row["name"]: str(row["last_value"]) for row in sequences}}


def _streams(live: Live) -> dict[str, list[Any]]:
    seen: dict[str, list[Any]] = {}
    for key in live.streams.scan_iter():
        if live.streams.type(key) == b"stream":
            groups = [
                {name: group[name] for name in ("name", "pending", "last-delivered-id")}
                for group in live.streams.xinfo_groups(key)
            ]
            seen[f"stream {key.decode()}"] = [live.streams.xlen(key), groups]
        else:
            seen[f"key {key.decode()}"] = [live.streams.dump(key)]
    return seen


def _files(home: Path) -> dict[str, str]:
    """The mode, time and hash of every file of all environments, except those in `NOT_COMPARED`."""
    found = {}
    for folder, folders, names in os.walk(home):
        inside = Path(folder).relative_to(home)
        if len(inside.parts) == 1:
            folders[:] = [name for name in folders if name not in NOT_COMPARED]
        for name in [*names, *folders]:
            path = Path(folder) / name
            content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            found[str(inside / name)] = (
                f"{path.lstat().st_mode:o} {path.lstat().st_mtime_ns} {content}"
            )
    return found


@dataclass
class ServerLog:
    """The roles that new sessions used, and the statements that began their transactions."""

    roles: set[str] = field(default_factory=set)
    begun: set[str] = field(default_factory=set)


@contextmanager
def server_log(live: Live) -> Iterator[ServerLog]:
    """Make PostgreSQL log every statement of each role that rubyops can use.

    This applies to sessions that begin within the block. The log is read when the block ends.
    """
    log, path = ServerLog(), live.environment.home / "logs" / "postgres.log"
    before = path.stat().st_size
    with live.superuser() as connection:
        for role in ROLES:
            connection.execute(f"ALTER ROLE {role} SET log_min_duration_statement = 0".encode())
        try:
            yield log
        finally:
            for role in ROLES:
                connection.execute(f"ALTER ROLE {role} RESET log_min_duration_statement".encode())
    # The supervisor writes the log file with a delay. The file is complete when it stops growing.
    wait_until(lambda: _is_still(path), "the server's log is written")
    logged = list(LOGGED.finditer(path.read_bytes()[before:].decode()))
    log.roles = {match["role"] for match in logged}
    log.begun = {
        match["words"] for match in logged if match["words"].startswith(("BEGIN", "START"))
    }


def _is_still(path: Path) -> bool:
    size = path.stat().st_size
    time.sleep(LOG_SECONDS)
    return path.stat().st_size == size
