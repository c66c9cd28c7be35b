"""The fence of an environment: the token in the supervisor's file and in the gate row."""

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
        """Raise the fence to this token, first in the supervisor's file.

        A migration that began without a token reads that file before it changes each database.
        """
        self.driver.advance_fence(token)
        if self.has_money():
            self.platform.rows("ops_advance_fence", token=token)

    def holders(self) -> str:
        """Describe the sessions that lock the fence tables."""
        return self.rules.fence_holders()

    def has_money(self) -> bool:
        """Whether the platform's database has the wallet's tables; False without a database.

        Raises `Unreachable` when the database does not answer.
        """
        try:
            return bool(self.platform.one("ops_has_money")["ready"])
        except NotThere:
            return False
