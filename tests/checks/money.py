"""A platform database with an active pair and one player, and money that the wallet's SQL moves."""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

import wallet_runtime
from tests.cluster import TestDatabase

SEEDS = Path(wallet_runtime.__file__).parent / "wallet" / "seeds"
BRAND = "10000000-0000-0000-0000-000000000001"
PLAYER = "20000000-0000-0000-0000-000000000001"
NORMAL = "RUBY_SPLIT_V1/SPORTS_NORMAL"
Leg = tuple[str, int]
Record = dict[str, Any] | None


@dataclass
class Money:
    """Moves money in one test's database; `history` counts the player's commands."""

    database: TestDatabase
    history: int = 0
    pair: dict[str, Any] = field(
        default_factory=lambda: {
            "topology_code": "RUBY_SPLIT_V1",
            "topology_version": 1,
            "policy_key": "default",
            "policy_version": 1,
        }
    )

    def prepare(self) -> "Money":
        """Save and activate the seed's first pair, and register the player."""
        self.activate()
        with self.superuser() as connection:
            connection.execute("SET SESSION AUTHORIZATION wallet_owner")
            statement = "SELECT wallet.register_player(%s, %s, 'EUR', false)"
            connection.execute(statement, [BRAND, PLAYER])
        return self

    def activate(self) -> None:
        """Save and activate the seed's first pair, without any player."""
        seed = json.loads((SEEDS / "ruby_split_v1.1.json").read_text())
        with self.superuser() as connection:
            connection.execute("SET SESSION AUTHORIZATION wallet_owner")
            connection.execute(
                "INSERT INTO wallet.wallet_topology (code, version, state, document, saved_by) "
                "VALUES ('RUBY_SPLIT_V1', 1, 'ACTIVE', %s, 'test')",
                [Jsonb(seed["topology"])],
            )
            connection.execute(
                "INSERT INTO wallet.wallet_policy (policy_key, version, topology_code, "
                "topology_version, state, document, saved_by) "
                "VALUES ('default', 1, 'RUBY_SPLIT_V1', 1, 'ACTIVE', %s, 'test')",
                [Jsonb(seed["policy"])],
            )
            connection.execute(
                "UPDATE wallet.wallet_gate SET topology_code = 'RUBY_SPLIT_V1', topology_version = "
                "1, policy_key = 'default', "
                "policy_version = 1, activation_no = 1"
            )
            connection.execute(
                "INSERT INTO wallet.wallet_activation (activation_no, topology_code, "
                "topology_version, policy_key, policy_version, caller, "
                "request_id) VALUES (1, 'RUBY_SPLIT_V1', 1, 'default', 1, 'test', 'activate')"
            )

    def superuser(self) -> psycopg.Connection[Any]:
        """Connect as the superuser, to plant faults."""
        return psycopg.connect(self.database.superuser_dsn, autocommit=True)

    def plant(self, *statements: str) -> None:
        """Run statements as the superuser with ordinary triggers disabled.

        An ENABLE ALWAYS trigger still fires; a statement must disable it by name.
        """
        with self.superuser() as connection:
            connection.execute("SET session_replication_role = replica")
            for statement in statements:
                connection.execute(statement.encode())

    def move(
        self,
        command: str,
        legs: Sequence[Leg],
        bet: Record = None,
        cash: Record = None,
        event: Record = None,
    ) -> str:
        """Apply one command as wallet_service; return its transaction id.

        A new bet's transaction id is its authorization id.
        """
        opened = bet["authorization_id"] if bet and bet["state"] == "AUTHORIZED" else None
        transaction = opened or str(uuid.uuid4())
        records: dict[str, Any] = (
            {"cash_transaction": {**cash, "transaction_id": transaction}} if cash else {}
        )
        if event:
            records["events"] = [{"event_id": str(uuid.uuid4()), "partition_no": 1, **event}]
        body = {
            "brand_id": BRAND,
            "player_id": PLAYER,
            "caller": "test",
            "route": command,
            "request_id": transaction,
            "fingerprint": "\\x00",
            "status": 200,
            "body": {},
            "transaction_id": transaction,
            "activation_no": 1,
            "player_version": self.history,
            "currency": "EUR",
            "command": command,
            "starts_new": True,
            "canary": False,
            **self.pair,
            "legs": [{"account": name, "delta": delta, "currency": "EUR"} for name, delta in legs],
            "bet": bet,
            "records": records or None,
        }
        with psycopg.connect(self.database.dsn("wallet_service"), autocommit=True) as connection:
            answer = connection.execute(
                "SELECT wallet.apply_command(jsonb_populate_record(NULL::wallet.command, %s))",
                [Jsonb(body)],
            ).fetchone()
        assert answer is not None and answer[0] == {"outcome": "applied"}
        if event:
            with self.superuser() as connection:
                connection.execute(
                    "UPDATE wallet.wallet_outbox SET published_at = now() WHERE published_at IS "
                    "NULL"
                )
        self.history += 1
        return transaction

    def deposit(self, amount: int) -> str:
        """Deposit through cash into the sports bucket."""
        cash = {"type": "deposit", "state": "captured", "amount": amount}
        legs = [
            ("PSP", -amount),
            ("CASH/AVAILABLE", amount),
            ("CASH/AVAILABLE", -amount),
            (NORMAL, amount),
        ]
        return self.move("DEPOSIT_APPROVE", legs, cash=cash)

    def bet(self, amount: int) -> str:
        """Take a stake from the sports bucket and return the authorization id."""
        authorization = str(uuid.uuid4())
        record = {
            "authorization_id": authorization,
            "provider_id": "mocksports",
            "provider_type": "SPORTS",
            "bet_id": authorization,
            "round_id": "r",
            "stake": amount,
            "state": "AUTHORIZED",
            "funding": [{"account": NORMAL, "amount": amount}],
            "policy_snapshot": {"destinations": {NORMAL: [NORMAL, NORMAL]}, "reaches": [NORMAL]},
        }
        self.move("BET_AUTHORIZE", [(NORMAL, -amount), ("STAKE", amount)], bet=record)
        return authorization

    def closed(self, kind: str, authorization: str, stake: int, payout: int = 0) -> dict[str, Any]:
        """The event of a bet's settlement or rollback."""
        payload = {
            "authorization_id": authorization,
            "bet_id": authorization,
            "provider_id": "mocksports",
            "provider_type": "SPORTS",
            "currency": "EUR",
            "stake": str(stake),
            "payout": str(payout),
            "funding": [{"account": NORMAL, "amount": str(stake)}],
            "was": "AUTHORIZED",
            "counts": True,
        }
        return {"event_type": kind, "payload": payload}

    def settle(self, authorization: str, stake: int, payout: int) -> str:
        """Settle a bet into the sports bucket."""
        record = {
            "authorization_id": authorization,
            "from_state": "AUTHORIZED",
            "state": "SETTLED",
            "payout": payout,
            "payout_shares": [],
        }
        legs = [
            leg
            for leg in (("STAKE", -stake), ("HOUSE", stake - payout), (NORMAL, payout))
            if leg[1]
        ]
        return self.move(
            "BET_SETTLE",
            legs,
            bet=record,
            event=self.closed("BET_SETTLED_CONFIRMED", authorization, stake, payout),
        )

    def roll_back(self, authorization: str, stake: int, account: str = NORMAL) -> str:
        """Roll back an open bet to its source, or (as a planted fault) to another account."""
        record = {
            "authorization_id": authorization,
            "from_state": "AUTHORIZED",
            "state": "ROLLED_BACK",
        }
        event = self.closed("BET_ROLLED_BACK_CONFIRMED", authorization, stake)
        return self.move(
            "BET_ROLLBACK", [("STAKE", -stake), (account, stake)], bet=record, event=event
        )

    def partition(self) -> str:
        """The name of this month's ledger partition."""
        with self.superuser() as connection:
            row = connection.execute(
                "SELECT tableoid::regclass::text FROM wallet.wallet_ledger LIMIT 1"
            ).fetchone()
        assert row is not None
        return str(row[0])
