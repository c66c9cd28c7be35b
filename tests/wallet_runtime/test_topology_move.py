"""Topology moves on real servers: wallet and rolling change together, or nothing changes."""

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from sql import query
from tests.cluster import TestDatabase
from tests.wallet_runtime.moving import HELD, LIVE, MAPPING, ROLLINGS, Desk, desk, refused
from tests.wallet_runtime.serving import as_the_wallet
from wallet_runtime.contract.documents import RUBY_SPLIT_V1, RUBY_UNIFIED_V1
from wallet_runtime.plumbing.errors import ApiError
from wallet_runtime.wallet.domain import bets, cash, rolling
from wallet_runtime.wallet.store.activation import ActivationRefused

__all__ = ["desk"]


def test_the_whole_way_there_and_bets_work_from_moved_money(desk: Desk) -> None:
    player = desk.rich_player()
    desk.line.run()
    desk.seal()
    before = desk.look(
        "SELECT currency, sum(balance) FROM wallet.wallet_account GROUP BY 1 ORDER BY 1"
    )
    with pytest.raises(ActivationRefused):
        desk.activate(RUBY_UNIFIED_V1, RUBY_SPLIT_V1, "too early")
    assert desk.batch("run-1")
    unified = RUBY_UNIFIED_V1
    assert desk.look(HELD) == [
        (f"{unified}/BONUS", "EUR", 300),
        (f"{unified}/NORMAL", "EUR", 1_300),
        (f"{unified}/POINTS", "PTS", 70),
    ]
    assert (
        desk.look("SELECT currency, sum(balance) FROM wallet.wallet_account GROUP BY 1 ORDER BY 1")
        == before
    )
    everything = ["SPORTS", "LIVE", "SLOTS"]
    assert [(one, other, sorted(types)) for one, other, types, _ in desk.look(ROLLINGS)] == [
        (f"{unified}/BONUS", f"{unified}/BONUS", sorted(everything)),
        (f"{unified}/NORMAL", f"{unified}/NORMAL", sorted(everything)),
        (f"{unified}/NORMAL", f"{unified}/NORMAL", sorted(everything)),
    ]
    legs = desk.look(
        "SELECT account, delta FROM wallet.wallet_ledger WHERE command = 'TOPOLOGY_MOVE' AND"
        " currency = 'EUR' ORDER BY account, version"
    )
    assert legs == [
        ("RUBY_SPLIT_V1/CASINO_NORMAL", -500),
        ("RUBY_SPLIT_V1/SPORTS_BONUS", -300),
        ("RUBY_SPLIT_V1/SPORTS_NORMAL", -800),
        ("RUBY_UNIFIED_V1/BONUS", 300),
        ("RUBY_UNIFIED_V1/NORMAL", 500),
        ("RUBY_UNIFIED_V1/NORMAL", 800),
    ]
    assert {code for code, *_ in desk.look(LIVE)} == {unified}
    recorded = desk.look(
        "SELECT digest, confirmed_by, document->>'signed_plan', players, legs,"
        " referring FROM wallet.topology_move_run"
    )
    assert [row[1:] for row in recorded] == [("ann", "OPS-77", 1, 4, 6)]
    desk.activate(unified, RUBY_SPLIT_V1, "after the move")
    desk.seal("open")
    accepted = player.perform(
        bets.authorize,
        bets.Authorize("mocklive", "LIVE", "b2", "r", 1_300, "EUR"),
        provider_id="mocklive",
        bet_id="b2",
    )
    assert accepted[0] == 200, accepted
    paid = {
        (share["account"]): share["amount"]
        for share in desk.look(
            "SELECT funding FROM wallet.wallet_bet_authorization WHERE bet_id = 'b2'"
        )[0][0]
    }
    assert sum(paid.values()) == 1_300 and set(paid) <= {f"{unified}/BONUS", f"{unified}/NORMAL"}
    player.perform(
        bets.settle, bets.Settle("mocklive", "b2", "0"), provider_id="mocklive", bet_id="b2"
    )
    desk.line.run()
    assert sum(row[3] for row in desk.look(ROLLINGS)) > 100  # later bets add to it


def test_a_move_takes_up_where_it_was_cut_off_and_moves_nothing_twice(desk: Desk) -> None:
    for _ in range(7):
        desk.new_player().perform(cash.deposit, cash.Deposit(100, "EUR", "SPORTS_NORMAL"))
    desk.line.run()
    desk.seal()
    assert desk.batch("run-1", 3) is False
    assert desk.look("SELECT scanned, players, legs FROM wallet.topology_move_run") == [(3, 3, 3)]
    assert "is not mapped" in refused(
        lambda: desk.batch("run-2", document=_without("SPORTS_NORMAL"))
    )
    while not desk.batch("run-1", 3):
        pass
    assert desk.batch("run-1", 3)  # a repeat after the end
    assert desk.look("SELECT scanned, players, legs FROM wallet.topology_move_run") == [(7, 7, 7)]
    assert desk.look(HELD) == [("RUBY_UNIFIED_V1/NORMAL", "EUR", 700)]


def _open_bet(desk: Desk) -> None:
    player = desk.new_player()
    player.perform(cash.deposit, cash.Deposit(100, "EUR", "SPORTS_NORMAL"))
    player.perform(
        bets.authorize,
        bets.Authorize("mocksports", "SPORTS", "b", "r", 50, "EUR"),
        provider_id="mocksports",
        bet_id="b",
    )


def _unpublished(desk: Desk) -> None:
    desk.new_player().perform(cash.deposit, cash.Deposit(100, "EUR", "SPORTS_NORMAL"))
    desk.new_player().perform(cash.deposit, cash.Deposit(100, "EUR", "SPORTS_NORMAL"))


def _mapping(**changes: Any) -> Any:
    return {**MAPPING, **changes}


def _without(bucket: str) -> Any:
    return _mapping(
        buckets={
            source: target for source, target in MAPPING["buckets"].items() if source != bucket
        }
    )


@pytest.mark.parametrize(
    ("prepare", "document", "published", "words"),
    [
        (_open_bet, MAPPING, True, "1 bets are open"),
        (_unpublished, MAPPING, False, "events are unpublished"),
        (Desk.rich_player, _without("CASINO_NORMAL"), True, "buckets.CASINO_NORMAL: is not mapped"),
        (
            Desk.rich_player,
            _mapping(buckets=MAPPING["buckets"] | {"POINTS": "NORMAL"}),
            True,
            "buckets.POINTS: is of kind points, NORMAL of kind normal",
        ),
        (
            Desk.rich_player,
            _mapping(buckets=MAPPING["buckets"] | {"POINTS": "NOWHERE"}),
            True,
            "buckets.POINTS: NOWHERE is not a bucket",
        ),
        (
            Desk.rich_player,
            _mapping(buckets=MAPPING["buckets"] | {"GONE": "NORMAL"}),
            True,
            "buckets.GONE: is not a bucket of RUBY_SPLIT_V1",
        ),
        (
            Desk.rich_player,
            _mapping(to={"code": RUBY_UNIFIED_V1, "version": 9}),
            True,
            "is not saved",
        ),
        (
            Desk.rich_player,
            _mapping(**{"from": {"code": RUBY_SPLIT_V1, "version": 2}}),
            True,
            "is not the active topology",
        ),
    ],
)
def test_what_a_move_cannot_take_whole_it_does_not_begin(
    desk: Desk, prepare: Callable[[Desk], object], document: Any, published: bool, words: str
) -> None:
    prepare(desk)
    if published:
        desk.line.run()
    desk.seal()
    before = desk.state()
    obstacles = desk.superuser.execute(
        query("topology_move_obstacles").encode(), {"document": json.dumps(document)}
    ).fetchall()
    assert any(words in row[0] for row in obstacles), obstacles
    assert refused(lambda: desk.batch("run-1", document=document)).startswith("nothing was moved")
    assert desk.state() == before
    assert desk.look("SELECT * FROM wallet.topology_move_run") == []


def test_money_that_is_not_sealed_and_an_overtaken_run_move_nothing(desk: Desk) -> None:
    desk.rich_player()
    desk.line.run()
    before = desk.state()
    for level in ("open", "ingress"):
        desk.seal(level)
        assert "only while money is sealed" in refused(lambda: desk.batch("run-1"))
    desk.seal()
    assert "overtaken" in refused(lambda: desk.batch("run-1", token=0))
    assert desk.state() == before


def test_two_services_that_do_not_agree_stop_the_move(desk: Desk) -> None:
    player = desk.rich_player()
    desk.line.run()
    desk.seal()
    before = desk.state()
    known = desk.look(
        "SELECT rolling_id FROM wallet.wallet_rolling_obligation WHERE bucket_type_code ="
        " 'SPORTS_NORMAL'"
    )[0]
    desk.superuser.execute(
        "UPDATE wallet.wallet_rolling_obligation SET state = 'CANCELED' WHERE bucket_type_code ="
        " 'SPORTS_NORMAL'"
    )
    assert f"a live rolling of player {player.player_id} that the wallet does not know" in refused(
        lambda: desk.batch("run-1")
    )
    desk.superuser.execute(
        "UPDATE wallet.wallet_rolling_obligation SET state = 'ACTIVE' WHERE state = 'CANCELED'"
    )
    desk.superuser.execute("SET session_replication_role = replica")
    renamed = (
        "UPDATE rolling.player_rolling SET rolling_id = %s WHERE bucket_type_code = 'SPORTS_NORMAL'"
    )
    desk.superuser.execute(renamed, [uuid4()])
    assert "has no record of yet" in refused(lambda: desk.batch("run-1"))
    desk.superuser.execute(renamed, known)
    desk.superuser.execute("RESET session_replication_role")
    assert desk.state() == before


def test_what_completes_after_a_move_is_released_in_the_new_topology(desk: Desk) -> None:
    player = desk.rich_player()
    desk.line.run()
    desk.seal()
    desk.batch("run-1")
    desk.activate(RUBY_UNIFIED_V1, RUBY_SPLIT_V1, "there")
    desk.seal("open")
    as_the_wallet(
        desk.superuser,
        "UPDATE rolling.player_rolling SET state = 'COMPLETING'",
        role="rolling_worker",
    )
    desk.look(
        "UPDATE wallet.wallet_turnover SET open = 0, seal = seal || '{\"open\": 0}' RETURNING"
        " account"
    )
    for (rolling_id,) in desk.look(
        "SELECT rolling_id::text FROM wallet.wallet_rolling_obligation WHERE state = 'ACTIVE'"
    ):
        assert (
            player.perform(rolling.complete, rolling.Complete(rolling_id), rolling_id=rolling_id)[0]
            == 200
        )
    assert ("RUBY_UNIFIED_V1/WITHDRAWABLE", "EUR", 1_300 + 300 + 250) in desk.look(HELD)


def test_an_old_bet_is_not_rolled_back_into_a_topology_that_was_left(desk: Desk) -> None:
    player = desk.rich_player()
    desk.line.run()
    desk.seal()
    desk.batch("run-1")
    desk.activate(RUBY_UNIFIED_V1, RUBY_SPLIT_V1, "there")
    desk.seal("open")
    reads: dict[str, Any] = {"provider_id": "mocksports", "bet_id": "turned", "with_winnings": True}
    answer = player.perform(bets.rollback, bets.Rollback("mocksports", "turned"), **reads)
    assert (answer[0], answer[1]["code"]) == (409, "SOURCE_GONE")


def test_no_service_and_no_reader_can_move_a_topology(
    desk: Desk, platform_db: TestDatabase
) -> None:
    calls = (
        "SELECT wallet.topology_move_batch('r', 1, 'x', '{}', 'd', NULL, 1)",
        "SELECT rolling.lead_rollings(NULL, NULL, '[]', 'x', 0)",
    )
    for role in (
        "wallet_service",
        "wallet_worker",
        "rolling_service",
        "rolling_worker",
        "admin_service",
        "rubyops_read",
    ):
        with psycopg.connect(platform_db.dsn(role), autocommit=True) as connection:
            for call in calls:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(call.encode())


def test_commands_decided_before_the_move_are_decided_again(desk: Desk) -> None:
    player = desk.rich_player()
    versions = desk.look("SELECT version FROM wallet.wallet_player")
    desk.line.run()
    desk.seal()
    desk.batch("run-1")
    assert desk.look("SELECT version - 1 FROM wallet.wallet_player") == versions
    with pytest.raises(ApiError):  # the seal still stops money commands
        player.perform(cash.deposit, cash.Deposit(1, "EUR"))
