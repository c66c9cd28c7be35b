"""The routes of coupon grants: their callers, their bodies, and refusals of unknown fields."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from prometheus_client import REGISTRY

from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import BRAND, internal, serving
from tests.wallet_runtime.wallet.conftest import turn_over
from wallet_runtime.contract.processes import (
    ADMIN_SERVICE,
    GAME_SERVICE,
    GATEWAY,
    OPERATOR,
    PLAYER_SERVICE,
    PROMOTION_SERVICE,
    ROLLING_WORKER,
)
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.api import SERVICE
from wallet_runtime.wallet.store.money import money_of

PREFIX = "/internal/wallet/v2"
FAILED = "wallet_coupon_completion_failed_total"


class Desk:
    """wallet_service on a socket, and one player."""

    def __init__(self, client: httpx.Client, wallet: Database) -> None:
        """Register the player."""
        self.client, self.player_id = client, str(uuid4())
        money_of(wallet).register(BRAND, self.player_id, "EUR", True)  # type: ignore[arg-type]

    def send(
        self,
        path: str,
        body: dict[str, Any],
        caller: str = PROMOTION_SERVICE,
        request_id: str | None = None,
    ) -> httpx.Response:
        headers = internal(caller, request_id=request_id or str(uuid4()))
        return self.client.post(
            f"{PREFIX}/{path}", json={"player_id": self.player_id} | body, headers=headers
        )

    def coupon(self, **changes: Any) -> dict[str, Any]:
        body = {
            "coupon_log_id": str(uuid4()),
            "amount": "10.00",
            "currency": "EUR",
            "scope": {"kind": "sports"},
        }
        return body | changes


@pytest.fixture
def desk(platform_db: TestDatabase, wallet: Database) -> Iterator[Desk]:
    with serving(SERVICE, platform_db) as served:
        yield Desk(served.client, wallet)


@pytest.mark.parametrize("action", ["issue", "reverse", "expire"])
@pytest.mark.parametrize("caller", [GATEWAY, GAME_SERVICE, PLAYER_SERVICE, OPERATOR])
def test_nobody_but_promotion_and_the_back_office_is_let_in(
    desk: Desk, caller: str, action: str
) -> None:
    assert desk.send(f"coupon-grants/{action}", desk.coupon(), caller).status_code == 403


@pytest.mark.parametrize("caller", [PROMOTION_SERVICE, ADMIN_SERVICE])
def test_issue_and_reverse(desk: Desk, caller: str) -> None:
    coupon = desk.coupon()
    first = desk.send("coupon-grants/issue", coupon, caller, "same")
    assert first.status_code == 200
    again = desk.send("coupon-grants/issue", coupon | {"amount": "10.0"}, caller, "same")
    assert again.json() == first.json(), "an amount written otherwise is the same payload"
    named = {"coupon_log_id": coupon["coupon_log_id"]}
    refused = desk.send("coupon-grants/reverse", named | {"amount": "10.00"}, caller)
    assert refused.status_code == 422, "the amount is the grant row's (A8-5)"
    assert desk.send("coupon-grants/reverse", named, caller).json()["taken_back"] == "10.00"


@pytest.mark.parametrize(
    "wrong",
    [
        {"scope": {"kind": "provider"}},
        {"scope": {"kind": "sports", "provider_ids": ["mocklive"]}},
        {"scope": {"kind": "provider", "provider_ids": ["nobody"]}},
        {"scope": {"kind": "bingo"}},
        {"scope": {"kind": "sports", "bucket": "SPORTS_BONUS"}},
        {"coupon_log_id": "seven"},
        {"expires_at": "2030-01-01T00:00:00"},
        {"expires_at": "tomorrow"},
        {"expires_at": "9999-12-31T23:59:59-14:00"},
        {"expires_at": "0001-01-01T00:00:00+14:00"},
        {"amount": "0"},
        {"amount": "1.001"},
        {"amount": 10},
        {"currency": "USD"},
    ],
    ids=str,
)
def test_what_a_coupon_may_not_say_is_a_422_that_is_not_stored(
    desk: Desk, look: psycopg.Connection, wrong: dict[str, Any]
) -> None:
    assert desk.send("coupon-grants/issue", desk.coupon(**wrong)).status_code == 422
    assert look.execute("SELECT count(*) FROM wallet.wallet_idempotency").fetchone() == (0,)


def test_a_coupon_whose_time_is_over_is_not_issued(desk: Desk, look: psycopg.Connection) -> None:
    late = desk.send("coupon-grants/issue", desk.coupon(expires_at="2024-01-01T00:00:00Z"))
    assert (late.status_code, late.json()["code"]) == (409, "COUPON_LAPSED")
    assert look.execute("SELECT count(*) FROM wallet.wallet_coupon_grant").fetchone() == (0,)


def test_an_expiry_in_another_zone_is_the_same_moment(desk: Desk, look: psycopg.Connection) -> None:
    answer = desk.send(
        "coupon-grants/issue", desk.coupon(expires_at="2030-01-01T02:00:00+02:00")
    ).json()
    assert answer["expires_at"] == "2030-01-01T00:00:00+00:00"
    assert look.execute(
        "SELECT expires_at = '2030-01-01 00:00+00' FROM wallet.wallet_coupon_grant"
    ).fetchone() == (True,)


def test_a_completion_without_its_grant_is_counted_and_can_be_tried_again(
    desk: Desk, look: psycopg.Connection
) -> None:
    coupon = desk.send("coupon-grants/issue", desk.coupon()).json()
    with look.transaction():
        look.execute("SET LOCAL session_replication_role = replica")
        look.execute("UPDATE wallet.wallet_rolling_obligation SET grant_id = %s", [uuid4()])
    before = REGISTRY.get_sample_value(FAILED) or 0
    complete = {"rolling_id": coupon["rolling_id"]}
    lost = desk.send("rollings/complete", complete, ROLLING_WORKER, "complete")
    assert (lost.status_code, lost.json()["code"]) == (404, "COUPON_GRANT_NOT_FOUND")
    assert REGISTRY.get_sample_value(FAILED) == before + 1
    assert (
        desk.send("rollings/complete", complete | {"amount": "10.00"}, ROLLING_WORKER).status_code
        == 422
    )
    look.execute("UPDATE wallet.wallet_rolling_obligation SET grant_id = %s", [coupon["grant_id"]])
    turn_over(look)
    found = desk.send("rollings/complete", complete, ROLLING_WORKER, "complete")
    assert (found.status_code, found.json()["released"]) == (200, "10.00")
