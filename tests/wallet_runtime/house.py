"""The services that an operator calls, on one database, and a request for each changing route."""

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib import resources
from typing import Any
from uuid import uuid4

import httpx
import psycopg

from tests.cluster import TestDatabase
from tests.wallet_runtime.serving import BRAND, Served, as_the_wallet, internal, serving, signed
from tests.wallet_runtime.wallet.pairs import activate_split
from wallet_runtime.contract import persons
from wallet_runtime.contract.consumers import CONSUMER_SERVICES, WALLET_CONSUMERS
from wallet_runtime.contract.documents import RUBY_SPLIT_V1
from wallet_runtime.contract.headers import REQUEST_ID_HEADER
from wallet_runtime.contract.processes import (
    ADMIN_SERVICE,
    GAME_SERVICE,
    OPERATOR,
    PLAYER_SERVICE,
    WALLET_SERVICE,
)
from wallet_runtime.contract.routes import ROUTE_CALLERS, dead_letter_path
from wallet_runtime.services import load

Route = tuple[str, str, str]
Body = dict[str, Any]
PROCESSES = tuple(dict.fromkeys((WALLET_SERVICE, *CONSUMER_SERVICES, PLAYER_SERVICE)))
WALLET = "/internal/wallet/v2"
DECISIONS = ("/approve", "/reject")
EUR: Body = {"currency": "EUR"}
SCHEMAS = ("wallet", "player", *WALLET_CONSUMERS)
TABLES = """
SELECT c.oid::regclass::text FROM pg_class c
 WHERE c.relnamespace::regnamespace::text = ANY (%s) AND c.relkind = 'r' ORDER BY 1
"""
SET_ASIDE = """
INSERT INTO {0}.{0}_dead_letter (stream, entry_id, fields, reason, error, tries)
VALUES ('wallet.events.0', gen_random_uuid()::text, '{{}}', 'MALFORMED', 'planted', 6)
RETURNING dead_letter_id
"""


@dataclass
class House:
    """Some services with the split pair active, and connections as superuser and as operators."""

    served: dict[str, Served]
    look: psycopg.Connection[Any]
    operators: psycopg.Connection[Any]
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(100))

    def send(self, route: Route, path: str, body: Body, headers: dict[str, str]) -> httpx.Response:
        """Send a request to a route's service. Bob signs decisions, Ann signs all else."""
        raw = json.dumps(body).encode()
        if REQUEST_ID_HEADER in headers and route[0] in persons.COUNTING_PROCESSES:
            headers = signed(
                route[0], "bob" if path.endswith(DECISIONS) else "ann", route[1], path, raw, headers
            )
        typed = {"Content-Type": "application/json", **headers}
        return self.served[route[0]].client.request(route[1], path, content=raw, headers=typed)

    def ask(self, route: Route, caller: str) -> httpx.Response:
        """Create the records that a route needs, then send a valid request with a new id."""
        path, body = REQUESTS[route](self)
        return self.send(route, path, body, internal(caller, request_id=str(uuid4())))

    def money(self, path: str, caller: str = ADMIN_SERVICE, **body: Any) -> Body:
        """Perform a money command and return its answer."""
        answer = self.send(
            (WALLET_SERVICE, "POST", ""),
            f"{WALLET}/{path}",
            body,
            internal(caller, request_id=str(uuid4())),
        )
        assert answer.status_code == 200, answer.text
        told: Body = answer.json()
        return told

    def player(self) -> str:
        """Register a player with 9.00 in cash and 9.00 in SPORTS_NORMAL; return the player's id."""
        player_id = str(uuid4())
        self.money("players", PLAYER_SERVICE, player_id=player_id, **EUR)
        for bucket in (None, "SPORTS_NORMAL"):
            self.money(
                "deposits/approve",
                PLAYER_SERVICE,
                player_id=player_id,
                amount="9.00",
                bucket=bucket,
                **EUR,
            )
        return player_id

    def set_aside(self, schema: str) -> int:
        """Plant a dead letter of a consumer and return its number."""
        return int(self.look.execute(SET_ASIDE.format(schema).encode()).fetchall()[0][0])

    def bet(self) -> Body:
        """Authorize a bet of 1.00; return the ids of player, provider and bet."""
        bet = {"player_id": self.player(), "provider_id": "mocksports", "bet_id": str(uuid4())}
        self.money(
            "bets/authorize",
            GAME_SERVICE,
            **bet,
            provider_type="SPORTS",
            round_id="r",
            amount="1.00",
            **EUR,
        )
        return bet

    def withdrawal(self) -> str:
        """Request a withdrawal; return its transaction id."""
        asked = self.money(
            "withdrawals/request", PLAYER_SERVICE, player_id=self.player(), amount="1.00", **EUR
        )
        return str(asked["transaction"]["tx_id"])

    def approved(self) -> str:
        """Request and approve a withdrawal; return its transaction id."""
        transaction = self.withdrawal()
        self.money("withdrawals/approve", transaction_id=transaction)
        return transaction

    def draft(self) -> tuple[Body, Body]:
        """Return the seed's topology and policy under a new version."""
        pair = json.loads(
            resources.files("wallet_runtime.wallet")
            .joinpath("seeds", "ruby_split_v1.1.json")
            .read_text()
        )
        version = {"version": next(self.numbers)}
        return pair["topology"] | version, pair["policy"] | version

    def saved(self, document: Body) -> int:
        """Save a draft; return its version."""
        kind, name = (
            ("policy", document["policy_key"])
            if "policy_key" in document
            else ("topology", document["code"])
        )
        path = f"/internal/wallet/{kind}/{name}"
        answer = self.send(
            (WALLET_SERVICE, "PUT", ""),
            path,
            document,
            internal(ADMIN_SERVICE, request_id=str(uuid4())),
        )
        assert answer.status_code == 200, answer.text
        return int(document["version"])

    def forget_documents(self) -> None:
        """Delete all drafts, so that a seed route has documents to save."""
        self.look.execute("DELETE FROM wallet.wallet_policy WHERE state = 'DRAFT'")
        self.look.execute("DELETE FROM wallet.wallet_topology WHERE state = 'DRAFT'")
        # The active policy has the key of the seed's policy. Only a superuser can rename it.
        self.look.execute("SET session_replication_role = replica")
        self.look.execute(
            "UPDATE wallet.wallet_policy SET policy_key = 'other' WHERE state <> 'DRAFT'"
        )
        self.look.execute("RESET session_replication_role")

    def advance(self, token: int) -> None:
        """Raise the fencing token, as a run does that takes over."""
        self.operators.execute("SELECT wallet.advance_fence(%s)", [token])

    def change_no(self) -> int:
        """Return the counter of platform changes."""
        return int(self.look.execute("SELECT change_no FROM wallet.wallet_fence").fetchall()[0][0])

    def everything(self) -> dict[str, str]:
        """Return an MD5 checksum of the rows of each table, by table name."""
        tables = [name for (name,) in self.look.execute(TABLES, [[*SCHEMAS]]).fetchall()]
        digest = "SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) FROM {} t"
        return {
            name: self.look.execute(digest.format(name).encode()).fetchall()[0][0]
            for name in tables
        }


@contextmanager
def house(platform: TestDatabase, control: TestDatabase) -> Iterator[House]:
    """Serve the three services, and activate the split pair."""
    with ExitStack() as stack:
        served: dict[str, Served] = {}
        urls: dict[str, str] = {}
        for process in PROCESSES:
            own = {"CONTROL_DATABASE_URL": control.dsn(process)}
            served[process] = stack.enter_context(serving(load(process), platform, **urls, **own))
            urls[f"{process.upper()}_URL"] = str(served[process].client.base_url).rstrip("/")
        activate_split(served[WALLET_SERVICE].context.database)
        look = stack.enter_context(psycopg.connect(platform.superuser_dsn, autocommit=True))
        operators = stack.enter_context(
            psycopg.connect(platform.dsn("rubyops_ops"), autocommit=True)
        )
        yield House(served, look, operators)


def _pair_activation(house: House) -> tuple[str, Body]:
    topology, policy = house.draft()
    version = house.saved(topology)
    active = house.look.execute(
        "SELECT topology_code, topology_version FROM wallet.wallet_gate"
    ).fetchall()[0]
    named = {"code": RUBY_SPLIT_V1, "version": version}
    start = {"topology_code": active[0], "topology_version": active[1]}
    body = {"version": version, "policy_document": policy | {"topology": named}, "from": start}
    return f"/internal/wallet/topology/{RUBY_SPLIT_V1}/activate", body


def _active_policy(house: House) -> Body:
    _, policy = house.draft()
    active = house.look.execute(
        "SELECT topology_code, topology_version FROM wallet.wallet_gate"
    ).fetchall()[0]
    return policy | {"topology": {"code": active[0], "version": active[1]}}


def _seed(code: str) -> Callable[[House], tuple[str, Body]]:
    def make(house: House) -> tuple[str, Body]:
        house.forget_documents()
        return f"/internal/wallet/topology/seed-{code}", {}

    return make


def _settlement(house: House) -> Body:
    return house.bet() | {"payout": "2.00"}


def _bonus(house: House) -> Body:
    wanted = {
        "player_id": house.player(),
        "bucket": "SPORTS_BONUS",
        "amount": "1.00",
        "reference": str(uuid4()),
        **EUR,
    }
    return {
        "player_id": wanted["player_id"],
        "bonus_id": house.money("bonuses/issue", **wanted)["bonus_id"],
    }


def _adjustment(house: House) -> Body:
    return {
        "player_id": house.player(),
        "account": "WITHDRAWABLE",
        "direction": "credit",
        "amount": "5",
        "reason": "found twice",
        **EUR,
    }


def _decision(house: House) -> Body:
    return {
        "adjustment_id": house.money("adjustments/request", **_adjustment(house))["adjustment_id"]
    }


def _points(house: House) -> Body:
    player_id = house.player()
    house.money("points/award", player_id=player_id, points="10", reference=str(uuid4()))
    return {"player_id": player_id, "points": "4", "reference": str(uuid4())}


def _coupon(house: House) -> Body:
    return {
        "player_id": house.player(),
        "coupon_log_id": str(uuid4()),
        "amount": "1.00",
        "scope": {"kind": "sports"},
        **EUR,
    }


def _grant(house: House) -> Body:
    coupon = _coupon(house) | {"expires_at": "2999-01-01T00:00:00Z"}
    house.money("coupon-grants/issue", **coupon)
    lapsed = "UPDATE wallet.wallet_coupon_grant SET expires_at = now() WHERE coupon_log_id = %s"
    as_the_wallet(house.look, lapsed, [coupon["coupon_log_id"]])
    return {"player_id": coupon["player_id"], "coupon_log_id": coupon["coupon_log_id"]}


def _letters(step: str, body: Body) -> Iterator[tuple[Route, Callable[[House], tuple[str, Body]]]]:
    for schema, consumer in WALLET_CONSUMERS.items():

        def make(house: House, schema: str = schema) -> tuple[str, Body]:
            return f"{dead_letter_path(schema, house.set_aside(schema))}/{step}", body

        yield (consumer.service, "POST", f"{dead_letter_path(schema)}/{step}"), make


def _posts(
    path: str, body: Callable[[House], Body]
) -> tuple[Route, Callable[[House], tuple[str, Body]]]:
    route = (WALLET_SERVICE, "POST", f"{WALLET}/{path}")
    return route, lambda house: (route[2], body(house))


REQUESTS: dict[Route, Callable[[House], tuple[str, Body]]] = {
    (WALLET_SERVICE, "PUT", "/internal/wallet/topology/{code}"): lambda house: (
        f"/internal/wallet/topology/{RUBY_SPLIT_V1}",
        house.draft()[0],
    ),
    (WALLET_SERVICE, "PUT", "/internal/wallet/topology/{code}/activate"): _pair_activation,
    (WALLET_SERVICE, "POST", "/internal/wallet/topology/validate"): lambda house: (
        "/internal/wallet/topology/validate",
        {"topology_document": house.draft()[0]},
    ),
    (WALLET_SERVICE, "POST", "/internal/wallet/topology/seed-ruby-split-v1"): _seed(
        "ruby-split-v1"
    ),
    (WALLET_SERVICE, "POST", "/internal/wallet/topology/seed-ruby-unified-v1"): _seed(
        "ruby-unified-v1"
    ),
    (WALLET_SERVICE, "PUT", "/internal/wallet/policy/{policy_key}"): lambda house: (
        "/internal/wallet/policy/default",
        house.draft()[1],
    ),
    (WALLET_SERVICE, "PUT", "/internal/wallet/policy/{policy_key}/activate"): lambda house: (
        "/internal/wallet/policy/default/activate",
        {"version": house.saved(_active_policy(house))},
    ),
    **dict(_letters("replay", {})),
    **dict(_letters("discard", {"reason": "it is no event"})),
    (PLAYER_SERVICE, "POST", "/internal/players"): lambda house: (
        "/internal/players",
        {"player_id": str(uuid4()), "brand_id": str(BRAND), "canary": True, **EUR},
    ),
    **dict(
        (
            _posts("bets/settle", _settlement),
            _posts(
                "bets/settle-batch",
                lambda house: {"bets": [_settlement(house) | {"request_id": str(uuid4())}]},
            ),
            _posts("bets/rollback", House.bet),
            _posts(
                "deposits/approve",
                lambda house: {"player_id": house.player(), "amount": "1.00", **EUR},
            ),
            _posts("withdrawals/approve", lambda house: {"transaction_id": house.withdrawal()}),
            _posts(
                "withdrawals/reject",
                lambda house: {"transaction_id": house.withdrawal(), "reason": "no"},
            ),
            _posts("withdrawals/mark-paid", lambda house: {"transaction_id": house.approved()}),
            _posts("withdrawals/payout-failed", lambda house: {"transaction_id": house.approved()}),
            _posts(
                "bonuses/issue",
                lambda house: {
                    "player_id": house.player(),
                    "bucket": "SPORTS_BONUS",
                    "amount": "1.00",
                    "reference": str(uuid4()),
                    **EUR,
                },
            ),
            _posts("bonuses/reverse", _bonus),
            _posts("bonuses/expire", _bonus),
            _posts("points/award", _points),
            _posts("points/expire", _points),
            _posts("adjustments/request", _adjustment),
            _posts("adjustments/approve", _decision),
            _posts("adjustments/reject", _decision),
            _posts(
                "campaigns",
                lambda house: {
                    "code": str(uuid4()),
                    "provider_id": "mocksports",
                    "cap": "9.00",
                    "cap_per_win": "3.00",
                    "expires_at": "2999-01-01T00:00:00Z",
                    **EUR,
                },
            ),
            _posts("coupon-grants/issue", _coupon),
            _posts("coupon-grants/reverse", _grant),
            _posts("coupon-grants/expire", _grant),
            _posts("reconciliation/run", lambda house: {}),
        )
    ),
}
CHANGING_VERBS = ("POST", "PUT")
OPERATORS_ROUTES = tuple(
    route
    for route, callers in ROUTE_CALLERS.items()
    if route[1] in CHANGING_VERBS and OPERATOR in callers
)
