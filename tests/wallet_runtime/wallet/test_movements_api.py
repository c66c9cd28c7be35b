"""The routes for transfers, bonuses, points, adjustments and withdrawals: callers and answers."""

import json
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import PLAYER, a_person, internal, serving, signed
from tests.wallet_runtime.wallet.pairs import activate_split
from wallet_runtime.contract.headers import BRAND_HEADER, REQUEST_ID_HEADER
from wallet_runtime.contract.persons import PERSON_HEADER, Act, Person, sign
from wallet_runtime.contract.processes import (
    ADMIN_SERVICE,
    CALLERS,
    GAME_SERVICE,
    GATEWAY,
    PLAYER_SERVICE,
    ROLLING_WORKER,
    WALLET_SERVICE,
)
from wallet_runtime.contract.routes import ROUTE_CALLERS
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.api import SERVICE

Answered = tuple[int, dict[str, Any]]
EUR: dict[str, Any] = {"currency": "EUR"}
WISH: dict[str, Any] = {
    "player_id": str(PLAYER),
    "account": "WITHDRAWABLE",
    "direction": "credit",
    "amount": "5",
    "reason": "twice",
    **EUR,
}


def _forged(name: str) -> str:
    """Return a well-formed person header, signed with a wrong key."""
    return sign(
        b"a key of somebody else", a_person(name), Act("", "POST", "", "", b""), time.time()
    )


class Wallet:
    """wallet_service with RUBY_SPLIT_V1 active and one player, and requests of any caller."""

    def __init__(self, client: httpx.Client) -> None:
        """Register the player."""
        self.client = client
        assert self.post("players", PLAYER_SERVICE, **EUR)[0] == 200

    def post(
        self,
        path: str,
        caller: str = ADMIN_SERVICE,
        player: UUID | None = PLAYER,
        **body: Any,
    ) -> Answered:
        """Send one command under a new request id; return status and body."""
        named = {"player_id": str(player)} if player else {}
        headers = internal(caller, request_id=str(uuid4()))
        answer = self.client.post(f"/internal/wallet/v2/{path}", json=named | body, headers=headers)
        return answer.status_code, answer.json()

    def as_person(
        self, who: str | Person, path: str, body: dict[str, Any], **more: str
    ) -> Answered:
        """Send one command that admin_service signs for a person; return status and body."""
        raw, route = json.dumps(body).encode(), f"/internal/wallet/v2/{path}"
        headers = signed(
            WALLET_SERVICE,
            who,
            "POST",
            route,
            raw,
            internal(ADMIN_SERVICE, request_id=str(uuid4())),
        )
        answer = self.client.post(route, content=raw, headers=headers | more)
        return answer.status_code, answer.json()

    def deposit(self, amount: str, bucket: str) -> None:
        """Deposit to a bucket."""
        assert (
            self.post("deposits/approve", PLAYER_SERVICE, amount=amount, bucket=bucket, **EUR)[0]
            == 200
        )


@pytest.fixture
def wallet(platform_db: TestDatabase) -> Iterator[Wallet]:
    database = Database(platform_db.dsn("wallet_service"), "seed", pool_max=2).open()
    activate_split(database)
    database.close()
    with serving(SERVICE, platform_db) as served:
        yield Wallet(served.client)


def test_a_transfer_and_its_alias(wallet: Wallet) -> None:
    wallet.deposit("9.00", "SPORTS_NORMAL")
    ends: dict[str, Any] = {"from_bucket": "SPORTS_NORMAL", "to_bucket": "CASINO_NORMAL"}
    status, answer = wallet.post("transfers", PLAYER_SERVICE, amount="3", **ends, **EUR)
    assert (
        status,
        answer["state"],
        answer["amount"],
        answer["rolling"],
        len(answer["rollings"]),
    ) == (
        200,
        "COMPLETED",
        "3.00",
        "inherit",
        1,
    )
    status, answer = wallet.post(
        "transfers/legacy", PLAYER_SERVICE, from_side="casino", amount="3.00", **EUR
    )
    assert (status, answer["from_bucket"], answer["to_bucket"]) == (
        200,
        "CASINO_NORMAL",
        "SPORTS_NORMAL",
    )
    assert (
        wallet.post("transfers", PLAYER_SERVICE, amount="3", currency="USD", **ends)[1]["code"]
        == "CURRENCY_MISMATCH"
    )
    assert wallet.post("transfers", PLAYER_SERVICE, amount=3, **ends, **EUR)[0] == 422
    assert wallet.post("transfers", GATEWAY, amount="3", **ends, **EUR)[0] == 403


def test_a_bonus(wallet: Wallet) -> None:
    status, answer = wallet.post(
        "bonuses/issue",
        bucket="SPORTS_BONUS",
        amount="1.00",
        reference="c1",
        max_release="0.80",
        **EUR,
    )
    assert status == 200
    status, answer = wallet.post("bonuses/reverse", bonus_id=answer["bonus_id"])
    assert (status, answer["state"], answer["taken_back"]) == (200, "REVERSED", "1.00")
    _, answer = wallet.post(
        "bonuses/issue", bucket="SPORTS_BONUS", amount="1.00", reference="c2", **EUR
    )
    assert wallet.post("bonuses/expire", bonus_id=answer["bonus_id"])[1]["state"] == "EXPIRED"
    assert wallet.post("bonuses/expire", bonus_id=str(uuid4()))[1]["code"] == "BONUS_NOT_FOUND"
    assert (
        wallet.post("bonuses/issue", bucket="POINTS", amount="1.00", reference="c2", **EUR)[1][
            "code"
        ]
        == "BUCKET_INVALID"
    )


def test_points(wallet: Wallet) -> None:
    assert wallet.post("points/award", points="100", reference="m1")[1]["held"] == "100"
    answer = wallet.post("points/transfer", PLAYER_SERVICE, points="60", target="SPORTS_NORMAL")
    assert (answer[0], answer[1]["amount"], answer[1]["points"]) == (200, "0.60", "60")
    assert wallet.post("points/expire", points="40", reference="year")[1]["held"] == "0"
    for points in ("1.5", "-1", "0", "1e3", 5):
        assert wallet.post("points/award", points=points, reference="m1")[0] == 422


def test_points_are_no_source_of_a_bet_and_no_withdrawal(wallet: Wallet) -> None:
    wallet.post("points/award", points="100", reference="m1")
    bet: dict[str, Any] = {
        "provider_id": "mocksports",
        "provider_type": "SPORTS",
        "bet_id": "b1",
        "round_id": "r1",
        "amount": "1.00",
    }
    assert (
        wallet.post("bets/authorize", GAME_SERVICE, **bet, **EUR)[1]["code"] == "INSUFFICIENT_FUNDS"
    )
    assert wallet.post("bets/authorize", GAME_SERVICE, source="POINTS", **bet, **EUR)[0] == 422
    assert (
        wallet.post("withdrawals/wallet", PLAYER_SERVICE, amount="1.00", **EUR)[1]["code"]
        == "INSUFFICIENT_FUNDS"
    )


def test_an_adjustment(wallet: Wallet) -> None:
    status, answer = wallet.as_person("ann", "adjustments/request", WISH)
    assert (status, answer["state"], answer["requested_by"]) == (200, "REQUESTED", "ann")
    named = {"adjustment_id": answer["adjustment_id"]}
    assert wallet.as_person("ann", "adjustments/approve", named)[1]["code"] == "SAME_PERSON"
    assert wallet.as_person("bob", "adjustments/approve", named)[1]["state"] == "APPLIED"
    assert wallet.as_person("bob", "adjustments/approve", named)[1]["state"] == "APPLIED"
    assert wallet.as_person("bob", "adjustments/reject", named)[1]["code"] == "ADJUSTMENT_DECIDED"
    assert wallet.as_person("bob", "adjustments/approve", {"adjustment_id": str(uuid4())})[0] == 404
    for wrong in (
        {"reason": " "},
        {"requested_by": "ann"},
        {"direction": "both"},
        {"account": "POINTS"},
        {"amount": "-5"},
    ):
        assert wallet.as_person("ann", "adjustments/request", WISH | wrong)[0] == 422


def test_the_internal_token_alone_makes_no_two_persons(
    wallet: Wallet, superuser: psycopg.Connection[Any]
) -> None:
    """Without admin_service's signing key, its token alone can act for no person."""
    asked = wallet.as_person("ann", "adjustments/request", WISH)[1]
    named = {"adjustment_id": asked["adjustment_id"]}
    tries = [
        wallet.post(
            "adjustments/request",
            **{name: value for name, value in WISH.items() if name != "player_id"},
        ),
        wallet.post("adjustments/approve", player=None, **named),
        wallet.as_person("bob", "adjustments/approve", named, **{PERSON_HEADER: _forged("bob")}),
        wallet.as_person("bob", "adjustments/approve", named, **{PERSON_HEADER: "v1;person=bob"}),
        # A signature is valid only for the request id and the brand that it covers.
        wallet.as_person("bob", "adjustments/approve", named, **{REQUEST_ID_HEADER: "another"}),
        wallet.as_person("bob", "adjustments/approve", named, **{BRAND_HEADER: str(uuid4())}),
    ]
    assert [(status, answer["code"]) for status, answer in tries] == [
        (403, "PERSON_NOT_SIGNED")
    ] * len(tries)
    body = wallet.post("adjustments/approve", player=None, decided_by="bob", **named)
    assert (body[0], body[1]["code"]) == (422, "INVALID")
    for same in (" ANN", "\uff21\uff2e\uff2e", "an\u200bn", a_person("bea", "token of ann")):
        assert wallet.as_person(same, "adjustments/approve", named)[1]["code"] == "SAME_PERSON", (
            same
        )
    assert superuser.execute("SELECT state FROM wallet.wallet_adjustment").fetchall() == [
        ("REQUESTED",)
    ]


@pytest.mark.parametrize("sign", ["\x1b", "\u202e", " "], ids=ascii)
def test_an_id_of_the_psp_and_a_reason_hold_nothing_that_acts_on_a_terminal(
    wallet: Wallet, sign: str
) -> None:
    refused = wallet.post(
        "deposits/approve",
        PLAYER_SERVICE,
        amount="1.00",
        psp_reference=f"psp{sign}1",
        **EUR,
    )
    assert (refused[0], refused[1]["code"]) == (422, "INVALID")
    if sign != " ":
        refused = wallet.post(
            "withdrawals/reject", player=None, transaction_id=str(uuid4()), reason=f"no{sign}"
        )
        assert (refused[0], refused[1]["code"]) == (422, "INVALID")


def test_a_withdrawal_is_canceled_by_its_own_player_only(wallet: Wallet) -> None:
    assert wallet.post("deposits/approve", PLAYER_SERVICE, amount="9.00", **EUR)[0] == 200
    transaction = wallet.post("withdrawals/request", PLAYER_SERVICE, amount="9.00", **EUR)[1][
        "transaction"
    ]["tx_id"]
    other = uuid4()
    assert wallet.post("players", PLAYER_SERVICE, other, **EUR)[0] == 200
    assert (
        wallet.post("withdrawals/cancel", PLAYER_SERVICE, other, transaction_id=transaction)[1][
            "code"
        ]
        == "TX_NOT_FOUND"
    )
    assert (
        wallet.post("withdrawals/cancel", PLAYER_SERVICE, transaction_id=transaction)[1][
            "transaction"
        ]["state"]
        == "canceled"
    )
    late = wallet.post("withdrawals/payout-failed", ADMIN_SERVICE, None, transaction_id=transaction)
    assert (late[0], late[1]["code"]) == (409, "ILLEGAL_TRANSACTION_STATE_TRANSITION")


def test_a_rolling_that_lapsed_takes_its_bonus_with_it(
    wallet: Wallet, superuser: psycopg.Connection[Any]
) -> None:
    rolling_id = wallet.post(
        "bonuses/issue", bucket="SPORTS_BONUS", amount="1.00", reference="c1", **EUR
    )[1]["rolling_id"]
    for _ in range(2):
        closed = wallet.post(
            "rollings/close", ROLLING_WORKER, rolling_id=rolling_id, state="EXPIRED"
        )
        assert (closed[0], closed[1]["state"]) == (200, "EXPIRED")
    assert superuser.execute(
        "SELECT sum(balance)::bigint FROM wallet.wallet_bucket"
    ).fetchone() == (0,)


def test_nobody_else_may_call(wallet: Wallet) -> None:
    routes = [
        path
        for process, method, path in ROUTE_CALLERS
        if (process, method) == (WALLET_SERVICE, "POST")
    ]
    for path in routes:
        for caller in set(CALLERS) - set(ROUTE_CALLERS[WALLET_SERVICE, "POST", path]):
            assert wallet.client.post(path, json={}, headers=internal(caller)).status_code in (
                401,
                403,
            ), (path, caller)
