"""A reference is used once per brand and command, also by other callers and request ids."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import psycopg
import pytest

from tests.wallet_runtime.wallet.conftest import Player
from wallet_runtime.wallet.domain import bonus, points
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.state import Request
from wallet_runtime.wallet.store.refusals import InvariantRefused

PROMO = points.Points(50, "promo1")
BONUS = bonus.Issue("SPORTS_BONUS", 100, "EUR", "promo1")
GIVEN = "SELECT coalesce(sum(delta), 0)::bigint FROM wallet.wallet_ledger"


def given(look: psycopg.Connection) -> int:
    row = look.execute(GIVEN.encode()).fetchone()
    assert row is not None
    return int(row[0])


def of_one_brand(player: Player) -> Player:
    """A second player of the same brand, with other request ids."""
    other = Player(player.money)
    other.count = 1000
    other.brand_id = player.brand_id
    other.money.register(other.brand_id, other.player_id, "EUR", True)
    return other


@pytest.mark.parametrize(
    ("rule", "command", "others"),
    [
        (points.award, PROMO, [PROMO, points.Points(51, "promo1")]),
        (
            bonus.issue,
            BONUS,
            [
                BONUS,
                msgspec.structs.replace(BONUS, amount=1),
                msgspec.structs.replace(BONUS, bucket="CASINO_BONUS"),
            ],
        ),
    ],
    ids=["points", "bonus"],
)
def test_a_used_reference_is_refused_and_names_its_use(
    player: Player, look: psycopg.Connection, rule: Any, command: Any, others: list[Any]
) -> None:
    status, first = player.perform(rule, command)
    assert status == 200
    held = given(look)
    for who in (player, of_one_brand(player)):
        for other in others:
            status, refused = who.perform(rule, other)
            assert (status, refused["code"]) == (409, "REFERENCE_USED")
            assert refused["details"]["player_id"] == str(player.player_id)
            assert refused["details"]["transaction_id"] in first.values()
    assert given(look) == held


def test_each_brand_and_each_command_has_references_of_its_own(player: Player) -> None:
    assert player.perform(points.award, PROMO)[0] == 200
    assert player.perform(bonus.issue, BONUS)[0] == 200
    assert Player(player.money).perform(points.award, PROMO)[0] == 200


def test_expiries_may_share_a_reference(player: Player) -> None:
    assert player.perform(points.award, PROMO)[0] == 200
    for _ in range(2):
        assert player.perform(points.expire, points.Points(10, "promo1"))[0] == 200


def test_of_many_at_once_one_uses_the_reference(player: Player, look: psycopg.Connection) -> None:
    players = [player, *(of_one_brand(player) for _ in range(3))]
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(
                lambda number: players[number % 4].perform(
                    points.award, PROMO, request_id=f"r{number}"
                ),
                range(8),
            )
        )
    assert sorted(status for status, _ in answers) == [200, *[409] * 7]
    assert given(look) == 50


def test_the_database_gives_nothing_without_a_reference(
    player: Player, look: psycopg.Connection
) -> None:
    def forgetful(request: Request, command: Any, state: Any, pair: Any) -> Decision:
        return msgspec.structs.replace(points.award(request, command, state, pair), reference=None)

    with pytest.raises(InvariantRefused):
        player.perform(forgetful, PROMO)
    assert given(look) == 0
