"""A player's choice of the account that pays bets, on a real database."""

import json
from collections.abc import Iterator
from importlib import resources
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from tests.cluster import TestDatabase
from tests.freezing import set_fence_row
from tests.wallet_runtime.serving import PLAYER, internal, serving
from wallet_runtime.contract.codes import IDEMPOTENCY_ANSWER_PRUNED, IDEMPOTENCY_PAYLOAD_MISMATCH
from wallet_runtime.contract.headers import CANARY_HEADER, REQUEST_ID_HEADER
from wallet_runtime.contract.processes import ADMIN_SERVICE, GAME_SERVICE, PLAYER_SERVICE
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.api import SERVICE

CODE = "RUBY_SPLIT_V1"
PREFIX = "/internal/wallet/v2"
CHOICE = f"{PREFIX}/players/{PLAYER}/funding-choice"
BET = {
    "provider_id": "mocklive",
    "provider_type": "LIVE",
    "round_id": "r",
    "amount": "1.00",
    "currency": "EUR",
}


class Table:
    """A wallet in which the player chooses the account for live bets, and a player with money."""

    def __init__(self, client: httpx.Client) -> None:
        """Register the player and deposit to two buckets."""
        self.client, self.version = client, 1
        player = {"player_id": str(PLAYER), "currency": "EUR"}
        assert self.send("POST", f"{PREFIX}/players", player).status_code == 200
        for bucket in ("CASINO_NORMAL", "SPORTS_NORMAL"):
            assert (
                self.send(
                    "POST",
                    f"{PREFIX}/deposits/approve",
                    player | {"amount": "5.00", "bucket": bucket},
                ).status_code
                == 200
            )

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        caller: str = PLAYER_SERVICE,
        **headers: str,
    ) -> httpx.Response:
        return self.client.request(
            method, path, json=body, headers=internal(caller, request_id=str(uuid4())) | headers
        )

    def choose(
        self, source: str, provider_type: str = "LIVE", **headers: str
    ) -> tuple[int, str | None]:
        answer = self.send(
            "PUT", CHOICE, {"provider_type": provider_type, "source": source}, **headers
        )
        return answer.status_code, answer.json().get("code")

    def bet(self, **more: str) -> dict[str, Any]:
        body = BET | {"player_id": str(PLAYER), "bet_id": str(uuid4())} | more
        answer: dict[str, Any] = self.send(
            "POST", f"{PREFIX}/bets/authorize", body, GAME_SERVICE
        ).json()
        return answer

    def activate(self, **rule: str) -> None:
        """Activate the next version of both documents, with this rule for live bets."""
        start, self.version = (
            {"topology_code": CODE, "topology_version": self.version},
            self.version + 1,
        )
        pair = json.loads(
            resources.files("wallet_runtime.wallet")
            .joinpath("seeds", "ruby_split_v1.1.json")
            .read_text()
        )
        topology, policy = (
            pair["topology"] | {"version": self.version},
            pair["policy"] | {"version": self.version},
        )
        policy["topology"] = {"code": CODE, "version": self.version}
        policy["funding"]["LIVE"] |= rule
        assert (
            self.send(
                "PUT", f"/internal/wallet/topology/{CODE}", topology, ADMIN_SERVICE
            ).status_code
            == 200
        )
        wish = {"version": self.version, "policy_document": policy, "from": start}
        assert (
            self.send(
                "PUT", f"/internal/wallet/topology/{CODE}/activate", wish, ADMIN_SERVICE
            ).status_code
            == 200
        )


@pytest.fixture
def table(platform_db: TestDatabase, wallet: Database) -> Iterator[Table]:
    with serving(SERVICE, platform_db) as served:
        made = Table(served.client)
        made.activate(mode="selection")
        yield made


def test_a_bet_waits_for_a_choice_and_then_obeys_it(table: Table) -> None:
    assert table.bet()["code"] == "FUNDING_CHOICE_REQUIRED"
    assert table.choose("CASINO_NORMAL") == (200, None)
    assert table.bet()["funding"] == [{"account": f"{CODE}/CASINO_NORMAL", "amount": "1.00"}]
    assert table.choose("WITHDRAWABLE") == (200, None)
    assert table.bet()["code"] == "INSUFFICIENT_FUNDS"
    assert (
        table.bet(provider_id="mocksports", provider_type="SPORTS")["funding"][0]["account"]
        == f"{CODE}/SPORTS_NORMAL"
    )


def test_a_source_that_the_rule_does_not_allow_is_a_422_and_is_not_kept(
    table: Table, look: psycopg.Connection
) -> None:
    for source, provider_type in (
        ("SPORTS_NORMAL", "LIVE"),
        ("POINTS", "LIVE"),
        (f"GRANT/{uuid4()}", "LIVE"),
        ("SPORTS_NORMAL", "SPORTS"),
    ):
        assert table.choose(source, provider_type) == (422, "SOURCE_INVALID")
    assert table.choose("CASINO_NORMAL", "ROULETTE")[0] == 422
    assert look.execute("SELECT count(*) FROM wallet.wallet_funding_choice").fetchone() == (0,)


def test_a_choice_outlives_a_policy_and_is_judged_when_a_bet_comes(table: Table) -> None:
    assert table.choose("WITHDRAWABLE")[0] == 200
    table.activate(mode="selection", withdrawable="not_usable")
    assert table.bet()["code"] == "FUNDING_CHOICE_NOT_ALLOWED"
    table.activate(mode="combined")
    assert table.bet()["state"] == "AUTHORIZED"
    (live,) = [
        row for row in table.send("GET", CHOICE).json()["choices"] if row["provider_type"] == "LIVE"
    ]
    assert live == {
        "provider_type": "LIVE",
        "mode": "combined",
        "allowed": [],
        "source": "WITHDRAWABLE",
    }
    table.activate(mode="selection")
    assert table.bet()["code"] == "INSUFFICIENT_FUNDS"


def test_a_late_repeat_does_not_bring_an_older_choice_back(
    table: Table, platform_db: TestDatabase, look: psycopg.Connection
) -> None:
    key = {REQUEST_ID_HEADER: "first"}
    assert table.choose("CASINO_NORMAL", **key) == (200, None)
    assert table.choose("WITHDRAWABLE") == (200, None)
    assert table.choose("CASINO_NORMAL", **key) == (200, None)
    assert table.choose("CASINO_BONUS", **key) == (409, IDEMPOTENCY_PAYLOAD_MISMATCH)
    look.execute(
        "UPDATE wallet.wallet_idempotency SET created_at = created_at - interval '91 days'"
    )
    with psycopg.connect(platform_db.dsn("wallet_worker"), autocommit=True) as worker:
        worker.execute("SELECT wallet.prune_idempotency('90 days', 100)")
    assert table.choose("CASINO_NORMAL", **key) == (409, IDEMPOTENCY_ANSWER_PRUNED)
    assert look.execute("SELECT source FROM wallet.wallet_funding_choice").fetchall() == [
        ("WITHDRAWABLE",)
    ]


def test_a_choice_needs_a_request_id(table: Table) -> None:
    body = {"provider_type": "LIVE", "source": "CASINO_NORMAL"}
    answer = table.client.put(CHOICE, json=body, headers=internal(PLAYER_SERVICE, request_id=None))
    assert (answer.status_code, answer.json()["code"]) == (400, "REQUEST_ID_REQUIRED")


def test_a_seal_stops_a_choice_and_an_ingress_freeze_does_not(
    table: Table, operator: psycopg.Connection, look: psycopg.Connection
) -> None:
    for epoch, (level, status) in enumerate((("ingress", 200), ("sealed", 503), ("open", 200)), 1):
        set_fence_row(operator, level, epoch)
        assert table.choose("CASINO_BONUS")[0] == status
    assert table.choose("CASINO_NORMAL", **{CANARY_HEADER: "no-pass"})[0] == 503
    assert look.execute(
        "SELECT provider_type, source FROM wallet.wallet_funding_choice"
    ).fetchall() == [("LIVE", "CASINO_BONUS")]


def test_no_role_writes_a_choice_past_the_function(platform_db: TestDatabase, table: Table) -> None:
    for role in ("wallet_service", "player_service", "game_service", "rubyops_ops"):
        with (
            psycopg.connect(platform_db.dsn(role), autocommit=True) as session,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            session.execute("UPDATE wallet.wallet_funding_choice SET source = 'WITHDRAWABLE'")


@pytest.mark.parametrize(
    "field", ["source", "sources", "bucket", "buckets", "policy", "funding", "topology_code"]
)
def test_what_speaks_for_a_provider_names_no_source(table: Table, field: str) -> None:
    refused = table.bet(**{field: "CASINO_NORMAL"})
    assert (refused["status"], f"`{field}`" in refused["message"]) == (422, True)


def test_another_brand_sees_no_player_here(table: Table) -> None:
    headers = internal(PLAYER_SERVICE, brand=uuid4(), request_id="q")
    assert table.client.get(CHOICE, headers=headers).json()["code"] == "PLAYER_NOT_FOUND"
    body = {"provider_type": "LIVE", "source": "CASINO_NORMAL"}
    assert table.client.put(CHOICE, json=body, headers=headers).json()["code"] == "PLAYER_NOT_FOUND"
