"""The wallet keeps its own count of turnover from its settled bets (ADR 20).

It refuses a release that exceeds this count, whichever service asks for it.
"""

from typing import Any

import psycopg
import pytest

from tests.wallet_runtime.wallet.conftest import Player
from tests.wallet_runtime.wallet.movements import STAKES, authorize, code, deposit, held, settle
from tests.wallet_runtime.wallet.test_locks import owing
from wallet_runtime.wallet.domain import bets, bonus, coupons, rolling, transfers
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.records import Leg
from wallet_runtime.wallet.domain.state import ActivePair, Request, Scope, State
from wallet_runtime.wallet.store.refusals import InvariantRefused

OPEN = "SELECT split_part(account, '/', 2), open FROM wallet.wallet_turnover ORDER BY 1"


def left(look: psycopg.Connection) -> dict[str, int]:
    return dict(look.execute(OPEN).fetchall())


def complete(player: Player, name: str) -> tuple[int, str | None]:
    return code(player.perform(rolling.complete, rolling.Complete(name), rolling_id=name))


def play(player: Player, stake: int, payout: str, bet: str = "b1") -> None:
    authorize(player, stake, bet)
    settle(player, payout, bet)


def test_nobodys_word_turns_a_bonus_into_withdrawable_money(
    player: Player, look: psycopg.Connection
) -> None:
    player.perform(bonus.issue, bonus.Issue("SPORTS_BONUS", 100, "EUR", "campaign"))
    (name,) = owing(look)
    status, refused = player.perform(rolling.complete, rolling.Complete(name), rolling_id=name)
    assert (status, refused["code"]) == (409, "TURNOVER_OPEN")
    assert (
        "leave at least 10.00 EUR of RUBY_SPLIT_V1/SPORTS_BONUS to be turned over"
        in refused["message"]
    )
    assert held(look) == {"SPORTS_BONUS": 100}


def test_nobodys_word_releases_a_coupon(player: Player, look: psycopg.Connection) -> None:
    issued = player.perform(
        coupons.issue, coupons.Issue("c", 100, "EUR", Scope("sports")), coupon_log_id="c"
    )[1]
    assert complete(player, issued["rolling_id"]) == (409, "TURNOVER_OPEN")
    assert sum(held(look).values()) == 100


def test_settled_bets_release_and_a_rollback_counts_no_more(
    player: Player, look: psycopg.Connection
) -> None:
    deposit(player, 100)
    (name,) = owing(look)
    play(player, 60, "0.60")
    play(player, 39, "0.39", "b2")
    assert complete(player, name) == (409, "TURNOVER_OPEN")
    play(player, 1, "0.01", "b3")
    assert left(look) == {"SPORTS_NORMAL": 0}
    rollback = bets.Rollback("mocksports", "b1")
    player.perform(
        bets.rollback, rollback, provider_id="mocksports", bet_id="b1", with_winnings=True
    )
    assert left(look) == {"SPORTS_NORMAL": 60}
    assert complete(player, name) == (409, "TURNOVER_OPEN")
    play(player, 60, "0.60", "b4")
    assert complete(player, name) == (200, None)
    assert (held(look), left(look)) == ({"WITHDRAWABLE": 100}, {})


def test_one_turnover_does_not_count_for_two_rollings(
    player: Player, look: psycopg.Connection
) -> None:
    deposit(player, 100)
    deposit(player, 100)
    play(player, 100, "1.00")
    first, second = owing(look)
    assert complete(player, first) == (200, None)
    assert complete(player, second) == (409, "TURNOVER_OPEN")
    end = player.perform(
        rolling.close, rolling.Close(second, "EXPIRED"), rolling_id=second, **STAKES
    )
    assert (end[0], end[1]["released"]) == (200, "1.00")


def test_a_word_for_one_rolling_is_not_paid_out_with_the_end_of_another(
    player: Player, look: psycopg.Connection
) -> None:
    deposit(player, 1)
    deposit(player, 100)
    small, big = owing(look)
    assert complete(player, big) == (200, None)
    end = player.perform(rolling.close, rolling.Close(small, "EXPIRED"), rolling_id=small, **STAKES)
    assert code(end) == (409, "TURNOVER_OPEN")
    assert held(look) == {"SPORTS_NORMAL": 101}


def test_transfers_shed_no_turnover(player: Player, look: psycopg.Connection) -> None:
    deposit(player, 1000)
    for _ in range(20):
        player.perform(
            transfers.transfer,
            transfers.Transfer("SPORTS_NORMAL", "CASINO_NORMAL", 7, "EUR"),
            **STAKES,
        )
    assert sum(left(look).values()) >= 1000
    player.perform(
        transfers.transfer,
        transfers.Transfer("CASINO_NORMAL", "SPORTS_NORMAL", 140, "EUR"),
        **STAKES,
    )
    assert sum(left(look).values()) >= 1000
    for name in owing(look)[:-1]:
        complete(player, name)
    assert complete(player, owing(look)[0]) == (409, "TURNOVER_OPEN")


def test_the_database_refuses_by_itself(
    player: Player, look: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even wallet_service's login cannot release money that owes turnover.

    The database refuses a forged release, a payment to cash, and a payment without its record.
    """
    player.perform(bonus.issue, bonus.Issue("SPORTS_BONUS", 100, "EUR", "campaign"))
    (name,) = owing(look)
    source, target = "RUBY_SPLIT_V1/SPORTS_BONUS", "RUBY_SPLIT_V1/WITHDRAWABLE"

    def forge(records: dict[str, Any], to: str) -> str:
        def rule(request: Request, command: object, state: State, pair: ActivePair) -> Decision:
            legs = (Leg(source, -100, "EUR"), Leg(to, 100, "EUR"))
            return Decision(
                command="FORGED",
                status=200,
                body={},
                pair=pair.reference,
                starts_new=False,
                legs=legs,
                **records,
            )

        with pytest.raises(InvariantRefused) as refused:
            player.perform(rule, None)
        return str(refused.value.details["sqlstate"])

    closed = {"obligations_closed": ({"rolling_id": name, "state": "COMPLETED"},)}
    assert forge(closed, target) == "RW014"
    assert forge({}, target) == "RW014"
    assert forge({}, "CASH/AVAILABLE") == "RW014"
    look.execute("UPDATE wallet.wallet_turnover SET open = 0, seal = seal || '{\"open\": 0}'")
    assert forge({}, target) == "RW014"
    assert held(look) == {"SPORTS_BONUS": 100}
