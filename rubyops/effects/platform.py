"""Start, stop and migrate the processes of an environment."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from rubyops.effects.base import Doubt, Effect, EffectContext, Outcome, Traits
from rubyops.ports import CopyNames, EffectIdentity, Read


class PlatformPort(Protocol):
    """Starts and stops processes, and migrates databases. Raises `LockLost`, `Unreachable`."""

    def start_all(
        self, identity: EffectIdentity, progress: Callable[[str], None], restart: CopyNames
    ) -> None:
        """Start servers and processes that do not run, and migrate; restart the named copies."""

    def stop(self, identity: EffectIdentity, processes: Sequence[str]) -> None:
        """Stop every copy of these processes."""

    def start(self, identity: EffectIdentity, processes: Sequence[str]) -> None:
        """Start every copy of these processes."""

    def migrate(self, identity: EffectIdentity) -> dict[str, object]:
        """Bring both databases to the newest schema; return the revision of each."""


@dataclass(frozen=True)
class StartPlatform(Effect[PlatformPort]):
    """Start servers, apply migrations and start every process that is not running (local driver).

    `restart` names copies, by process and number, that are restarted although they run.
    """

    restart: tuple[tuple[str, int], ...] = ()

    traits = Traits(changes_platform=True, mild=True, starts_platform=True, renews_lock=True)

    def describe(self) -> str:
        """Name the copies that are restarted."""
        names = ", ".join(f"{process} copy {number}" for process, number in self.restart)
        start = "start the servers, migrate, and start every process that is not running"
        return f"{start}; restart {names}" if names else start

    def carry_out(self, port: PlatformPort, context: EffectContext) -> Outcome:
        """Start everything."""
        port.start_all(context.identity, context.progress, self.restart)
        return Outcome("ok", "every process runs", {"copies": len(context.read.copies())})


@dataclass(frozen=True)
class StopProcesses(Effect[PlatformPort]):
    """Stop these processes, every copy of each."""

    processes: tuple[str, ...]

    traits = Traits(changes_platform=True)

    def describe(self) -> str:
        """Name the processes."""
        return f"stop {', '.join(self.processes)}"

    def carry_out(self, port: PlatformPort, context: EffectContext) -> Outcome:
        """Stop the processes."""
        port.stop(context.identity, self.processes)
        return Outcome("ok", f"stopped {', '.join(self.processes)}")

    def in_doubt(self, read: Read) -> Doubt:
        """Return applied if copies exist and none of them runs."""
        copies = [copy for copy in read.copies() if copy.process in self.processes]
        stopped = bool(copies) and not any(copy.pid for copy in copies)
        return "applied" if stopped else "not applied"


@dataclass(frozen=True)
class StartProcesses(Effect[PlatformPort]):
    """Start these processes, every copy of each."""

    processes: tuple[str, ...]

    traits = Traits(changes_platform=True)

    def describe(self) -> str:
        """Name the processes."""
        return f"start {', '.join(self.processes)}"

    def carry_out(self, port: PlatformPort, context: EffectContext) -> Outcome:
        """Start the processes."""
        port.start(context.identity, self.processes)
        return Outcome("ok", f"started {', '.join(self.processes)}")


@dataclass(frozen=True)
class Migrate(Effect[PlatformPort]):
    """Bring both databases to the newest schema."""

    traits = Traits(changes_platform=True, renews_lock=True)

    def describe(self) -> str:
        """Name the migration."""
        return "bring both databases to the newest schema"

    def carry_out(self, port: PlatformPort, context: EffectContext) -> Outcome:
        """Migrate both databases."""
        return Outcome("ok", "schema is current", port.migrate(context.identity))
