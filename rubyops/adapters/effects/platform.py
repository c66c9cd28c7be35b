"""The platform port: starts, stops and migrates through the environment's driver."""

from collections.abc import Callable, Sequence

from rubyops.adapters.access import Access
from rubyops.adapters.database import Link
from rubyops.adapters.driver import Driver
from rubyops.effects.platform import PlatformPort
from rubyops.ports import CopyNames, EffectIdentity


class PlatformProcesses:
    """Implements `PlatformPort`."""

    def __init__(self, driver: Driver, platform: Link) -> None:
        """Use this driver. A start closes `platform`, because its server may be a new one."""
        self._driver = driver
        self._link = platform

    def start_all(
        self, identity: EffectIdentity, progress: Callable[[str], None], restart: CopyNames
    ) -> None:
        """Start every part that does not run, with the newest schema. Restart these copies."""
        self._driver.ensure_up(progress, identity.fence, restart)
        self._link.close()

    def stop(self, identity: EffectIdentity, processes: Sequence[str]) -> None:
        """Stop every copy of these processes."""
        self._driver.stop(processes, identity.fence)

    def start(self, identity: EffectIdentity, processes: Sequence[str]) -> None:
        """Start every copy of these processes."""
        self._driver.start(processes, identity.fence)

    def migrate(self, identity: EffectIdentity) -> dict[str, object]:
        """Bring both databases to the newest schema."""
        told: list[str] = []
        self._driver.migrate(told.append, identity.fence)
        return {"schema": told}


def connect(access: Access) -> PlatformPort:
    """Build the platform port."""
    return PlatformProcesses(access.driver, access.platform)
