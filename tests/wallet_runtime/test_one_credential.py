"""One stolen token or database login, and the worst that it can do to money (ADR 20).

The tests try each line of the tables below on real servers. Attempts that a line does not name are
refused. No line turns a bonus, or money that still owes turnover, into withdrawable money or cash.
"""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from rubyops.adapters.local.keyring import LOGIN_ROLES
from tests.cluster import TestDatabase
from tests.wallet_runtime.one_player import (
    BONUS,
    FREE,
    World,
    publish_and_consume,
    wallet_url,
    world,
)
from tests.wallet_runtime.processes import open_process
from tests.wallet_runtime.serving import BRAND
from wallet_runtime.contract.consumers import CONSUMER_SERVICES, CONSUMER_WORKERS
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
from wallet_runtime.plumbing.http.service_client import ServiceClient
from wallet_runtime.rolling.worker.completion import CompletionRetry

__all__ = ["world"]
REFUSED = ("FORBIDDEN", "UNAUTHORIZED")
DENIED = "42501"
WINS = "it invents bets and wins: HOUSE pays them, and no provider's statement has them"
DEPOSITS = "it invents deposits: PSP stands for them, and no PSP has them"

# A consumer without a line of its own has the first line of each table.
# For each caller's token: the worst that a thief can do, and the answers to the attempts that get
# past the check of callers.
TOKENS: dict[str, tuple[str, dict[str, str]]] = {
    **dict.fromkeys((*CONSUMER_WORKERS, *CONSUMER_SERVICES), ("nothing: it calls nobody", {})),
    GATEWAY: ("at the wallet nothing", {}),
    WALLET_SERVICE: ("nothing: it calls nobody", {}),
    WALLET_WORKER: ("nothing: it calls nobody", {}),
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

# For each database login: the worst that a thief can do, and the outcome of the attempts that are
# not denied. An outcome is a SQLSTATE or "done".
LOGINS: dict[str, tuple[str, dict[str, str]]] = {
    **dict.fromkeys((*CONSUMER_WORKERS, *CONSUMER_SERVICES), ("nothing of money", {})),
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
        ROLLING_WORKER, platform_db, redis_url, WALLET_SERVICE_URL=wallet_url(world)
    ) as worker:
        publish_and_consume(platform_db, redis_url, worker)
        for name, statement in STATEMENTS.items():
            assert _outcome(platform_db.dsn(role), statement(world)) == admitted.get(
                name, DENIED
            ), name
        if "reach" in admitted:
            # The thief marks the rolling as complete. The retry then asks the wallet to release it,
            # and the wallet refuses.
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
    """A process may report its own copies only, and wallet_service alone may write anchors."""
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
