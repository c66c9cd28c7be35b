"""supervisord over its unix socket: its configuration, its start, and the few questions and orders that the driver has."""

import hashlib
import http.client
import os
import shlex
import signal
import socket
import sys
import xmlrpc.client
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rubyops.adapters.bounded import Patience, Watch, within
from rubyops.adapters.durable import replace_state
from rubyops.adapters.local import fence_file, leftovers
from rubyops.adapters.local.layout import Program, log_file
from rubyops.adapters.local.programs import run_program
from rubyops.adapters.local.waiting import Waiting
from rubyops.errors import LockLost, Refused, RubyopsError, TimedOut, Unreachable
from wallet_runtime.contract.variables import FAILPOINT_VARIABLE

SOCKET_PATH_LIMIT = (
    90  # the kernel takes 107 bytes, and supervisord binds a longer temporary name first
)
ANSWER_SECONDS = 5.0  # orders too: none of them waits for what it starts or stops
START_SECONDS = 15.0
STOP_SECONDS = 10  # for each program
SHUTDOWN_SECONDS = 45.0
LOOK_SECONDS = 0.05
STARTED = ("running", "starting", "backoff")
SHUTTING_DOWN, ALREADY_STARTED, NOT_RUNNING = 6, 60, 70
# Faults of our own interface (fenced_rpc.py), which only supervisord imports.
OVERTAKEN, REFUSED = 901, 902
FENCED = "rubyops.adapters.local.fenced_rpc:make_interface"
# What a kept program may inherit from the shell that happened to start the supervisor.
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
    """The supervisor was told to stop everything, and takes no order any more."""


@dataclass(frozen=True)
class ProgramState:
    """A kept program as the supervisor sees it; `pid` is 0 when it does not run."""

    name: str
    state: str
    pid: int


class Supervisor:
    """The supervisor of the environment in `home`."""

    def __init__(
        self,
        home: Path,
        answer_seconds: float = ANSWER_SECONDS,
        waiting: Waiting | None = None,
    ) -> None:
        """Look at `home`; nothing is started."""
        self._home = home
        self._waiting = waiting or Waiting()
        self._answer_seconds = answer_seconds
        self._patience = Patience()
        self._folder = home / "supervisor"
        self._config = self._folder / "supervisord.conf"
        self._pid_file = self._folder / "supervisord.pid"
        self._socket = _socket_path(self._folder)

    def is_alive(self) -> bool:
        """Whether it runs and answers."""
        try:
            self._call("supervisor.getState")
        except Unreachable:
            return False
        return True

    def is_configured(self, text: str) -> bool:
        """Whether the running supervisor was started with exactly this configuration."""
        return self._config.exists() and self._config.read_bytes() == text.encode()

    def configuration(self, programs: Sequence[Program], directory: Path) -> str:
        """Render supervisord's configuration for `programs`, which run in `directory`."""
        sections = [
            self._own_sections(),
            *(_program_section(program, self._home, directory) for program in programs),
        ]
        for group in dict.fromkeys(program.group for program in programs):
            members = [program for program in programs if program.group == group]
            lines = [
                f"[group:{group}]",
                f"programs={','.join(program.name for program in members)}",
                f"priority={members[0].priority}",
            ]
            sections.append("\n".join(lines))
        return "\n\n".join(sections) + "\n"

    def launch(self, text: str) -> None:
        """Start supervisord as a daemon with this configuration; none of its programs is started yet."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        replace_state(self._config, text)
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._config)]
        environ = {name: os.environ[name] for name in INHERITED if name in os.environ}
        started = run_program(command, START_SECONDS, env=environ)
        if started.returncode != 0:
            raise RubyopsError(
                f"supervisord did not start: {(started.stderr or started.stdout).strip()[-600:]}"
            )
        log = log_file(self._home, "supervisord")
        otherwise = f"supervisord did not answer on {self._socket}; see {log}"
        self._wait(self.is_alive, START_SECONDS, "supervisord", otherwise)

    def states(self) -> dict[str, ProgramState]:
        """Return every kept program by its name; `Unreachable` when the supervisor does not answer."""
        listed = self._call("supervisor.getAllProcessInfo")
        return {
            info["name"]: ProgramState(info["name"], info["statename"].lower(), int(info["pid"]))
            for info in listed
        }

    def fence(self) -> int:
        """Return the highest fencing token that was given here, 0 where there was none."""
        return fence_file.present(self._folder)

    def advance(self, token: int) -> None:
        """Raise the fence, also where no supervisor runs. Raises `LockLost` for a lower token."""
        try:
            self._fenced("advance", token)
        except Unreachable:
            fence_file.advance(self._folder, token)

    def start(self, programs: Iterable[Program], token: int) -> None:
        """Start those that do not run; returns at once. Raises `LockLost`."""
        states = self.states()
        for program in programs:
            if states[program.name].state not in STARTED:
                self._order("startProcess", token, program.full_name, ALREADY_STARTED)

    def stop(self, programs: Sequence[Program], token: int) -> None:
        """Stop all of them at the same time and wait until each has ended, at most 10 s, then by force.

        Raises `LockLost`; those that were not stopped before run on.
        """
        for program in programs:
            self._order("stopProcess", token, program.full_name, NOT_RUNNING)
        names = {program.name for program in programs}
        told = ", ".join(sorted(names))
        self._wait(
            lambda: not any(state.pid for name, state in self.states().items() if name in names),
            STOP_SECONDS + 5,
            f"the end of {told}",
            f"not every one of {told} could be stopped",
        )

    def shutdown(self, token: int) -> bool:
        """Stop every program, then the supervisor itself; return whether there was one.

        Ends it by force when it does not answer. Raises `LockLost` whether or not it answers.
        """
        fence_file.confirm(self._folder, token)
        pid = leftovers.pid_in(self._pid_file, str(self._config))
        if pid is None:
            return False
        try:
            self._fenced("shutdown", token)
        except _ShuttingDown:
            pass  # an earlier order, whose end nobody waited for
        except Unreachable:
            fence_file.confirm(self._folder, token)
            leftovers.end({pid: signal.SIGTERM})
        what = "the supervisor, which stops processes, then Valkey, then PostgreSQL"
        self._waiting.until(
            lambda: not leftovers.is_alive(pid),
            SHUTDOWN_SECONDS,
            what,
            LOOK_SECONDS,
        )
        leftovers.end({pid: signal.SIGKILL} if leftovers.is_alive(pid) else {})
        return True

    def _wait(self, holds: Callable[[], bool], seconds: float, what: str, otherwise: str) -> None:
        if not self._waiting.until(holds, seconds, what, LOOK_SECONDS):
            raise TimedOut(f"{otherwise} (waited {seconds:g} s).")

    def _order(self, verb: str, token: int, name: str, harmless: int) -> None:
        try:
            self._fenced(verb, token, name)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != harmless:
                raise RubyopsError(
                    f"The supervisor refused {verb} of {name}: {fault.faultString}. See {self._home / 'logs'}."
                ) from fault

    def _fenced(self, verb: str, token: int, *arguments: str) -> None:
        try:
            self._call(f"rubyops.{verb}", str(token), *arguments)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode == OVERTAKEN:
                raise LockLost(fault.faultString, next_command="rubyops lock show") from fault
            if fault.faultCode == REFUSED:
                raise Refused(fault.faultString) from fault
            raise

    def _call(self, verb: str, *arguments: Any) -> Any:
        watch = Watch(self._patience.seconds(self._answer_seconds), self._late)
        try:
            answer = within(watch, lambda: self._ask(watch, verb, arguments), lambda _: None)
        except xmlrpc.client.Fault as fault:
            self._patience.doubts = False  # a refusal is an answer
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
        with closing(_Transport(self._socket, watch.left + 1)) as transport:
            proxy = xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=transport)
            try:
                return getattr(proxy, verb)(*arguments)
            except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as fault:
                raise Unreachable(
                    f"The supervisor of {self._home} does not answer: {fault or type(fault).__name__}."
                ) from fault

    def _own_sections(self) -> str:
        user = ["user=root"] if os.geteuid() == 0 else []
        supervisord = [
            "[supervisord]",
            f"logfile={_literal(log_file(self._home, 'supervisord'))}",
            "logfile_maxbytes=5MB",
            "logfile_backups=1",
            f"pidfile={_literal(self._pid_file)}",
            f"childlogdir={_literal(self._home / 'logs')}",
            *user,
        ]
        server = ["[unix_http_server]", f"file={_literal(self._socket)}", "chmod=0700"]
        interface = [
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
        ]
        fenced = [
            "[rpcinterface:rubyops]",
            f"supervisor.rpcinterface_factory = {FENCED}",
            f"fence_folder = {_literal(self._folder)}",
        ]
        return "\n\n".join(
            "\n".join(section) for section in (supervisord, server, interface, fenced)
        )


def _program_section(program: Program, home: Path, directory: Path) -> str:
    variables = ",".join(
        f'{name}="{_literal(value)}"' for name, value in program.environment.items()
    )
    lines = [
        f"[program:{program.name}]",
        f"command={_literal(shlex.join(program.command))}",
        f"directory={_literal(directory)}",
        *([f"environment={variables}"] if variables else []),
        *([f"user={program.user}"] if program.user else []),
        "autostart=false",
        "autorestart=true",
        "startsecs=1",
        "startretries=10",
        f"stopsignal={program.stop_signal}",
        f"stopwaitsecs={STOP_SECONDS}",
        "redirect_stderr=true",
        f"stdout_logfile={_literal(log_file(home, program.name))}",
        "stdout_logfile_maxbytes=20MB",
        "stdout_logfile_backups=2",
    ]
    return "\n".join(lines)


def _literal(value: object) -> str:
    return str(value).replace("%", "%%")


def _socket_path(folder: Path) -> Path:
    wanted = folder / "supervisor.sock"
    if len(os.fsencode(wanted)) <= SOCKET_PATH_LIMIT:
        return wanted
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    base = (
        Path(runtime)
        if runtime and Path(runtime).is_dir() and len(runtime) < SOCKET_PATH_LIMIT // 2
        else Path("/tmp")
    )
    private = base / f"rubyops-{os.geteuid()}"
    private.mkdir(mode=0o700, exist_ok=True)
    if private.lstat().st_uid != os.geteuid() or private.is_symlink():
        raise RubyopsError(
            f"{private} belongs to somebody else. Set RUBYOPS_HOME to a folder with a short path."
        )
    return private / f"{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}.sock"


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__()
        self._path = path
        self._seconds = seconds

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = _Connection(self._path, self._seconds)
        self._connection = (host, connection)  # what close() closes
        return connection
