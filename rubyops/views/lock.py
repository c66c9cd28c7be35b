"""The one lock of an environment: which run holds it, and whether its process still lives."""

from dataclasses import dataclass
from datetime import datetime

from rubyops.ports import Control, LockState
from rubyops.views.view import Item, View


@dataclass(frozen=True)
class LockFacts:
    """The holder of the lock, for a program."""

    run: str
    gone: bool


@dataclass(frozen=True)
class LeaseFacts:
    """The holder of the lock, its fencing token, and its end without a renewal."""

    run: str
    token: int
    gone: bool
    expires_at: datetime


@dataclass(frozen=True)
class LockView(View):
    """The lock; `held` is None where it is free, `resume` the line that goes on with a dead run."""

    schema = "rubyops.lock/v1"
    environment: str
    held: LockState | None

    @property
    def resume(self) -> str | None:
        """The line that goes on with the run of a process that is gone."""
        if self.held is None or not self.held.gone:
            return None
        return f"rubyops runs resume {self.held.run_id} -e {self.environment}"

    @property
    def results(self) -> tuple[Item[LeaseFacts | None]]:
        """The lock alone."""
        held = self.held
        if held is None:
            return (Item("lock", "lock", "noop", "free", None),)
        facts = LeaseFacts(held.run_id, held.token, held.gone, held.expires_at)
        return (Item("lock", "lock", "ok", _since(held), facts),)


def read_lock(environment: str, control: Control) -> LockView:
    """Look at the lock of this environment. Raises `Unreachable`."""
    return LockView(environment, control.lock())


def lock_item(control: Control) -> Item[LockFacts | None]:
    """Show the lock as one part of a larger view. Raises `Unreachable`."""
    held = control.lock()
    if held is None:
        return Item("lock", "lock", "noop", "free", None)
    gone = f"; its process is gone: rubyops runs resume {held.run_id}" if held.gone else ""
    words = f"run {held.run_id} of {held.holder.who} on {held.holder.host}{gone}"
    return Item("lock", "lock", "ok", words, LockFacts(held.run_id, held.gone))


def _since(held: LockState) -> str:
    holder = f"{held.holder.who} on {held.holder.host}, process {held.holder.pid}"
    since = f"{held.acquired_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"run {held.run_id} of {holder}, since {since}, token {held.token}"
