"""Coupon grants on a real database, and the constraints with which the database protects them."""

import json
from collections.abc import Callable
from importlib import resources
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest

from sql import query
from tests.wallet_runtime.serving import as_the_wallet
from tests.wallet_runtime.wallet.conftest import Player, turn_over
from wallet_runtime.plumbing.errors import ApiError
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.domain import bets, cash, coupons, rolling
from wallet_runtime.wallet.domain.state import Scope
from wallet_runtime.wallet.store.documents import Documents
from wallet_runtime.wallet.store.refusals import InvariantRefused

SPORTS = Scope("sports")
CONSERVATION = "SELECT difference FROM wallet.conservation"
OFF_TIP = """
SELECT a.account, a.balance, a.version, t.balance_after, t.version
  FROM wallet.wallet_account a LEFT JOIN LATERAL (
    SELECT l.version, l.balance_after FROM wallet.wallet_ledger l
     WHERE (l.brand_id, l.player_id, l.account) = (a.brand_id, a.player_id, a.account)
     ORDER BY l.version DESC LIMIT 1) t ON true
 WHERE (a.version, a.balance)
       IS DISTINCT FROM (coalesce(t.version, 0), coalesce(t.balance_after, 0))
"""
LAPSE = (
    "UPDATE wallet.wallet_coupon_grant SET expires_at = now() - interval '1 second' WHERE grant_id"
    " = %s"
)
GRANT = "SELECT state, balance FROM wallet.wallet_coupon_grant WHERE grant_id = %s"
OWED = (
    "SELECT rolling_id::text, grant_id::text, amount, bucket_type_code FROM"
    " wallet.wallet_rolling_obligation"
)
REFERENCES = (
    "SELECT topology_code, bucket_type_code, held_by, references_count FROM wallet.live_reference"
)


class Holder:
    """A player with coupons, and methods for their commands."""

    def __init__(self, player: Player, look: psycopg.Connection) -> None:
        """Keep the player, and a superuser's connection for reads."""
        self.player, self.look = player, look

    def issue(
        self,
        amount: int = 1_000,
        scope: Scope = SPORTS,
        log_id: str | None = None,
        expires_at: str | None = None,
    ) -> dict[str, Any]:
        name = log_id or str(uuid4())
        command = coupons.Issue(name, amount, "EUR", scope, expires_at)
        status, body = self.player.perform(coupons.issue, command, coupon_log_id=name)
        return body | {"status": status}

    def close(self, rule: Callable[..., Any], coupon: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        name = coupon["coupon_log_id"]
        return self.player.perform(rule, coupons.Close(name), coupon_log_id=name, with_stakes=True)

    def complete(self, coupon: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        turn_over(self.look)
        return self.player.perform(
            rolling.complete,
            rolling.Complete(coupon["rolling_id"]),
            rolling_id=coupon["rolling_id"],
        )

    def bet(
        self, name: str, stake: int, provider: str = "mocksports", kind: str = "SPORTS"
    ) -> tuple[int, dict[str, Any]]:
        command = bets.Authorize(provider, kind, name, "round", stake, "EUR")
        return self.player.perform(bets.authorize, command, provider_id=provider, bet_id=name)

    def settle(self, name: str, payout: str) -> tuple[int, dict[str, Any]]:
        return self.player.perform(
            bets.settle,
            bets.Settle("mocksports", name, payout),
            provider_id="mocksports",
            bet_id=name,
        )

    def roll_back(self, name: str) -> tuple[int, dict[str, Any]]:
        reads: dict[str, Any] = {"provider_id": "mocksports", "bet_id": name, "with_winnings": True}
        return self.player.perform(bets.rollback, bets.Rollback("mocksports", name), **reads)

    def lapse(self, coupon: dict[str, Any]) -> None:
        as_the_wallet(self.look, LAPSE, [coupon["grant_id"]])

    def grant(self, coupon: dict[str, Any]) -> tuple[str, int]:
        row = self.look.execute(
            "SELECT state, balance FROM wallet.wallet_coupon_grant WHERE grant_id = %s",
            [coupon["grant_id"]],
        ).fetchone()
        assert row is not None
        return row[0], row[1]

    def held(self) -> dict[str, int]:
        rows = self.look.execute(
            "SELECT account, balance FROM wallet.wallet_account WHERE balance <> 0"
        ).fetchall()
        return {str(account).removeprefix("RUBY_SPLIT_V1/"): balance for account, balance in rows}

    def ledger(self, coupon: dict[str, Any]) -> list[tuple[str, int]]:
        query = (
            "SELECT command, delta FROM wallet.wallet_ledger WHERE account = %s ORDER BY version"
        )
        return [
            (row[0], row[1]) for row in self.look.execute(query, [f"GRANT/{coupon['grant_id']}"])
        ]


@pytest.fixture
def holder(player: Player, look: psycopg.Connection) -> Any:
    """A player without coupons.

    After the test, money must be conserved, and each account must match its ledger tip.
    """
    yield Holder(player, look)
    assert [row for row in look.execute(CONSERVATION) if row != (0,)] == []
    assert look.execute(OFF_TIP).fetchall() == []
    assert (
        look.execute("SELECT * FROM wallet.transaction_sum WHERE difference <> 0").fetchall() == []
    )


def test_issue_makes_a_row_an_obligation_and_the_event_that_names_the_coupon(
    holder: Holder,
) -> None:
    coupon = holder.issue(1_000)
    assert holder.grant(coupon) == ("ACTIVE", 1_000)
    owed = holder.look.execute(OWED).fetchone()
    assert owed == (coupon["rolling_id"], coupon["grant_id"], 1_000, "")
    row = holder.look.execute(
        "SELECT payload FROM wallet.wallet_outbox WHERE event_type = 'ROLLING_REQUIRED'"
    ).fetchone()
    assert row is not None
    token = f"coupon_log:{coupon['coupon_log_id']}"
    assert (row[0]["remarks"], row[0]["reference_id"], row[0]["provider_types"]) == (
        token,
        token,
        ["SPORTS"],
    )
    assert row[0]["required_turnover"] == "10000"


def test_a_coupon_log_has_one_grant_whoever_asks(holder: Holder) -> None:
    coupon = holder.issue()
    again = holder.issue(log_id=coupon["coupon_log_id"])
    assert (again["status"], again["code"]) == (409, "COUPON_ALREADY_ISSUED")
    other = Player(holder.player.money)
    other.brand_id = holder.player.brand_id
    other.money.register(other.brand_id, other.player_id, "EUR", True)
    other.count = 100  # request ids are unique per brand
    stranger = Holder(other, holder.look)
    assert stranger.issue(log_id=coupon["coupon_log_id"])["code"] == "COUPON_ALREADY_ISSUED"
    with pytest.raises(coupons.GrantNotFound):
        stranger.close(coupons.reverse, coupon)


def test_grants_stay_apart_in_the_snapshot(holder: Holder) -> None:
    from wallet_runtime.wallet.domain.snapshot import snapshot
    from wallet_runtime.wallet.domain.state import Request

    first, second = holder.issue(100), holder.issue(250, Scope("casino"))
    ids = holder.player.brand_id, holder.player.player_id
    shown = snapshot(
        *ids,
        "EUR",
        *holder.player.money.look(Request(*ids, "test", "look", "look", "", UUID(int=1))),
    )
    found = [(grant["grant_id"], grant["balance"]) for grant in shown["grants"]]
    assert found == [(first["grant_id"], "1.00"), (second["grant_id"], "2.50")]
    assert "coupon" not in " ".join(bucket["kind"] for bucket in shown["buckets"])


def test_scope_decides_and_funds_are_taken_in_order(holder: Holder) -> None:
    casino, sports = holder.issue(500, Scope("casino")), holder.issue(300)
    holder.player.perform(cash.deposit, cash.Deposit(1_000, "EUR", "SPORTS_NORMAL"))
    status, body = holder.bet("b1", 400)
    assert status == 200
    assert [(share["account"], share["amount"]) for share in body["funding"]] == [
        (f"GRANT/{sports['grant_id']}", "3.00"),
        ("RUBY_SPLIT_V1/SPORTS_NORMAL", "1.00"),
    ]
    refused = holder.bet("b2", 1_000)
    assert (refused[0], refused[1]["code"]) == (409, "COUPON_SCOPE")
    assert refused[1]["details"]["coupons"] == [
        {"grant_id": casino["grant_id"], "scope": {"kind": "casino", "provider_ids": ()}}
    ]
    assert holder.bet("b3", 5_000)[1]["code"] == "INSUFFICIENT_FUNDS"
    assert holder.bet("b4", 500, "mocklive", "LIVE")[0] == 200


def test_a_coupon_under_stake_is_not_reversed_until_its_bets_close(holder: Holder) -> None:
    coupon = holder.issue(1_000)
    holder.bet("b1", 400)
    staked = holder.close(coupons.reverse, coupon)
    assert (staked[0], staked[1]["code"], staked[1]["details"]["open_stake"]) == (
        409,
        "COUPON_STAKED",
        "4.00",
    )
    holder.settle("b1", "0")
    assert holder.close(coupons.reverse, coupon)[1]["taken_back"] == "6.00"
    assert holder.close(coupons.reverse, coupon)[0] == 200, (
        "a second reversal has nothing left to do"
    )
    assert holder.grant(coupon) == ("REVERSED", 0)
    assert holder.look.execute("SELECT state FROM wallet.wallet_rolling_obligation").fetchall() == [
        ("CANCELED",)
    ]
    assert holder.close(coupons.expire, coupon)[1]["code"] == "COUPON_NOT_ACTIVE"


def test_only_a_lapsed_coupon_expires_and_a_lapsed_one_is_not_staked(holder: Holder) -> None:
    coupon = holder.issue(1_000, expires_at="2100-01-01T00:00:00+00:00")
    assert holder.close(coupons.expire, coupon)[1]["code"] == "COUPON_NOT_LAPSED"
    holder.lapse(coupon)
    assert holder.bet("b1", 100)[1]["code"] == "INSUFFICIENT_FUNDS"
    assert holder.close(coupons.expire, coupon)[1]["taken_back"] == "10.00"
    assert holder.grant(coupon) == ("EXPIRED", 0) and holder.held() == {}


@pytest.mark.parametrize("ending", ["rollback", "settle"])
def test_what_returns_to_an_expired_grant_is_credited_and_taken_back(
    holder: Holder, ending: str
) -> None:
    coupon = holder.issue(1_000)
    holder.bet("b1", 400)
    holder.lapse(coupon)
    holder.close(coupons.expire, coupon)
    answer = holder.roll_back("b1") if ending == "rollback" else holder.settle("b1", "7.00")
    assert answer[0] == 200
    amount, command = (400, "BET_ROLLBACK") if ending == "rollback" else (700, "BET_SETTLE")
    assert holder.ledger(coupon)[-2:] == [(command, amount), (command, -amount)]
    assert holder.grant(coupon) == ("EXPIRED", 0) and holder.held() == {}


def test_a_settled_bet_on_an_expired_grant_can_still_be_taken_back_whole(holder: Holder) -> None:
    coupon = holder.issue(1_000)
    holder.bet("b1", 400)
    holder.lapse(coupon)
    holder.close(coupons.expire, coupon)
    holder.settle("b1", "7.00")
    assert holder.roll_back("b1")[0] == 200
    sums: dict[str, int] = dict(
        holder.look.execute(
            "SELECT account, sum(delta)::bigint FROM wallet.wallet_counter_entry GROUP BY 1"
        )
    )
    assert sums == {"PROMO": 0, "HOUSE": 0}


def test_completion_releases_exactly_its_grant_up_to_the_cap(holder: Holder) -> None:
    coupon, other = holder.issue(100), holder.issue(300)
    holder.bet("b1", 100)
    holder.settle("b1", "20.00")
    status, body = holder.complete(coupon)
    assert (status, body["released"]) == (200, "10.00"), "ten times the amount at most"
    assert holder.grant(coupon) == ("COMPLETED", 0) and holder.grant(other) == ("ACTIVE", 300)
    assert holder.held()["WITHDRAWABLE"] == 1_000
    assert holder.complete(coupon)[1]["released"] == "0.00"
    assert holder.close(coupons.reverse, coupon)[1]["code"] == "COUPON_NOT_ACTIVE"


def test_what_returns_to_a_completed_grant_is_withdrawable(holder: Holder) -> None:
    coupon = holder.issue(1_000)
    holder.bet("b1", 400)
    holder.bet("b2", 100)
    holder.complete(coupon)
    holder.roll_back("b1")
    holder.settle("b2", "3.00")
    assert holder.held() == {"WITHDRAWABLE": 500 + 400 + 300}
    assert [delta for _, delta in holder.ledger(coupon)] == [1_000, -400, -100, -500]


def test_a_completion_without_its_grant_fails_loudly_and_takes_nothing_else(holder: Holder) -> None:
    coupon, other = holder.issue(100), holder.issue(300)
    with holder.look.transaction():
        holder.look.execute("SET LOCAL session_replication_role = replica")
        holder.look.execute(
            "UPDATE wallet.wallet_rolling_obligation SET grant_id = %s WHERE grant_id = %s",
            [uuid4(), coupon["grant_id"]],
        )
    with pytest.raises(coupons.GrantNotFound):
        holder.complete(coupon)
    assert holder.grant(coupon) == ("ACTIVE", 100) and holder.grant(other) == ("ACTIVE", 300)
    assert holder.look.execute(
        "SELECT count(*) FROM wallet.wallet_idempotency WHERE route = 'complete'"
    ).fetchone() == (0,)


def test_winnings_that_are_gone_refuse_the_rollback_and_leave_one_finding(holder: Holder) -> None:
    coupon = holder.issue(1_000)
    holder.bet("b1", 400)
    holder.settle("b1", "7.00")
    holder.bet("b2", 1_300)
    for _ in range(2):
        assert holder.roll_back("b1")[1]["code"] == "WINNINGS_SPENT"
    rows = holder.look.execute(
        "SELECT kind, details->>'bet_id', status FROM wallet.wallet_finding"
    ).fetchall()
    assert rows == [("ROLLBACK_REFUSED", "b1", "OPEN")]
    holder.roll_back("b2")
    assert holder.roll_back("b1")[0] == 200, "a bet that was rolled back had spent nothing"
    assert holder.grant(coupon) == ("ACTIVE", 1_000)


def test_the_database_keeps_a_closed_grant_empty(holder: Holder) -> None:
    coupon = holder.issue(1_000)

    def forgetful(*arguments: Any) -> Any:
        return msgspec.structs.replace(coupons.reverse(*arguments), legs=())

    forgetful.__name__ = "reverse"
    with pytest.raises(InvariantRefused):
        holder.close(forgetful, coupon)
    assert holder.grant(coupon) == ("ACTIVE", 1_000)


def test_a7_8_grants_and_what_their_bets_may_pay_hold_the_topology(
    holder: Holder, wallet: Database
) -> None:
    holder.issue(1_000)
    holder.bet("b1", 400)
    references = holder.look.execute(REFERENCES).fetchall()
    assert sorted(references) == [
        ("RUBY_SPLIT_V1", "", "coupon grant", 1),
        ("RUBY_SPLIT_V1", "", "rolling obligation", 1),
        ("RUBY_SPLIT_V1", "WITHDRAWABLE", "open stake", 1),
    ]
    documents = Documents(wallet)
    pair = json.loads(
        resources.files("wallet_runtime.wallet")
        .joinpath("seeds", "ruby_unified_v1.1.json")
        .read_text()
    )
    held = {
        violation.message.split(" in ")[0]
        for violation in documents.validate(pair["topology"], pair["policy"])
        if violation.rule == "A7-8"
    }
    assert held == {"1 x coupon grant", "1 x rolling obligation", "1 x open stake"}


def test_an_unknown_coupon_is_not_found_and_not_stored(holder: Holder) -> None:
    for rule in (coupons.reverse, coupons.expire):
        with pytest.raises(ApiError) as error:
            holder.close(rule, {"coupon_log_id": str(uuid4())})
        assert (error.value.status, error.value.code) == (404, "COUPON_GRANT_NOT_FOUND")
    assert holder.look.execute("SELECT count(*) FROM wallet.wallet_idempotency").fetchone() == (0,)


def test_checks_know_where_a_share_of_a_closed_grant_returns_to(holder: Holder) -> None:
    """Two checks accept right rollbacks to closed grants, and report wrong ones.

    They belong to GATE-5, LOC-8 and LOC-10.
    """
    completed, expired, active = holder.issue(100), holder.issue(100), holder.issue(100)
    for name, stake in (("b1", 50), ("b2", 100), ("b3", 100)):
        holder.bet(name, stake)
    holder.complete(completed)
    holder.lapse(expired)
    holder.close(coupons.expire, expired)
    for name in ("b1", "b2", "b3"):
        holder.roll_back(name)
    assert holder.grant(active) == ("ACTIVE", 100)
    holder.look.execute("UPDATE wallet.wallet_bet_authorization SET canary = false")
    limits = {"limit": 10}
    for check in ("reconcile_rollbacks_off_breakdown", "reconcile_records_without_snapshot"):
        assert holder.look.execute(query(check).encode(), limits).fetchall() == []
    elsewhere = '[{"account": "RUBY_SPLIT_V1/SPORTS_NORMAL", "amount": 50}]'
    holder.look.execute(
        "UPDATE wallet.wallet_bet_authorization SET funding = %s WHERE bet_id = 'b1'", [elsewhere]
    )
    assert (
        len(
            holder.look.execute(
                query("reconcile_rollbacks_off_breakdown").encode(), limits
            ).fetchall()
        )
        == 2
    )
