"""Wins of campaigns and further wins on a bet, on a real database.

Each win is paid once, within its limits, and taken back whole or not at all.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import msgspec
import psycopg
import pytest
from msgspec.structs import asdict

from tests.wallet_runtime.wallet.conftest import Player
from wallet_runtime.plumbing.errors import ApiError, Maintenance, PayloadMismatch
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.domain import bets, cash, wins
from wallet_runtime.wallet.domain.state import Request
from wallet_runtime.wallet.store import campaigns
from wallet_runtime.wallet.store.money import money_of
from wallet_runtime.wallet.store.refusals import InvariantRefused

HELD = (
    "SELECT account, balance FROM wallet.wallet_account WHERE player_id = %s AND balance <> 0"
    " ORDER BY account"
)
SPENT = "SELECT spent FROM wallet.wallet_campaign"
LATER = datetime(2999, 1, 1, tzinfo=UTC)


class Table:
    """A player at a provider that reports wins, and commands for wins."""

    def __init__(self, wallet: Database, player: Player, look: psycopg.Connection) -> None:
        """Keep the player, and a superuser's connection for reads."""
        self.wallet, self.player, self.look = wallet, player, look

    def campaign(self, code: str = "FREE", *, key: str = "", **changes: Any) -> None:
        """Create a campaign with a cap of 10.00, and of 4.00 for each win."""
        row: dict[str, Any] = {
            "provider_id": "mocksports",
            "currency": "EUR",
            "cap": 1_000,
            "cap_per_win": 400,
            "expires_at": LATER,
            "created_by": "ann",
        }
        wanted = wins.NewCampaign(code, **(row | changes))
        name = key or str(uuid4())
        transaction_id = uuid5(UUID(int=7), name)
        print_of = f"{abs(hash(wanted)) % 10**8:08d}"
        request = Request(
            self.player.brand_id, UUID(int=0), "admin", "campaigns", name, print_of, transaction_id
        )
        campaigns.create(self.wallet, request, wanted)

    def pay(
        self, name: str, amount: int, player: Player | None = None, **more: Any
    ) -> tuple[int, str]:
        """Report a win: on the bet in `more`, else of the campaign FREE."""
        tie = {"campaign": "FREE"} if "bet_id" not in more else {"round_id": "r1"}
        request_id = more.pop("request_id", None)
        command = wins.Pay("mocksports", "SPORTS", name, amount, "EUR", **(tie | more))
        return _said(
            (player or self.player).perform(
                wins.pay, command, request_id=request_id, **asdict(wins.pay_reads(command))
            )
        )

    def reverse(self, name: str) -> tuple[int, str]:
        """Reverse a win."""
        command = wins.Reverse("mocksports", name)
        return _said(
            self.player.perform(wins.reverse, command, **asdict(wins.reverse_reads(command)))
        )

    def settled_bet(self, payout: str = "0", name: str = "b1") -> None:
        """Deposit and bet 1.00, and settle the bet."""
        self.player.perform(cash.deposit, cash.Deposit(100, "EUR", "SPORTS_NORMAL"))
        command = bets.Authorize("mocksports", "SPORTS", name, "r1", 100, "EUR")
        named = {"provider_id": "mocksports", "bet_id": name}
        assert self.player.perform(bets.authorize, command, **named)[0] == 200
        assert (
            self.player.perform(bets.settle, bets.Settle("mocksports", name, payout), **named)[0]
            == 200
        )

    def roll_back(self, name: str = "b1") -> tuple[int, str]:
        """Roll the bet back."""
        named = asdict(bets.rollback_reads(bets.Rollback("mocksports", name)))
        return _said(self.player.perform(bets.rollback, bets.Rollback("mocksports", name), **named))

    def held(self) -> dict[str, int]:
        """Return the player's balances in minor units, by account."""
        rows = self.look.execute(HELD, [self.player.player_id]).fetchall()
        return {account.removeprefix("RUBY_SPLIT_V1/"): amount for account, amount in rows}

    def one(self, statement: str) -> Any:
        """Return the only value of a statement's first row."""
        row = self.look.execute(statement.encode()).fetchone()
        assert row is not None
        return row[0]


def _said(answer: tuple[int, dict[str, Any]]) -> tuple[int, str]:
    return answer[0], str(answer[1].get("code", answer[1].get("state")))


def refused(act: Callable[[], object], code: str) -> None:
    with pytest.raises(ApiError) as error:
        act()
    assert error.value.code == code


@pytest.fixture
def table(wallet: Database, player: Player, look: psycopg.Connection) -> Table:
    return Table(wallet, player, look)


def test_a_win_of_a_campaign_is_paid_once_and_drawn_on_its_cap(table: Table) -> None:
    table.campaign()
    assert table.pay("t1", 300) == (200, "PAID")
    assert table.pay("t1", 300) == (200, "PAID"), "the same transaction under another request id"
    assert table.pay("t1", 299) == (409, "WIN_ALREADY_EXISTS")
    assert table.pay("t2", 401) == (409, "WIN_LIMIT")
    assert table.held() == {"WITHDRAWABLE": 300} and table.one(SPENT) == 300
    counter = (
        "SELECT delta FROM wallet.wallet_counter_entry WHERE account = 'HOUSE' AND command ="
        " 'WIN_PAY'"
    )
    assert table.look.execute(counter).fetchall() == [(-300,)]
    assert table.one("SELECT count(*) FROM wallet.conservation WHERE difference <> 0") == 0
    events = (
        "SELECT event_type, payload->>'amount' FROM wallet.wallet_outbox WHERE event_type LIKE"
        " 'WIN%'"
    )
    assert table.look.execute(events).fetchall() == [("WIN_CONFIRMED", "300")]


def test_a_win_goes_where_winnings_of_its_source_go(table: Table) -> None:
    table.campaign()
    table.player.perform(cash.deposit, cash.Deposit(100, "EUR", "SPORTS_NORMAL"))
    assert table.pay("t1", 300) == (200, "PAID")
    assert table.held() == {"SPORTS_NORMAL": 400}, "its rolling is open"


def test_a_campaign_never_pays_more_than_its_cap_however_many_win_at_once(table: Table) -> None:
    table.campaign()
    players = [Player(money_of(table.wallet)) for _ in range(6)]
    for player in players:
        player.brand_id = table.player.brand_id
        money_of(table.wallet).register(player.brand_id, player.player_id, "EUR", False)
    with ThreadPoolExecutor(6) as pool:
        said = list(
            pool.map(
                lambda number: table.pay(
                    f"t{number}", 400, players[number], request_id=f"r{number}"
                ),
                range(6),
            )
        )
    assert sorted(said) == [(200, "PAID")] * 2 + [(409, "CAMPAIGN_SPENT")] * 4
    assert table.one(SPENT) == 800 == table.one("SELECT sum(amount) FROM wallet.wallet_win")


def test_one_transaction_that_comes_at_once_under_many_requests_pays_once(table: Table) -> None:
    table.campaign()
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda number: table.pay("t1", 300), range(4)))
    assert said == [(200, "PAID")] * 4 and table.held() == {"WITHDRAWABLE": 300}


def test_a_campaign_of_others_ended_or_unknown_pays_nothing(table: Table) -> None:
    refused(lambda: table.pay("t1", 1), "CAMPAIGN_NOT_FOUND")
    table.campaign("LIVE", provider_id="mocklive")
    refused(lambda: table.pay("t2", 1, campaign="LIVE"), "CAMPAIGN_NOT_FOUND")
    table.campaign("WON", currency="KRW")
    assert table.pay("t3", 1, campaign="WON") == (409, "CAMPAIGN_CURRENCY")
    table.campaign("OVER", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert table.pay("t4", 1, campaign="OVER") == (409, "CAMPAIGN_EXPIRED")
    assert table.held() == {}
    table.campaign()
    table.look.execute(
        "UPDATE wallet.wallet_player SET status = 'blocked' WHERE player_id = %s",
        [table.player.player_id],
    )
    assert table.pay("t5", 1) == (409, "PLAYER_BLOCKED")


def test_a_campaign_is_made_once_per_code_and_not_while_sealed(table: Table) -> None:
    table.campaign(key="k1")
    table.campaign(key="k1")
    with pytest.raises(PayloadMismatch):
        table.campaign(key="k1", cap=2_000)
    with pytest.raises(campaigns.CampaignExists):
        table.campaign(key="k2")
    table.look.execute("UPDATE wallet.wallet_gate SET freeze_level = 'sealed'")
    with pytest.raises(Maintenance):
        table.campaign("LATER")
    assert table.one("SELECT cap FROM wallet.wallet_campaign") == 1_000


def test_an_ingress_freeze_stops_a_campaigns_win_and_lets_a_jackpot_pass(table: Table) -> None:
    table.campaign()
    table.settled_bet()
    table.look.execute("UPDATE wallet.wallet_gate SET freeze_level = 'ingress'")
    with pytest.raises(Maintenance):
        table.pay("t1", 1)
    assert table.pay("t2", 500, bet_id="b1") == (200, "PAID")
    assert table.reverse("t2") == (200, "REVERSED")


def test_a_further_win_needs_its_bet_settled_and_keeps_the_policys_bound(table: Table) -> None:
    refused(lambda: table.pay("t0", 1, bet_id="b1"), "AUTHORIZATION_NOT_FOUND")
    table.player.perform(cash.deposit, cash.Deposit(100, "EUR", "SPORTS_NORMAL"))
    command = bets.Authorize("mocksports", "SPORTS", "b1", "r1", 100, "EUR")
    table.player.perform(bets.authorize, command, provider_id="mocksports", bet_id="b1")
    refused(lambda: table.pay("t1", 1, bet_id="b1", request_id="once"), "BET_NOT_SETTLED")
    table.player.perform(
        bets.settle, bets.Settle("mocksports", "b1", "0"), provider_id="mocksports", bet_id="b1"
    )
    assert table.pay("t1", 1, bet_id="b1", request_id="once") == (200, "PAID"), (
        "too early is not stored"
    )
    assert table.pay("t2", 1, bet_id="b1", round_id="r2") == (409, "ROUND_MISMATCH")
    assert table.pay("t3", 1_000_001, bet_id="b1") == (409, "WIN_LIMIT")
    assert table.pay("t4", 500, bet_id="b1") == (200, "PAID")
    assert table.held() == {"SPORTS_NORMAL": 501}
    stranger = Player(money_of(table.wallet))
    refused(lambda: table.pay("t5", 1, stranger, bet_id="b1"), "AUTHORIZATION_NOT_FOUND")


def test_a_win_is_taken_back_whole_and_once(table: Table) -> None:
    table.campaign()
    table.pay("t1", 300)
    assert table.reverse("t1") == (200, "REVERSED")
    assert table.reverse("t1") == (200, "REVERSED")
    assert table.pay("t1", 300) == (200, "REVERSED"), "it is not paid again"
    assert table.held() == {} and table.one(SPENT) == 0
    refused(lambda: table.reverse("t2"), "WIN_NOT_FOUND")
    assert table.one("SELECT count(*) FROM wallet.conservation WHERE difference <> 0") == 0


def test_a_win_that_was_spent_stays_paid_and_is_found(table: Table) -> None:
    table.campaign()
    table.pay("t1", 300)
    table.player.perform(cash.to_cash, cash.Withdraw(1, "EUR"))
    table.pay("t2", 400)
    assert table.reverse("t1") == (409, "WINNINGS_SPENT")
    assert table.held() == {"CASH/AVAILABLE": 1, "WITHDRAWABLE": 699}
    found = "SELECT kind, details->>'transaction_id' FROM wallet.wallet_finding"
    assert table.look.execute(found).fetchall() == [("WIN_REVERSAL_REFUSED", "t1")]


def test_a_bet_with_further_wins_is_not_taken_back_before_they_are(table: Table) -> None:
    table.settled_bet("2.00")
    table.pay("t1", 500, bet_id="b1")
    refused(table.roll_back, "FURTHER_WINS")
    assert table.reverse("t1") == (200, "REVERSED")
    assert table.roll_back() == (200, "ROLLED_BACK")
    assert table.held() == {"SPORTS_NORMAL": 100}
    assert table.pay("t2", 1, bet_id="b1") == (409, "BET_NOT_OPEN")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE wallet.wallet_win SET amount = amount + 1",
        "DELETE FROM wallet.wallet_win",
        "TRUNCATE wallet.wallet_win CASCADE",
        "DELETE FROM wallet.wallet_win_reversal",
        "UPDATE wallet.wallet_campaign SET spent = cap + 1",
    ],
)
def test_the_database_keeps_what_was_paid(table: Table, statement: str) -> None:
    table.campaign()
    table.pay("t1", 300)
    table.reverse("t1")
    with pytest.raises(psycopg.DatabaseError):
        table.look.execute(statement.encode())


def test_the_database_refuses_a_win_that_is_not_what_left_house(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.campaign()
    right = wins._from_campaign

    def wrong(*given: Any) -> Any:
        decision: Any = right(*given)
        return msgspec.structs.replace(
            decision, win=msgspec.structs.replace(decision.win, amount=1)
        )

    monkeypatch.setattr(wins, "_from_campaign", wrong)
    with pytest.raises(InvariantRefused):
        table.pay("t1", 300)
    assert table.held() == {} and table.one(SPENT) == 0
