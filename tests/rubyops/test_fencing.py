"""A run changes nothing after another run has taken over, for each kind of effect.

On a real platform, a run checks its lease, another run takes over, and the first run then acts. The
tests compare rows, processes, files and schemas before and after.
"""

import dataclasses
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from rubyops.engine.effect_data import kinds
from tests import effects as e
from tests.rubyops.overtaking import Stage, assert_refused, next_pair, older, stopped
from wallet_runtime.contract.processes import PLAYER_SERVICE, ROLLING_SERVICE, WALLET_SERVICE

pytestmark = [pytest.mark.slow, pytest.mark.fault]
WALLET = "/internal/wallet"
UNFENCED = {
    e.WaitFor: "looks",
    e.RunSuites: "works on servers of its own",
    e.RaiseFreeze: "the brake needs no token: it only ever goes up",
    e.EndSession: "a part of the brake",
    e.TakeOverFreeze: "a function of `control` asks for the lock itself",
    e.LiftFreeze: "so does its first half; its second, lower_freeze, has a test of its own",
    e.BeginVerification: "one statement in `control`, joined with the lock",
    e.RecordVerification: "one statement in `control`, joined with the lock",
}
SET_ASIDE = """
INSERT INTO rolling.rolling_dead_letter (stream, entry_id, fields, reason, error, tries)
VALUES ('wallet.events.0', gen_random_uuid()::text, '{}', 'MALFORMED', 'planted', 6)
RETURNING dead_letter_id
"""
NO_DOCUMENT: dict[str, object] = {"from": {"code": "RUBY_SPLIT_V1", "version": 1}}


# --- the other run takes over after the check of the lease and before the act


def _bet(stage: Stage) -> dict[str, str]:
    player = stage.live.player()
    assert stage.live.deposit(player, "9.00", "SPORTS_NORMAL").status_code == 200
    bet = stage.live.bet("mocksports", player, "1.00")
    assert bet.answer.status_code == 200
    return {"brand_id": player.brand_id, "player_id": player.player_id, "bet_id": bet.bet_id}


def _bets(verb: str, **more: str) -> Callable[[Stage], e.AnyEffect]:
    def make(stage: Stage) -> e.AnyEffect:
        bet = _bet(stage)
        body: dict[str, object] = {
            "player_id": bet["player_id"],
            "provider_id": "mocksports",
            "bet_id": bet["bet_id"],
            **more,
        }
        return e.CallService(
            WALLET_SERVICE, "POST", f"{WALLET}/v2/bets/{verb}", body, bet["brand_id"]
        )

    return make


def _batch(stage: Stage) -> e.AnyEffect:
    alone = _bets("settle", payout="0")(stage)
    assert isinstance(alone, e.CallService)
    body: dict[str, object] = {"bets": [{**alone.body, "request_id": str(uuid4())}]}
    return dataclasses.replace(alone, path=f"{WALLET}/v2/bets/settle-batch", body=body)


def _replay(stage: Stage) -> e.AnyEffect:
    number = stage.live.one(SET_ASIDE)["dead_letter_id"]
    return e.CallService(ROLLING_SERVICE, "POST", f"/internal/rolling/dead-letters/{number}/replay")


def _new_player(stage: Stage) -> e.AnyEffect:
    brand = str(uuid4())
    return e.CallService(
        PLAYER_SERVICE, "POST", "/internal/players", {"brand_id": brand, "currency": "EUR"}, brand
    )


def _policy(stage: Stage) -> dict[str, Any]:
    row = stage.live.one("SELECT document FROM wallet.wallet_policy WHERE state = 'ACTIVE'")
    return {**row["document"], "version": 100 + stage.runs}


def _saved_policy(stage: Stage) -> e.AnyEffect:
    document = _policy(stage)
    stage.do(e.CallService(WALLET_SERVICE, "PUT", f"{WALLET}/policy/default", document), "save")
    return e.CallService(
        WALLET_SERVICE, "PUT", f"{WALLET}/policy/default/activate", {"version": document["version"]}
    )


def _topology(stage: Stage) -> e.AnyEffect:
    row = stage.live.one("SELECT document FROM wallet.wallet_topology WHERE state = 'ACTIVE'")
    document = {**row["document"], "version": 100 + stage.runs}
    return e.CallService(WALLET_SERVICE, "PUT", f"{WALLET}/topology/RUBY_SPLIT_V1", document)


def _seed(stage: Stage) -> e.AnyEffect:
    stage.live.rows("DELETE FROM wallet.wallet_policy WHERE state = 'DRAFT' RETURNING version")
    return e.CallService(WALLET_SERVICE, "POST", f"{WALLET}/topology/seed-ruby-split-v1")


def _start_all(stage: Stage) -> e.AnyEffect:
    stopped(stage)
    return e.StartPlatform()


# The last field says whether the same effect succeeds under the new run. A success shows that the
# take-over alone caused the refusal.
PREPARED: tuple[tuple[str, type[e.AnyEffect], Callable[[Stage], e.AnyEffect], bool], ...] = (
    ("start the platform", e.StartPlatform, _start_all, True),
    ("stop", e.StopProcesses, lambda stage: e.StopProcesses(("rolling_worker",)), True),
    ("start", e.StartProcesses, stopped, True),
    ("migrate the platform", e.Migrate, older("platform", "0007"), True),
    ("migrate control", e.Migrate, older("control", "0001"), True),
    ("seed players", e.SeedPlayers, lambda stage: e.SeedPlayers(200), True),
    # This stands before the activations, because only a draft can be seeded.
    ("seed a topology", e.CallService, _seed, True),
    ("activate a pair", e.CallService, next_pair, True),
    ("activate a policy", e.CallService, _saved_policy, True),
    ("save a topology", e.CallService, _topology, True),
    (
        "save a policy",
        e.CallService,
        lambda stage: e.CallService(
            WALLET_SERVICE, "PUT", f"{WALLET}/policy/default", _policy(stage)
        ),
        True,
    ),
    ("settle a bet", e.CallService, _bets("settle", payout="2.00"), True),
    ("settle bets", e.CallService, _batch, True),
    ("roll a bet back", e.CallService, _bets("rollback"), True),
    ("replay a dead letter", e.CallService, _replay, True),
    ("create a player", e.CallService, _new_player, True),
    ("play a flow", e.RunFlow, lambda stage: e.RunFlow("SMK-5"), True),
    (
        "export",
        e.ExportTables,
        lambda stage: e.ExportTables(("wallet_currency", "wallet_policy")),
        True,
    ),
    ("confirm drained", e.ConfirmDrained, lambda stage: e.ConfirmDrained(20.0), True),
    ("backfill", e.Backfill, lambda stage: e.Backfill(50, None), True),
    (
        "move the topology",
        e.MoveTopology,
        lambda stage: e.MoveTopology(NO_DOCUMENT, "0" * 64, 10),
        False,
    ),
    (
        "undo a move",
        e.UndoTopologyMove,
        lambda stage: e.UndoTopologyMove("r-none", "0" * 64, 10),
        False,
    ),
)


@pytest.mark.parametrize(
    ("kind", "prepare", "works"), [row[1:] for row in PREPARED], ids=[row[0] for row in PREPARED]
)
def test_an_act_of_an_overtaken_run_is_refused(
    stage: Stage, kind: type[e.AnyEffect], prepare: Callable[[Stage], e.AnyEffect], works: bool
) -> None:
    effect = prepare(stage)
    assert type(effect) is kind
    old = stage.identity("act")
    stage.take_over()
    assert_refused(stage, lambda: stage.act(effect, old))
    if works:
        before = stage.world()
        assert stage.act(effect, stage.identity("act")).status in ("ok", "noop")
        assert stage.world() != before


def test_every_kind_of_effect_has_a_moment_or_a_reason() -> None:
    tried = {kind for _, kind, _, _ in PREPARED}
    assert tried | set(UNFENCED) == set(kinds().values())
    assert not tried & set(UNFENCED) and all(UNFENCED.values())
