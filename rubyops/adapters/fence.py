"""The fence around an environment: the supervisor's file and the row of the operated database."""

from dataclasses import dataclass

from rubyops.adapters.access import WalletRules
from rubyops.adapters.database import Link
from rubyops.adapters.driver import Driver
from rubyops.errors import NotThere


@dataclass(frozen=True)
class EnvironmentFence:
    """Implements the engine's `Fence`."""

    driver: Driver
    platform: Link
    rules: WalletRules

    def advance(self, token: int) -> None:
        """Raise the fence, the supervisor's first: a migration without a token looks there."""
        self.driver.advance_fence(token)
        if self.has_money():
            self.platform.rows("ops_advance_fence", token=token)

    def holders(self) -> str:
        """Name the sessions that hold the fence."""
        return self.rules.fence_holders()

    def has_money(self) -> bool:
        """Whether the operated database holds the wallet's tables. Raises `Unreachable`.

        A database that was not made has none; one that does not answer is no "no".
        """
        try:
            return bool(self.platform.one("ops_has_money")["ready"])
        except NotThere:
            return False
