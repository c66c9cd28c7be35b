"""Writes events as the wallet does: as committed rows of its outbox."""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import psycopg

from wallet_runtime.contract.documents import RUBY_SPLIT_V1
from wallet_runtime.contract.events import (
    BET_ROLLED_BACK_CONFIRMED,
    BET_SETTLED_CONFIRMED,
    ROLLING_REQUIRED,
)
from wallet_runtime.contract.providers import SPORTS

INSERT = """
INSERT INTO wallet.wallet_outbox (event_id, partition_no, brand_id, player_id, player_version,
                                  event_no, event_type, payload, occurred_at, restore_epoch)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp(), 0)
"""


@dataclass
class Player:
    """A test player in one partition. `version` is the version of the player's last event."""

    partition_no: int = 0
    player_id: UUID = field(default_factory=uuid4)
    brand_id: UUID = field(default_factory=uuid4)
    version: int = 0


@dataclass
class Outbox:
    """The wallet's outbox, written by a superuser session in autocommit."""

    connection: psycopg.Connection[Any]

    def write(
        self,
        player: Player,
        event_type: str,
        payload: dict[str, Any] | None = None,
        event_id: UUID | None = None,
    ) -> UUID:
        """Add the player's next event and return its id."""
        player.version += 1
        event_id = event_id or uuid4()
        owner = (player.brand_id, player.player_id)
        numbers = (player.version, player.version)
        values = (
            event_id,
            player.partition_no,
            *owner,
            *numbers,
            event_type,
            json.dumps(payload or {}),
        )
        self.connection.execute(INSERT, values)
        return event_id

    def require(
        self, player: Player, turnover: int, bucket: str = "SPORTS_NORMAL", **more: Any
    ) -> UUID:
        """Add an event that requires a rolling; return the rolling's id."""
        rolling_id = uuid4()
        payload = {
            "rolling_id": str(rolling_id),
            "topology_code": RUBY_SPLIT_V1,
            "bucket_type_code": bucket,
            "provider_types": [SPORTS],
            "currency": "KRW",
            "amount": str(turnover),
            "multiplier": "1",
            "required_turnover": str(turnover),
            "reference_id": "deposit:1",
            "reason": "deposit",
        }
        self.write(player, ROLLING_REQUIRED, payload | more)
        return rolling_id

    def settle(
        self, player: Player, stake: int, bucket: str = "SPORTS_NORMAL", **more: object
    ) -> str:
        """Add the event of a settled bet, paid from one bucket; return the authorization's id."""
        authorization_id = str(uuid4())
        funding = {
            "account": f"RUBY_SPLIT_V1/{bucket}",
            "topology_code": RUBY_SPLIT_V1,
            "bucket_type_code": bucket,
        }
        payload = {
            "authorization_id": authorization_id,
            "bet_id": f"bet-{authorization_id}",
            "provider_id": "mocksports",
            "provider_type": SPORTS,
            "currency": "KRW",
            "stake": str(stake),
            "payout": "0",
            "funding": [funding | {"amount": str(stake)}],
        }
        self.write(player, BET_SETTLED_CONFIRMED, payload | more)
        return authorization_id

    def roll_back(self, player: Player, authorization_id: str, was: str = "SETTLED") -> UUID:
        """Add the event of a rolled-back bet; return the event's id."""
        payload = {
            "authorization_id": authorization_id,
            "bet_id": f"bet-{authorization_id}",
            "was": was,
        }
        return self.write(player, BET_ROLLED_BACK_CONFIRMED, payload)

    def unpublished(self) -> int:
        """Count the events that are not published yet."""
        row = self.connection.execute(
            "SELECT count(*) FROM wallet.wallet_outbox WHERE published_at IS NULL"
        ).fetchone()
        assert row is not None
        return int(row[0])
