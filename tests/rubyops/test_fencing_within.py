"""A run from which another takes over in the middle of an act leaves the rest undone."""

import dataclasses
import json
from typing import Any

import pytest

from rubyops.adapters import migrations
from rubyops.adapters.effects import export, freeze
from rubyops.adapters.http import CallClient
from rubyops.adapters.local import orphans
from rubyops.adapters.local.driver import LocalDriver
from rubyops.adapters.local.supervisor import Supervisor
from rubyops.cli.lowering import take_down
from rubyops.errors import LockHeld, LockLost, OutcomeUnknown, Refused
from rubyops.ports import Actor, EffectIdentity, HttpAnswer
from rubyops.stop_signal import StopSignal
from tests import effects as e
from tests.rubyops.overtaking import (
    Stage,
    assert_refused,
    assert_same,
    exports,
    next_pair,
    older,
    stopped,
    takes_over_before,
)

pytestmark = [pytest.mark.slow, pytest.mark.fault]


def test_what_is_not_stopped_yet_runs_on(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    takes_over_before(stage, monkeypatch, Supervisor, "_order", when=2)
    with pytest.raises(LockLost, match="taken over"):
        stage.do(e.StopProcesses(("gateway", "rolling_worker")), "stop")
    states = {copy.process: copy.state for copy in stage.services.driver.copies()}
    assert states["gateway"] in ("stopped", "stopping") and states["rolling_worker"] == "running"


def test_a_platform_that_starts_without_a_token_stops_where_it_is_overtaken(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(stage)
    nobody = EffectIdentity("r-0/up/1", "r-0", 0, "ann")
    takes_over_before(stage, monkeypatch, LocalDriver, "_migrate")
    assert_refused(stage, lambda: stage.act(e.StartPlatform(), nobody))


def test_a_schema_is_not_changed_without_a_token_by_who_was_overtaken(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    older("platform", "0007")(stage)
    takes_over_before(stage, monkeypatch, migrations, "present_token")
    assert_refused(stage, lambda: stage.services.driver.migrate(lambda words: None, None))
    stage.do(e.Migrate(), "migrate")


def test_a_revision_is_taken_back_with_its_transaction(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    older("platform", "0007")(stage)
    takes_over_before(stage, monkeypatch, migrations, "upgrade")
    assert_refused(stage, lambda: stage.do(e.Migrate(), "migrate"))
    stage.do(e.Migrate(), "migrate")


def test_everything_is_restarted_by_the_run_in_charge_alone(stage: Stage) -> None:
    more = LocalDriver(dataclasses.replace(stage.live.environment, copies=2))
    old = stage.token
    stage.take_over()
    assert_refused(stage, lambda: more.ensure_up(lambda words: None, old))


def test_a_second_try_of_a_call_asks_for_the_lease(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, sent = CallClient.send, list[str]()

    def unanswered(
        client: CallClient, process: str, method: str, path: str, headers: Any, body: Any
    ) -> HttpAnswer:
        sent.append(path)
        if len(sent) > 1:
            return real(client, process, method, path, headers, body)
        stage.take_over()
        return HttpAnswer(0, None, "planted")

    monkeypatch.setattr(CallClient, "send", unanswered)
    effect, old, lost = (
        next_pair(stage),
        stage.identity("act"),
        LockLost("another run has taken over"),
    )

    def hold() -> None:
        if stage.token != old.token:
            raise lost

    assert_refused(stage, lambda: stage.act(effect, old, hold), OutcomeUnknown)
    assert len(sent) == 1
    sent.clear()
    old = stage.identity("act")
    assert_refused(stage, lambda: stage.act(effect, old), OutcomeUnknown)
    assert len(sent) == 2, "who does not ask is refused by the service"


@pytest.mark.parametrize("call", ["as_player", "as_provider", "as_admin"])
def test_a_flow_goes_no_further_at_level_open(stage: Stage, call: str) -> None:
    seen: list[dict[str, object]] = []

    def flow(actor: Actor) -> None:
        player = actor.player("one")
        money = {"amount": "5.00", "currency": "EUR"}
        assert (
            actor.as_player(
                player,
                "POST",
                "/api/v1/player/wallet/deposit",
                {**money, "bucket": "SPORTS_NORMAL"},
                key="d",
            ).status
            == 200
        )
        stage.take_over()
        seen.append(stage.world())
        if call == "as_player":
            actor.as_player(player, "POST", "/api/v1/player/wallet/deposit", money, key="second")
        if call == "as_provider":
            bet = {"player_id": player.player_id, "bet_id": "b", "round_id": "r", **money}
            actor.as_provider("mocksports", player, "/v2/bets/authorize", bet, key="bet")
        if call == "as_admin":
            bonus = {
                "player_id": player.player_id,
                "bucket": "SPORTS_BONUS",
                "reference": "c",
                **money,
            }
            actor.as_admin("POST", "/api/v1/bonuses/issue", bonus, key="bonus", player=player)

    assert stage.live.gate()["freeze_level"] == "open"
    with pytest.raises(LockLost, match="taken over"):
        stage.play(flow)
    assert_same(stage.world(), seen[0])


def test_an_export_that_is_overtaken_gets_no_name(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes_over_before(stage, monkeypatch, export, "_publish")
    assert_refused(stage, lambda: stage.do(e.ExportTables(("wallet_policy",)), "export"))


def test_an_export_whose_fence_was_lost_before_the_commit_loses_its_name(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = type(exports(stage)).rename

    def rename(path: Any, target: Any) -> Any:
        done = real(path, target)
        stage.live.rows(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE application_name = 'rubyops' AND state = 'idle in transaction'"
        )
        stage.take_over()
        return done

    monkeypatch.setattr(type(exports(stage)), "rename", rename)
    assert_refused(stage, lambda: stage.do(e.ExportTables(("wallet_policy",)), "export"))


def test_an_export_leaves_alone_what_its_resume_writes(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, effect = stage.identity("export"), e.ExportTables(("wallet_policy",))
    final = exports(stage) / old.effect_id.replace("/", "-")
    real = export._publish

    def publish(*args: Any) -> None:
        monkeypatch.setattr(export, "_publish", real)
        stage.take_over()
        stage.act(effect, dataclasses.replace(old, token=stage.token))
        real(*args)

    monkeypatch.setattr(export, "_publish", publish)
    with pytest.raises(LockLost, match="taken over"):
        stage.act(effect, old)
    assert json.loads((final / "manifest.json").read_text())["effect"] == old.effect_id
    assert [path.name for path in exports(stage).iterdir() if path.name.startswith(".")] == []


def test_a_backfill_ends_with_the_batch_before(stage: Stage) -> None:
    stage.do(e.SeedPlayers(200), "seed")
    stage.live.rows("DELETE FROM wallet.backfill_error RETURNING 1")
    looks: list[dict[str, object]] = []

    def hold() -> None:
        looks.append({})
        if len(looks) == 2:
            stage.take_over()
            looks.append(stage.world())

    old = stage.identity("backfill")
    with pytest.raises(LockLost, match="taken over"):
        stage.act(e.Backfill(7, None), old, hold)
    assert_same(stage.world(), looks[-1])
    assert (
        stage.live.one("SELECT scanned FROM wallet.backfill_run WHERE run_id = %s", old.run_id)[
            "scanned"
        ]
        == 7
    )


# --- `down`, and the fence itself


@pytest.mark.parametrize("has_token", [True, False])
def test_down_stops_nothing_once_it_was_overtaken(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, has_token: bool
) -> None:
    old = stage.token if has_token else None
    takes_over_before(stage, monkeypatch, Supervisor, "shutdown")
    assert_refused(stage, lambda: stage.services.driver.down(old))


def test_down_kills_nothing_where_the_supervisor_does_not_answer(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes_over_before(stage, monkeypatch, orphans, "pid_in")
    deaf, driver = Supervisor(stage.live.environment.home), LocalDriver(stage.live.environment)
    monkeypatch.setattr(deaf, "_socket", exports(stage) / "no.sock")
    monkeypatch.setattr(driver._keeper, "supervisor", deaf)
    assert not deaf.is_alive()
    assert_refused(stage, lambda: driver.down(stage.token))


def test_the_line_down_is_a_run_among_runs(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LockHeld, match=f"run r-{stage.runs} of .* holds the lock"):
        take_down(stage.services, print, StopSignal())
    stage.live.rows("DELETE FROM control.run_lock RETURNING 1", database="control")
    takes_over_before(stage, monkeypatch, LocalDriver, "down")
    assert_refused(stage, lambda: take_down(stage.services, print, StopSignal()))
    stage.live.rows("DELETE FROM control.run_lock RETURNING 1", database="control")
    monkeypatch.undo()
    token = stage.live.driver.fence()
    stage.live.close()
    assert take_down(stage.services, print, StopSignal())
    assert not stage.services.driver.is_up()
    assert stage.live.driver.fence() == token + 1
    assert not take_down(stage.services, print, StopSignal()), (
        "control does not answer, and nothing runs"
    )


def test_a_lower_token_raises_no_fence(stage: Stage) -> None:
    old = stage.token
    stage.take_over()
    assert_refused(stage, lambda: stage.services.ports.fence.advance(old))
    assert (stage.live.gate()["fence_token"], stage.live.driver.fence()) == (
        stage.token,
        stage.token,
    )


def test_a_freeze_is_lowered_by_the_run_in_charge_alone(stage: Stage) -> None:
    old, epoch = stage.identity("thaw"), stage.live.gate()["freeze_epoch"] + 1
    stage.take_over()
    port = freeze.connect(stage.services.access)
    assert_refused(stage, lambda: port.lower_fence_row(old, "open", epoch, None))


def test_a_long_act_does_not_keep_the_brake_from_being_raised(stage: Stage) -> None:
    with stage.live.superuser() as acting, acting.transaction():
        acting.execute("SELECT wallet.note_change(%s)", [stage.token])
        epoch = stage.live.gate()["freeze_epoch"]
        try:
            stage.live.rows("SELECT wallet.raise_freeze('ingress', %s)", epoch + 1)
            assert stage.live.gate()["freeze_level"] == "ingress"
        finally:
            stage.live.rows(
                "UPDATE wallet.wallet_gate SET freeze_level = 'open', freeze_epoch = %s RETURNING "
                "1",
                epoch,
            )


def test_who_has_no_token_starts_and_stops_nothing(stage: Stage) -> None:
    assert_refused(stage, lambda: stage.services.driver.stop(("gateway",), None))
    stopped(stage)
    assert_refused(stage, lambda: stage.services.driver.start(("gateway",), None))


def test_a_damaged_fence_is_refused_and_not_taken_for_none(stage: Stage) -> None:
    file = stage.live.environment.home / "supervisor" / "fence"
    kept = file.read_text()
    file.write_text("junk")
    try:
        with pytest.raises(Refused, match="holds 'junk' where one fencing token belongs"):
            stage.services.driver.stop(("gateway",), stage.token)
    finally:
        file.write_text(kept)
