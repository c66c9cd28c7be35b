"""supervisord, called over a unix socket: its start, its states, and orders with fencing tokens."""

import hashlib
import http.client
import os
import signal
import sys
import xmlrpc.client
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rubyops.adapters.bounded import Patience, Watch, within
from rubyops.adapters.durable import replace_state
from rubyops.adapters.local import fence_file, orphans
from rubyops.adapters.local.layout import Program, log_file
from rubyops.adapters.local.programs import run_program
from rubyops.adapters.local.socket_transport import SocketTransport
from rubyops.adapters.local.supervisor_config import STOP_SECONDS, render
from rubyops.adapters.local.waiting import Waiting
from rubyops.errors import LockLost, Refused, RubyopsError, TimedOut, Unreachable
from wallet_runtime.contract.variables import FAILPOINT_VARIABLE

# The kernel allows 107 bytes. supervisord first binds a temporary name, which is longer.
SOCKET_PATH_LIMIT = 90
ANSWER_SECONDS = 5.0  # an order does not wait until its program has started or ended
START_SECONDS = 15.0
SHUTDOWN_SECONDS = 45.0
POLL_SECONDS = 0.05
STARTED = ("running", "starting", "backoff")
SHUTTING_DOWN, ALREADY_STARTED, NOT_RUNNING = 6, 60, 70
# The only variables of the shell that the programs of the environment inherit.
INHERITED = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    FAILPOINT_VARIABLE,
)


class _ShuttingDown(Unreachable):
    """The supervisor is stopping all programs, and refuses every order."""


@dataclass(frozen=True)
class ProgramState:
    """The state of a program as the supervisor reports it; `pid` is 0 when it does not run."""

    name: str
    state: str
    pid: int


class Supervisor:
    """Starts, queries and stops the supervisor of the environment in `home`."""

    def __init__(
        self,
        home: Path,
        answer_seconds: float = ANSWER_SECONDS,
        waiting: Waiting | None = None,
    ) -> None:
        """Use the files in `home`; nothing is started."""
        self._home = home
        self._waiting = waiting or Waiting()
        self._answer_seconds = answer_seconds
        self._patience = Patience()
        self._folder = home / "supervisor"
        self._config = self._folder / "supervisord.conf"
        self._pid_file = self._folder / "supervisord.pid"
        self._socket = _socket_path(self._folder)

    def is_alive(self) -> bool:
        """Whether the supervisor runs and answers."""
        try:
            self._call("supervisor.getState")
        except Unreachable:
            return False
        return True

    def is_configured(self, text: str) -> bool:
        """Whether the configuration file of the supervisor has exactly this text."""
        return self._config.exists() and self._config.read_bytes() == text.encode()

    def configuration(self, programs: Sequence[Program], directory: Path) -> str:
        """Return supervisord's configuration for `programs`, which run in `directory`."""
        return render(programs, self._home, directory, self._socket)

    def launch(self, text: str) -> None:
        """Start supervisord as a daemon with this configuration. Its programs are not started."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        replace_state(self._config, text)
        _run_supervisord(self._config)
        log = log_file(self._home, "supervisord")
        otherwise = f"supervisord did not answer on {self._socket}; see {log}"
        self._wait(self.is_alive, START_SECONDS, "supervisord", otherwise)

    def states(self) -> dict[str, ProgramState]:
        """Return the state of every program by name. Raises `Unreachable`."""
        listed = self._call("supervisor.getAllProcessInfo")
        return {
            info["name"]: ProgramState(info["name"], info["statename"].lower(), int(info["pid"]))
            for info in listed
        }

    def fence(self) -> int:
        """Return the highest fencing token that was given here, 0 without one."""
        return fence_file.present(self._folder)

    def advance(self, token: int) -> None:
        """Raise the fence, even if no supervisor runs. Raises `LockLost` for a lower token."""
        try:
            self._fenced("advance", token)
        except Unreachable:
            fence_file.advance(self._folder, token)

    def start(self, programs: Iterable[Program], token: int) -> None:
        """Order the start of the programs that do not run, without waiting. Raises `LockLost`."""
        states = self.states()
        for program in programs:
            if states[program.name].state not in STARTED:
                self._order("startProcess", token, program.full_name, ALREADY_STARTED)

    def stop(self, programs: Sequence[Program], token: int) -> None:
        """Stop all these programs at the same time, and wait until they have ended.

        A program that does not end within 10 s is killed. Raises `LockLost`; the programs without
        an order keep running.
        """
        for program in programs:
            self._order("stopProcess", token, program.full_name, NOT_RUNNING)
        self._await_ends({program.name for program in programs})

    def _await_ends(self, names: set[str]) -> None:
        listed = ", ".join(sorted(names))

        def all_ended() -> bool:
            return not any(state.pid for name, state in self.states().items() if name in names)

        otherwise = f"not every one of {listed} could be stopped"
        self._wait(all_ended, STOP_SECONDS + 5, f"the end of {listed}", otherwise)

    def shutdown(self, token: int) -> bool:
        """Stop every program, then the supervisor; return whether a supervisor ran.

        A supervisor that does not answer is ended by signals. Raises `LockLost` in both cases.
        """
        fence_file.confirm(self._folder, token)
        pid = orphans.pid_in(self._pid_file, str(self._config))
        if pid is None:
            return False
        self._order_shutdown(pid, token)
        self._await_end(pid)
        return True

    def _order_shutdown(self, pid: int, token: int) -> None:
        try:
            self._fenced("shutdown", token)
        except _ShuttingDown:
            pass  # an earlier call has begun the shutdown
        except Unreachable:
            fence_file.confirm(self._folder, token)
            orphans.end({pid: signal.SIGTERM})

    def _await_end(self, pid: int) -> None:
        what = "the supervisor, which stops processes, then Valkey, then PostgreSQL"
        if not self._waiting.until(
            lambda: not orphans.is_alive(pid), SHUTDOWN_SECONDS, what, POLL_SECONDS
        ):
            orphans.end({pid: signal.SIGKILL})

    def _wait(self, holds: Callable[[], bool], seconds: float, what: str, otherwise: str) -> None:
        if not self._waiting.until(holds, seconds, what, POLL_SECONDS):
            raise TimedOut(f"{otherwise} (waited {seconds:g} s).")

    def _order(self, verb: str, token: int, name: str, harmless: int) -> None:
        try:
            self._fenced(verb, token, name)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != harmless:
                raise RubyopsError(
                    f"The supervisor refused {verb} of {name}: {fault.faultString}. "
                    f"See {self._home / 'logs'}."
                ) from fault

    def _fenced(self, verb: str, token: int, *arguments: str) -> None:
        try:
            self._call(f"rubyops.{verb}", str(token), *arguments)
        except xmlrpc.client.Fault as fault:
            refusal = _refusal(fault)
            if refusal is None:
                raise
            raise refusal from fault

    def _call(self, verb: str, *arguments: Any) -> Any:
        watch = Watch(self._patience.seconds(self._answer_seconds), self._late)
        try:
            answer = within(watch, lambda: self._ask(watch, verb, arguments), lambda _: None)
        except xmlrpc.client.Fault as fault:
            self._patience.doubts = False  # the supervisor has answered
            if fault.faultCode == SHUTTING_DOWN:
                raise _ShuttingDown(f"The supervisor of {self._home} is shutting down.") from fault
            raise
        self._patience.doubts = False
        return answer

    def _late(self, seconds: float) -> Exception:
        self._patience.doubts = True
        message = f"The supervisor of {self._home} did not answer within {seconds:g} s."
        return Unreachable(message, next_command="rubyops doctor")

    def _ask(self, watch: Watch, verb: str, arguments: tuple[Any, ...]) -> Any:
        with closing(SocketTransport(self._socket, watch.left + 1)) as transport:
            proxy = xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=transport)
            try:
                return getattr(proxy, verb)(*arguments)
            except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as fault:
                raise self._silent(fault) from fault

    def _silent(self, fault: Exception) -> Unreachable:
        reason = fault or type(fault).__name__
        return Unreachable(f"The supervisor of {self._home} does not answer: {reason}.")


def _refusal(fault: xmlrpc.client.Fault) -> RubyopsError | None:
    """Return the error for a refusal of the fence, None for any other fault."""
    if fault.faultCode == fence_file.OVERTAKEN:
        return LockLost(fault.faultString, next_command="rubyops lock show")
    return Refused(fault.faultString) if fault.faultCode == fence_file.REFUSED else None


def _socket_path(folder: Path) -> Path:
    wanted = folder / "supervisor.sock"
    if len(os.fsencode(wanted)) <= SOCKET_PATH_LIMIT:
        return wanted
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return _private_folder() / f"{name}.sock"


def _private_folder() -> Path:
    """Make a folder of this user with a short path. Raises `RubyopsError` for a foreign folder."""
    private = _runtime_folder() / f"rubyops-{os.geteuid()}"
    private.mkdir(mode=0o700, exist_ok=True)
    if private.lstat().st_uid != os.geteuid() or private.is_symlink():
        raise RubyopsError(
            f"{private} belongs to somebody else. Set RUBYOPS_HOME to a folder with a short path."
        )
    return private


def _runtime_folder() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    usable = runtime and Path(runtime).is_dir() and len(runtime) < SOCKET_PATH_LIMIT // 2
    return Path(runtime) if usable else Path("/tmp")


def _run_supervisord(config: Path) -> None:
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(config)]
    environ = {name: os.environ[name] for name in INHERITED if name in os.environ}
    started = run_program(command, START_SECONDS, env=environ)
    if started.returncode != 0:
        raise RubyopsError(
            f"supervisord did not start: {(started.stderr or started.stdout).strip()[-600:]}"
        )
