"""A list of edits by which a superuser could change each kind of record that decides money.

Each entry names the finding that reconciliation must report.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import psycopg

from tests.wallet_runtime.serving import a_person
from tests.wallet_runtime.wallet.conftest import Player
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.domain import (
    adjustments,
    bets,
    bonus,
    cash,
    coupons,
    points,
    rolling,
    transfers,
    wins,
)
from wallet_runtime.wallet.domain.choices import Choice
from wallet_runtime.wallet.domain.state import Request, Scope
from wallet_runtime.wallet.store import campaigns, choices

STAKES: dict[str, Any] = {"with_stakes": True, "with_locks": True}


@dataclass(frozen=True)
class Edit:
    """One edit: its table, its statement, and the record and reason of the finding."""

    table: str
    what: str
    statement: str
    record: str
    reason: str

    @property
    def name(self) -> str:
        """The id of the parametrized test."""
        return f"{self.table}: {self.what}"


def _update(
    table: str, column: str, value: str, where: str = "true", *, record: str = "", reason: str = ""
) -> Edit:
    statement = f"UPDATE wallet.{table} SET {column} = {value} WHERE {where}"
    return Edit(
        table,
        f"{column} of {where}" if where != "true" else column,
        statement,
        record or table,
        reason or column,
    )


def _delete(table: str, where: str = "true", *, record: str = "", reason: str = "is gone") -> Edit:
    return Edit(
        table,
        f"deleted {where}",
        f"DELETE FROM wallet.{table} WHERE {where}",
        record or table,
        reason,
    )


OPEN, SETTLED, BACK = "bet_id = 'open'", "bet_id = 'won'", "bet_id = 'back'"
BET = "wallet_bet_authorization"
ELSEWHERE = """'{"destinations": {"RUBY_SPLIT_V1/SPORTS_NORMAL":
     ["RUBY_SPLIT_V1/WITHDRAWABLE", "RUBY_SPLIT_V1/WITHDRAWABLE"]},
 "reaches": [], "withdrawable": "RUBY_SPLIT_V1/WITHDRAWABLE"}'"""
EDITS: tuple[Edit, ...] = (
    _update(BET, "policy_snapshot", ELSEWHERE, OPEN, reason="policy_snapshot"),
    _update(BET, "funding", """jsonb_set(funding, '{0,account}', '"RUBY_SPLIT_V1/WITHDRAWABLE"')""",
            OPEN, reason="funding"),
    _update(BET, "funding", "'{}'", "bet_id = 'lost'", reason="funding"),
    _update(BET, "stake", "stake + 1", OPEN, reason="stake, funding"),
    _update(BET, "player_id", "gen_random_uuid()", OPEN, reason="whose bet"),
    _update(BET, "provider_type", "'LIVE'", OPEN, reason="whose bet it is, its ids"),
    _update(BET, "currency", "'USD'", OPEN, reason="currency"),
    _update(BET, "canary", "NOT canary", OPEN, reason="whose bet it is"),
    _update(BET, "policy_version", "7", OPEN, reason="documents"),
    _update(BET, "state", "'ROLLED_BACK'", OPEN, reason="state"),
    _update(BET, "seal", "sha256('x')", OPEN, reason="seal"),
    _update(BET, "payout", "payout * 10", SETTLED, reason="payout"),
    _update(BET, "payout_shares", """jsonb_set(payout_shares, '{0,amount}', '7')""", SETTLED,
            reason="payout_shares"),
    Edit(BET, "a settled bet opened again",
         f"UPDATE wallet.{BET} SET state = 'AUTHORIZED', payout = NULL, payout_shares = NULL,"
         " closed_at = NULL, close_transaction_id = NULL, first_close_transaction_id = NULL,"
         f" close_seal = NULL WHERE {SETTLED}",
         "wallet_outbox", "a close that no bet had"),
    _update(BET, "state", "'SETTLED'", BACK, reason="state"),
    _delete(BET, OPEN, reason="its stake stands in the ledger"),
    _delete(BET, "state = 'TOMBSTONE'", record=BET, reason="is gone"),
    _update("ledger_transactions", "amount", "amount * 10", "state = 'requested'"),
    _update("ledger_transactions", "state", "'approved'", "state = 'requested'"),
    _update("ledger_transactions", "state", "'requested'", "state = 'approved'"),
    _update("ledger_transactions", "amount", "amount + 1", "type = 'deposit'"),
    _update("ledger_transactions", "currency", "'USD'", "state = 'requested'"),
    _update("ledger_transactions", "reviewed_by", "'somebody'", "state = 'approved'"),
    _delete("ledger_transactions", "state = 'requested'"),
    _update("wallet_balances", "currency", "'USD'",
            record="wallet_account", reason="the account's currency"),
    _update("wallet_bucket", "currency", "'USD'", "bucket_type_code = 'SPORTS_NORMAL'",
            record="wallet_account", reason="currency"),
    # Rollings and turnover.
    _update("wallet_rolling_obligation", "cap", "NULL", "cap IS NOT NULL"),
    _update("wallet_rolling_obligation", "state", "'COMPLETED'", "state = 'ACTIVE'"),
    _update("wallet_rolling_obligation", "state", "'ACTIVE'", "state = 'EXPIRED'"),
    _update("wallet_rolling_obligation", "amount", "0", "state = 'ACTIVE'"),
    _update("wallet_rolling_obligation", "earned", "earned + 500", "state = 'ACTIVE'"),
    _delete("wallet_rolling_obligation", "state = 'ACTIVE'"),
    _update("wallet_turnover", "open", "0", "open > 0"),
    _update("wallet_turnover", "account", "account || 'X'"),
    _delete("wallet_turnover", "open > 0", reason="is gone: rollings"),
    _update("wallet_lock", "locked", "0"),
    _delete("wallet_lock"),
    # Coupons, bonuses, points and adjustments.
    _update("wallet_coupon_grant", "expires_at", "'2999-01-01'"),
    _update("wallet_coupon_grant", "amount", "amount * 2"),
    _update("wallet_coupon_grant", "scope", """'{"kind": "casino"}'"""),
    _update("wallet_coupon_grant", "coupon_log_id", "'another'"),
    _update("wallet_bonus", "amount", "amount * 2"),
    _update("wallet_bonus", "state", "'COMPLETED'"),
    _delete("wallet_bonus"),
    _update("wallet_adjustment", "amount", "amount * 100", "state = 'REQUESTED'"),
    _update("wallet_adjustment", "requested_by", "'zoe'", "state = 'REQUESTED'"),
    _update("wallet_adjustment", "account", "'CASH/AVAILABLE'", "state = 'REQUESTED'"),
    _update("wallet_adjustment", "amount", "amount + 1", "state = 'APPLIED'"),
    Edit("wallet_adjustment", "an applied one asked for again",
         "UPDATE wallet.wallet_adjustment SET state = 'REQUESTED', decided_by = NULL,"
         " decided_key = NULL, decided_at = NULL, transaction_id = NULL WHERE state = 'APPLIED'",
         "wallet_adjustment", "state"),
    _delete("wallet_adjustment", "state = 'REQUESTED'"),
    _update("wallet_transfer", "amount", "amount + 1", "kind = 'EDGE'"),
    _update("wallet_reference", "reference", "'free again'", reason="is gone"),
    _delete("wallet_reference"),
    _update("wallet_funding_choice", "source", "'WITHDRAWABLE'"),
    # Wins and campaigns.
    _update("wallet_win", "amount", "amount * 10", "provider_transaction_id = 'kept'"),
    _update("wallet_win", "shares", """'[{"account": "PROMO", "amount": 1}]'""",
            "provider_transaction_id = 'kept'"),
    _delete("wallet_win", "provider_transaction_id = 'kept'"),
    _delete("wallet_win_reversal"),
    _update("wallet_campaign", "cap", "cap * 10"),
    _update("wallet_campaign", "spent", "0"),
    _update("wallet_campaign", "expires_at", "'3999-01-01Z'"),
    # Players, documents, and the gate row.
    _update("wallet_player", "canary", "NOT canary"),
    _update("wallet_player", "currency", "'USD'"),
    _update("wallet_player", "status", "'blocked'"),
    _update("wallet_gate", "topology_version", "7", reason="the newest activation"),
    _update("wallet_gate", "policy_version", "7", reason="the newest activation"),
    _update("wallet_activation", "policy_version", "7"),
    _delete("wallet_activation"),
    _update("wallet_policy", "document", "jsonb_set(document, '{funding}', '{}')"),
    _update("wallet_topology", "document", "jsonb_set(document, '{buckets}', '[]')"),
    _update("wallet_currency", "exponent", "0", "code = 'EUR'"),
    # Counter entries, stored answers and events.
    _update("wallet_counter_entry", "delta", "delta - 1", "account = 'PROMO'", reason="the entry"),
    _update("wallet_counter_entry", "account", "'ADJ'", "account = 'HOUSE'", reason="the entry"),
    _delete("wallet_counter_entry", "account = 'HOUSE'", record=BET, reason="HOUSE entry"),
    _delete("wallet_idempotency", "route = 'deposit'", reason="the stored answer"),
    _delete("wallet_idempotency", "route = 'settle'", reason="the stored answer"),
    _update("wallet_idempotency", "request_id", "request_id || 'x'", "route = 'deposit'",
            reason="the stored answer"),
    _delete("wallet_outbox", "event_type = 'BET_SETTLED_CONFIRMED'", reason="is gone"),
    _delete("wallet_outbox", "event_type = 'ROLLING_REQUIRED'"),
    _update("wallet_outbox", "payload", """jsonb_set(payload, '{stake}', '"900000"')""",
            "event_type = 'BET_SETTLED_CONFIRMED'", reason="was changed"),
    _update("wallet_outbox", "payload", """jsonb_set(payload, '{counts}', 'false')""",
            "event_type = 'BET_SETTLED_CONFIRMED' AND payload->>'bet_id' = 'lost'",
            reason="was changed"),
    _update("wallet_outbox", "payload", """jsonb_set(payload, '{required_turnover}', '"1"')""",
            "event_type = 'ROLLING_REQUIRED'"),
    Edit("wallet_outbox", "a payload of another bet",
         """UPDATE wallet.wallet_outbox SET payload = '{"authorization_id": "nobody", "funding": 7}'
             WHERE event_type = 'BET_SETTLED_CONFIRMED'""",
         "wallet_outbox", "a close that no bet had"),
    # Forged rows, and the seals themselves.
    Edit("wallet_lock", "a release made up",
         "INSERT INTO wallet.wallet_lock (brand_id, player_id, account, version, delta, locked,"
         " command, transaction_id) SELECT brand_id, player_id, account, version + 1, -locked, 0,"
         " 'ROLLING_COMPLETE', gen_random_uuid() FROM wallet.wallet_lock ORDER BY version DESC"
         " LIMIT 1", "wallet_lock", "was not written by"),
    Edit("ledger_transactions", "a withdrawal made up",
         "INSERT INTO wallet.ledger_transactions (transaction_id, tenant_id, player_id, type,"
         " state, amount, currency, idempotency_key) SELECT gen_random_uuid(), brand_id, player_id,"
         " 'withdrawal', 'approved', 5, 'EUR', 'x' FROM wallet.wallet_player LIMIT 1",
         "ledger_transactions", "was not written by"),
    _delete("wallet_record_seal", "kind = 'wallet_bonus'",
            record="wallet_bonus", reason="was not written by"),
    _update("wallet_record_seal", "content", """jsonb_set(content, '{amount}', '9')""",
            "kind = 'wallet_adjustment'", record="wallet_adjustment", reason="amount"),
    _update("wallet_record_seal", "brand_id", "gen_random_uuid()", "kind = 'wallet_transfer'",
            record="wallet_transfer", reason="of the record was changed"),
)  # fmt: skip


class World:
    """A player who has performed each command of the wallet once."""

    def __init__(self, wallet: Database, player: Player, look: psycopg.Connection) -> None:
        """Perform all commands."""
        self.player, self.look = player, look
        self._cash()
        self._owed()
        self._bets()
        self._given()
        self._won(wallet)
        request = Request(
            player.brand_id, player.player_id, "test", "choose", "c1", "ab", player.player_id, None
        )
        choices.keep(wallet, request, Choice("SPORTS", "SPORTS_NORMAL"))

    def do(self, rule: Any, command: Any, **reads: Any) -> dict[str, Any]:
        """Perform one command, which must succeed, and return its answer."""
        status, body = self.player.perform(rule, command, **reads)
        assert status == 200, body
        return body

    def _cash(self) -> None:
        self.do(cash.deposit, cash.Deposit(50_000, "EUR"))
        for reviews in ((), (cash.approve,), (cash.approve, cash.mark_paid), (cash.reject,)):
            named = str(
                self.do(cash.request_withdrawal, cash.Withdraw(700, "EUR"))["transaction"]["tx_id"]
            )
            for rule in reviews:
                self.do(rule, cash.Review(named, "ann"), cash_transaction_id=named)

    def _bets(self) -> None:
        for bet in ("open", "won", "lost", "back", "returned"):
            reads = {"provider_id": "mocksports", "bet_id": bet}
            self.do(
                bets.authorize,
                bets.Authorize("mocksports", "SPORTS", bet, "r", 1_000, "EUR"),
                **reads,
                without_debts=True,
            )
            if bet in ("won", "lost", "returned"):
                self.do(
                    bets.settle,
                    bets.Settle("mocksports", bet, "0" if bet == "lost" else "15"),
                    **reads,
                    with_locks=True,
                )
        for bet in ("back", "returned", "never"):
            reads = {"provider_id": "mocksports", "bet_id": bet}
            self.do(
                bets.rollback,
                bets.Rollback("mocksports", bet),
                **reads,
                with_winnings=True,
                with_locks=True,
            )

    def _owed(self) -> None:
        self.do(cash.deposit, cash.Deposit(40_000, "EUR", "SPORTS_NORMAL"))
        self.do(cash.deposit, cash.Deposit(9_000, "EUR", "CASINO_NORMAL"))
        found = (
            "SELECT rolling_id::text FROM wallet.wallet_rolling_obligation"
            " WHERE bucket_type_code = 'CASINO_NORMAL' AND player_id = %s"
        )
        (rolling_id,) = self.look.execute(found.encode(), [self.player.player_id]).fetchall()[0]
        self.do(
            rolling.close, rolling.Close(rolling_id, "EXPIRED"), rolling_id=rolling_id, **STAKES
        )
        self.do(
            transfers.transfer,
            transfers.Transfer("SPORTS_NORMAL", "CASINO_NORMAL", 500, "EUR"),
            **STAKES,
        )

    def _won(self, wallet: Database) -> None:
        asked = Request(
            self.player.brand_id,
            UUID(int=0),
            "test",
            "campaigns",
            "c1",
            "ab",
            uuid5(self.player.brand_id, "campaign"),
        )
        ends = datetime(2999, 1, 1, tzinfo=UTC)
        campaigns.create(
            wallet, asked, wins.NewCampaign("FREE", "mocksports", "EUR", 9_000, 900, ends, "ann")
        )
        for name in ("kept", "returned"):
            command = wins.Pay("mocksports", "SPORTS", name, 300, "EUR", campaign="FREE")
            self.do(wins.pay, command, provider_id="mocksports", win=name, campaign="FREE")
        self.do(
            wins.reverse,
            wins.Reverse("mocksports", "returned"),
            provider_id="mocksports",
            win="returned",
        )

    def _given(self) -> None:
        self.do(bonus.issue, bonus.Issue("SPORTS_BONUS", 2_000, "EUR", "spring", max_release=900))
        self.do(
            coupons.issue,
            coupons.Issue("log-1", 500, "EUR", Scope("sports"), "2031-01-01T00:00:00Z"),
            coupon_log_id="log-1",
        )
        self.do(points.award, points.Points(100, "mission"))
        for decided in (False, True):
            wish = adjustments.Ask(
                "WITHDRAWABLE", "credit", 300, "EUR", "found twice", a_person("ann")
            )
            named = str(self.do(adjustments.ask, wish)["adjustment_id"])
            if decided:
                self.do(
                    adjustments.approve,
                    adjustments.Decide(named, a_person("bob")),
                    adjustment_id=named,
                )


def _of_rolling(table: str, change: str, reason: str) -> Edit:
    return Edit(f"rolling.{table}", change, change.format(t=f"rolling.{table}"), table, reason)


# Edits in rolling_service. 40.00 was counted toward one rolling, and nothing toward the other.
ROLLING_EDITS: tuple[Edit, ...] = (
    _of_rolling(
        "player_rolling",
        "UPDATE {t} SET required_turnover = 1 WHERE turnover = 0",
        "required_turnover differs",
    ),
    _of_rolling(
        "player_rolling", "UPDATE {t} SET target_turnover = 1 WHERE turnover = 0", "target_turnover"
    ),
    _of_rolling(
        "player_rolling",
        "UPDATE {t} SET state = 'COMPLETING' WHERE turnover = 0",
        "exclude each other",
    ),
    _of_rolling(
        "player_rolling",
        "UPDATE {t} SET turnover = target_turnover WHERE turnover > 0",
        "what its bets have counted",
    ),
    _of_rolling(
        "player_rolling",
        "UPDATE {t} SET provider_types = '{{SPORTS,LIVE,SLOTS}}' WHERE turnover = 0",
        "provider_types",
    ),
    _of_rolling(
        "player_rolling",
        "UPDATE {t} SET expires_at = '2999-01-01' WHERE turnover = 0",
        "expires_at",
    ),
    _of_rolling(
        "player_rolling",
        "UPDATE {t} SET amount = 0, seal = seal || '{{\"amount\": 0}}' WHERE turnover = 0",
        "the event that asked",
    ),
    _of_rolling(
        "player_rolling",
        "DELETE FROM {t} WHERE turnover = 0",
        "the event that asked for it was received",
    ),
    _of_rolling("rolling_turnover", "UPDATE {t} SET amount = amount * 2", "more was counted"),
    _of_rolling(
        "rolling_turnover",
        "UPDATE {t} SET authorization_id = gen_random_uuid()::text",
        "authorization_id",
    ),
    _of_rolling("rolling_turnover", "UPDATE {t} SET reversed_at = now()", "reversed_at"),
    Edit(
        "rolling.rolling_turnover",
        "DELETE",
        "DELETE FROM rolling.rolling_turnover",
        "player_rolling",
        "what its bets have counted",
    ),
)
