"""What wallet_service sends is what `wallet.command` holds, name by name, alone and in a batch."""

import re
from functools import partial
from uuid import uuid4

import psycopg
import pytest

from sql import query
from tests.wallet_runtime.wallet.conftest import Player
from wallet_runtime.wallet.domain import bets, cash
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.state import Request
from wallet_runtime.wallet.store.batch import Wish, perform_many
from wallet_runtime.wallet.store.command import NO_BET, command_of, parameters

FIELDS = "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum"
# Everything that separates, quotes or escapes something on one of the two ways.
AWKWARD = """a"b'c\\d,(e){f}[g] %s %(h)s :i $1 NULL ú 💶"""
ROWS = """
    SELECT a.bet_id, a.round_id, a.stake, a.state, a.funding, a.policy_snapshot, a.canary, a.currency, a.topology_code,
           a.policy_version, i.status, i.body - 'authorization_id' AS body, i.fingerprint, i.route, i.request_id,
           l.account, l.delta, l.balance_after, l.version, l.command
      FROM wallet.wallet_bet_authorization a
      JOIN wallet.wallet_idempotency i ON i.transaction_id = a.authorize_transaction_id
      JOIN wallet.wallet_ledger l ON l.transaction_id = a.authorize_transaction_id
     WHERE a.player_id = %s
"""


def names(look: psycopg.Connection, kind: str) -> list[str]:
    return [str(row[0]) for row in look.execute(FIELDS, [kind])]


def asked(player: Player) -> Request:
    return Request(player.brand_id, player.player_id, "test", AWKWARD, AWKWARD, "ab", uuid4())


def test_names_are_those_of_the_types_in_their_order(player: Player, look: psycopg.Connection) -> None:
    state, pair = player.money.look(asked(player))
    decision = Decision(command="X", status=200, body={}, pair=pair.reference, starts_new=False)
    command, bet = names(look, "wallet.command"), names(look, "wallet.bet")
    assert list(command_of(asked(player), state, decision)) == command
    assert list(NO_BET) == bet
    # The statement's ROWs are positional: a parameter in another's place would be another field.
    place = command.index("bet")
    assert re.findall(r"%\((\w+)\)s", query("wallet_apply_command")) == [*command[:place], *bet, *command[place + 1 :]]


def test_a_bet_with_a_name_that_the_database_does_not_know_is_refused(player: Player) -> None:
    state, pair = player.money.look(asked(player))
    unknown = Decision(command="X", status=200, body={}, pair=pair.reference, starts_new=True, authorization={"stakes": 1})
    with pytest.raises(AssertionError):
        command_of(asked(player), state, unknown)


def test_integers_go_as_text_so_that_a_statement_is_planned_once(player: Player) -> None:
    state, pair = player.money.look(asked(player))
    bet = {"stake": 2**40, "state": "AUTHORIZED", "funding": ()}
    decision = Decision(command="X", status=200, body={"a": 1}, pair=pair.reference, starts_new=True, authorization=bet)
    sent = parameters(command_of(asked(player), state, decision))
    assert not any(type(value) is int for value in sent.values())
    assert (sent["stake"], sent["starts_new"], sent["body"], sent["funding"], sent["payout"]) == (str(2**40), True, '{"a":1}', "[]", None)


def test_a_bet_leaves_the_same_rows_alone_and_in_a_batch(player: Player, look: psycopg.Connection) -> None:
    """With ids that hold whatever separates, quotes or escapes on either way."""
    reads = {"provider_id": "mocksports", "bet_id": AWKWARD}
    command = bets.Authorize("mocksports", "SPORTS", AWKWARD, AWKWARD, 70, "EUR")
    rows = []
    for one, many in ((player, False), (Player(player.money), True)):
        one.perform(cash.deposit, cash.Deposit(10_000, "EUR", "SPORTS_NORMAL"))
        request = asked(one)
        wish = Wish(request, reads, partial(bets.authorize, request, command))
        done = perform_many(one.money, [wish])[0] if many else one.money.perform(wish.request, wish.reads, wish.decide)
        assert isinstance(done, tuple) and done[0] == 200
        rows.append(look.execute(ROWS, [one.player_id]).fetchall())
    assert rows[0] == rows[1] and len(rows[0]) == 1 and rows[0][0][:2] == (AWKWARD, AWKWARD)
