"""A platform on which one player holds money that still owes turnover."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.house import WALLET, Body, House, house
from tests.wallet_runtime.processes import open_process
from tests.wallet_runtime.serving import internal
from wallet_runtime.contract.processes import WALLET_SERVICE, WALLET_WORKER
from wallet_runtime.plumbing.events.consumer import Consumer
from wallet_runtime.plumbing.events.outbox import Publisher
from wallet_runtime.plumbing.events.streams import Streams
from wallet_runtime.rolling.worker.effects import SUBSCRIPTION
from wallet_runtime.wallet.worker import WALLET_OUTBOX

BONUS, FREE = "RUBY_SPLIT_V1/SPORTS_BONUS", "RUBY_SPLIT_V1/WITHDRAWABLE"


@dataclass
class World:
    """A player with 10.00 bonus money, 9.00 in a normal bucket, and 9.00 in cash.

    The bonus money and the money in the normal bucket owe turnover. `bonus` and `deposit` are the
    ids of their rollings.
    """

    house: House
    player: str
    bonus: str
    deposit: str

    def send(self, path: str, caller: str, **body: Any) -> str:
        """Send a money command; return "done", or the code of its refusal."""
        headers = internal(caller, request_id=str(uuid4()))
        client = self.house.served[WALLET_SERVICE].client
        answer = client.post(
            f"{WALLET}/{path}", json={"player_id": self.player} | body, headers=headers
        )
        return "done" if answer.status_code == 200 else str(answer.json()["code"])

    def held(self) -> dict[str, int]:
        """Return the player's balances in minor units, by account, without the empty accounts."""
        rows = self.house.look.execute(
            "SELECT account, balance FROM wallet.wallet_account WHERE balance <> 0"
        ).fetchall()
        return dict(rows)


@pytest.fixture
def world(platform_db: TestDatabase, control_db: TestDatabase) -> Iterator[World]:
    with house(platform_db, control_db) as made:
        player = made.player()
        given: Body = {
            "player_id": player,
            "bucket": "SPORTS_BONUS",
            "amount": "10.00",
            "currency": "EUR",
            "reference": "given",
        }
        bonus = made.money("bonuses/issue", **given)
        (deposit,) = made.look.execute(
            "SELECT rolling_id::text FROM wallet.wallet_rolling_obligation WHERE bucket_type_code"
            " = 'SPORTS_NORMAL'"
        ).fetchall()[0]
        yield World(made, player, str(bonus["rolling_id"]), deposit)


def wallet_url(world: World) -> str:
    return str(world.house.served[WALLET_SERVICE].client.base_url).rstrip("/")


def publish_and_consume(platform_db: TestDatabase, redis_url: str, worker: Any) -> None:
    streams = Streams(redis_url)
    with open_process(WALLET_WORKER, platform_db, redis_url) as publishing:
        publisher = Publisher(WALLET_OUTBOX, publishing.database, streams)
        while publisher.turn():
            pass
    consumer = Consumer(SUBSCRIPTION, worker.database, streams, str(uuid4()))
    for _ in range(3):
        consumer.turn()
    consumer.leave()
    streams.close()
