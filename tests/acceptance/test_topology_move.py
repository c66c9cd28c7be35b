"""A topology move on a live platform: dry-run, refusal, kill, resume and undo."""

import json
import signal
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.platform import Answer, Live, finish, wait_until
from wallet_runtime.contract.documents import RUBY_SPLIT_V1, RUBY_UNIFIED_V1

pytestmark = [pytest.mark.slow, pytest.mark.fault]
KINDS = {"NORMAL": ("SPORTS_NORMAL", "CASINO_NORMAL"), "BONUS": ("SPORTS_BONUS", "CASINO_BONUS")}
BUCKETS = {source: target for target, sources in KINDS.items() for source in sources} | {
    "WITHDRAWABLE": "WITHDRAWABLE",
    "POINTS": "POINTS",
}
PROGRESS = (
    "SELECT players, finished_at FROM wallet.topology_move_run WHERE undoes IS NULL"
    " ORDER BY started_at DESC LIMIT 1"
)
CODES = "SELECT DISTINCT topology_code FROM wallet.live_reference"
LAST_PLAYER = (
    b"SELECT FROM wallet.wallet_player ORDER BY brand_id DESC, player_id DESC LIMIT 1 FOR UPDATE"
)
POLICY_VERSION = 30


def _write(folder: Path, name: str, document: Any) -> str:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


def _save_unified(live: Live, folder: Path) -> None:
    seed = json.loads(
        resources.files("wallet_runtime.wallet")
        .joinpath("seeds", "ruby_unified_v1.1.json")
        .read_text()
    )
    live.done("topology", "save", _write(folder, "topology", seed["topology"]))
    live.done(
        "policy", "save", _write(folder, "policy", seed["policy"] | {"version": POLICY_VERSION})
    )


def _refusal(live: Live, *words: str) -> str:
    answer = live.run(*words)
    assert answer.code == 3, answer.told
    return answer.told


def _shown(answer: Answer) -> dict[str, Any]:
    (row,) = answer.body["results"]
    details: dict[str, Any] = row["details"]
    return details


def _killed_half_way(live: Live, *words: str) -> None:
    """Kill the run while it waits for the locked last player, after all others were moved."""
    with live.superuser() as holder, holder.transaction():
        holder.execute(LAST_PLAYER)
        process = live.start(*words)
        wait_until(
            lambda: (
                any(row["players"] for row in live.rows(PROGRESS)) or process.poll() is not None
            ),
            "a batch of the move",
        )
        process.kill()
        assert finish(process).code == -signal.SIGKILL


def test_a_topology_is_moved_and_taken_back(live: Live, tmp_path: Path) -> None:
    players = [live.player() for _ in range(12)]
    for player in players:
        live.deposit(player, "10.00", "SPORTS_NORMAL")
        live.deposit(player, "5.00", "CASINO_NORMAL")
    live.settle_down()
    before = [(live.holdings(player), live.rollings(player)) for player in players]
    _save_unified(live, tmp_path)
    mapping = {
        "from": {"code": RUBY_SPLIT_V1, "version": 1},
        "to": {"code": RUBY_UNIFIED_V1, "version": 1},
        "buckets": BUCKETS,
        "signed_plan": "OPS-77",
    }
    move = ("topology", "move", _write(tmp_path, "mapping", mapping))
    details = _shown(live.done(*move, "--dry-run"))
    digest = details["digest"]
    assert any("the freeze level is open" in text for text in details["must be settled first"])
    assert any(
        text.startswith("SPORTS_NORMAL -> NORMAL: ") and "minor units of EUR" in text
        for text in details["moves"]
    )
    assert live.rows(PROGRESS) == []

    assert "while money is sealed" in _refusal(live, *move, "--plan-digest", digest)
    live.done("freeze", "--level", "sealed", "--reason", "a move")
    live.done("drain-outbox")
    assert "--plan-digest is missing" in _refusal(live, *move)
    _killed_half_way(live, *move, "--plan-digest", digest, "--batch-size", "1")
    run_id = live.newest_run()
    assert live.one(PROGRESS)["finished_at"] is None
    assert "is not finished" in _refusal(live, "thaw")
    live.done("runs", "resume", run_id)
    assert {row["topology_code"] for row in live.rows(CODES)} == {RUBY_UNIFIED_V1}
    assert "moved money to RUBY_UNIFIED_V1" in _refusal(live, "thaw")

    live.done("topology", "activate", RUBY_UNIFIED_V1, "1", "--policy-version", str(POLICY_VERSION))
    assert any(
        "minor units of EUR" in text
        for text in _shown(live.done("topology", "move", "--undo", run_id, "--dry-run"))[
            "moves back"
        ]
    )
    live.done("topology", "move", "--undo", run_id)
    live.done("topology", "activate", RUBY_SPLIT_V1, "1", "--policy-version", "1")
    assert [(live.holdings(player), live.rollings(player)) for player in players] == before
    live.make_open()
    bet = live.bet("mocksports", players[0], "10.00")
    assert bet.answer.status_code == 200, bet.answer.text
    live.settle(bet, "0")
