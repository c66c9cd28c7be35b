"""The routes of the gateway: the calls that they pass on, and the calls that a freeze stops."""

import json

import pytest

from tests.wallet_runtime.gateway.door import BODIES, MONEY, SESSION, Door, code_of, door
from tests.wallet_runtime.serving import BRAND, PLAYER, provider
from wallet_runtime.plumbing.errors import PassedThrough
from wallet_runtime.plumbing.http.app import Answer

__all__ = ["door"]


def test_a_bet_is_passed_on_with_its_provider_and_ids(door: Door) -> None:
    assert door.bet("authorize", request_id="r-7").json() == {
        "route": "/internal/game/bets/authorize"
    }
    (call,) = door.game.calls
    assert call.body == {"provider_id": "mocksports", **BODIES["authorize"]}
    assert (call.caller, call.request_id, call.brand_id, call.canary_token) == (
        "gateway",
        "r-7",
        BRAND,
        None,
    )


@pytest.mark.parametrize(
    "field",
    [
        "source",
        "sources",
        "bucket",
        "buckets",
        "policy",
        "funding",
        "provider_id",
        "topology_code",
        "choice",
    ],
)
def test_a_callback_cannot_name_sources_buckets_or_policy(door: Door, field: str) -> None:
    for command, body in BODIES.items():
        refused = door.bet(command, {**body, field: "x"})
        assert (*code_of(refused), f"`{field}`" in refused.json()["message"]) == (
            422,
            "INVALID",
            True,
        )
    assert not door.game.calls


def test_a_bet_may_bring_its_price_along(door: Door) -> None:
    assert door.bet("authorize", {**BODIES["authorize"], "price": "1.85"}).status_code == 200
    assert door.game.calls[0].body == {
        "provider_id": "mocksports",
        **BODIES["authorize"],
        "price": "1.85",
    }


def test_a_campaigns_win_is_stopped_with_new_business_and_a_further_one_with_settlements(
    door: Door,
) -> None:
    win = {"player_id": str(PLAYER), "transaction_id": "t1", **MONEY}
    tries = {
        "campaign": ("/v2/wins", win | {"campaign": "FREE"}),
        "further": ("/v2/wins", win | {"bet_id": "b1", "round_id": "r1"}),
        "reversal": ("/v2/wins/reverse", {"player_id": str(PLAYER), "transaction_id": "t1"}),
    }
    said = {}
    for level in ("open", "ingress", "sealed"):
        door.gateway.freeze(level)
        for name, (path, body) in tries.items():
            raw = json.dumps(body).encode()
            answer = door.gateway.client.post(
                path,
                content=raw,
                headers=provider("mocksports", path, raw, request_id=f"{level}-{name}"),
            )
            said[level, name] = answer.status_code
    stopped = {key for key, status in said.items() if status == 503}
    assert stopped == {("ingress", "campaign"), *(("sealed", name) for name in tries)}
    assert {call.body["provider_id"] for call in door.game.calls} == {"mocksports"} and len(
        door.game.calls
    ) == 5


def test_a_choice_is_the_players_own(door: Door) -> None:
    path = "/api/v1/player/wallet/funding-choice"
    given = {
        "Authorization": f"Bearer {SESSION}",
        "X-Brand-Id": str(BRAND),
        "Idempotency-Key": "k1",
    }
    choice = {"provider_type": "LIVE", "source": "CASINO_NORMAL"}
    client = door.gateway.client
    assert client.put(path, json=choice, headers=given).status_code == 200
    assert client.get(path, headers=given).status_code == 200
    assert [(call.body, call.brand_id, call.path) for call in door.player.calls] == [
        (body, BRAND, {"player_id": str(PLAYER)}) for body in (choice, None)
    ]
    assert door.player.calls[0].request_id == f"{PLAYER}.k1"
    assert client.put(path, json=choice).status_code == 401
    assert (
        client.put(path, json={**choice, "provider_type": "ROULETTE"}, headers=given).status_code
        == 422
    )
    raw = json.dumps(choice).encode()
    assert client.put(path, content=raw, headers=provider("mocklive", path, raw)).status_code == 401
    for level, status in (("ingress", 200), ("sealed", 503)):
        door.gateway.freeze(level)
        assert client.put(path, json=choice, headers=given).status_code == status


def test_an_amount_that_is_a_number_is_a_422(door: Door) -> None:
    assert code_of(door.bet("authorize", {**BODIES["authorize"], "amount": 10})) == (422, "INVALID")
    assert code_of(door.bet("settle", {**BODIES["settle"], "payout": 0})) == (422, "INVALID")


def test_the_far_side_answers_with_its_own_words(door: Door) -> None:
    refusal = PassedThrough(
        409,
        "INSUFFICIENT_FUNDS",
        "the allowed sources hold 1.00 EUR",
        details={"available": "1.00"},
    )
    door.game.answers["/internal/game/bets/authorize"] = refusal
    answer = door.bet("authorize")
    assert code_of(answer) == (409, "INSUFFICIENT_FUNDS")
    assert (answer.json()["message"], answer.json()["details"]) == (
        "the allowed sources hold 1.00 EUR",
        {"available": "1.00"},
    )
    busy = PassedThrough(503, "BUSY", "later", details={}, retry_after=7)
    door.game.answers["/internal/game/bets/authorize"] = busy
    assert door.bet("authorize").headers["Retry-After"] == "7"


@pytest.mark.parametrize(
    ("level", "passing"),
    [
        ("open", {"authorize", "settle", "rollback", "deposit"}),
        ("ingress", {"settle", "rollback"}),
        ("sealed", set()),
    ],
)
def test_what_passes_at_each_freeze_level(door: Door, level: str, passing: set[str]) -> None:
    door.gateway.freeze(level)
    answers = {command: door.bet(command) for command in BODIES} | {"deposit": door.pay("deposit")}
    assert {command for command, answer in answers.items() if answer.status_code == 200} == passing
    for command in set(answers) - passing:
        assert code_of(answers[command]) == (503, "MAINTENANCE")
        assert answers[command].headers["Retry-After"]
    assert (
        door.gateway.client.get(
            "/api/v1/player/wallet",
            headers={"Authorization": f"Bearer {SESSION}", "X-Brand-Id": str(BRAND)},
        ).status_code
        == 200
    )


@pytest.mark.parametrize(
    ("command", "path"),
    [("deposit", "deposit"), ("withdraw", "withdraw"), ("wallet-withdrawal", "wallet-withdrawal")],
)
def test_a_players_command_goes_on_for_the_sessions_own_player(
    door: Door, command: str, path: str
) -> None:
    assert door.pay(command).status_code == 200
    (call,) = door.player.calls
    assert (call.route, call.path) == (
        f"/internal/players/{{player_id}}/{path}",
        {"player_id": str(PLAYER)},
    )
    assert (call.request_id, call.body) == (f"{PLAYER}.k1", MONEY)


def test_the_back_office_closes_the_door_for_new_business(door: Door) -> None:
    assert door.switch({"is_active": True}, Authorization="Bearer wrong").status_code == 401
    assert door.switch({"is_active": True, "message": "back at noon"}).json()["is_active"] is True
    refusal = door.bet("authorize")
    assert (*code_of(refusal), refusal.json()["message"]) == (503, "MAINTENANCE", "back at noon")
    assert door.bet("settle").status_code == 200
    assert door.switch({"is_active": False}, **{"Idempotency-Key": "k2"}).status_code == 200
    assert door.bet("authorize").status_code == 200


def test_a_late_repeat_leaves_the_maintenance_switch_as_it_is(door: Door) -> None:
    closed = door.switch({"is_active": True, "message": "back at noon"})
    assert door.switch({"is_active": False}, **{"Idempotency-Key": "k2"}).status_code == 200
    again = door.switch({"is_active": True, "message": "back at noon"})
    assert (again.status_code, again.json()) == (200, closed.json())
    assert door.bet("authorize").status_code == 200, "the door is still open"
    other = door.switch({"is_active": True, "message": "never"})
    assert code_of(other) == (409, "IDEMPOTENCY_PAYLOAD_MISMATCH")
    assert (
        door.switch({"is_active": True}, Authorization="Bearer token-of-bob").status_code == 200
    ), "the key of another person"


def test_a_far_side_that_is_down_is_a_503(door: Door) -> None:
    answer = door.gateway.client.get("/api/v1/wallet/topology")
    assert code_of(answer) == (503, "UNAVAILABLE")


def test_an_answer_passes_byte_for_byte(door: Door) -> None:
    door.game.answers["/internal/game/bets/settle"] = Answer(200, b'{"payout": "0.00"}')
    assert door.bet("settle").content == b'{"payout": "0.00"}'


@pytest.mark.parametrize(
    ("command", "body", "sent"),
    [
        (
            "transfer",
            {"from_bucket": "A", "to_bucket": "B", **MONEY},
            {"from_bucket": "A", "to_bucket": "B", **MONEY},
        ),
        ("sports-to-casino", MONEY, {"from_side": "sports", **MONEY}),
        ("casino-to-sports", MONEY, {"from_side": "casino", **MONEY}),
        ("points/transfer", {"points": "5", "target": "A"}, {"points": "5", "target": "A"}),
    ],
)
def test_transfers_are_passed_on_and_start_something_new(
    door: Door, command: str, body: dict[str, str], sent: dict[str, str]
) -> None:
    assert door.pay(command, body).status_code == 200
    (call,) = door.player.calls
    assert (call.body, call.request_id, call.path["player_id"]) == (
        sent,
        f"{PLAYER}.k1",
        str(PLAYER),
    )
    assert code_of(door.pay(command, {**body, "sources": "x"})) == (422, "INVALID")
    door.gateway.freeze("ingress")
    assert code_of(door.pay(command, body)) == (503, "MAINTENANCE")


def test_a_withdrawal_can_be_taken_back_while_nothing_new_starts(door: Door) -> None:
    door.gateway.freeze("ingress")
    answer = door.gateway.client.post(
        f"/api/v1/player/wallet/withdrawals/{PLAYER}/cancel",
        json={},
        headers={
            "Authorization": f"Bearer {SESSION}",
            "X-Brand-Id": str(BRAND),
            "Idempotency-Key": "k1",
        },
    )
    assert answer.status_code == 200
    assert door.player.calls[0].path == {"player_id": str(PLAYER), "transaction_id": str(PLAYER)}
