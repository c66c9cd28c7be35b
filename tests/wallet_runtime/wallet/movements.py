"""Commands that move a player's money in tests, and the rows that the tests compare."""

from typing import Any

import psycopg

from tests.wallet_runtime.wallet.conftest import Player, turn_over
from wallet_runtime.wallet.domain import bets, bonus, cash, rolling

STAKES: dict[str, Any] = {"with_stakes": True}


def held(look: psycopg.Connection) -> dict[str, int]:
    rows = look.execute(
        "SELECT account, balance FROM wallet.wallet_account WHERE balance <> 0"
    ).fetchall()
    return {account.removeprefix("RUBY_SPLIT_V1/"): balance for account, balance in rows}


def obligations(look: psycopg.Connection) -> list[Any]:
    return look.execute(
        "SELECT bucket_type_code, amount, cap, state FROM wallet.wallet_rolling_obligation ORDER"
        " BY state, bucket_type_code, amount"
    ).fetchall()


def deposit(player: Player, amount: int, bucket: str = "SPORTS_NORMAL") -> None:
    assert player.perform(cash.deposit, cash.Deposit(amount, "EUR", bucket))[0] == 200


def authorize(player: Player, stake: int, bet: str = "b1") -> None:
    command = bets.Authorize("mocksports", "SPORTS", bet, "r1", stake, "EUR")
    assert player.perform(bets.authorize, command, provider_id="mocksports", bet_id=bet)[0] == 200


def settle(player: Player, payout: str, bet: str = "b1") -> None:
    assert (
        player.perform(
            bets.settle,
            bets.Settle("mocksports", bet, payout),
            provider_id="mocksports",
            bet_id=bet,
        )[0]
        == 200
    )


def code(answer: tuple[int, dict[str, Any]]) -> tuple[int, str | None]:
    return answer[0], answer[1].get("code")


def settled_winner(player: Player) -> None:
    """Bet 1.00 from SPORTS_NORMAL and settle it with 2.50, paid into the same bucket."""
    deposit(player, 100)
    authorize(player, 100)
    settle(player, "2.50")


def release(player: Player, look: psycopg.Connection) -> None:
    (rolling_id,) = look.execute(
        "SELECT rolling_id::text FROM wallet.wallet_rolling_obligation"
    ).fetchone()  # type: ignore[misc]
    turn_over(look)
    player.perform(rolling.complete, rolling.Complete(rolling_id), rolling_id=rolling_id)


def issue(player: Player, amount: int = 100, **more: Any) -> str:
    status, answer = player.perform(
        bonus.issue, bonus.Issue("SPORTS_BONUS", amount, "EUR", f"campaign-{player.count}", **more)
    )
    assert status == 200
    return str(answer["bonus_id"])
