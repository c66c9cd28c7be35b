"""Takes an environment down, with its lock held if `control` answers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rubyops.adapters.host import this_process
from rubyops.engine.journal.run_id import new_run_id
from rubyops.engine.run.charge import raise_fence
from rubyops.engine.run.lease import Lease
from rubyops.stop_signal import StopSignal

if TYPE_CHECKING:
    from rubyops.wiring import EnvironmentServices


def take_down(toolkit: "EnvironmentServices", say: Callable[[str], None], stop: StopSignal) -> bool:
    """Stop everything of the environment and return whether anything ran. Raises `LockHeld`.

    The command holds the lock and raises the fence as a run does. When another run takes over the
    lock, the supervisor refuses further orders (ADR 15). Without an answer from `control` the
    command stops everything without a lock.
    """
    with _lock(toolkit, say, stop) as token:
        return toolkit.driver.down(token)


@contextmanager
def _lock(
    toolkit: "EnvironmentServices", say: Callable[[str], None], stop: StopSignal
) -> Iterator[int | None]:
    if not toolkit.control.reachable():
        yield None
        return
    with Lease(toolkit.control, f"down-{new_run_id()}", this_process()) as lease:
        raise_fence(toolkit.ports, lease.token, say, stop)
        yield lease.token
