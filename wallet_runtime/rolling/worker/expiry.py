"""The expiry loop: expires rollings, and counts the problems that a person has to solve."""

import time

from prometheus_client import Gauge

from wallet_runtime.plumbing.runtime import seal
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.plumbing.runtime.loop import Loop
from wallet_runtime.rolling import store
from wallet_runtime.rolling.worker.completion import FAILURES_BOUND

INTERVAL_SECONDS = 1.0
STALLED_SECONDS = 15.0
TROUBLE_SECONDS = 5.0

TROUBLE = Gauge(
    "rolling_trouble",
    "What waits for a person: failed completions, dead letters, findings.",
    ["kind"],
)


class Expiry:
    """Closes rollings past their expiry time, one batch per turn."""

    def __init__(self, database: Database) -> None:
        """Store the dependencies."""
        self._database = database
        self._trouble_at = float("-inf")

    def turn(self) -> int:
        """Expire a batch; return how many. Raises `Maintenance` while money is sealed."""
        with self._database.transaction() as session:
            seal.hold(session)
            expired = store.expire(session)
        self._show_trouble()
        return expired

    def _show_trouble(self) -> None:
        if time.monotonic() - self._trouble_at < TROUBLE_SECONDS:
            return
        with self._database.session() as session:
            for kind, count in store.trouble(session, FAILURES_BOUND).items():
                TROUBLE.labels(kind).set(count)
        self._trouble_at = time.monotonic()


def expiry_loop(database: Database) -> Loop:
    """Make the loop `expiry_scheduler`."""
    return Loop("expiry_scheduler", Expiry(database).turn, INTERVAL_SECONDS, STALLED_SECONDS)
