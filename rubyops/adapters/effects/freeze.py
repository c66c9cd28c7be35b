"""The freeze in `control` and its mirror in the fence row of the operated database."""

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
        """Act on these databases."""
        self._control = control
        self._link = platform
        self._driver = driver
        self._rules = rules

    def raise_wanted(self, identity: EffectIdentity, level: str, reason: str) -> FreezeChange:
        """Raise the freeze in `control`, once per effect id."""
        return self._control.raise_freeze(identity, level, reason)

    def take_over(self, identity: EffectIdentity, from_run: str) -> FreezeChange:
        """Take over a run's freeze, once per effect id."""
        return self._control.take_over_freeze(identity, from_run)

    def lift_wanted(
        self, identity: EffectIdentity, reason: str, take_over: str, change_no: int | None
    ) -> FreezeChange:
        """Lift the layers of the run or owner, and a taken-over one, once per effect id."""
        return self._control.lift_freeze(identity, reason, take_over, change_no)

    def raise_fence_row(self, level: str, epoch: int, patience_ms: int) -> None:
        """Mirror a raised freeze, then wait for earlier money. Raises `DatabaseBusy`."""
        self._link.rows("ops_raise_freeze", level=level, epoch=epoch)
        self._link.rows("ops_settle_freeze", epoch=epoch, patience_ms=patience_ms)

    def lower_fence_row(
        self, identity: EffectIdentity, level: str, epoch: int, change_no: int | None
    ) -> None:
        """Mirror a lowered freeze; the gate is asked for again while it is held."""
        patient = Retrying(
            retry=retry_if_exception_type(DatabaseBusy),
            stop=stop_after_delay(GATE_SECONDS),
            wait=wait_fixed(GATE_PAUSE_SECONDS),
            reraise=True,
        )
        lowered = {"token": identity.token, "level": level, "epoch": epoch, "change_no": change_no}
        patient(self._link.rows, "ops_lower_freeze", **lowered)

    def end_session(self, pid: int, started_at: str) -> bool:
        """End a session of the operated database, as the superuser: it may be a superuser's own."""
        link = Link(lambda: self._driver.dsn(SUPERUSER, "platform"), "the operated database")
        try:
            rows = link.rows("ops_end_session", pid=pid, started=started_at)
        finally:
            link.close()
        return any(row["ended"] for row in rows)

    def truth(self) -> FreezeTruth:
        """Tell which freeze is in force."""
        return self._rules.truth()

    def whose(self, found: FreezeTruth) -> list[str]:
        """Say the layers of a freeze in words."""
        return self._rules.whose(found)

    def state(self) -> Row:
        """Read the state of the platform."""
        return self._rules.state()

    def fence_holders(self) -> str:
        """Name the sessions that hold the fence."""
        return self._rules.fence_holders()


def connect(access: Access) -> FreezePort:
    """Make the port."""
    return FreezeLevels(access.control, access.platform, access.driver, access.rules)
