"""The freeze port: the freeze in `control`, and its copy in the gate row of the platform."""

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from rubyops.adapters.access import Access, WalletRules
from rubyops.adapters.control import ControlDatabase
from rubyops.adapters.database import DatabaseBusy, Link
from rubyops.adapters.driver import Driver
from rubyops.effects.freeze import FreezePort
from rubyops.model.freeze import FreezeChange, FreezeTruth
from rubyops.ports import EffectIdentity, Row

SUPERUSER = "postgres"
GATE_SECONDS = 10.0
GATE_PAUSE_SECONDS = 0.05


class FreezeLevels:
    """Implements `FreezePort`."""

    def __init__(
        self, control: ControlDatabase, platform: Link, driver: Driver, rules: WalletRules
    ) -> None:
        """Use these databases and rules. `driver` gives the superuser's URL."""
        self._control = control
        self._link = platform
        self._driver = driver
        self._rules = rules

    def raise_wanted(self, identity: EffectIdentity, level: str, reason: str) -> FreezeChange:
        """Raise the freeze in `control`. A repeat of the effect changes nothing."""
        return self._control.raise_freeze(identity, level, reason)

    def take_over(self, identity: EffectIdentity, from_run: str) -> FreezeChange:
        """Take over a run's freeze. A repeat of the effect changes nothing."""
        return self._control.take_over_freeze(identity, from_run)

    def lift_wanted(
        self, identity: EffectIdentity, reason: str, take_over: str, change_no: int | None
    ) -> FreezeChange:
        """Remove the freeze layers of the run or owner, and of the run `take_over`.

        A repeat of the effect changes nothing.
        """
        return self._control.lift_freeze(identity, reason, take_over, change_no)

    def raise_fence_row(self, level: str, epoch: int, patience_ms: int) -> None:
        """Copy a raised freeze to the gate row, then wait for money commands that began before it.

        Raises `DatabaseBusy` after `patience_ms`.
        """
        self._link.rows("ops_raise_freeze", level=level, epoch=epoch)
        self._link.rows("ops_settle_freeze", epoch=epoch, patience_ms=patience_ms)

    def lower_fence_row(
        self, identity: EffectIdentity, level: str, epoch: int, change_no: int | None
    ) -> None:
        """Copy a lowered freeze to the gate row. Retries while another session locks the row."""
        _while_busy()(
            self._link.rows,
            "ops_lower_freeze",
            token=identity.token,
            level=level,
            epoch=epoch,
            change_no=change_no,
        )

    def end_session(self, pid: int, started_at: str) -> bool:
        """End a session of the platform's database; return whether it was ended.

        Connects as the superuser, who alone may end a superuser's session.
        """
        link = Link(lambda: self._driver.dsn(SUPERUSER, "platform"), "the operated database")
        try:
            rows = link.rows("ops_end_session", pid=pid, started=started_at)
        finally:
            link.close()
        return any(row["ended"] for row in rows)

    def truth(self) -> FreezeTruth:
        """Return the freeze in force."""
        return self._rules.truth()

    def whose(self, found: FreezeTruth) -> list[str]:
        """Describe each layer of a freeze in words."""
        return self._rules.whose(found)

    def state(self) -> Row:
        """Read the state of the platform."""
        return self._rules.state()

    def fence_holders(self) -> str:
        """Describe the sessions that lock the fence tables."""
        return self._rules.fence_holders()


def _while_busy() -> Retrying:
    return Retrying(
        retry=retry_if_exception_type(DatabaseBusy),
        stop=stop_after_delay(GATE_SECONDS),
        wait=wait_fixed(GATE_PAUSE_SECONDS),
        reraise=True,
    )


def connect(access: Access) -> FreezePort:
    """Build the freeze port."""
    return FreezeLevels(access.control, access.platform, access.driver, access.rules)
