"""Events, the partitioned stream that carries them, and the consumers of that stream."""

from dataclasses import dataclass

from wallet_runtime.contract.processes import ROLLING_SERVICE, ROLLING_WORKER

WALLET_STREAM_PREFIX = "wallet.events."  # + partition number
ROLLING_STREAM = "rolling.events"
PARTITIONS = 8
ROLLING_GROUP = "rolling_worker"
BET_SETTLED_CONFIRMED = "BET_SETTLED_CONFIRMED"
BET_ROLLED_BACK_CONFIRMED = "BET_ROLLED_BACK_CONFIRMED"
WIN_CONFIRMED = "WIN_CONFIRMED"
WIN_REVERSED_CONFIRMED = "WIN_REVERSED_CONFIRMED"
ROLLING_REQUIRED = "ROLLING_REQUIRED"
ROLLING_REVOKED = "ROLLING_REVOKED"  # the wallet has taken back what a rolling was for
ROLLING_COMPLETED_CONFIRMED = "ROLLING_COMPLETED_CONFIRMED"
TRANSFER_COMPLETED = "TRANSFER_COMPLETED"
POINTS_TRANSFERRED = "POINTS_TRANSFERRED"
DEPOSIT_APPROVED = "DEPOSIT_APPROVED"
WITHDRAW_APPROVED = "WITHDRAW_APPROVED"
ROLLING_COMPLETED = "ROLLING_COMPLETED"
ROLLING_CANCELED = "ROLLING_CANCELED"
OUTBOX_CANARY = "OUTBOX_CANARY"


@dataclass(frozen=True, slots=True)
class Consumer:
    """A consumer of the wallet's stream: its schema, and its consumer group in Redis.

    The process `worker` applies the events. The process `service` answers for the dead letters.
    Each process logs in to the database as the role of its own name.
    """

    schema: str
    group: str
    worker: str
    service: str


# Every consumer of the wallet's stream, by schema. The wallet trims or prunes an event only after
# each of these consumers has it.
WALLET_CONSUMERS = {
    each.schema: each
    for each in (Consumer("rolling", ROLLING_GROUP, ROLLING_WORKER, ROLLING_SERVICE),)
}
CONSUMER_WORKERS = tuple(dict.fromkeys(each.worker for each in WALLET_CONSUMERS.values()))
CONSUMER_SERVICES = tuple(dict.fromkeys(each.service for each in WALLET_CONSUMERS.values()))
# The group of each consumer on each partition.
CONSUMER_GROUPS = tuple(
    (f"{WALLET_STREAM_PREFIX}{number}", each.group)
    for each in WALLET_CONSUMERS.values()
    for number in range(PARTITIONS)
)
