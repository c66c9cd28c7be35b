"""The tier 2 rollback loses none of the money that players hold under the candidate (PRD).

Some of the money moves during the rollback.
"""

import csv
import hashlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.front_door import Player
from tests.acceptance.platform import Answer, Live, wait_until
from wallet_runtime.contract.freeze import INGRESS, OPEN, SEALED
from wallet_runtime.contract.processes import WALLET_SERVICE

pytestmark = [pytest.mark.slow, pytest.mark.fault]
SPORTS, CASINO = "SPORTS_NORMAL", "CASINO_NORMAL"
ROLLBACK = ("rollback", "--tier", "2")
CANDIDATE = 2
TABLES = {
    "wallet_topology",
    "wallet_policy",
    "wallet_bucket",
    "wallet_bet_authorization",
    "wallet_transfer",
    "wallet_coupon_grant",
    "wallet_ledger",
}
PROVED = {
    "PRD-0",
    "PRD-1a",
    "PRD-1b",
    "PRD-T2a",
    "PRD-T2b",
    "PRD-T2c",
    "PRD-4a",
    "PRD-4b",
    "PRD-4c",
    "PRD-4d",
    "PRD-4e",
}


@dataclass(frozen=True)
class Held:
    """The wallets and the rollings of some players."""

    snapshots: list[dict[str, Any]]
    rollings: list[list[dict[str, Any]]]


@dataclass(frozen=True)
class Candidate:
    """A live platform under the candidate pair; its players have money and open rollings."""

    live: Live
    players: tuple[Player, ...]

    def held(self) -> Held:
        """The players' current wallets and rollings."""
        return Held(
            [self.live.holdings(player) for player in self.players],
            [self.live.rollings(player) for player in self.players],
        )

    def assert_taken_back(self, before: Held) -> None:
        """Assert that the previous pair is active, money is open, and no holdings changed."""
        assert self.live.gate()["topology_version"] == CANDIDATE - 1
        assert (self.live.level(), self.live.gate()["freeze_level"]) == (OPEN, OPEN)
        assert self.held() == before
        bet = self.live.bet("mocksports", self.players[0], "1.00")
        assert bet.answer.status_code == 200
        assert self.live.settle(bet, "1.00").status_code == 200


@pytest.fixture
def candidate(live: Live) -> Iterator[Candidate]:
    """A platform on version 2, with players who got money of every kind and rollings there."""
    live.activate(CANDIDATE)
    made = Candidate(live, tuple(live.player() for _ in range(4)))
    sports, casino, both, earner = made.players
    for player, bucket in (
        (sports, SPORTS),
        (casino, CASINO),
        (both, SPORTS),
        (both, CASINO),
        (earner, SPORTS),
    ):
        assert live.deposit(player, "10.00", bucket).status_code == 200
        assert live.deposit(player, "7.50").status_code == 200
    for provider, player, stake in (
        ("mocksports", sports, "4.00"),
        ("mocklive", casino, "4.00"),
        ("mocksports", earner, "10.00"),
    ):
        assert live.settle(live.bet(provider, player, stake), "12.25").status_code == 200
    wait_until(
        lambda: live.rollings(earner)[0]["state"] == "COMPLETED", "the earner's rolling completes"
    )
    live.settle_down()
    assert {
        rolling["state"] for player in (sports, casino, both) for rolling in live.rollings(player)
    } == {"ACTIVE"}
    yield made
    for row in live.rows(
        "SELECT authorization_id::text AS id FROM wallet.wallet_bet_authorization"
        " WHERE state = 'AUTHORIZED'"
    ):
        live.run("bets", "rollback", row["id"])


def test_players_keep_their_money_and_settlements_pass_under_the_ingress_freeze(
    candidate: Candidate,
) -> None:
    live, player = candidate.live, candidate.players[0]
    activations = live.one("SELECT count(*) AS rows FROM wallet.wallet_activation")["rows"]
    open_bet = live.bet("mocksports", player, "3.00")
    assert open_bet.answer.status_code == 200
    with live.paused_before("way-back", *ROLLBACK) as run:
        assert (live.level(), live.gate()["topology_version"]) == (INGRESS, CANDIDATE)
        assert_refused(live.bet("mocksports", player, "1.00").answer)
        assert_refused(live.deposit(player, "1.00", SPORTS))
        assert live.settle(open_bet, "3.00").status_code == 200
        live.settle_down()
        before = candidate.held()
        answer = run.go_on()
    assert answer.code == 0, answer.told
    assert answer.covered() >= PROVED
    assert (
        live.one("SELECT count(*) AS rows FROM wallet.wallet_activation")["rows"] == activations + 1
    )
    assert_reconciled(live, answer)
    candidate.assert_taken_back(before)


def test_export_holds_every_row_of_the_seven_tables_and_nothing_is_written_while_sealed(
    candidate: Candidate,
) -> None:
    live, player = candidate.live, candidate.players[0]
    before = candidate.held()
    with live.paused_before("re-activate", *ROLLBACK) as run:
        assert (live.level(), live.gate()["topology_version"]) == (SEALED, CANDIDATE)
        assert_refused(live.bet("mocksports", player, "1.00").answer)
        assert_refused(live.deposit(player, "1.00"))
        counted = {
            table: live.one(f"SELECT count(*) AS rows FROM wallet.{table}")["rows"]
            for table in TABLES
        }
        answer = run.go_on()
    assert answer.code == 0, answer.told
    manifest = answer.step("export")["details"]
    assert {table: facts["rows"] for table, facts in manifest["tables"].items()} == counted
    for table, facts in manifest["tables"].items():
        path = Path(manifest["folder"]) / f"{table}.csv"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == facts["sha256"]
        with path.open(newline="", encoding="utf-8") as file:
            assert len(list(csv.DictReader(file))) == facts["rows"]
    candidate.assert_taken_back(before)


@contextmanager
def held_in_a_bucket_of_the_candidate_alone(live: Live) -> Iterator[None]:
    """Make the view that activations check report money in a bucket that version 1 lacks."""
    view = live.one("SELECT pg_get_viewdef('wallet.live_reference') AS text")["text"].rstrip(";")
    held = "SELECT 'RUBY_SPLIT_V1', 'EXTRA', 'balance', 3::bigint"
    with closing(live.superuser()) as connection:
        replace = "CREATE OR REPLACE VIEW wallet.live_reference AS"
        connection.execute(f"{replace} {view} UNION ALL {held}".encode())
        try:
            yield
        finally:
            connection.execute(f"{replace} {view}".encode())


def test_money_that_the_pair_before_cannot_reach_is_named_before_anything_is_sealed(
    candidate: Candidate,
) -> None:
    live = candidate.live
    exports = live.environment.home / "exports"
    before = candidate.held(), set(exports.glob("*"))
    with held_in_a_bucket_of_the_candidate_alone(live):
        rehearsed = live.run(*ROLLBACK, "--dry-run").step("way-back")
        assert (rehearsed["status"], live.level()) == ("refused", OPEN)
        assert "3 x balance in RUBY_SPLIT_V1/EXTRA would be out of reach" in rehearsed["summary"]
        stopped = live.run(*ROLLBACK)
    assert (stopped.code, live.level(), live.gate()["topology_version"]) == (3, INGRESS, CANDIDATE)
    assert "3 x balance in RUBY_SPLIT_V1/EXTRA would be out of reach" in stopped.told
    assert "A7-8" in str(stopped.body["details"]["violations"])
    assert {copy.state for copy in live.driver.copies()} == {"running"}
    assert (candidate.held(), set(exports.glob("*"))) == before
    answer = live.run("runs", "resume", stopped.run_id)
    assert answer.code == 0, answer.told
    candidate.assert_taken_back(before[0])


def test_open_bet_on_the_candidate_holds_the_rollback_until_it_is_settled(
    candidate: Candidate,
) -> None:
    live, player = candidate.live, candidate.players[0]
    open_bet = live.bet("mocksports", player, "2.00")
    stopped = live.run(*ROLLBACK)
    assert (stopped.code, live.level(), live.gate()["topology_version"]) == (3, INGRESS, CANDIDATE)
    assert stopped.body["details"]["authorizations"] == [open_bet.authorization_id]
    assert open_bet.authorization_id in stopped.told
    assert f"bets settle {open_bet.authorization_id}" in str(stopped.body["next"])

    live.done("bets", "settle", open_bet.authorization_id, "--payout", "2.00")
    live.settle_down()
    before = candidate.held()
    assert live.level() == INGRESS
    answer = live.done("runs", "resume", stopped.run_id)
    assert answer.covered() >= PROVED
    candidate.assert_taken_back(before)


def test_second_rollback_does_not_lead_forward_to_the_candidate(candidate: Candidate) -> None:
    candidate.live.done(*ROLLBACK)
    again = candidate.live.run(*ROLLBACK)
    assert (again.code, candidate.live.gate()["topology_version"]) == (3, CANDIDATE - 1)
    assert "no pair to go back to" in again.told


def assert_refused(answer: Any) -> None:
    """Assert a refusal by an ingress freeze: status 503, code MAINTENANCE, a Retry-After header."""
    assert (answer.status_code, answer.json()["code"]) == (503, "MAINTENANCE")
    assert int(answer.headers["Retry-After"]) > 0


def assert_reconciled(live: Live, answer: Answer) -> None:
    """Assert that the reconciliation which this run forced is recorded and found no error."""
    assert answer.step("reconcile")["status"] == "ok"
    last = live.as_operator(WALLET_SERVICE, "GET", "/internal/wallet/v2/reconciliation/last").json()
    assert (last["drift_buckets"], last["conservation_breaks"]) == (0, 0)
    assert last["finished_at"] > str(answer.body["run"]["started_at"])
