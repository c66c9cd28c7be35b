"""The lock of an environment: which run holds it, and whether the run's process still lives."""

from dataclasses import dataclass
from datetime import datetime

from rubyops.ports import Control, LockState
from rubyops.views.view import Item, View


@dataclass(frozen=True)
class LockFacts:
    """The run that holds the lock; `gone` when its process has ended."""

    run: str
    gone: bool


@dataclass(frozen=True)
class LeaseFacts:
    """The run that holds the lock, its fencing token, and the end of its lease."""

    run: str
    token: int
    gone: bool
    expires_at: datetime


@dataclass(frozen=True)
class LockView(View):
    """The lock of an environment; `held` is None while the lock is free."""

    schema = "rubyops.lock/v1"
    environment: str
    held: LockState | None

    @property
    def resume(self) -> str | None:
        """The command that resumes the run of an ended process, None in other cases."""
        if self.held is None or not self.held.gone:
            return None
        return f"rubyops runs resume {self.held.run_id} -e {self.environment}"

    @property
    def results(self) -> tuple[Item[LeaseFacts | None]]:
        """One item for the lock."""
        held = self.held
        if held is None:
            return (Item("lock", "lock", "noop", "free", None),)
        facts = LeaseFacts(held.run_id, held.token, held.gone, held.expires_at)
        return (Item("lock", "lock", "ok", _since(held), facts),)


def read_lock(environment: str, control: Control) -> LockView:
    """Read the lock of this environment. Raises `Unreachable`."""
    return LockView(environment, control.lock())


def lock_item(control: Control) -> Item[LockFacts | None]:
    """Return the lock as an item of a larger view. Raises `Unreachable`."""
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
