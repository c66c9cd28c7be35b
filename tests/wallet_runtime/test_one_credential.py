"""One credential alone, and the worst that it can do to money.

Each token, each database login, each Redis user (ADR 20).

Each line of the tables below is tried on real servers. Acts that a line does not name are refused.
No line turns a bonus, or money that still owes turnover, into withdrawable money or cash.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import redis
from psycopg.types.json import Jsonb

from rubyops.adapters.local.keyring import LOGIN_ROLES
from rubyops.adapters.local.servers import READ_USER, REDIS_USERS, SERVICES_USER
from tests.cluster import Cluster, TestDatabase
from tests.wallet_runtime.house import WALLET, Body, House, house
from tests.wallet_runtime.processes import open_process
from tests.wallet_runtime.serving import BRAND, internal
from wallet_runtime.contract.events import BET_SETTLED_CONFIRMED, ROLLING_GROUP, ROLLING_STREAM
from wallet_runtime.contract.processes import (
    ADMIN_SERVICE,
    CALLERS,
    GAME_SERVICE,
    GATEWAY,
    OBSERVER,
    OPERATOR,
    PLAYER_SERVICE,
    PROCESSES,
    PROMOTION_SERVICE,
    ROLLING_SERVICE,
    ROLLING_WORKER,
    WALLET_SERVICE,
    WALLET_WORKER,
)
from wallet_runtime.plumbing.events.consumer import Consumer
from wallet_runtime.plumbing.events.outbox import Publisher
from wallet_runtime.plumbing.events.streams import Streams, wallet_stream
from wallet_runtime.plumbing.http.service_client import ServiceClient
from wallet_runtime.rolling.worker.completion import CompletionRetry
from wallet_runtime.rolling.worker.effects import SUBSCRIPTION
from wallet_runtime.wallet.worker import WALLET_OUTBOX

REFUSED = ("FORBIDDEN", "UNAUTHORIZED")
DENIED = "42501"
BONUS, FREE = "RUBY_SPLIT_V1/SPORTS_BONUS", "RUBY_SPLIT_V1/WITHDRAWABLE"
WINS = "it invents bets and wins: HOUSE pays them, and no provider's statement has them"
DEPOSITS = "it invents deposits: PSP stands for them, and no PSP has them"

# Of each caller's token: the worst, and the attempts that are not refused at the door, with their
# answers.
TOKENS: dict[str, tuple[str, dict[str, str]]] = {
    GATEWAY: ("at the wallet nothing", {}),
    WALLET_SERVICE: ("nothing: it calls nobody", {}),
    WALLET_WORKER: ("nothing: it calls nobody", {}),
    ROLLING_SERVICE: ("nothing: it calls nobody", {}),
    ROLLING_WORKER: (
        "it ends rollings: a bonus is lost, other money stays locked",
        {
            "complete the bonus": "TURNOVER_OPEN",
            "complete the deposit": "TURNOVER_OPEN",
            "close the bonus": "done",
        },
    ),
    GAME_SERVICE: (WINS, {"win": "done"}),
    PLAYER_SERVICE: (DEPOSITS, {"deposit": "done"}),
    ADMIN_SERVICE: (
        (
            f"{DEPOSITS}, it gives bonuses, and activates documents;"
            " adjustments need two persons with keys of their own"
        ),
        {"deposit": "done", "give": "done", "adjust": "PERSON_NOT_SIGNED"},
    ),
    PROMOTION_SERVICE: ("it gives bonuses, which owe turnover", {"give": "done"}),
    OPERATOR: ("it settles and rolls back bets that are open", {}),
    OBSERVER: ("nothing: it reads metrics", {}),
}

# Of each login of the platform's database: the worst, and the attempts that are not denied, with
# SQLSTATE or "done".
LOGINS: dict[str, tuple[str, dict[str, str]]] = {
    GATEWAY: ("nothing of money", {}),
    WALLET_SERVICE: (
        f"as the keeper of the book, {DEPOSITS}, and wins",
        {"release": "RW014", "pay from": "RW014", "invent": "done"},
    ),
    WALLET_WORKER: ("it holds events back, which are then sent again", {}),
    ROLLING_SERVICE: ("it ends rollings", {"reach": "done"}),
    ROLLING_WORKER: ("it ends rollings", {"reach": "done"}),
    GAME_SERVICE: ("nothing of money", {}),
    PLAYER_SERVICE: ("nothing of money", {}),
    ADMIN_SERVICE: ("nothing of money", {}),
    "rubyops_read": ("nothing", {}),
    "rubyops_ops": ("it backfills balances of legacy players under a seal, from OPENING", {}),
}

# Of each Redis user: the worst, and the attempts that are not denied.
USERS: dict[str, tuple[str, tuple[str, ...]]] = {
    SERVICES_USER: (
        (
            "the operator's: it loses events, which are sent again, and forges some,"
            " which count nothing"
        ),
        ("all",),
    ),
    READ_USER: ("it reads events", ("read",)),
    WALLET_WORKER: (
        "it forges events, which count nothing, and trims streams",
        ("forge", "read", "trim"),
    ),
    ROLLING_WORKER: ("it takes events away unread, which are sent again", ("acknowledge",)),
    ROLLING_SERVICE: ("nothing", ()),
}


@dataclass
class World:
    """A player with 10.00 of bonus and 9.00 of deposit, which owe turnover, and 9.00 in cash."""

    house: House
    player: str
    bonus: str
    deposit: str

    def send(self, path: str, caller: str, **body: Any) -> str:
        """Send a money command; tell the code of its refusal, or "done"."""
        headers = internal(caller, request_id=str(uuid4()))
        client = self.house.served[WALLET_SERVICE].client
        answer = client.post(
            f"{WALLET}/{path}", json={"player_id": self.player} | body, headers=headers
        )
        return "done" if answer.status_code == 200 else str(answer.json()["code"])

    def held(self) -> dict[str, int]:
        """The amounts that the player holds."""
        rows = self.house.look.execute(
            "SELECT account, balance FROM wallet.wallet_account WHERE balance <> 0"
        ).fetchall()
        return dict(rows)


@pytest.fixture
def world(platform_db: TestDatabase, control_db: TestDatabase) -> Iterator[World]:
    with house(platform_db, control_db) as made:
        player = made.player()
        given: Body = {
            "player_id": player,
            "bucket": "SPORTS_BONUS",
            "amount": "10.00",
            "currency": "EUR",
            "reference": "given",
        }
        bonus = made.money("bonuses/issue", **given)
        (deposit,) = made.look.execute(
            "SELECT rolling_id::text FROM wallet.wallet_rolling_obligation WHERE bucket_type_code"
            " = 'SPORTS_NORMAL'"
        ).fetchall()[0]
        yield World(made, player, str(bonus["rolling_id"]), deposit)


def _win(world: World, caller: str) -> str:
    bet = {"provider_id": "mocksports", "bet_id": str(uuid4())}
    made = world.send(
        "bets/authorize",
        caller,
        **bet,
        provider_type="SPORTS",
        round_id="r",
        amount="1.00",
        currency="EUR",
    )
    return made if made != "done" else world.send("bets/settle", caller, **bet, payout="500.00")


def _adjust(world: World, caller: str) -> str:
    wish = {
        "account": "WITHDRAWABLE",
        "direction": "credit",
        "amount": "5.00",
        "currency": "EUR",
        "reason": "r",
    }
    return world.send("adjustments/request", caller, **wish)


ATTEMPTS: dict[str, Callable[[World, str], str]] = {
    "complete the bonus": lambda world, caller: world.send(
        "rollings/complete", caller, rolling_id=world.bonus
    ),
    "complete the deposit": lambda world, caller: world.send(
        "rollings/complete", caller, rolling_id=world.deposit
    ),
    "win": _win,
    "deposit": lambda world, caller: world.send(
        "deposits/approve", caller, amount="5.00", currency="EUR"
    ),
    "give": lambda world, caller: world.send(
        "bonuses/issue", caller, bucket="SPORTS_BONUS", amount="1.00", currency="EUR", reference="x"
    ),
    "adjust": _adjust,
    "close the bonus": lambda world, caller: world.send(
        "rollings/close", caller, rolling_id=world.bonus, state="EXPIRED"
    ),
}


def test_every_credential_has_its_line() -> None:
    assert set(TOKENS) == {*CALLERS, OBSERVER}
    assert set(LOGINS) == set(LOGIN_ROLES)
    assert set(USERS) == set(REDIS_USERS)


@pytest.mark.parametrize("caller", TOKENS)
def test_one_token(world: World, caller: str) -> None:
    admitted = TOKENS[caller][1]
    for name, attempt in ATTEMPTS.items():
        said = attempt(world, caller)
        assert said == admitted[name] if name in admitted else said in REFUSED, (name, said)
    held = world.held()
    assert held.get(FREE, 0) == 0, "nothing became withdrawable"
    assert held["CASH/AVAILABLE"] == 900 + (500 if "deposit" in admitted else 0)


# --- one database login


def _command(world: World, legs: list[tuple[str, int]], **records: Any) -> Jsonb:
    version, activation, *pair = world.house.look.execute(
        "SELECT p.version, g.activation_no, g.topology_code, g.topology_version, g.policy_key,"
        " g.policy_version"
        " FROM wallet.wallet_player p, wallet.wallet_gate g WHERE p.player_id = %s",
        [world.player],
    ).fetchall()[0]
    names = ("topology_code", "topology_version", "policy_key", "policy_version")
    return Jsonb(
        {
            **dict(zip(names, pair, strict=True)),
            **{
                "brand_id": str(BRAND),
                "player_id": world.player,
                "player_version": version,
                "activation_no": activation,
            },
            **{
                "caller": "thief",
                "route": "forged",
                "request_id": str(uuid4()),
                "fingerprint": "\\x00",
            },
            **{
                "transaction_id": str(uuid4()),
                "currency": "EUR",
                "canary": False,
                "command": "FORGED",
            },
            **{"starts_new": False, "status": 200, "body": {}, "records": records or None},
            "legs": [
                {"account": account, "delta": delta, "currency": "EUR"} for account, delta in legs
            ],
        }
    )


APPLY = "SELECT wallet.apply_command(jsonb_populate_record(NULL::wallet.command, %s))"
Statement = tuple[str, list[Any]]
STATEMENTS: dict[str, Callable[[World], Statement]] = {
    "release": lambda world: (
        APPLY,
        [
            _command(
                world,
                [(BONUS, -1000), (FREE, 1000)],
                obligations_closed=[{"rolling_id": world.bonus, "state": "COMPLETED"}],
            )
        ],
    ),
    "pay from": lambda world: (
        APPLY,
        [_command(world, [(BONUS, -1000), ("CASH/AVAILABLE", 1000)])],
    ),
    "invent": lambda world: (APPLY, [_command(world, [("PSP", -500), ("CASH/AVAILABLE", 500)])]),
    "lower": lambda world: ("UPDATE wallet.wallet_turnover SET open = 0", []),
    "edit": lambda world: ("UPDATE wallet.wallet_bucket SET balance = balance + 1", []),
    "adjust": lambda world: ("UPDATE wallet.wallet_adjustment SET state = 'APPLIED'", []),
    "forge": lambda world: (
        "INSERT INTO wallet.wallet_outbox (event_id) VALUES (gen_random_uuid())",
        [],
    ),
    "ratio": lambda world: (
        "INSERT INTO rolling.brand_config (brand_id, completion_ratio_bps) VALUES (%s, 0)",
        [BRAND],
    ),
    "reach": lambda world: (
        "UPDATE rolling.player_rolling SET turnover = target_turnover, state = 'COMPLETING'",
        [],
    ),
}


def _outcome(dsn: str, statement: Statement) -> str:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        try:
            connection.execute(statement[0].encode(), statement[1] or None)
        except psycopg.Error as error:
            return str(error.sqlstate)
    return "done"


@pytest.mark.parametrize("role", LOGINS)
def test_one_login_of_the_platform(
    world: World, platform_db: TestDatabase, redis_url: str, role: str
) -> None:
    admitted = LOGINS[role][1]
    with open_process(
        ROLLING_WORKER, platform_db, redis_url, WALLET_SERVICE_URL=_url(world)
    ) as worker:
        _publish_and_consume(platform_db, redis_url, worker)
        for name, statement in STATEMENTS.items():
            assert _outcome(platform_db.dsn(role), statement(world)) == admitted.get(
                name, DENIED
            ), name
        if "reach" in admitted:
            # A completion reached by hand is asked of the wallet, which refuses.
            retry = (
                "INSERT INTO rolling.rolling_retry (rolling_id, brand_id, player_id) VALUES (%s,"
                " %s, %s)"
            )
            assert (
                _outcome(platform_db.dsn(role), (retry, [world.bonus, BRAND, world.player]))
                == "done"
            )
            assert CompletionRetry(worker.database, ServiceClient(worker)).turn() == 1
            ((error,),) = world.house.look.execute(
                "SELECT last_error FROM rolling.rolling_retry"
            ).fetchall()
            assert "TURNOVER_OPEN" in error
    held = world.held()
    assert held[BONUS] == 1000 and FREE not in held
    assert held["CASH/AVAILABLE"] == 900 + (500 if "invent" in admitted else 0)


CONTROL: dict[str, Callable[[str], Statement]] = {
    "own copy": lambda role: (COPY, [role]),
    "another's copy": lambda role: (COPY, [GATEWAY if role != GATEWAY else WALLET_SERVICE]),
    "freeze": lambda role: ("UPDATE control.freeze_state SET level = 'open'", []),
    "anchor": lambda role: (
        "INSERT INTO control.ledger_anchor VALUES ('wallet_ledger_202401', 1, 'd', now(), now())",
        [],
    ),
}
COPY = (
    "INSERT INTO control.service_copy (process, copy, url, version, pid,"
    " acknowledged_epoch) VALUES (%s, 9, 'u', 'v', 1, 99)"
)


@pytest.mark.parametrize("role", PROCESSES)
def test_one_login_of_control(control_db: TestDatabase, role: str) -> None:
    """A process speaks for its own copies alone; wallet_service anchors."""
    admitted = {"own copy", *(["anchor"] if role == WALLET_SERVICE else [])}
    for name, statement in CONTROL.items():
        assert _outcome(control_db.dsn(role), statement(role)) == (
            "done" if name in admitted else DENIED
        ), name
    with psycopg.connect(control_db.superuser_dsn, autocommit=True) as superuser:
        superuser.execute(
            "INSERT INTO control.service_copy (process, copy, url, version,"
            " pid) VALUES ('another', 1, 'u', 'v', 1)"
        )
        _outcome(
            control_db.dsn(role), ("UPDATE control.service_copy SET acknowledged_epoch = 99", [])
        )
        told = superuser.execute(
            "SELECT process FROM control.service_copy WHERE acknowledged_epoch = 99"
        ).fetchall()
    assert told == [(role,)]


# --- one Redis user


def _url(world: World) -> str:
    return str(world.house.served[WALLET_SERVICE].client.base_url).rstrip("/")


def _publish_and_consume(platform_db: TestDatabase, redis_url: str, worker: Any) -> None:
    streams = Streams(redis_url)
    with open_process(WALLET_WORKER, platform_db, redis_url) as publishing:
        publisher = Publisher(WALLET_OUTBOX, publishing.database, streams)
        while publisher.turn():
            pass
    consumer = Consumer(SUBSCRIPTION, worker.database, streams, str(uuid4()))
    for _ in range(3):
        consumer.turn()
    consumer.leave()
    streams.close()


def test_each_worker_does_its_work_as_its_own_user(
    cluster: Cluster, logical_database: int, redis_url: str
) -> None:
    """Every command that a worker sends, on every stream that it uses."""
    del redis_url
    stream, group = wallet_stream(0), ROLLING_GROUP
    wallet, rolling, service = (
        Streams(cluster.redis_url(logical_database, user))
        for user in (WALLET_WORKER, ROLLING_WORKER, ROLLING_SERVICE)
    )
    service.ping()
    rolling.ensure_group(stream, group)
    (entry_id,) = wallet.publish(stream, [{"event_id": "e"}])
    assert wallet.in_reach(stream, group, {entry_id: "e"}) == {entry_id}
    assert rolling.fetch([stream], group, "c", count=5, block_ms=10) == [stream]
    assert [
        entry.entry_id for entry in rolling.pending(stream, group, "c", after="0", count=5)
    ] == [entry_id]
    assert wallet.in_reach(stream, group, {entry_id: "e"}) == {entry_id}
    rolling.acknowledge(stream, group, [entry_id])
    assert wallet.trim(stream, [group], 2**50) == 0
    rolling.publish(ROLLING_STREAM, [{"event_id": "r"}])
    assert rolling.trim(ROLLING_STREAM, [], 2**50) == 1
    for each in (wallet, rolling, service):
        each.close()


def _forged(world: World) -> dict[str, str]:
    """A settled bet that would be all the turnover that the bonus owes."""
    funding = [
        {
            "account": BONUS,
            "topology_code": "RUBY_SPLIT_V1",
            "bucket_type_code": "SPORTS_BONUS",
            "amount": "10000",
        }
    ]
    payload: dict[str, Any] = {
        "authorization_id": str(uuid4()),
        "bet_id": "b",
        "provider_id": "mocksports",
        "provider_type": "SPORTS",
        "currency": "EUR",
    }
    payload |= {"stake": "10000", "payout": "0", "counts": True, "funding": funding}
    (event_no,) = world.house.look.execute(
        "SELECT event_no + 1 FROM rolling.rolling_position"
    ).fetchall()[0]
    return {
        **{
            "event_id": str(uuid4()),
            "event_type": BET_SETTLED_CONFIRMED,
            "brand_id": str(BRAND),
            "player_id": world.player,
        },
        **{
            "player_version": "99",
            "event_no": str(event_no),
            "schema_version": "1",
            "occurred_at": "2026-01-01T00:00:00.000000Z",
        },
        **{"restore_epoch": "0", "payload": json.dumps(payload)},
    }


@pytest.mark.parametrize("user", USERS)
def test_one_redis_user(
    world: World,
    platform_db: TestDatabase,
    cluster: Cluster,
    logical_database: int,
    redis_url: str,
    user: str,
) -> None:
    admitted = USERS[user][1]
    with open_process(
        ROLLING_WORKER, platform_db, redis_url, WALLET_SERVICE_URL=_url(world)
    ) as worker:
        _publish_and_consume(platform_db, redis_url, worker)
        (partition,) = world.house.look.execute(
            "SELECT partition_no FROM wallet.wallet_outbox"
        ).fetchall()[0]
        stream, forged = wallet_stream(partition), _forged(world)
        attempts: dict[str, tuple[Any, ...]] = {
            "forge": ("XADD", stream, "*", *(part for pair in forged.items() for part in pair)),
            "read": ("XRANGE", stream, "-", "+"),
            "acknowledge": ("XACK", stream, ROLLING_GROUP, "0-1"),
            "trim": ("XTRIM", stream, "MAXLEN", "1000"),
            "set": ("SET", "key", "value"),
            "users": ("ACL", "LIST"),
            "delete": ("DEL", "nothing"),
        }
        with redis.Redis.from_url(cluster.redis_url(logical_database, user)) as client:
            for name, words in attempts.items():
                try:
                    client.execute_command(*words)
                    told = True
                except redis.exceptions.NoPermissionError:
                    told = False
                assert told == (name in admitted or admitted == ("all",)), name
        _publish_and_consume(platform_db, redis_url, worker)
        assert CompletionRetry(worker.database, ServiceClient(worker)).turn() == 0
    look = world.house.look
    assert look.execute("SELECT sum(turnover) FROM rolling.player_rolling").fetchall() == [(0,)]
    forgers = int("forge" in admitted or admitted == ("all",))
    assert look.execute(
        "SELECT count(*) FROM rolling.rolling_dead_letter WHERE reason = 'MALFORMED'"
    ).fetchall() == [(forgers,)]
    assert world.held()[BONUS] == 1000
