"""Clients that send money commands continuously, with the start time and the status of each."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.acceptance.front_door import Player
from tests.acceptance.platform import Live, wait_until

CLIENTS = 8


@dataclass
class Crowd:
    """Clients that make deposits in parallel, each for its own player.

    `asked` holds (client, start time of the monotonic clock, status) of each deposit. Without
    `players`, the crowd registers eight.
    """

    live: Live
    players: Sequence[Player] = ()
    pause_seconds: float = 0.01
    asked: list[tuple[int, float, int]] = field(default_factory=list)
    _ending: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def at_work(self) -> Iterator["Crowd"]:
        """Send deposits until the block ends."""
        players = self.players or [self.live.player() for _ in range(CLIENTS)]
        threads = [threading.Thread(target=self._ask, args=item) for item in enumerate(players)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._ending.set()
            for thread in threads:
                thread.join(30)

    def accepted_between(self, start: float, end: float) -> int:
        """Count the accepted deposits that began from `start` until `end`."""
        return sum(start <= began < end and status == 200 for _, began, status in self.asked)

    def accepted_since(self, start: float) -> int:
        """Count the accepted deposits that began since `start`, once each has its answer."""
        self._await_each(start)
        end = time.monotonic()
        self._await_each(end)
        return self.accepted_between(start, end)

    def _await_each(self, since: float) -> None:
        """Wait until every client has the answer of a deposit that it began after `since`."""

        def clients() -> set[int]:
            return {client for client, began, _ in self.asked if began >= since}

        wait_until(lambda: len(clients()) == CLIENTS, "every client goes on asking")

    def await_accepted(self, since: float) -> None:
        """Wait until a deposit that began after `since` is accepted."""
        wait_until(lambda: self.accepted_between(since, time.monotonic()) > 0, "money moves")

    def _ask(self, client: int, player: Player) -> None:
        while not self._ending.is_set():
            began = time.monotonic()
            try:
                status = self.live.deposit(player, "1.00").status_code
            except httpx.HTTPError:
                status = 0
            self.asked.append((client, began, status))
            self._ending.wait(self.pause_seconds)
