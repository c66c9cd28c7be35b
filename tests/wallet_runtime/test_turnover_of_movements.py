"""From a movement in the wallet, by outbox and stream, to the turnover in rolling_service.

Movements require turnover, carry it along or revoke it.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.conftest import AsRole
from tests.wallet_runtime.events import Outbox
from tests.wallet_runtime.line import Line
from tests.wallet_runtime.wallet.conftest import Player
from tests.wallet_runtime.wallet.pairs import activate_split
from wallet_runtime.plumbing.events.consumer import Consumer
from wallet_runtime.plumbing.events.outbox import Publisher
from wallet_runtime.plumbing.events.streams import Streams
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.rolling.worker.effects import SUBSCRIPTION
from wallet_runtime.wallet.domain import bets, bonus, cash, points, transfers
from wallet_runtime.wallet.store.money import money_of
from wallet_runtime.wallet.worker import WALLET_OUTBOX

ROLLINGS = (
    "SELECT bucket_type_code, target_turnover, turnover, state FROM rolling.player_rolling ORDER"
    " BY 1 DESC, 2"
)
OWED = """
SELECT o.rolling_id
  FROM wallet.wallet_rolling_obligation o FULL JOIN rolling.player_rolling r USING (rolling_id)
 WHERE (o.state = 'ACTIVE') IS DISTINCT FROM (r.state = 'ACTIVE')
    OR o.bucket_type_code IS DISTINCT FROM r.bucket_type_code
"""
STAKES: dict[str, Any] = {"with_stakes": True}


@pytest.fixture
def player(platform_db: TestDatabase) -> Iterator[Player]:
    """A player in a wallet with the split topology active."""
    database = Database(platform_db.dsn("wallet_service"), "wallet-test", pool_max=2).open()
    activate_split(database)
    yield Player(money_of(database))
    database.close()


@pytest.fixture
def line(as_role: AsRole, streams: Streams, wallet_outbox: Outbox) -> Line:
    """One publisher and one consumer on real servers."""
    publisher = Publisher(WALLET_OUTBOX, as_role("wallet_worker"), streams)
    return Line(
        wallet_outbox,
        publisher,
        Consumer(SUBSCRIPTION, as_role("rolling_worker"), streams, "copy-1"),
    )


def bet(player: Player, name: str, provider: str, kind: str, stake: int) -> None:
    reads = {"provider_id": provider, "bet_id": name}
    assert (
        player.perform(
            bets.authorize, bets.Authorize(provider, kind, name, "r", stake, "EUR"), **reads
        )[0]
        == 200
    )
    assert player.perform(bets.settle, bets.Settle(provider, name, "0"), **reads)[0] == 200


def test_inherited_turnover_is_what_the_moved_money_owed(
    player: Player, line: Line, superuser: psycopg.Connection[Any]
) -> None:
    player.perform(cash.deposit, cash.Deposit(900, "EUR", "SPORTS_NORMAL"))
    bet(player, "b1", "mocksports", "SPORTS", 300)
    player.perform(
        transfers.transfer,
        transfers.Transfer("SPORTS_NORMAL", "CASINO_NORMAL", 199, "EUR"),
        **STAKES,
    )
    bet(player, "b2", "mocklive", "LIVE", 99)
    line.run()
    assert superuser.execute(ROLLINGS).fetchall() == [
        ("SPORTS_NORMAL", 701, 300, "ACTIVE"),
        ("CASINO_NORMAL", 199, 99, "ACTIVE"),
    ]
    back: dict[str, Any] = {"provider_id": "mocksports", "bet_id": "b1", "with_winnings": True}
    assert player.perform(bets.rollback, bets.Rollback("mocksports", "b1"), **back)[0] == 200
    player.perform(
        transfers.transfer,
        transfers.Transfer("SPORTS_NORMAL", "CASINO_NORMAL", 701, "EUR"),
        **STAKES,
    )
    line.run()
    assert superuser.execute(ROLLINGS).fetchall() == [
        ("CASINO_NORMAL", 199, 99, "ACTIVE"),
        ("CASINO_NORMAL", 701, 0, "ACTIVE"),
    ]
    assert superuser.execute(OWED).fetchall() == []


def test_points_and_bonuses_bring_their_rolling_and_take_it_back(
    player: Player, line: Line, superuser: psycopg.Connection[Any]
) -> None:
    player.perform(points.award, points.Points(50, "mission"))
    player.perform(points.transfer, points.PointsTransfer(50, "CASINO_NORMAL"))
    first = player.perform(bonus.issue, bonus.Issue("SPORTS_BONUS", 10, "EUR", "campaign"))[1][
        "bonus_id"
    ]
    second = player.perform(
        bonus.issue, bonus.Issue("SPORTS_BONUS", 20, "EUR", "another campaign")
    )[1]["bonus_id"]
    player.perform(bonus.reverse, bonus.End(first), bonus_id=first, **STAKES)
    player.perform(bonus.expire, bonus.End(second), bonus_id=second, **STAKES)
    line.run()
    assert superuser.execute(ROLLINGS).fetchall() == [
        ("SPORTS_BONUS", 100, 0, "CANCELED"),
        ("SPORTS_BONUS", 200, 0, "EXPIRED"),
        ("CASINO_NORMAL", 50, 0, "ACTIVE"),
    ]
    assert superuser.execute(OWED).fetchall() == []
    assert superuser.execute("SELECT count(*) FROM rolling.rolling_dead_letter").fetchone() == (0,)
