"""wallet_worker: publishes `wallet.wallet_outbox` to the partitioned wallet stream, in order per player.

It keeps publishing while money is frozen: a drain waits for it.
"""

from wallet_runtime import contract
from wallet_runtime.plumbing.app import Service
from wallet_runtime.plumbing.context import Context
from wallet_runtime.plumbing.loop import Loop
from wallet_runtime.plumbing.outbox import POLL_SECONDS, STALLED_SECONDS, Outbox, Publisher
from wallet_runtime.plumbing.streams import open_streams, wallet_stream

WALLET_OUTBOX = Outbox("wallet", wallet_stream)


class Worker:
    """The process's parts, made when its context is open."""

    publisher: Publisher | None = None

    def loops(self, context: Context) -> tuple[Loop, ...]:
        """Make the publisher's loop."""
        self.publisher = Publisher(WALLET_OUTBOX, context.database, open_streams(context.settings))
        return (Loop("outbox_publisher", self.publisher.turn, POLL_SECONDS, STALLED_SECONDS),)

    def check_publishing(self, context: Context) -> str:
        """Judge what the publisher got done lately."""
        return self.publisher.health() if self.publisher else "not started"


_worker = Worker()
SERVICE = Service(contract.WALLET_WORKER, loops=_worker.loops, checks={"publishing": _worker.check_publishing})
