"""The history of a bet and of a player, on a platform with money."""

import pytest

from rubyops.errors import UsageError
from rubyops.testing.reading import StillRead
from rubyops.views.bets import read_open_bets
from rubyops.views.trace import read_trace
from rubyops.views.view import plain
from tests.checks.live import LiveRead
from tests.checks.money import PLAYER, Money

OF_A_PLAYER = ["accounts", "ledger", "wins", "rollings", "events"]


def test_a_player_is_followed_through_every_part(money: Money, read: LiveRead) -> None:
    view = read_trace(read, PLAYER)
    assert (view.subject.kind, view.bet) == ("player", None)
    assert [item.id for item in view.results] == OF_A_PLAYER
    held = {account.account: account.balance for account in view.accounts}
    assert sum(row.delta for row in view.ledger if row.account in held) == sum(held.values())
    assert view.results[1].summary == f"{len(view.ledger)} rows"


def test_a_bet_is_followed_by_either_of_its_ids(read: LiveRead) -> None:
    (open_bet,) = read_open_bets(read, 10).bets
    for named in (open_bet.authorization_id, open_bet.bet_id):
        view = read_trace(read, named)
        assert view.bet is not None
        assert (view.bet.stake, view.bet.currency, view.bet.payout) == (500, "EUR", None)
        assert [item.id for item in view.results] == ["bet", *OF_A_PLAYER]
        assert plain(view.beside)["subject"]["id"] == open_bet.authorization_id
    whole = read_trace(read, PLAYER).ledger
    assert 0 < len(view.ledger) < len(whole)


def test_an_id_of_nobody_is_a_usage_error(read: LiveRead) -> None:
    with pytest.raises(UsageError, match="no bet and no player has the id 'nobody' in test"):
        read_trace(read, "nobody")


def test_a_bet_id_of_two_providers_asks_for_the_authorization() -> None:
    bet = {"kind": "bet", "brand_id": "b", "player_id": "p"}
    read = StillRead({"ops_trace_subject": [{**bet, "id": "one"}, {**bet, "id": "two"}]})
    with pytest.raises(UsageError, match="use an authorization id: one, two"):
        read_trace(read, "bet-1")
