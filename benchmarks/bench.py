"""The parts that every benchmark shares: a new PostgreSQL server, pgbench, and printed ratios."""

import os
import re
import secrets
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from rubyops.adapters import migrations
from rubyops.adapters.local import binaries
from rubyops.adapters.local.ports import PortBook
from rubyops.adapters.local.servers import POSTGRES_ENVIRONMENT, SUPERUSER, Postgres

PLATFORM, REFERENCE, CONTROL = "ruby", "reference", "control"
SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB", "max_connections": "100"}
_TPS = re.compile(r"tps = ([0-9.]+)")


@dataclass(frozen=True)
class Bench:
    """A running server with both migrated databases, and a third database for pgbench's tables."""

    postgres: Postgres
    password: str

    def dsn(self, database: str = PLATFORM) -> str:
        """Return the superuser's URL of a database."""
        return self.postgres.dsn(SUPERUSER, self.password, database)

    def execute(self, script: str) -> None:
        """Run SQL statements in the platform database as the superuser."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(script.encode())

    def pgbench(self, *arguments: str, database: str) -> float:
        """Run pgbench and return its transactions per second."""
        command = [str(self.postgres.bin_dir / "pgbench"), *arguments, self.dsn(database)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        found = _TPS.search(done.stdout)
        if (
            done.returncode
            or found is None
            or "number of failed transactions: 0 " not in done.stdout
        ):
            sys.exit(f"pgbench did not do what was asked:\n{done.stdout}\n{done.stderr}")
        return float(found[1])


@contextmanager
def server(scale: int) -> Iterator[Bench]:
    """Start a PostgreSQL server with all databases. Stop it and delete its data at the end.

    `scale` is the scale factor of pgbench's tables.
    """
    folder = Path(tempfile.mkdtemp(prefix="rubyops-bench-"))
    folder.chmod(0o711)
    password = secrets.token_hex(8)
    port = PortBook(folder / "ports.json").usable("postgres")
    postgres = Postgres(binaries.runnable_postgres_bin(folder), folder / "postgres", port, SETTINGS)
    bench = Bench(postgres, password)
    control = [
        str(postgres.bin_dir / "pg_ctl"),
        "-D",
        str(postgres.data),
        "-l",
        str(postgres.data / "server.log"),
    ]
    try:
        postgres.create(password)
        options = shlex.join(postgres.command()[3:])
        started = [*control, "start", "-W", "-o", options]
        environment = {**os.environ, **POSTGRES_ENVIRONMENT}
        subprocess.run(
            started,
            user=postgres.user,
            cwd="/",
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        postgres.await_ready(password, 30)
        for name in (PLATFORM, REFERENCE, CONTROL):
            migrations.ensure_database(bench.dsn("postgres"), name)
        migrations.upgrade(bench.dsn(), "platform")
        migrations.upgrade(bench.dsn(CONTROL), "control")
        subprocess.run(
            [str(postgres.bin_dir / "pgbench"), "-i", "-q", "-s", str(scale), bench.dsn(REFERENCE)],
            check=True,
            capture_output=True,
        )
        yield bench
    finally:
        subprocess.run(
            [*control, "stop", "-m", "immediate"],
            user=postgres.user,
            cwd="/",
            check=False,
            stdout=subprocess.DEVNULL,
        )
        shutil.rmtree(folder, ignore_errors=True)


def compare(
    name: str,
    rounds: int,
    reference: Callable[[], float],
    measured: Callable[[], float],
    least: float | None = None,
) -> bool:
    """Measure both rates `rounds` times, in alternating order. Print each ratio and the median.

    Returns whether the median is at least `least`.
    """
    ratios = []
    for number in range(rounds):
        first = reference() if number % 2 == 0 else None
        value = measured()
        base = first if first is not None else reference()
        ratios.append(value / base)
        print(
            f"  {name} {number + 1}: {value:,.0f}/s against {base:,.0f}/s = {ratios[-1]:.2f}",
            flush=True,
        )
    median = statistics.median(ratios)
    bound = (
        ""
        if least is None
        else f", at least {least:.2f} wanted: {'ok' if median >= least else 'BELOW'}"
    )
    print(
        f"{name}: median {median:.2f} "
        f"(spread {min(ratios):.2f} to {max(ratios):.2f}, {rounds} pairs){bound}",
        flush=True,
    )
    return least is None or median >= least
