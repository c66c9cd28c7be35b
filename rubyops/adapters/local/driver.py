"""The `local` driver: starts and stops an environment, and returns the addresses of its parts."""

from collections.abc import Callable, Sequence

from rubyops.adapters.driver import Driver
from rubyops.adapters.local import fence_file, keyring, layout
from rubyops.adapters.local.addresses import Addresses
from rubyops.adapters.local.layout import Platform, Program, copy_name, copy_url, kept_copy
from rubyops.adapters.local.liveness import await_live
from rubyops.adapters.local.preparation import prepare
from rubyops.adapters.local.process_keeper import ProcessKeeper, Progress
from rubyops.adapters.local.servers import SERVICES_USER, SUPERUSER
from rubyops.adapters.local.supervisor import STARTED, ProgramState, Supervisor
from rubyops.adapters.local.up_lock import up_lock
from rubyops.adapters.local.waiting import Waiting
from rubyops.errors import Unreachable, UsageError
from rubyops.model.environment import Environment
from rubyops.model.secret import Secret
from rubyops.ports import Copy, CopyNames, Database
from wallet_runtime.contract.processes import PROCESSES

SERVER_SECONDS = 30.0
NO_TOKEN = 0  # lower than every real token


class LocalDriver:
    """Drives one environment on this machine. The constructor reads its folder, starts nothing."""

    def __init__(self, environment: Environment) -> None:
        """Find the servers. Raises `UsageError` for an invalid URL, or a change of the server."""
        self.environment = environment
        self._home = environment.home
        self._waiting = Waiting()
        self._addresses = Addresses(environment)
        self._supervisor = Supervisor(self._home, waiting=self._waiting)
        self._keeper = ProcessKeeper(environment, self._supervisor)

    def listen(self, hear: Callable[[], None], say: Progress) -> None:
        """Call `hear` between the polls of a wait. `hear` may raise to end it. `say` gets text."""
        self._waiting.hear, self._waiting.say = hear, say

    # --- addresses and secrets

    def dsn(self, role: str, database: Database) -> Secret:
        """Return the connection URL of a role. Raises `NotThere` before the first `up`."""
        return self._addresses.dsn(role, database)

    def redis_url(self, user: str = SERVICES_USER) -> Secret:
        """Return the URL of a Redis user.

        `ruby` may do everything, and `rubyops_read` may only read. Each process has a user of its
        own.
        """
        return self._addresses.redis_url(user)

    def process_url(self, process: str, copy: int = 1) -> str:
        """Return the address of a copy, whether it runs or not."""
        return copy_url(self._addresses.port(copy_name(process, copy)))

    def secret(self, name: str) -> Secret:
        """Return a secret by its environment variable, such as INTERNAL_SERVICE_TOKEN_RUBYOPS."""
        return self._addresses.keys()[name]

    # --- states

    def is_up(self) -> bool:
        """Whether the supervisor answers and the environment's own servers run.

        Processes do not count: some of them may be stopped on purpose.
        """
        try:
            states = self._supervisor.states()
        except Unreachable:
            return False
        own = self._addresses.locations.own
        return all(name in states and states[name].state in STARTED for name in own)

    def copies(self) -> list[Copy]:
        """List every copy of every process with its state; empty before the first `up`.

        The state is `stopped` after `down`. Raises `Unreachable` when the supervisor does not
        answer but a program of the environment runs, because the states are unknown then.
        """
        book, states = self._addresses.ports(), self._keeper.states()
        found = []
        for process, number in layout.copy_names(self.environment):
            name = copy_name(process, number)
            port = book.remembered(name)
            if port is not None:
                found.append(_copy(process, number, port, states.get(name)))
        return found

    # --- changes

    def fence(self) -> int:
        """Return the highest fencing token that the supervisor was given, 0 before the first."""
        return self._supervisor.fence()

    def advance_fence(self, token: int) -> None:
        """Raise the supervisor's fence. Raises `LockLost` when the fence has a higher token."""
        self._supervisor.advance(token)

    def ensure_up(
        self,
        progress: Progress,
        token: int | None = None,
        restart: CopyNames = (),
    ) -> None:
        """Start every part that does not run: servers, schema, passwords, processes. Idempotent.

        The copies in `restart` (process, number) are restarted even when they run, because the
        supervisor cannot see which code a copy has loaded.

        `control` gives the tokens, and may be down. Without a token the start uses the token that
        the environment has at the beginning. A run that takes the lock meanwhile raises the fence,
        and the supervisor then refuses the remaining steps (ADR 15).
        """
        self._home.mkdir(mode=0o711, parents=True, exist_ok=True)
        began = self.fence()
        held = began if token is None else token
        with up_lock(self.environment, self._waiting):
            platform = prepare(self._addresses, lambda: self._keeper.running(held))
            programs = [*platform.servers(), *platform.programs()]
            self._keeper.keep(programs, progress, held)
            self._start_servers(platform, progress, held)
            self._migrate(progress, token, began)
            self._start_processes(platform, restart, progress, held)

    def migrate(self, progress: Progress, token: int | None) -> None:
        """Migrate both databases to the newest schema, and set the password of every role.

        PostgreSQL must run. Raises `LockLost`.
        """
        self._migrate(progress, token, self.fence())

    def down(self, token: int | None = None) -> bool:
        """Stop processes, Valkey, PostgreSQL, then orphans; return whether anything ran.

        External servers keep running, with the environment's data. A platform must come down even
        when `control` does not answer and gives no token. The stop then uses the token that the
        environment has at the beginning. Raises `LockLost`, and then stops nothing.
        """
        if not self._home.exists():
            return False
        held = self.fence() if token is None else token
        with up_lock(self.environment, self._waiting):
            return self._keeper.down(held)

    def start(self, processes: Sequence[str], token: int | None) -> None:
        """Start every copy of these processes and wait until each answers. Raises `Unreachable`."""
        programs = self._programs(processes)
        self._supervisor.start(programs, token or NO_TOKEN)
        self._await_live(programs)

    def stop(self, processes: Sequence[str], token: int | None) -> None:
        """Stop every copy of these processes. The supervisor does not restart a stopped copy."""
        self._supervisor.stop(self._programs(processes), token or NO_TOKEN)

    # --- parts of the changes

    def _start_servers(self, platform: Platform, progress: Progress, held: int) -> None:
        progress(f"PostgreSQL on {platform.postgres.where}, Redis on {platform.valkey.where}")
        self._supervisor.start(platform.servers(), held)
        superuser = platform.keys[keyring.role_password(SUPERUSER)].reveal()
        platform.postgres.await_ready(superuser, SERVER_SECONDS, self._waiting)

    def _start_processes(
        self, platform: Platform, restart: CopyNames, progress: Progress, held: int
    ) -> None:
        processes = platform.programs()
        progress(f"{len(processes)} processes")
        self._keeper.stop_copies(restart, progress, held)
        self._supervisor.start(processes, held)
        self._await_redis(platform)
        self._await_live(processes)
        progress(f"all {len(processes)} answer")

    def _await_redis(self, platform: Platform) -> None:
        password = platform.keys[keyring.redis_password(SERVICES_USER)].reveal()
        platform.valkey.await_ready(password, SERVER_SECONDS, self._waiting)

    def _migrate(self, progress: Progress, token: int | None, began: int) -> None:
        """Migrate, and set the passwords of the roles. `began` is the fence at the beginning."""
        from rubyops.adapters.schema import SchemaUpkeep

        upkeep = SchemaUpkeep(
            self._superuser_dsn,
            self._addresses.postgres().databases,
            lambda: fence_file.confirm(self._home / "supervisor", began),
        )
        upkeep.bring_to_newest(progress, token)
        upkeep.provision_passwords(self._addresses.keys().role_passwords())

    def _superuser_dsn(self, database: str) -> Secret:
        password = self._addresses.keys()[keyring.role_password(SUPERUSER)].reveal()
        return Secret(self._addresses.postgres().dsn(SUPERUSER, password, database))

    def _programs(self, processes: Sequence[str]) -> list[Program]:
        _refuse_unknown(processes)
        names = layout.copy_names(self.environment)
        return [kept_copy(copy_name(*name)) for name in names if name[0] in processes]

    def _await_live(self, programs: Sequence[Program]) -> None:
        urls = {program.name: copy_url(self._addresses.port(program.name)) for program in programs}
        await_live(self._supervisor, self._home, urls, self._waiting)


def _copy(process: str, number: int, port: int, state: ProgramState | None) -> Copy:
    pid, word = (state.pid, state.state) if state else (0, "stopped")
    return Copy(process, number, copy_url(port), pid, word)


def _refuse_unknown(processes: Sequence[str]) -> None:
    unknown = [process for process in processes if process not in PROCESSES]
    if unknown:
        raise UsageError(
            f"No process is named {', '.join(map(repr, unknown))}; "
            f"known are {', '.join(PROCESSES)}."
        )


def connect(environment: Environment) -> Driver:
    """Make the driver of an environment."""
    return LocalDriver(environment)
