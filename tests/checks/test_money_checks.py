"""Each money check passes on correct money, and names the wrong row under its fault."""

from collections.abc import Callable

import pytest

from checks.money import (
    authorizations_recorded,
    conservation,
    ledger_covers_movements,
    ledger_tips,
    no_live_authorizations,
    outbox_age,
    outbox_drained,
    records_agree,
    snapshots_present,
)
from checks.release import gate_03, gate_04, gate_05, gate_07, gate_08
from rubyops.model.finding import Finding
from rubyops.ports import Read
from tests.checks.conftest import CONSUMED
from tests.checks.live import LiveRead
from tests.checks.money import BRAND, NORMAL, PLAYER, Money
from tests.cluster import TestDatabase

Look = Callable[[Read], Finding]
UNGUARD = "ALTER TABLE {0} DISABLE TRIGGER immutable_rows"
GREEN: dict[str, Look] = {
    "ledger-tips": ledger_tips.run,
    "conservation": conservation.run,
    "ledger-covers-movements": ledger_covers_movements.run,
    "authorizations-recorded": authorizations_recorded.run,
    "records-agree": records_agree.run,
    "snapshots-present": snapshots_present.run,
    "outbox-age": outbox_age.run,
    "gate-03": gate_03.run,
    "gate-04": gate_04.audit,
    "gate-05": gate_05.audit,
    "gate-07": gate_07.audit,
    "gate-08": gate_08.audit,
}


def assert_red(finding: Finding, *words: str) -> None:
    assert finding.status == "failed"
    for word in words:
        assert word in finding.summary


def test_honest_money_is_green(read: LiveRead) -> None:
    assert {name: look(read).summary for name, look in GREEN.items() if not look(read).ok} == {}


def test_an_edited_balance_is_named_with_its_last_good_version(
    money: Money, read: LiveRead
) -> None:
    money.plant("UPDATE wallet.wallet_bucket SET balance = balance + 1")
    where = (
        f"brand {BRAND} player {PLAYER} {NORMAL}",
        "expected 10000, actual 10001",
        "last good version 6",
    )
    assert_red(ledger_tips.run(read), *where)
    assert_red(conservation.run(read), BRAND, "difference 1")
    assert_red(gate_03.run(read), f"brand {BRAND} {NORMAL}: ledger 10000, balances 10001")


def test_an_edited_ledger_row_is_found_though_balances_agree(money: Money, read: LiveRead) -> None:
    part = money.partition()
    money.plant(
        UNGUARD.format(part),
        f"UPDATE {part} SET request_id = 'forged' WHERE account = '{NORMAL}' AND version = 2",
    )
    assert_red(ledger_tips.run(read), NORMAL, "last good version 1", "ledger row 2 was changed")
    assert conservation.run(read).ok


def test_a_record_that_was_edited_is_named(money: Money, read: LiveRead) -> None:
    money.plant("UPDATE wallet.ledger_transactions SET amount = amount * 10 WHERE type = 'deposit'")
    assert_red(
        records_agree.run(read),
        f"of brand {BRAND} player {PLAYER}: amount",
        "records that are not as the wallet left them",
    )
    assert_red(gate_03.run(read), "ledger_transactions")


def test_a_removed_movement_is_found(money: Money, read: LiveRead) -> None:
    part = money.partition()
    money.plant(UNGUARD.format(part), f"DELETE FROM {part}")
    assert_red(ledger_covers_movements.run(read), "movements without a ledger row: 6")
    assert_red(ledger_tips.run(read), "no ledger row")


def test_a_removed_authorization_is_found(money: Money, read: LiveRead) -> None:
    money.plant("DELETE FROM wallet.wallet_bet_authorization WHERE state = 'SETTLED'")
    found = authorizations_recorded.run(read)
    assert_red(found, "BET_SETTLED_CONFIRMED", PLAYER)
    assert "house movement" in str(found.details["samples"])


def test_an_emptied_policy_snapshot_is_found(money: Money, read: LiveRead) -> None:
    money.plant(
        "UPDATE wallet.wallet_bet_authorization SET policy_snapshot = '{}' WHERE state = "
        "'AUTHORIZED'"
    )
    assert_red(snapshots_present.run(read), "authorization", PLAYER)


def test_a_topology_that_no_longer_exists_is_found(money: Money, read: LiveRead) -> None:
    money.plant("DELETE FROM wallet.wallet_topology")
    assert_red(snapshots_present.run(read), "records without their snapshot")


def test_open_bets_are_listed(money: Money, read: LiveRead) -> None:
    assert_red(
        no_live_authorizations.run(read),
        "open bets on RUBY_SPLIT_V1 v1 (rubyops bets settle|rollback): 1",
        "mocksports",
        "stake 500 minor units of EUR",
    )
    money.plant(
        "UPDATE wallet.wallet_bet_authorization SET state = 'SETTLED' WHERE state = 'AUTHORIZED'"
    )
    assert no_live_authorizations.run(read).ok


def test_an_old_unpublished_event_is_red(money: Money, read: LiveRead) -> None:
    money.plant(
        "INSERT INTO wallet.wallet_outbox "
        "(event_id, partition_no, brand_id, player_id, player_version, event_no, event_type, "
        "payload, occurred_at, restore_epoch) "
        f"VALUES (gen_random_uuid(), 0, '{BRAND}', '{PLAYER}', 1, 99, 'X', '{{}}', now() - "
        f"interval '1 minute', 0)"
    )
    assert_red(outbox_age.run(read), "1 unpublished", "allowed 5000 ms")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            "GRANT UPDATE ON wallet.wallet_bucket TO game_service",
            "game_service has UPDATE on wallet.wallet_bucket",
        ),
        (
            "GRANT INSERT (balance) ON wallet.wallet_bucket TO player_service",
            "player_service has INSERT",
        ),
        (
            "GRANT DELETE ON {partition} TO wallet_service",
            "wallet_service has DELETE on {partition}",
        ),
        (
            "GRANT EXECUTE ON FUNCTION wallet.apply_command(wallet.command) TO admin_service",
            "admin_service has EXECUTE on wallet.apply_command(wallet.command)",
        ),
        (
            "GRANT INSERT ON wallet.wallet_balances TO PUBLIC",
            "public has INSERT on wallet.wallet_balances",
        ),
        (
            "ALTER TABLE {partition} DISABLE TRIGGER immutable_rows",
            "{partition} may be changed by DELETE",
        ),
        (
            "ALTER TABLE {partition} ENABLE TRIGGER immutable_table",
            "{partition} may be changed by TRUNCATE",
        ),
        (
            "DROP TRIGGER immutable_table ON wallet.wallet_ledger",
            "wallet.wallet_ledger may be changed by TRUNCATE",
        ),
        (
            "DROP TRIGGER immutable_rows ON wallet.wallet_counter_entry",
            "wallet.wallet_counter_entry may be changed by DELETE",
        ),
    ],
)
def test_each_bypass_turns_gate_4_red(money: Money, read: LiveRead, fault: str, words: str) -> None:
    part = money.partition()
    money.plant(fault.format(partition=part))
    assert_red(gate_04.run(read), words.format(partition=part))


def test_a_lost_leg_turns_gate_4_red(money: Money, read: LiveRead) -> None:
    money.plant(
        "ALTER TABLE wallet.wallet_counter_entry DISABLE TRIGGER immutable_rows",
        "DELETE FROM wallet.wallet_counter_entry WHERE account = 'PSP'",
    )
    money.plant("ALTER TABLE wallet.wallet_counter_entry ENABLE ALWAYS TRIGGER immutable_rows")
    assert_red(
        gate_04.run(read), "transactions that do not sum to zero: 1", "10000 minor units of EUR"
    )


def test_a_rollback_to_another_source_turns_gate_5_red(money: Money, read: LiveRead) -> None:
    money.roll_back(money.bet(300), 300, account="RUBY_SPLIT_V1/CASINO_NORMAL")
    assert_red(gate_05.run(read), "CASINO_NORMAL: stored 0, returned 300")


def test_a_bet_in_points_turns_gate_7_red(money: Money, read: LiveRead) -> None:
    money.plant(
        "UPDATE wallet.wallet_bet_authorization SET currency = 'PTS' WHERE state = 'AUTHORIZED'"
    )
    assert_red(gate_07.run(read), "bets or withdrawals that moved points: 1")


def test_money_in_a_bucket_that_is_gone_turns_gate_8_red(money: Money, read: LiveRead) -> None:
    money.plant(
        "UPDATE wallet.wallet_topology SET document = jsonb_set(document, '{buckets}', '[]')"
    )
    assert_red(gate_08.run(read), f"1 x balance in {NORMAL}")


@pytest.fixture
def bare(platform_db: TestDatabase) -> LiveRead:
    """The read port of the checks, on a platform that never held money."""
    return LiveRead(databases={"platform": platform_db}, stream_groups=CONSUMED)


NOTHING: dict[str, tuple[Look, str]] = {
    "ledger-covers-movements": (ledger_covers_movements.run, "no movement of money is recorded"),
    "authorizations-recorded": (authorizations_recorded.run, "no bet was ever closed here"),
    "snapshots-present": (snapshots_present.run, "no money has moved here"),
    "no-live-authorizations": (no_live_authorizations.run, "no topology is active"),
    "gate-03": (gate_03.run, "no account is here"),
    "gate-05": (gate_05.run, "no bet of a player was ever rolled back here"),
    "gate-07": (gate_07.run, "there was never a bet or a withdrawal here"),
    "gate-08": (gate_08.run, "nobody holds anything in a bucket here"),
}


@pytest.mark.parametrize("name", NOTHING)
def test_a_check_with_nothing_to_look_at_decides_nothing(bare: LiveRead, name: str) -> None:
    look, words = NOTHING[name]
    finding = look(bare)
    assert finding.status == "inconclusive"
    assert words in finding.summary


@pytest.mark.parametrize("look", [ledger_tips.run, conservation.run])
def test_a_platform_that_lost_its_money_is_no_new_one(
    money: Money,
    bare: LiveRead,
    look: Look,
) -> None:
    part = money.partition()
    money.plant(
        UNGUARD.format(part),
        UNGUARD.format("wallet.wallet_counter_entry"),
        *(f"DELETE FROM {table}" for table in (part, "wallet.wallet_counter_entry")),
        *(f"DELETE FROM wallet.{table}" for table in ("wallet_bucket", "wallet_balances")),
        "UPDATE wallet.wallet_bet_authorization SET state = 'SETTLED'",
    )
    finding = look(bare)
    assert_red(finding, "no account is left, though")


def test_published_events_that_the_stream_lost_are_red_though_everything_is_published(
    money: Money, read: LiveRead
) -> None:
    published = (
        "INSERT INTO wallet.wallet_outbox (event_id, partition_no, brand_id, player_id, "
        "player_version, event_no, event_type,"
        " payload, occurred_at, restore_epoch, published_at, publication_no, entry_id) "
        f"VALUES (gen_random_uuid(), 0, '{BRAND}', '{PLAYER}', 1, 99, 'X', '{{}}', now(), 0, "
        f"now(), 1, '1-0')"
    )
    money.plant(published)
    assert_red(outbox_drained.run(read), "published events are not applied by their consumer")
    assert outbox_age.run(read).status == "inconclusive", "nobody has compared"
    money.plant("UPDATE wallet.wallet_outbox_partition SET compared_at = now()")
    assert outbox_age.run(read).ok, "they may be on their way"
    money.plant("UPDATE wallet.wallet_outbox_partition SET missing = 3 WHERE partition_no = 1")
    assert_red(outbox_age.run(read), "3 published events were lost by the stream")


@pytest.mark.parametrize(("left", "words"), [(0, "8 of 8 streams"), (7, "1 of 8 streams")])
def test_an_outbox_without_consumers_in_sight_proves_nothing(
    money: Money,
    left: int,
    words: str,
) -> None:
    seen = LiveRead(databases={"platform": money.database}, stream_groups=CONSUMED[:left])
    finding = outbox_age.run(seen)
    assert finding.status == "inconclusive"
    assert words in finding.summary


@pytest.mark.parametrize("look", [gate_05.run, gate_07.run, gate_08.run])
def test_clean_records_alone_decide_nothing(read: LiveRead, look: Look) -> None:
    assert look(read).status == "inconclusive"
