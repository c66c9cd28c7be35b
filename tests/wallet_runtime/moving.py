"""A wallet with its rolling service, and the connections that a topology move needs."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from typing import Any

import psycopg
import pytest

from sql import query
from tests.cluster import TestDatabase
from tests.freezing import set_fence_row
from tests.wallet_runtime.conftest import AsRole
from tests.wallet_runtime.events import Outbox
from tests.wallet_runtime.line import Line
from tests.wallet_runtime.serving import as_the_wallet
from tests.wallet_runtime.test_turnover_of_movements import bet
from tests.wallet_runtime.wallet.conftest import Player
from tests.wallet_runtime.wallet.pairs import activate_split
from wallet_runtime.contract.documents import RUBY_SPLIT_V1, RUBY_UNIFIED_V1
from wallet_runtime.plumbing.events.consumer import Consumer
from wallet_runtime.plumbing.events.outbox import Publisher
from wallet_runtime.plumbing.events.streams import Streams
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.rolling.worker.effects import SUBSCRIPTION
from wallet_runtime.wallet.domain import bonus, cash, coupons, points
from wallet_runtime.wallet.domain.state import Scope
from wallet_runtime.wallet.store.activation import ActivationRequest
from wallet_runtime.wallet.store.documents import Documents
from wallet_runtime.wallet.store.money import money_of
from wallet_runtime.wallet.store.reconciliation import Reconciliation
from wallet_runtime.wallet.worker import WALLET_OUTBOX

Rows = list[tuple[Any, ...]]
MAPPING: dict[str, Any] = {
    "from": {"code": RUBY_SPLIT_V1, "version": 1},
    "to": {"code": RUBY_UNIFIED_V1, "version": 1},
    "buckets": {
        "SPORTS_NORMAL": "NORMAL",
        "CASINO_NORMAL": "NORMAL",
        "SPORTS_BONUS": "BONUS",
        "CASINO_BONUS": "BONUS",
        "WITHDRAWABLE": "WITHDRAWABLE",
        "POINTS": "POINTS",
    },
    "signed_plan": "OPS-77",
}
SEED = json.loads(
    resources.files("wallet_runtime.wallet").joinpath("seeds", "ruby_unified_v1.1.json").read_text()
)
POLICIES = {RUBY_SPLIT_V1: 1, RUBY_UNIFIED_V1: 10}
LIVE = (
    "SELECT topology_code, bucket_type_code, held_by, references_count FROM wallet.live_reference"
    " ORDER BY 1, 2, 3"
)
HELD = """
SELECT topology_code || '/' || bucket_type_code, currency, sum(balance)::bigint
  FROM wallet.wallet_bucket WHERE balance <> 0
 GROUP BY 1, 2 ORDER BY 1, 2
"""
# For each active rolling: its bucket in the wallet's record and in rolling_service's. The rolling
# of a coupon has no bucket and is left out.
ROLLINGS = """
SELECT o.topology_code || '/' || o.bucket_type_code, r.topology_code || '/' || r.bucket_type_code,
       r.provider_types, r.turnover
  FROM wallet.wallet_rolling_obligation o FULL JOIN rolling.player_rolling r USING (rolling_id)
 WHERE o.state = 'ACTIVE' AND o.bucket_type_code <> '' ORDER BY 1, r.created_at
"""
UNSOUND = """
SELECT 'drift', reason FROM wallet.ledger_drift
UNION ALL SELECT 'conservation', brand_id::text FROM wallet.conservation WHERE difference <> 0
UNION ALL SELECT 'sum', transaction_id::text FROM wallet.transaction_sum WHERE difference <> 0
"""


@dataclass
class Desk:
    """A wallet with its rolling service, an operator with fencing token 1, and a superuser."""

    wallet: Database
    line: Line
    operator: psycopg.Connection[Any]
    superuser: psycopg.Connection[Any]

    def look(self, statement: str, *values: object) -> Rows:
        return self.superuser.execute(statement.encode(), values or None).fetchall()

    def new_player(self, *, canary: bool = False) -> Player:
        player = Player(money_of(self.wallet))
        as_the_wallet(
            self.superuser,
            "UPDATE wallet.wallet_player SET canary = %s WHERE player_id = %s",
            [canary, player.player_id],
        )
        return player

    def rich_player(self) -> Player:
        """A player with money of every kind: two deposits, a bonus, a coupon grant and points."""
        player = self.new_player()
        player.perform(cash.deposit, cash.Deposit(900, "EUR", "SPORTS_NORMAL"))
        player.perform(cash.deposit, cash.Deposit(500, "EUR", "CASINO_NORMAL"))
        bet(player, "turned", "mocksports", "SPORTS", 100)
        player.perform(bonus.issue, bonus.Issue("SPORTS_BONUS", 300, "EUR", "campaign", None))
        player.perform(points.award, points.Points(70, "mission"))
        player.perform(
            coupons.issue,
            coupons.Issue("log-1", 250, "EUR", Scope("sports"), None),
            coupon_log_id="log-1",
        )
        return player

    def seal(self, level: str = "sealed") -> None:
        (epoch,) = self.look("SELECT 1 + freeze_epoch FROM wallet.wallet_gate")[0]
        set_fence_row(self.operator, level, epoch)

    def batch(
        self,
        run_id: str,
        limit: int = 100,
        *,
        undoes: str | None = None,
        document: Any = MAPPING,
        token: int = 1,
    ) -> bool:
        text = json.dumps(document)
        digest = self.superuser.execute(
            query("topology_move_digest").encode(), {"document": text}
        ).fetchone()
        assert digest is not None
        sent = None if undoes else text
        values = {
            "run_id": run_id,
            "token": token,
            "by": "ann",
            "document": sent,
            "digest": digest[0],
            "undoes": undoes,
            "limit": limit,
        }
        row = self.operator.execute(query("topology_move_batch").encode(), values).fetchone()
        assert row is not None
        return bool(row[0])

    def activate(self, code: str, start: str, name: str) -> None:
        Documents(self.wallet).activate(
            ActivationRequest(
                code, 1, "default", POLICIES[code], start, 1, "test", name, fence_token=1
            )
        )

    def state(self) -> Rows:
        """Return all that an undo must restore, without versions and hashes."""
        return [
            *self.look(HELD),
            *self.look(ROLLINGS),
            *self.look(
                "SELECT topology_code, topology_version, balance,"
                " state FROM wallet.wallet_coupon_grant ORDER BY grant_id"
            ),
            *self.look(
                "SELECT topology_code, bucket_type_code, state FROM wallet.wallet_bonus ORDER BY"
                " bonus_id"
            ),
        ]

    def conflicts(self, run_id: str) -> list[tuple[str, str, str]]:
        rows = self.superuser.execute(
            query("topology_move_conflicts").encode(), {"run_id": run_id, "limit": 50}
        ).fetchall()
        return [(row[1], row[2], row[3]) for row in rows]


@pytest.fixture
def desk(
    platform_db: TestDatabase,
    as_role: AsRole,
    streams: Streams,
    wallet_outbox: Outbox,
    superuser: psycopg.Connection[Any],
) -> Iterator[Desk]:
    """A wallet with the split topology active and the unified one saved as a draft.

    After the test, the ledger must be sound.
    """
    database = Database(platform_db.dsn("wallet_service"), "wallet-test", pool_max=4).open()
    activate_split(database)
    Documents(database).save_topology(RUBY_UNIFIED_V1, SEED["topology"], "test")
    Documents(database).save_policy(
        "default", SEED["policy"] | {"version": POLICIES[RUBY_UNIFIED_V1]}, "test"
    )
    line = Line(
        wallet_outbox,
        Publisher(WALLET_OUTBOX, as_role("wallet_worker"), streams),
        Consumer(SUBSCRIPTION, as_role("rolling_worker"), streams, "copy-1"),
    )
    with psycopg.connect(platform_db.dsn("rubyops_ops"), autocommit=True) as operator:
        operator.execute("SELECT wallet.advance_fence(1)")
        yield Desk(database, line, operator, superuser)
    assert superuser.execute(UNSOUND.encode()).fetchall() == []
    assert Reconciliation(database).run("test")["drift_buckets"] == 0
    database.close()


def refused(act: Callable[[], object]) -> str:
    """Return the message with which the database refuses the call."""
    with pytest.raises(psycopg.errors.DatabaseError) as error:
        act()
    assert error.value.sqlstate in ("RB001", "RB002", "RB003")
    return str(error.value.diag.message_primary)
