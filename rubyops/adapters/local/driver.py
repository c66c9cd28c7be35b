"""The `local` driver: brings an environment up, takes it down, and tells where everything of it is."""

import fcntl
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from rubyops.adapters.local import binaries, fence_file, keyring, layout, leftovers
from rubyops.adapters.local.keyring import Keyring
from rubyops.adapters.local.layout import (
    POSTGRES,
    VALKEY,
    Platform,
    PostgresServer,
    Program,
    RedisServer,
    copy_name,
    copy_url,
)
from rubyops.adapters.local.liveness import await_live
from rubyops.adapters.local.places import Places
from rubyops.adapters.local.ports import PortBook
from rubyops.adapters.local.programs import VERSION_SECONDS
from rubyops.adapters.local.servers import REDIS_USERS, SERVICES_USER, SUPERUSER, Postgres, Valkey
from rubyops.adapters.local.supervisor import STARTED, Supervisor
from rubyops.adapters.local.waiting import Waiting
from rubyops.errors import LockHeld, NotThere, RubyopsError, Unreachable, UsageError
from rubyops.model.environment import Environment
from rubyops.model.secret import Secret
from rubyops.ports import Copy, CopyNames, Database
from sql.code import code_digest
from wallet_runtime.contract.processes import PROCESSES

SERVER_SECONDS = 30.0
LOOK_SECONDS = 0.1
LOCK_SECONDS = 120.0
NO_TOKEN = 0  # below every token that was ever given
CHECKOUT = Path(__file__).resolve().parents[3]

Progress = Callable[[str], None]


class LocalDriver:
    """One environment on this machine. Making one reads its folder and starts nothing."""

    def __init__(self, environment: Environment) -> None:
        """Find out which servers it lives on. Raises `UsageError` for URLs that are not valid or name others than before."""
        self.environment = environment
        self._home = environment.home
        self._waiting = Waiting()
        self._supervisor = Supervisor(self._home, waiting=self._waiting)
        self._places = Places(environment)

    def listen(self, hear: Callable[[], None], say: Progress) -> None:
        """Ask this at each look of a wait, which it ends by raising, and say what is waited for."""
        self._waiting.hear, self._waiting.say = hear, say

    # --- where everything is

    def dsn(self, role: str, database: Database) -> Secret:
        """Return the connection URL of a role; `Unreachable` when the environment was never brought up."""
        return layout.dsn(self._postgres(), self._keys(), role, database)

    def redis_url(self, user: str = SERVICES_USER) -> Secret:
        """Return the URL of a Redis user: `ruby` does everything, `rubyops_read` only reads, a process has its own."""
        if user not in REDIS_USERS:
            raise RubyopsError(
                f"No Redis user is named {user!r}; known are {', '.join(REDIS_USERS)}."
            )
        valkey = self._redis()
        return Secret(valkey.url(user, self._keys()[keyring.redis_password(user)].reveal()))

    def process_url(self, process: str, copy: int = 1) -> str:
        """Return the address of a copy, whether it runs or not."""
        return copy_url(self._port(copy_name(process, copy)))

    def secret(self, name: str) -> Secret:
        """Return a secret by the name of the environment variable that carries it, such as INTERNAL_SERVICE_TOKEN_RUBYOPS."""
        return self._keys()[name]

    # --- what runs

    def is_up(self) -> bool:
        """Whether the supervisor answers and keeps the servers that are ours running; single processes may be stopped."""
        try:
            states = self._supervisor.states()
        except Unreachable:
            return False
        return all(name in states and states[name].state in STARTED for name in self._places.own)

    def copies(self) -> list[Copy]:
        """List every copy of every process with its state; empty when never brought up.

        `stopped` when the environment was taken down. Raises `Unreachable` when the supervisor does
        not answer and something of the environment lives: nobody knows what runs.
        """
        book = self._book()
        try:
            states = self._supervisor.states()
        except Unreachable as silence:
            self._refuse_unless_down(silence)
            states = {}
        found = []
        for process, number in layout.copy_names(self.environment):
            name = copy_name(process, number)
            port, state = book.remembered(name), states.get(name)
            if port is not None:
                found.append(
                    Copy(
                        process,
                        number,
                        copy_url(port),
                        state.pid if state else 0,
                        state.state if state else "stopped",
                    )
                )
        return found

    # --- changes

    def fence(self) -> int:
        """Return the highest fencing token that the supervisor was given, 0 before the first."""
        return self._supervisor.fence()

    def advance_fence(self, token: int) -> None:
        """Raise the supervisor's fence. Raises `LockLost` when a newer token is there."""
        self._supervisor.advance(token)

    def ensure_up(
        self,
        progress: Progress,
        token: int | None = None,
        restart: CopyNames = (),
    ) -> None:
        """Bring up whatever is not up: servers, schema, passwords, processes. Safe to repeat and safe to run twice at once.

        The copies in `restart`, by process and number, are restarted although they run: what a copy
        loaded is not in the supervisor's configuration, so an unchanged one proves nothing.

        Without a token (`control`, which gives it, may be down) this acts under the one that the
        environment has as this begins: a run that takes the lock meanwhile raises it, and the rest of
        this is refused (ADR 15).
        """
        self._home.mkdir(mode=0o711, parents=True, exist_ok=True)
        began = self.fence()
        held = began if token is None else token
        with self._lock():
            keys, book = self._prepare()
            postgres, valkey = self._servers(book, held)
            servers = layout.server_programs(postgres, valkey)
            platform = Platform(
                self.environment, keys, postgres, valkey, self._copy_ports(book, held), _version()
            )
            self._keep([*servers, *platform.programs()], progress, held)
            progress(f"PostgreSQL on {postgres.where}, Redis on {valkey.where}")
            self._supervisor.start(servers, held)
            superuser = keys[keyring.role_password(SUPERUSER)].reveal()
            postgres.await_ready(superuser, SERVER_SECONDS, self._waiting)
            self._migrate(progress, token, began)
            progress(f"{len(platform.programs())} processes")
            self._stop_copies(restart, progress, held)
            self._supervisor.start(platform.programs(), held)
            services = keys[keyring.redis_password(SERVICES_USER)].reveal()
            valkey.await_ready(services, SERVER_SECONDS, self._waiting)
            self._await_live(platform.programs())
            progress(f"all {len(platform.programs())} answer")

    def migrate(self, progress: Progress, token: int | None) -> None:
        """Bring both databases to the newest schema and every role to its password.

        PostgreSQL must run. Raises `LockLost`.
        """
        self._migrate(progress, token, self.fence())

    def _migrate(self, progress: Progress, token: int | None, began: int) -> None:
        from rubyops.adapters import (
            migrations,
        )  # sqlalchemy and alembic take a second that reading has no use for

        keys = self._keys()
        postgres = self._postgres()
        superuser = postgres.dsn(
            SUPERUSER,
            keys[keyring.role_password(SUPERUSER)].reveal(),
            migrations.MAINTENANCE_DATABASE,
        )
        for which, name in postgres.databases.items():
            migrations.ensure_database(superuser, name)
            before = migrations.current(self.dsn(SUPERUSER, which), which)
            applied = migrations.upgrade(
                self.dsn(SUPERUSER, which), which, token=self._held_in(which, token, began)
            )
            after = migrations.current(self.dsn(SUPERUSER, which), which)
            progress(
                f"schema of {which} at {', '.join(after)}"
                + ("" if before == after else f" (was {', '.join(before) or 'empty'})")
                + (f", with new {', '.join(applied)}" if applied else "")
            )
        migrations.provision_passwords(
            superuser,
            {role: keys[keyring.role_password(role)].reveal() for role in keyring.LOGIN_ROLES},
        )

    def down(self, token: int | None = None) -> bool:
        """Stop processes, then Valkey, then PostgreSQL, and whatever a dead supervisor left; return whether anything ran.

        Servers that were named by URL are somebody else's: they run on, with everything of this environment in them.
        Without a token this acts under the one that the environment has as this begins, as `ensure_up`
        does: a platform whose `control` does not answer must come down all the same. Raises `LockLost`,
        and then stops nothing.
        """
        if not self._home.exists():
            return False
        held = self.fence() if token is None else token
        with self._lock():
            return self._down(held)

    def start(self, processes: Sequence[str], token: int | None) -> None:
        """Start every copy of these processes and wait until each answers; `Unreachable` when the environment is not up."""
        programs = self._programs(processes)
        self._supervisor.start(programs, token or NO_TOKEN)
        self._await_live(programs)

    def stop(self, processes: Sequence[str], token: int | None) -> None:
        """Stop every copy of these processes; the supervisor does not bring them back until they are started."""
        self._supervisor.stop(self._programs(processes), token or NO_TOKEN)

    # --- the parts

    def _held_in(self, which: Database, token: int | None, began: int) -> int | None:
        """Return the token that holds each revision of a database, None where it has no fence yet.

        Without a token, the database's own is used, if the supervisor's has not been raised since:
        a takeover raises the supervisor's first.
        """
        from rubyops.adapters import migrations

        present = migrations.present_token(self.dsn(SUPERUSER, which), which)
        if token is None:
            fence_file.confirm(self._home / "supervisor", began)
        return token if present is not None and token is not None else present

    def _down(self, held: int) -> bool:
        ran = self._supervisor.shutdown(held)
        ran = leftovers.end_leftovers(self._home) > 0 or ran
        # A supervisor that was ended by force leaves its pid file, which would say "not down".
        self._supervisor_pid.unlink(missing_ok=True)
        return ran

    @property
    def _supervisor_pid(self) -> Path:
        return self._home / "supervisor" / "supervisord.pid"

    def _refuse_unless_down(self, silence: Unreachable) -> None:
        """Raise `Unreachable` where anything of this environment lives.

        A socket that is gone stops no process. A supervisor takes its pid file away when it ends
        in order; one that is left behind counts where no process can be looked at.
        """
        alive = leftovers.alive(self._home)
        if not alive and (leftovers.can_look() or not self._supervisor_pid.exists()):
            return
        name, pids = self.environment.name, ", ".join(map(str, alive))
        living = f"{len(alive)} programs of it live (pids {pids})"
        if not alive:
            living = "it was not taken down"
        raise Unreachable(
            f"The driver of {name} does not answer, so nobody knows which copies run: "
            f"{silence.message} Yet {living}. "
            f"`rubyops up -e {name}` ends them and starts everything anew.",
            next_command=f"rubyops up -e {name}",
        ) from silence

    def _prepare(self) -> tuple[Keyring, PortBook]:
        for folder in ("logs", "journal", "exports", "results"):
            (self._home / folder).mkdir(mode=0o700, exist_ok=True)
        keys = Keyring(self._home / "secrets.json")
        if keys.empty and (self._places.known or (self._home / POSTGRES / "PG_VERSION").exists()):
            raise RubyopsError(
                f"{self._home} has databases but secrets.json, which has their passwords, is gone. "
                f"Put it back, or remove {self._home} to begin anew without its data."
            )
        keys.complete()
        return keys, self._book()

    def _servers(self, book: PortBook, held: int) -> tuple[PostgresServer, RedisServer]:
        """Make the servers that are ours, and move into those that are not."""
        running, keys = self._running(held), self._keys()
        postgres: PostgresServer
        valkey: RedisServer
        if self._places.postgres is None:
            bins = binaries.runnable_postgres_bin(self._home.parent)
            postgres = Postgres(
                bins, self._home / POSTGRES, book.usable(POSTGRES, ours=POSTGRES in running)
            )
            postgres.create(keys[keyring.role_password(SUPERUSER)].reveal())
        else:
            postgres = self._places.postgres
            postgres.accept(
                {role: keys[keyring.role_password(role)].reveal() for role in keyring.LOGIN_ROLES}
            )
        if self._places.redis is None:
            valkey = Valkey(
                binaries.valkey_server(),
                self._home / VALKEY,
                book.usable(VALKEY, ours=VALKEY in running),
            )
        else:
            valkey = self._places.redis
        valkey.configure(
            {user: keys[keyring.redis_password(user)].reveal() for user in REDIS_USERS}
        )
        self._places.remember()
        return postgres, valkey

    def _copy_ports(self, book: PortBook, held: int) -> dict[str, int]:
        running = self._running(held)
        names = [copy_name(process, copy) for process, copy in layout.copy_names(self.environment)]
        return {name: book.usable(name, ours=name in running) for name in names}

    def _running(self, held: int) -> set[str]:
        """Name the programs that the supervisor runs; without one, whatever it left behind is ended first."""
        if not self._supervisor.is_alive():
            self._down(held)
            return set()
        return {name for name, state in self._supervisor.states().items() if state.pid}

    def _keep(self, programs: list[Program], progress: Progress, held: int) -> None:
        """Have a supervisor with exactly these programs: one with others (a port or the code's version changed) makes room."""
        wanted = self._supervisor.configuration(programs, CHECKOUT)
        if self._supervisor.is_alive():
            if self._supervisor.is_configured(wanted):
                return
            progress("settings or version changed: everything is restarted")
            self._down(held)
        self._supervisor.launch(wanted)

    def _stop_copies(self, copies: CopyNames, progress: Progress, held: int) -> None:
        """Stop these copies where they still run; none does once everything was restarted."""
        states = self._supervisor.states()
        names = [copy_name(process, number) for process, number in copies]
        running = [name for name in names if name in states and states[name].pid]
        if running:
            progress(f"restarting {', '.join(running)}")
            self._supervisor.stop([_platform_program(name) for name in running], held)

    def _programs(self, processes: Sequence[str]) -> list[Program]:
        unknown = [process for process in processes if process not in PROCESSES]
        if unknown:
            raise UsageError(
                f"No process is named {', '.join(map(repr, unknown))}; known are {', '.join(PROCESSES)}."
            )
        wanted = [
            (process, copy)
            for process, copy in layout.copy_names(self.environment)
            if process in processes
        ]
        return [_platform_program(copy_name(process, copy)) for process, copy in wanted]

    def _await_live(self, programs: Sequence[Program]) -> None:
        urls = {program.name: copy_url(self._port(program.name)) for program in programs}
        await_live(self._supervisor, self._home, urls, self._waiting)

    def _book(self) -> PortBook:
        return PortBook(self._home / "ports.json")

    def _keys(self) -> Keyring:
        return Keyring(self._home / "secrets.json")

    def _postgres(self) -> PostgresServer:
        if self._places.postgres is None:
            return Postgres(Path(), self._home / POSTGRES, self._port(POSTGRES))
        if not self._places.known:
            raise self._never_up(POSTGRES)
        return self._places.postgres

    def _redis(self) -> RedisServer:
        if self._places.redis is None:
            return Valkey(Path(), self._home / VALKEY, self._port(VALKEY))
        if not self._places.known:
            raise self._never_up(VALKEY)
        return self._places.redis

    def _port(self, name: str) -> int:
        port = self._book().remembered(name)
        if port is None:
            raise self._never_up(name)
        return port

    def _never_up(self, name: str) -> NotThere:
        wanted = f"rubyops up -e {self.environment.name}"
        return NotThere(
            f"Environment {self.environment.name!r} has no {name}: it was never brought up.",
            next_command=wanted,
        )

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Let one process at a time bring this environment up or down."""
        with (self._home / "up.lock").open("w") as file:

            def taken() -> bool:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return False
                return True

            name = repr(self.environment.name)
            what = f"another rubyops, which starts or stops {name}"
            if not self._waiting.until(taken, LOCK_SECONDS, what, LOOK_SECONDS):
                words = f"Another rubyops has been starting or stopping {name}"
                raise LockHeld(f"{words} for {LOCK_SECONDS:g} s. See that it goes on, then repeat.")
            yield


def _platform_program(name: str) -> Program:
    """Name a kept copy to the supervisor, which knows its command line already."""
    return Program(name, layout.PLATFORM_GROUP, 30, (), {})


def _version() -> str:
    """Name the code that the processes run: the package's version, its commit, its files' digest.

    The digest is what matters: with another one everything is restarted, also where the commit has
    the same name.
    """
    command = ["git", "-C", str(CHECKOUT), "rev-parse", "--short=12", "HEAD"]
    try:
        commit = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=VERSION_SECONDS
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        commit = ""
    try:
        package = metadata.version("rubyops")
    except metadata.PackageNotFoundError:
        package = "0"
    named = f"{package}+{commit}" if commit else package
    return f"{named}.{code_digest()[:12]}"
