"""The driver of an environment as the other adapters know it."""

from collections.abc import Callable, Sequence
from typing import Protocol

from rubyops.model.secret import Secret
from rubyops.ports import Copy, CopyNames, Database


class Driver(Protocol):
    """Knows the addresses of one environment; starts and stops it. Raises `Unreachable`."""

    def dsn(self, role: str, database: Database) -> Secret:
        """Return the connection URL of a role."""

    def redis_url(self, user: str = ...) -> Secret:
        """Return the URL of a Redis user."""

    def process_url(self, process: str, copy: int = 1) -> str:
        """Return the address of a copy, whether it runs or not."""

    def secret(self, name: str) -> Secret:
        """Return a secret by the name of the environment variable that carries it."""

    def is_up(self) -> bool:
        """Whether the servers of the environment run."""

    def copies(self) -> list[Copy]:
        """List every copy of every process. Raises `Unreachable` where nobody knows what runs."""

    def listen(self, hear: Callable[[], None], say: Callable[[str], None]) -> None:
        """Call `hear` at each pause of a wait, which it ends by raising; `say` gets the words."""

    # Each changing method takes the run's fencing token, and raises `LockLost` at the act when the
    # token was overtaken. None means that `control` gives no token: `start` and `stop` then act
    # only where no token was ever given; `ensure_up`, `migrate` and `down` act under the token that
    # the environment has as they begin.

    def advance_fence(self, token: int) -> None:
        """Refuse every lower token from now on."""

    def ensure_up(
        self,
        progress: Callable[[str], None],
        token: int | None = None,
        restart: CopyNames = (),
    ) -> None:
        """Start what is not up, and restart these copies, by process and number."""

    def migrate(self, progress: Callable[[str], None], token: int | None) -> None:
        """Bring both databases to the newest schema."""

    def start(self, processes: Sequence[str], token: int | None) -> None:
        """Start every copy of these processes and wait until each answers."""

    def stop(self, processes: Sequence[str], token: int | None) -> None:
        """Stop every copy of these processes."""

    def down(self, token: int | None = None) -> bool:
        """Stop everything of the environment; return whether anything ran."""
