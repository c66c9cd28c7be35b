"""Completes freezes that `control` requests, and reports the level in force (SPEC 1.6).

The run that requested a freeze may have crashed before the wallet's fence row had it. So
wallet_service completes every requested freeze. It never lowers a level: only a person lifts a
freeze.
"""

import structlog

from wallet_runtime.contract.freeze import OPEN, WORDS, Fence, Verdict, Wanted, judge, patience_ms
from wallet_runtime.plumbing.errors import ServiceBusy
from wallet_runtime.plumbing.runtime import metrics
from wallet_runtime.plumbing.runtime.control_link import ControlLink
from wallet_runtime.plumbing.runtime.database import Database, DatabaseSession

log = structlog.get_logger("freeze")


class FreezeGuard:
    """Compares the freeze that `control` requests with the fence row, once per turn."""

    def __init__(self, database: Database, control: ControlLink) -> None:
        """Make the link to `control` read the heartbeats of all copies, which `turn` judges."""
        self._database = database
        self._control = control
        self._tries = 0
        control.watch_copies()

    def turn(self) -> int:
        """Apply the requested level and set the metric; return 1 if the fence row changed."""
        wanted = self._wanted()
        fence: Fence | None = None
        try:
            with self._database.session() as session:
                before = _read(session)
                if wanted is not None and _is_behind(before, wanted):
                    self._push(session, wanted)
                fence = _read(session)
        finally:
            _tell(judge(wanted, fence, self._control.copies))
        return int(fence != before)

    def _wanted(self) -> Wanted | None:
        if self._control.check() != "ok" or self._control.freeze.epoch < 0:
            return None
        return Wanted(self._control.freeze.level, self._control.freeze.epoch)

    def _push(self, session: DatabaseSession, wanted: Wanted) -> None:
        patience = patience_ms(self._tries)
        self._tries += 1
        try:
            _raise_and_settle(session, wanted, patience)
        except ServiceBusy:
            log.warning("a freeze is held up by a lock", level=wanted.level, tries=self._tries)
            return
        self._tries = 0
        log.info("a freeze was finished", level=wanted.level, epoch=wanted.epoch)


def _raise_and_settle(session: DatabaseSession, wanted: Wanted, patience: int) -> None:
    session.one("wallet_raise_freeze", level=wanted.level, epoch=wanted.epoch)
    session.one("wallet_settle_freeze", epoch=wanted.epoch, patience_ms=patience)


def _read(session: DatabaseSession) -> Fence:
    row = session.one("wallet_read_fence")
    return Fence(row["freeze_level"], row["freeze_epoch"], row["settled_epoch"])


def _is_behind(fence: Fence, wanted: Wanted) -> bool:
    """Tell whether the fence row still lacks the requested freeze.

    Only epochs are compared, because a row with a stricter level keeps that level.
    """
    if wanted.level == OPEN:
        return False
    return fence.epoch < wanted.epoch or fence.settled_epoch < wanted.epoch == fence.epoch


def _tell(verdict: Verdict) -> None:
    for word in WORDS:
        metrics.FREEZE_LEVEL.labels(word).set(word == verdict.word)
