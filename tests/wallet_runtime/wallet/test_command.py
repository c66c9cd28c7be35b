"""wallet_service sends all fields of `wallet.command` by name, single and in a batch."""

import json
import re
from functools import partial
from typing import Any
from uuid import uuid4

import msgspec
import psycopg

from sql import query
from tests.wallet_runtime.wallet.conftest import Player
from wallet_runtime.wallet.domain import bets, bonus, cash
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.reads import Reads
from wallet_runtime.wallet.domain.records import BetOpened
from wallet_runtime.wallet.domain.state import PolicySnapshot, Request
from wallet_runtime.wallet.store.batch import BatchItem, perform_many
from wallet_runtime.wallet.store.command import NO_BET, Command, command_of, parameters

FIELDS = (
    "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum"
)
# All characters that separate, quote or escape values in a parameter or in JSON.
AWKWARD = """a"b'c\\d,(e){f}[g] %s %(h)s :i $1 NULL ú 💶"""
TABLES = (
    "wallet_player",
    "wallet_bucket",
    "wallet_bet_authorization",
    "wallet_ledger",
    "wallet_counter_entry",
    "wallet_transfer",
    "wallet_bonus",
    "wallet_rolling_obligation",
    "wallet_outbox",
    "ledger_transactions",
)
BY_CHANCE = {
    "xid",
    "partition_no",
    "hash",
    "previous_hash",
    "seal",
    "close_seal",
    "outbox_id",
    "closed_at",
    "created_at",
    "occurred_at",
    "updated_at",
    "authorized_at",
}
UUIDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def names(look: psycopg.Connection, kind: str) -> list[str]:
    return [str(row[0]) for row in look.execute(FIELDS, [kind])]


def asked(player: Player) -> Request:
    return Request(player.brand_id, player.player_id, "test", AWKWARD, AWKWARD, "ab", uuid4())


def test_names_are_those_of_the_types_in_their_order(look: psycopg.Connection) -> None:
    command, bet = names(look, "wallet.command"), names(look, "wallet.bet")
    assert list(Command.__struct_fields__) == command
    assert set(NO_BET) == set(bet) and not set(bet) & set(command)
    # The statement's ROW values are positional, so the parameters must stand in the order of the
    # types.
    place = command.index("bet")
    assert re.findall(r"%\((\w+)\)s", query("wallet_apply_command")) == [
        *command[:place],
        *bet,
        *command[place + 1 :],
    ]


def test_integers_go_as_text_so_that_a_statement_is_planned_once(player: Player) -> None:
    state, pair = player.money.look(asked(player))
    bet = BetOpened("a", "p", "SPORTS", "b", "r", 2**40, "AUTHORIZED", (), PolicySnapshot())
    decision = Decision(
        command="X",
        status=200,
        body={"a": 1},
        pair=pair.reference,
        starts_new=True,
        authorization=bet,
    )
    sent = parameters(command_of(asked(player), state, decision))
    assert not any(type(value) is int for value in sent.values())
    assert (sent["stake"], sent["starts_new"], sent["body"], sent["funding"], sent["payout"]) == (
        str(2**40),
        True,
        '{"a":1}',
        "[]",
        None,
    )


def played(player: Player, *, together: bool) -> list[int]:
    """Perform commands of all shapes; return their statuses.

    They are cash, a bet, its settlement, a tombstone, a bonus and a refused bet.
    """
    place = Reads(provider_id="mocksports", bet_id=AWKWARD)
    late = Reads(provider_id="mocksports", bet_id="late")
    big = Reads(provider_id="mocksports", bet_id="big")
    rules: tuple[tuple[Any, Any, Reads], ...] = (
        (cash.deposit, cash.Deposit(10_000, "EUR", "SPORTS_NORMAL"), Reads()),
        (
            bets.authorize,
            bets.Authorize("mocksports", "SPORTS", AWKWARD, AWKWARD, 70, "EUR"),
            place,
        ),
        (bets.settle, bets.Settle("mocksports", AWKWARD, "0"), place),
        (bets.rollback, bets.Rollback("mocksports", "late"), late),
        (bonus.issue, bonus.Issue("SPORTS_BONUS", 500, "EUR", AWKWARD), Reads()),
        (
            bets.authorize,
            bets.Authorize("mocksports", "SPORTS", "big", "r", 2**40, "EUR"),
            big,
        ),
    )
    statuses = []
    for number, (rule, command, reads) in enumerate(rules):
        request = msgspec.structs.replace(asked(player), request_id=f"{AWKWARD}{number}")
        item = BatchItem(request, reads, partial(rule, request, command))
        done = (
            perform_many(player.money, [item])[0]
            if together
            else player.money.perform(item.request, item.reads, item.decide)
        )
        assert isinstance(done, tuple)
        statuses.append(done[0])
    return statuses


def left(look: psycopg.Connection, player: Player) -> str:
    """Return all rows that a player's commands left, without times and random values.

    Each id is replaced by the order of its first appearance.
    """
    rows = []
    for table in TABLES:
        found = look.execute(
            f"SELECT to_jsonb(t) FROM wallet.{table} t WHERE t.player_id = %s".encode(),
            [player.player_id],
        )
        told = [
            json.dumps(
                [table, {name: value for name, value in row[0].items() if name not in BY_CHANCE}]
            )
            for row in found
        ]
        rows += sorted(told, key=lambda row: UUIDS.sub("", row))
    text = "\n".join(rows)
    ids = {found: f"id-{number}" for number, found in enumerate(dict.fromkeys(UUIDS.findall(text)))}
    return UUIDS.sub(lambda found: ids[found[0]], text)


def test_commands_leave_the_same_rows_alone_and_in_a_batch(
    player: Player, look: psycopg.Connection
) -> None:
    """The request ids contain all characters that need quoting."""
    other = Player(player.money)
    assert (
        played(player, together=False)
        == played(other, together=True)
        == [200, 200, 200, 200, 200, 409]
    )
    assert left(look, player) == left(look, other)
    assert (
        json.dumps(AWKWARD)[1:-1] in left(look, player)
        and left(look, player).count("wallet_bet_authorization") == 2
    )
