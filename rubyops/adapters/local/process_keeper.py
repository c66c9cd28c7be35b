"""Starts and stops the supervisor of an environment, and programs that outlived the supervisor."""

from collections.abc import Callable

from rubyops.adapters.local import code_version, orphans
from rubyops.adapters.local.layout import Program, copy_name, kept_copy
from rubyops.adapters.local.supervisor import ProgramState, Supervisor
from rubyops.errors import Unreachable
from rubyops.model.environment import Environment
from rubyops.ports import CopyNames

Progress = Callable[[str], None]


class ProcessKeeper:
    """Keeps the programs of one environment running. Each change takes a fencing token."""

    def __init__(self, environment: Environment, supervisor: Supervisor) -> None:
        """Use this supervisor, which need not run."""
        self._environment = environment
        self._home = environment.home
        self._pid_file = self._home / "supervisor" / "supervisord.pid"
        self.supervisor = supervisor

    def states(self) -> dict[str, ProgramState]:
        """Return the state of each program by name; empty when the environment is down.

        Raises `Unreachable` when the supervisor does not answer but a program still runs.
        """
        try:
            return self.supervisor.states()
        except Unreachable as silence:
            self._refuse_unless_down(silence)
            return {}

    def running(self, token: int) -> set[str]:
        """Return the names of the running programs. First ends orphans of a dead supervisor."""
        if not self.supervisor.is_alive():
            self.down(token)
            return set()
        return {name for name, state in self.supervisor.states().items() if state.pid}

    def keep(self, programs: list[Program], progress: Progress, token: int) -> None:
        """Ensure that a supervisor runs with exactly these programs.

        A supervisor with another configuration is stopped and replaced. Its ports or the version of
        the code have changed.
        """
        wanted = self.supervisor.configuration(programs, code_version.CHECKOUT)
        if self.supervisor.is_alive():
            if self.supervisor.is_configured(wanted):
                return
            progress("settings or version changed: everything is restarted")
            self.down(token)
        self.supervisor.launch(wanted)

    def stop_copies(self, copies: CopyNames, progress: Progress, token: int) -> None:
        """Stop the copies among these that run. After a restart of everything none of them runs."""
        states = self.supervisor.states()
        names = [copy_name(process, number) for process, number in copies]
        running = [name for name in names if name in states and states[name].pid]
        if running:
            progress(f"restarting {', '.join(running)}")
            self.supervisor.stop([kept_copy(name) for name in running], token)

    def down(self, token: int) -> bool:
        """Stop the supervisor with its programs, then orphans; return whether anything ran."""
        ran = self.supervisor.shutdown(token)
        ran = orphans.end_orphans(self._home) > 0 or ran
        # A killed supervisor leaves its pid file behind. The file would count as a sign of life.
        self._pid_file.unlink(missing_ok=True)
        return ran

    def _refuse_unless_down(self, silence: Unreachable) -> None:
        """Raise `Unreachable` when a program of this environment runs.

        A missing socket does not show that all programs have ended. On a machine without /proc the
        pid file decides, because a supervisor that ends in order removes the file.
        """
        alive = orphans.alive(self._home)
        if not alive and (orphans.can_look() or not self._pid_file.exists()):
            return
        name = self._environment.name
        raise Unreachable(
            f"The driver of {name} does not answer, so nobody knows which copies run: "
            f"{silence.message} Yet {_living(alive)}. "
            f"`rubyops up -e {name}` ends them and starts everything anew.",
            next_command=f"rubyops up -e {name}",
        ) from silence


def _living(pids: list[int]) -> str:
    if not pids:
        return "it was not taken down"
    return f"{len(pids)} programs of it live (pids {', '.join(map(str, pids))})"
