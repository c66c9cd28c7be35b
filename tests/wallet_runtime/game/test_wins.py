"""game_service records a win before it calls the wallet, and a final answer after it."""

from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import BRAND, PLAYER, FarService, Served, internal, serving
from wallet_runtime.contract.headers import CANARY_HEADER
from wallet_runtime.contract.processes import WALLET_SERVICE
from wallet_runtime.game.api import SERVICE
from wallet_runtime.plumbing.errors import PassedThrough
from wallet_runtime.plumbing.http.app import Answer

WIN = {
    "provider_id": "mocksports",
    "player_id": str(PLAYER),
    "transaction_id": "t1",
    "amount": "3.00",
    "currency": "EUR",
    "campaign": "FREE",
}
REVERSAL = {name: WIN[name] for name in ("provider_id", "player_id", "transaction_id")}
PAY, REVERSE = "/internal/wallet/v2/wins", "/internal/wallet/v2/wins/reverse"


class Book:
    """game_service, a stub of the wallet, and the recorded wins."""

    def __init__(self, game: Served, wallet: FarService, dsn: str) -> None:
        """Keep the served game service, the stub, and the DSN for reads."""
        self.game, self.wallet, self.dsn = game, wallet, dsn

    def send(self, path: str, body: dict[str, str], request_id: str = "q1") -> httpx.Response:
        """Send a win or a reversal to game_service."""
        return self.game.client.post(
            f"/internal/game/{path}", json=body, headers=internal("gateway", request_id=request_id)
        )

    def wins(self) -> list[tuple[Any, ...]]:
        """Return the recorded wins, the oldest first."""
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(
                "SELECT transaction_id, amount, state, attempts FROM game.win ORDER BY sequence"
            ).fetchall()


@pytest.fixture
def book(platform_db: TestDatabase) -> Iterator[Book]:
    wallet = FarService(WALLET_SERVICE)
    with (
        serving(wallet.service()) as far,
        serving(
            SERVICE, platform_db, WALLET_SERVICE_URL=str(far.client.base_url).rstrip("/")
        ) as game,
    ):
        yield Book(game, wallet, platform_db.superuser_dsn)


def test_the_book_follows_a_win_and_its_reversal(book: Book) -> None:
    book.wallet.answers[PAY] = PassedThrough(503, "MAINTENANCE", "later", details={})
    assert book.send("wins", WIN).status_code == 503
    assert book.wins() == [("t1", 300, "PENDING", 1)]
    book.wallet.answers[PAY] = Answer(200, {"state": "PAID"})
    assert book.send("wins", WIN).status_code == 200
    assert book.wins() == [("t1", 300, "PAID", 2)]
    assert book.wallet.calls[-1].body == WIN | {"provider_type": "SPORTS"}
    assert book.wallet.calls[-1].request_id == "mocksports.q1"
    book.wallet.answers[REVERSE] = PassedThrough(409, "WINNINGS_SPENT", "no", details={})
    assert book.send("wins/reverse", REVERSAL, "q2").status_code == 409
    assert book.wins() == [("t1", 300, "PAID", 2)]
    book.wallet.answers[REVERSE] = Answer(200, {"state": "REVERSED"})
    assert book.send("wins/reverse", REVERSAL, "q3").status_code == 200
    book.send("wins", WIN)
    assert book.wins() == [("t1", 300, "REVERSED", 3)], (
        "a late repeat of the win moves nothing back"
    )


def test_a_refused_win_is_what_the_newest_try_says(book: Book) -> None:
    book.wallet.answers[PAY] = PassedThrough(409, "CAMPAIGN_SPENT", "no", details={})
    book.send("wins", WIN)
    assert book.wins() == [("t1", 300, "REFUSED", 1)]
    book.wallet.answers[PAY] = Answer(200, {"state": "PAID"})
    book.send("wins", WIN | {"amount": "2.00"}, "q2")
    assert book.wins() == [("t1", 200, "PAID", 2)]


def test_a_statement_lists_wins_a_page_at_a_time(book: Book) -> None:
    for name in ("t1", "t2", "t3"):
        book.send("wins", WIN | {"transaction_id": name}, name)
    times = "from=2020-01-01T00:00:00Z&to=2099-01-01T00:00:00Z"
    path = "/internal/game/providers/mocksports/wins"
    first = book.game.client.get(
        f"{path}?{times}&limit=2", headers=internal("rubyops", brand=None)
    ).json()
    rest = book.game.client.get(
        f"{path}?{times}&cursor={first['next_cursor']}", headers=internal("rubyops", brand=None)
    ).json()
    assert [win["transaction_id"] for win in first["wins"] + rest["wins"]] == ["t1", "t2", "t3"]
    assert (first["wins"][0]["amount"], first["wins"][0]["campaign"], rest["next_cursor"]) == (
        "3.00",
        "FREE",
        None,
    )


@pytest.mark.parametrize(
    "change",
    [{"amount": "0"}, {"amount": "1.001"}, {"provider_id": "nobody"}, {"source": "WITHDRAWABLE"}],
)
def test_what_is_no_win_is_not_recorded(book: Book, change: dict[str, str]) -> None:
    assert book.send("wins", WIN | change).status_code in (404, 422)
    assert book.wins() == [] and not book.wallet.calls


def test_under_a_seal_the_book_takes_the_win_of_a_canary_alone(book: Book) -> None:
    with psycopg.connect(book.dsn) as connection:
        connection.execute("UPDATE wallet.wallet_gate SET freeze_level = 'sealed', fence_token = 3")
        connection.execute(
            "INSERT INTO wallet.wallet_canary_pass (token_hash, run_id, brand_id, player_id,"
            " fence_token, expires_at) "
            "VALUES (sha256('pass'), 'r-1', %s, %s, 3, now() + interval '1 minute')",
            [BRAND, PLAYER],
        )
    book.wallet.answers[PAY] = Answer(200, {"state": "PAID"})
    refused = book.send("wins", WIN)
    assert (refused.status_code, refused.json()["code"], book.wins()) == (503, "MAINTENANCE", [])
    headers = internal("gateway", request_id="q1") | {CANARY_HEADER: "pass"}
    assert (
        book.game.client.post("/internal/game/wins", json=WIN, headers=headers).status_code == 200
    )
    assert book.wins() == [("t1", 300, "PAID", 1)]
