"""The settle-batch route over HTTP.

Each bet gets the answer of the settle route, under the same request id.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import PLAYER, internal, serving
from tests.wallet_runtime.wallet.pairs import activate_split
from wallet_runtime.contract.processes import GAME_SERVICE, GATEWAY, PLAYER_SERVICE
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.api import SERVICE

ROOT = "/internal/wallet/v2"
BATCH = f"{ROOT}/bets/settle-batch"


@pytest.fixture
def client(platform_db: TestDatabase) -> Iterator[httpx.Client]:
    """wallet_service with one player, who has 10.00 and the open bets b1 and b2."""
    database = Database(platform_db.dsn("wallet_service"), "seed", pool_max=2).open()
    activate_split(database)
    database.close()
    with serving(SERVICE, platform_db) as served:
        post(
            served.client,
            "players",
            "p",
            PLAYER_SERVICE,
            player_id=str(PLAYER),
            currency="EUR",
        )
        money: dict[str, Any] = {
            "player_id": str(PLAYER),
            "currency": "EUR",
            "bucket": "SPORTS_NORMAL",
        }
        post(served.client, "deposits/approve", "d", PLAYER_SERVICE, amount="10", **money)
        for name in ("b1", "b2"):
            wanted = result(name) | {
                "provider_type": "SPORTS",
                "round_id": "r",
                "amount": "1.00",
                "currency": "EUR",
            }
            del wanted["payout"], wanted["request_id"]
            assert post(served.client, "bets/authorize", f"a-{name}", **wanted)[0] == 200
        yield served.client


def post(
    client: httpx.Client,
    path: str,
    request_id: str,
    caller: str = GAME_SERVICE,
    **body: Any,
) -> tuple[int, Any]:
    """Send a request to a route of the wallet."""
    answer = client.post(
        f"{ROOT}/{path}", json=body, headers=internal(caller, request_id=request_id)
    )
    return answer.status_code, answer.json()


def result(name: str, payout: str = "2.00", request_id: str = "") -> dict[str, str]:
    """Return one settlement of a batch."""
    ids = {"request_id": request_id or f"s-{name}", "player_id": str(PLAYER)}
    return {**ids, "provider_id": "mocksports", "bet_id": name, "payout": payout}


def test_a_batch_answers_each_bet_as_alone(client: httpx.Client) -> None:
    alone = result("b1")
    del alone["request_id"]
    first = post(client, "bets/settle", "s-b1", **alone)
    assert first[0] == 200
    status, answer = post(
        client,
        "bets/settle-batch",
        "batch",
        bets=[result("b1"), result("b2"), result("b3"), result("b2", "7", "other")],
    )
    told = [(one["request_id"], one["status"]) for one in answer["results"]]
    assert (status, told) == (200, [("s-b1", 200), ("s-b2", 200), ("s-b3", 404), ("other", 409)])
    assert answer["results"][0]["body"] == first[1]
    assert [one["body"].get("code") for one in answer["results"][2:]] == [
        "AUTHORIZATION_NOT_FOUND",
        "BET_ALREADY_SETTLED",
    ]
    assert answer["results"][3]["body"]["request_id"] == "other"


def test_a_request_id_that_is_good_alone_is_good_in_a_batch_and_no_other(
    client: httpx.Client,
) -> None:
    longest = "mocksports." + "x" * 200
    alone = result("b1")
    del alone["request_id"]
    first = post(client, "bets/settle", longest, **alone)
    status, answer = post(
        client, "bets/settle-batch", "batch", bets=[result("b1", request_id=longest)]
    )
    assert (status, answer["results"][0]["body"]) == (200, first[1])
    for never_alone in ("with space", "x" * 256):
        assert (
            post(client, "bets/settle-batch", "batch", bets=[result("b2", request_id=never_alone)])[
                0
            ]
            == 422
        )


@pytest.mark.parametrize(
    "bets",
    [[], [result(f"b{number}") for number in range(51)], [result("b1", "-1")], [{"bet_id": "b1"}]],
)
def test_a_batch_that_is_not_well_formed_moves_nothing(
    client: httpx.Client, bets: list[dict[str, str]]
) -> None:
    assert post(client, "bets/settle-batch", "batch", bets=bets)[0] == 422
    snapshot = client.get(f"{ROOT}/players/{PLAYER}/snapshot", headers=internal(GATEWAY))
    assert snapshot.json()["open_stakes"] == "2.00"
