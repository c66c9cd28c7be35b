"""game_service records a callback before it calls the wallet, and a final answer after it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import BRAND, PLAYER, FarService, Served, internal, serving
from wallet_runtime.contract.processes import WALLET_SERVICE
from wallet_runtime.game.api import SERVICE
from wallet_runtime.plumbing.errors import PassedThrough
from wallet_runtime.plumbing.http.app import Answer

BET = {"provider_id": "mocksports", "player_id": str(PLAYER), "bet_id": "b1", "round_id": "r1"}
BODIES: dict[str, dict[str, str]] = {
    "authorize": {**BET, "amount": "10.00", "currency": "EUR", "game_id": "g1"},
    "settle": {**BET, "payout": "25.50"},
    "rollback": {**BET, "reason": "void"},
}


@dataclass
class Table:
    """game_service, a stub of the wallet, and the recorded callbacks."""

    game: Served
    wallet: FarService
    superuser_dsn: str

    def call(self, command: str, request_id: str = "q1", **change: str) -> httpx.Response:
        return self.game.client.post(
            f"/internal/game/bets/{command}",
            json={**BODIES[command], **change},
            headers={**internal("gateway", request_id=request_id), "X-Canary-Token": "pass"},
        )

    def answer(self, command: str, status: int, code: str) -> None:
        self.wallet.answers[f"/internal/wallet/v2/bets/{command}"] = PassedThrough(
            status, code, "no", details={}
        )

    def accept(self, command: str, stake: str, currency: str, payout: str | None = None) -> None:
        self.wallet.answers[f"/internal/wallet/v2/bets/{command}"] = Answer(
            200, {"stake": stake, "currency": currency, "payout": payout}
        )

    def row(self, text: str) -> tuple[Any, ...] | None:
        with psycopg.connect(self.superuser_dsn) as connection:
            return connection.execute(text.encode()).fetchone()

    def bet(self) -> tuple[Any, ...] | None:
        return self.row("SELECT state, stake, payout, currency FROM game.bet")

    def statement(
        self, query: str = "from=2020-01-01T00:00:00Z&to=2099-01-01T00:00:00Z"
    ) -> httpx.Response:
        return self.game.client.get(
            f"/internal/game/providers/mocksports/statement?{query}",
            headers=internal("rubyops", brand=None),
        )


@pytest.fixture
def table(platform_db: TestDatabase) -> Iterator[Table]:
    wallet = FarService(WALLET_SERVICE)
    with (
        serving(wallet.service()) as far,
        serving(
            SERVICE, platform_db, WALLET_SERVICE_URL=str(far.client.base_url).rstrip("/")
        ) as game,
    ):
        yield Table(game, wallet, platform_db.superuser_dsn)


def test_the_wallet_is_asked_with_the_providers_type_and_nothing_more(table: Table) -> None:
    assert table.call("authorize").status_code == 200
    (call,) = table.wallet.calls
    wanted = {name: value for name, value in BODIES["authorize"].items() if name != "game_id"}
    assert call.body == {**wanted, "provider_type": "SPORTS"}
    assert (call.caller, call.request_id, call.brand_id, call.canary_token) == (
        "game_service",
        "mocksports.q1",
        BRAND,
        "pass",
    )
    table.call("settle", "q2")
    table.call("rollback", "q3")
    assert [set(call.body) for call in table.wallet.calls[1:]] == [
        {"player_id", "provider_id", "bet_id", "payout"},
        {"player_id", "provider_id", "bet_id"},
    ]


def test_the_books_follow_a_bet(table: Table) -> None:
    table.call("authorize")
    assert table.bet() == ("AUTHORIZED", 1000, None, "EUR")
    table.accept("settle", "10.00", "EUR", "25.50")
    table.call("settle", "q2")
    assert table.bet() == ("SETTLED", 1000, 2550, "EUR")
    assert table.row(
        "SELECT count(*) FROM game.round WHERE round_id = 'r1' AND game_id = 'g1'"
    ) == (1,)
    table.call("authorize")
    assert table.bet() == ("SETTLED", 1000, 2550, "EUR"), (
        "a late repeat of the authorize moves nothing back"
    )
    assert table.row("SELECT attempts, status FROM game.callback WHERE kind = 'authorize'") == (
        2,
        200,
    )
    table.call("rollback", "q3")
    assert table.bet() == ("ROLLED_BACK", 1000, 2550, "EUR")


def test_a_refusal_is_kept_and_an_open_answer_is_not(table: Table) -> None:
    table.answer("authorize", 503, "MAINTENANCE")
    assert table.call("authorize").json()["code"] == "MAINTENANCE"
    assert table.bet() == ("PENDING", 1000, None, "EUR")
    assert table.row("SELECT status FROM game.callback") == (None,)
    table.answer("authorize", 409, "INSUFFICIENT_FUNDS")
    assert table.call("authorize").status_code == 409
    assert table.bet() == ("REFUSED", 1000, None, "EUR")
    assert table.row("SELECT status, code, attempts FROM game.callback") == (
        409,
        "INSUFFICIENT_FUNDS",
        2,
    )


def test_ids_of_two_providers_never_meet_at_the_wallet(table: Table) -> None:
    for provider_id in ("mocksports", "mocklive"):
        table.call("rollback", "same", provider_id=provider_id)
    assert [call.request_id for call in table.wallet.calls] == ["mocksports.same", "mocklive.same"]
    answer = table.call("rollback", "q" * 201)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID")
    assert table.row("SELECT count(*) FROM game.callback WHERE request_id <> 'same'") == (0,)


@pytest.mark.parametrize(
    ("status", "code"),
    [(409, "INSUFFICIENT_FUNDS"), (422, "CURRENCY_MISMATCH"), (504, "OUTCOME_UNKNOWN")],
)
def test_a_first_try_that_came_to_nothing_leaves_nothing_in_the_book(
    table: Table, status: int, code: str
) -> None:
    table.answer("authorize", status, code)
    table.call(
        "authorize", "wrong", amount="9", currency="KRW", player_id=str(BRAND), round_id="r0"
    )
    table.accept("authorize", "10.00", "EUR")
    assert table.call("authorize", "right").status_code == 200
    assert table.bet() == ("AUTHORIZED", 1000, None, "EUR")
    assert table.row("SELECT player_id, round_id FROM game.bet") == (PLAYER, "r1")


def test_a_bet_that_the_wallet_has_is_not_refused_in_the_book(table: Table) -> None:
    table.answer("authorize", 504, "OUTCOME_UNKNOWN")
    table.call("authorize", "q1")
    table.answer("authorize", 409, "BET_ALREADY_EXISTS")
    table.call("authorize", "q2", amount="9", currency="KRW", player_id=str(BRAND))
    assert table.bet() == ("PENDING", 9, None, "KRW")
    table.accept("settle", "10.00", "EUR", "25.50")
    assert table.call("settle", "q3").status_code == 200
    assert table.bet() == ("SETTLED", 1000, 2550, "EUR")
    assert table.row("SELECT player_id FROM game.bet") == (PLAYER,)


def test_a_settlement_is_not_measured_by_a_refused_trys_currency(table: Table) -> None:
    table.answer("authorize", 409, "INSUFFICIENT_FUNDS")
    table.call("authorize", currency="KRW", amount="10")
    table.accept("settle", "10.00", "EUR", "25.50")
    assert table.call("settle", "q2").status_code == 200
    assert table.bet() == ("SETTLED", 1000, 2550, "EUR")


def test_a_request_id_with_another_payload_keeps_the_answer_of_the_first(table: Table) -> None:
    table.call("settle")
    table.answer("settle", 409, "IDEMPOTENCY_PAYLOAD_MISMATCH")
    table.call("settle", payout="1")
    assert table.row("SELECT status, code, attempts FROM game.callback") == (200, None, 2)


@pytest.mark.parametrize("payout", ["-1", "1e3", "", "x"])
def test_a_payout_that_is_no_amount_is_refused_before_anything_is_recorded(
    table: Table, payout: str
) -> None:
    assert table.call("settle", payout=payout).json()["code"] == "INVALID_AMOUNT"
    assert table.row("SELECT count(*) FROM game.callback") == (0,)


def test_closing_a_bet_that_this_side_never_saw_is_the_wallets_to_judge(table: Table) -> None:
    table.answer("rollback", 404, "AUTHORIZATION_NOT_FOUND")
    assert table.call("rollback").status_code == 404
    assert table.call("settle", "q2").status_code == 200
    assert table.bet() is None


@pytest.mark.parametrize(
    "change",
    [
        {"amount": "10.001"},
        {"amount": "0"},
        {"currency": "XXX"},
        {"bet_id": ""},
        {"bet_id": "a b"},
        {"bet_id": "b\n"},
        {"source": "SPORTS_NORMAL"},
        {"policy": "default"},
    ],
)
def test_a_bad_stake_is_refused_before_anything_is_recorded(
    table: Table, change: dict[str, str]
) -> None:
    assert table.call("authorize", **change).status_code == 422
    assert table.row(
        "SELECT (SELECT count(*) FROM game.callback) + (SELECT count(*) FROM game.round)"
    ) == (0,)


def test_an_unknown_provider_and_a_missing_request_id_are_refused(table: Table) -> None:
    assert table.call("authorize", provider_id="nobody").json()["code"] == "PROVIDER_NOT_FOUND"
    answer = table.game.client.post(
        "/internal/game/bets/settle",
        json=BODIES["settle"],
        headers=internal("gateway", request_id=None),
    )
    assert answer.json()["code"] == "REQUEST_ID_REQUIRED"


def test_the_statement_tells_what_the_provider_believes_page_by_page(table: Table) -> None:
    for number in range(3):
        table.call("authorize", f"q{number}", bet_id=f"b{number}")
    body = table.statement().json()
    assert [(bet["bet_id"], bet["stake"], bet["payout"], bet["state"]) for bet in body["bets"]] == [
        (f"b{number}", "10.00", None, "AUTHORIZED") for number in range(3)
    ]
    assert body["next_cursor"] is None
    window = "from=2020-01-01T00:00:00Z&to=2099-01-01T00:00:00Z&limit=2"
    first = table.statement(window).json()
    second = table.statement(f"{window}&cursor={first['next_cursor']}").json()
    assert [bet["bet_id"] for bet in first["bets"] + second["bets"]] == ["b0", "b1", "b2"]
    assert table.statement("from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z").json()["bets"] == []


@pytest.mark.parametrize(
    "query",
    [
        "",
        "from=2020-01-01&to=2021-01-01",
        "from=x&to=y",
        "from=2020-01-01T00:00:00Z&to=2021-01-01T00:00:00Z&limit=501",
        "from=2020-01-01T00:00:00Z&to=2021-01-01T00:00:00Z&limit=0",
        "from=0001-01-01T00:00:00%2B14:00&to=2021-01-01T00:00:00Z",
        "from=2020-01-01T00:00:00Z&to=9999-12-31T23:59:59-14:00",
        f"from=2020-01-01T00:00:00Z&to=2021-01-01T00:00:00Z&limit={'0' * 20}{2**70}",
    ],
)
def test_a_statement_needs_zoned_times_and_has_bounded_pages(table: Table, query: str) -> None:
    assert table.statement(query).status_code == 422


def test_a_statement_reaches_both_ends_of_the_calendar(table: Table) -> None:
    assert table.statement("from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z").status_code == 200
