"""The interface of an environment's driver, which the other adapters use."""

from collections.abc import Callable, Sequence
from typing import Protocol

from rubyops.model.secret import Secret
from rubyops.ports import Copy, CopyNames, Database


class Driver(Protocol):
    """Knows the addresses of one environment, starts it and stops it. Raises `Unreachable`."""

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
        """List every copy of every process. Raises `Unreachable` when their state is unknown."""

    def listen(self, hear: Callable[[], None], say: Callable[[str], None]) -> None:
        """Call `hear` between the polls of a wait. `hear` may raise to end it. `say` gets text."""

    # Each changing method takes the run's fencing token. It raises `LockLost` when a newer token
    # exists. The token is None when `control` could not give one. `start` and `stop` then work only
    # where no token was ever given. `ensure_up`, `migrate` and `down` then use the token that the
    # environment has when they begin.

    def advance_fence(self, token: int) -> None:
        """Refuse every lower token from now on."""

    def ensure_up(
        self,
        progress: Callable[[str], None],
        token: int | None = None,
        restart: CopyNames = (),
    ) -> None:
        """Start every part that does not run, and restart these copies (process, number)."""

    def migrate(self, progress: Callable[[str], None], token: int | None) -> None:
        """Bring both databases to the newest schema."""

    def start(self, processes: Sequence[str], token: int | None) -> None:
        """Start every copy of these processes and wait until each answers."""

    def stop(self, processes: Sequence[str], token: int | None) -> None:
        """Stop every copy of these processes."""

    def down(self, token: int | None = None) -> bool:
        """Stop everything of the environment; return whether anything was running."""
