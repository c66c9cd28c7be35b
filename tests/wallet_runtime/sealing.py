"""All API services on one database, and a valid request for each of their writes."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import psycopg

from tests.wallet_runtime.house import EUR, REQUESTS, House
from tests.wallet_runtime.serving import BRAND, internal, provider, signed
from wallet_runtime.contract import persons
from wallet_runtime.contract.consumers import CONSUMER_SERVICES, WALLET_CONSUMERS
from wallet_runtime.contract.documents import RUBY_SPLIT_V1
from wallet_runtime.contract.headers import BRAND_HEADER, IDEMPOTENCY_KEY_HEADER
from wallet_runtime.contract.processes import (
    ADMIN_SERVICE,
    GAME_SERVICE,
    GATEWAY,
    OPERATOR,
    PLAYER_SERVICE,
    WALLET_SERVICE,
)
from wallet_runtime.contract.routes import ROUTE_CALLERS, dead_letter_path
from wallet_runtime.plumbing.http import auth
from wallet_runtime.plumbing.http.app import Route
from wallet_runtime.services import load

Body = dict[str, Any]
# A process comes after the processes that it calls, because it needs their URLs.
NEAR = (GAME_SERVICE, PLAYER_SERVICE, ADMIN_SERVICE, GATEWAY)
STARTED = tuple(dict.fromkeys((WALLET_SERVICE, *CONSUMER_SERVICES, *NEAR)))
ACTIVATIONS = (
    "/internal/wallet/topology/{code}/activate",
    "/internal/wallet/policy/{policy_key}/activate",
)
SCHEMAS = ("wallet", "game", "gateway", "player", "admin", *WALLET_CONSUMERS)
TABLES = (
    "SELECT oid::regclass::text FROM pg_class WHERE relnamespace::regnamespace::text = ANY (%s)"
    " AND relkind = 'r' ORDER BY 1"
)
DIGEST = "SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM {} t"

ROLLING = """
INSERT INTO rolling.player_rolling (rolling_id, brand_id, player_id, topology_code,
    bucket_type_code, provider_types, currency, amount, multiplier, required_turnover,
    target_turnover, state, reference_id, reason, event_id, restore_epoch, created_at, expires_at)
VALUES (%s, %s, %s, 'RUBY_SPLIT_V1', 'SPORTS_BONUS', '{SPORTS}', 'EUR', 100, 1, 100, 100, 'ACTIVE',
    'r', 'bonus', gen_random_uuid(), 0, now(), now() + interval '1 day')
"""
LEFT_OUT = {"max_release", "psp_reference", "expires_at"}


@dataclass
class Sealed:
    """All API services on one database, and the ids that requests to them need.

    `names` has values for body fields, `paths` values for path parameters.
    """

    house: House
    names: Body
    paths: dict[str, str]

    def ask(self, process: str, route: Route) -> httpx.Response:
        """Send a valid request from an authorized caller.

        Only a seal makes the service refuse it.
        """
        letter = self.paths["asked_for" if route.path.endswith("/confirm") else "dead_letter_id"]
        path = route.path.format(**self.paths | {"dead_letter_id": letter})
        raw = json.dumps(self._body(process, route)).encode()
        return self.house.served[process].client.request(
            route.method, path, content=raw, headers=self.headers(process, route, path, raw)
        )

    def everything(self) -> dict[str, str]:
        """Return an MD5 checksum of the rows of each table, by table name."""
        look = self.house.look
        return {
            name: str(look.execute(DIGEST.format(name).encode()).fetchall()[0][0])
            for (name,) in look.execute(TABLES, [[*SCHEMAS]])
        }

    def _body(self, process: str, route: Route) -> Body:
        kind = route.path.rpartition("/")[2]
        if "wins" in route.path or kind == "campaigns":
            return _campaign() if kind == "campaigns" else _win(process, kind, self.names)
        if "bets" in route.path:
            return _bet(process, kind, self.names)
        if kind == "activate":
            return dict(
                self.names["policy_activation" if "policy" in route.path else "topology_activation"]
            )
        if route.method == "PUT" and route.body is dict:
            return self.house.draft()["policy" in route.path]
        if route.body is None or "seed" in route.path:
            return {}
        # The player must be new, and deposits need a normal bucket.
        new = {"players": {"player_id": str(uuid4())}}.get(kind, {}) | (
            {"bucket": "SPORTS_NORMAL"} if "deposit" in route.path else {}
        )
        return {
            name: self.names[name] for name in _fields(process, route) if name in self.names
        } | new

    def headers(self, process: str, route: Route, path: str, raw: bytes) -> dict[str, str]:
        """Return headers of a caller that the route admits."""
        given = {
            "Content-Type": "application/json",
            BRAND_HEADER: str(BRAND),
            IDEMPOTENCY_KEY_HEADER: str(uuid4()),
        }
        if route.access is auth.provider:
            return provider("mocksports", path, raw, request_id=str(uuid4()))
        if route.access is auth.player:
            return given | {"Authorization": f"Bearer {self.names['session']}"}
        if route.access is auth.admin:
            return given | {"Authorization": "Bearer token-of-bob"}
        callers = ROUTE_CALLERS[(process, route.method, route.path)]
        caller = next((name for name in callers if name != OPERATOR), OPERATOR)
        headers = given | internal(caller, request_id=str(uuid4()))
        return (
            signed(process, "bob", route.method, path, raw, headers)
            if process in persons.COUNTING_PROCESSES
            else headers
        )


def _win(process: str, kind: str, names: Body) -> Body:
    new = {"amount": "1.00", "campaign": names["campaign"], **EUR}
    win = {
        "player_id": names["player_id"],
        "transaction_id": "paid" if kind == "reverse" else str(uuid4()),
    } | ({} if kind == "reverse" else new)
    if process == GATEWAY:
        return win
    win["provider_id"] = "mocksports"
    return (
        win | {"provider_type": "SPORTS"} if process == WALLET_SERVICE and kind == "wins" else win
    )


def _campaign() -> Body:
    row = {
        "code": str(uuid4()),
        "provider_id": "mocksports",
        "cap": "9.00",
        "cap_per_win": "3.00",
        **EUR,
    }
    return row | {"expires_at": "2999-01-01T00:00:00Z"}


def _bet(process: str, kind: str, names: Body) -> Body:
    bet = {
        "player_id": names["player_id"],
        "bet_id": str(uuid4()) if kind == "authorize" else names["bet_id"],
        "round_id": "r",
    }
    more: Body = {"authorize": {"amount": "1.00", **EUR}, "rollback": {}}.get(
        kind, {"payout": "1.00"}
    )
    if process == GATEWAY:
        return bet | more
    bet |= {"provider_id": "mocksports"} | more
    if process == GAME_SERVICE:
        return bet
    if kind == "authorize":
        return bet | {"provider_type": "SPORTS"}
    del bet["round_id"]
    return {"bets": [bet | {"request_id": str(uuid4())}]} if kind == "settle-batch" else bet


def _fields(process: str, route: Route) -> set[str]:
    """Return the field names of a request body.

    A route of admin_service that passes its body on has the fields of the wallet's route.
    admin_service adds the person itself.
    """
    path = route.path.removeprefix("/api/v1")
    shape = (
        next(each.body for each in load(WALLET_SERVICE).routes if each.path.endswith(path))
        if route.body is dict
        else route.body
    )
    return set(shape.__struct_fields__) - LEFT_OUT


def one_of_everything(house: House, worker_dsn: str) -> Sealed:
    """Create one record of each kind that a write needs, before the seal."""
    house.forget_documents()
    path, selection = REQUESTS[(WALLET_SERVICE, "PUT", ACTIVATIONS[0])](house)
    selection["policy_document"]["funding"]["LIVE"]["mode"] = "selection"
    headers = internal(ADMIN_SERVICE, request_id=str(uuid4()))
    assert house.send((WALLET_SERVICE, "PUT", ""), path, selection, headers).status_code == 200
    topology_activation, policy_activation = (
        REQUESTS[(WALLET_SERVICE, "PUT", path)](house)[1] for path in ACTIVATIONS
    )
    player = house.player()
    session = house.send(
        (PLAYER_SERVICE, "POST", ""),
        "/internal/players",
        {"player_id": player, **EUR},
        internal(GATEWAY, request_id=str(uuid4())),
    ).json()["session"]
    bet = {"player_id": player, "provider_id": "mocksports", "bet_id": str(uuid4())}
    house.money(
        "bets/authorize",
        GAME_SERVICE,
        **bet,
        provider_type="SPORTS",
        round_id="r",
        amount="1.00",
        **EUR,
    )
    adjustment: Body = {
        "player_id": player,
        "account": "WITHDRAWABLE",
        "direction": "credit",
        "amount": "5",
        "reason": "twice",
        **EUR,
    }
    asked = house.money("adjustments/request", **adjustment)["adjustment_id"]
    bonus = house.money(
        "bonuses/issue",
        player_id=player,
        bucket="SPORTS_BONUS",
        amount="1.00",
        reference=str(uuid4()),
        **EUR,
    )
    coupon = str(uuid4())
    house.money(
        "coupon-grants/issue",
        player_id=player,
        coupon_log_id=coupon,
        amount="1.00",
        scope={"kind": "sports"},
        **EUR,
    )
    house.money("points/award", player_id=player, points="10", reference=str(uuid4()))
    campaign = _campaign()
    house.money("campaigns", **campaign)
    win = {
        "player_id": player,
        "provider_id": "mocksports",
        "provider_type": "SPORTS",
        "transaction_id": "paid",
        "amount": "1.00",
        **EUR,
    }
    house.money("wins", GAME_SERVICE, **win, campaign=campaign["code"])
    requested = house.money(
        "withdrawals/request", PLAYER_SERVICE, player_id=player, amount="1.00", **EUR
    )
    names: Body = {
        **adjustment,
        "campaign": campaign["code"],
        "bet_id": bet["bet_id"],
        "adjustment_id": asked,
        "bonus_id": bonus["bonus_id"],
        "rolling_id": bonus["rolling_id"],
        "state": "EXPIRED",
        "coupon_log_id": coupon,
        "scope": {"kind": "sports"},
        "points": "4",
        "reference": "another",
        "target": "SPORTS_NORMAL",
        "bucket": "SPORTS_BONUS",
        "from_bucket": "SPORTS_NORMAL",
        "to_bucket": "CASINO_NORMAL",
        "from_side": "sports",
        "provider_type": "LIVE",
        "source": "CASINO_NORMAL",
        "transaction_id": requested["transaction"]["tx_id"],
        "amount": "1.00",
        "action": "approve",
        "is_active": True,
        "version": 1,
        "topology_document": {},
        "session": session,
        "topology_activation": topology_activation,
        "policy_activation": policy_activation,
    }
    for schema, consumer in WALLET_CONSUMERS.items():
        # Every consumer's dead letters have the same two numbers.
        letter, asked_for = (house.set_aside(schema) for _ in range(2))
        asked = internal(ADMIN_SERVICE, request_id=str(uuid4()))
        path, reason = f"{dead_letter_path(schema, asked_for)}/discard", {"reason": "wrong"}
        answer = house.send((consumer.service, "POST", ""), path, reason, asked)
        assert answer.status_code == 200
    house.look.execute(
        "INSERT INTO rolling.brand_config (brand_id, cancel_allowed) VALUES (%s, true)", [BRAND]
    )
    with psycopg.connect(worker_dsn) as worker:
        worker.execute(ROLLING, [bonus["rolling_id"], BRAND, player])
    paths = {
        "player_id": player,
        "transaction_id": names["transaction_id"],
        "code": RUBY_SPLIT_V1,
        "policy_key": "default",
        "rolling_id": bonus["rolling_id"],
        "dead_letter_id": str(letter),
        "asked_for": str(asked_for),
    }
    return Sealed(house, names, paths)
