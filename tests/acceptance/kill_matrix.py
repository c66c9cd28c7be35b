"""Kills rubyops with SIGKILL at one point of every effect of the tier 2 rollback, and resumes.

A first rollback without a kill shows the effects and the rows that each leaves. A rollback with
kills must leave the same rows, none of them twice. The platform runs all the time, and the
candidate pair is activated again before each rollback. One rollback is killed eight times, at
effects that lie far apart, so that fewer rollbacks are needed. Its later kills hit a process that
is itself resuming.
"""

import json
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rubyops.engine.run.failpoint import Point
from tests.acceptance.front_door import Player
from tests.acceptance.platform import Live

ROLLBACK = ("rollback", "--tier", "2")
PAIR_BEFORE, CANDIDATE = 1, 2
FREEZES = ["ingress", "sealed", "open"]
EXPORTED_TABLES = 7
KILLS_A_RUN = 8
# A reconciliation only measures. If a kill loses its outcome, the resumed run measures again, and
# the history then holds both cycles.
MEASURED_AGAIN = "reconcile/2"
# Counts the rows that the canary's flows leave: movements, events and stored answers, by kind. A
# repeated effect would add rows to a kind.
LEFT_BEHIND = """
    SELECT 'ledger ' || command || ' ' || split_part(account, '/', 2) AS kind,
           sum(delta)::bigint AS amount, count(*) AS rows
      FROM wallet.wallet_ledger WHERE brand_id = ANY(%s) GROUP BY 1
    UNION ALL SELECT 'cash ' || type || ' ' || state, sum(amount)::bigint, count(*)
      FROM wallet.ledger_transactions WHERE tenant_id = ANY(%s) GROUP BY 1
    UNION ALL SELECT 'bet ' || state, sum(stake)::bigint, count(*)
      FROM wallet.wallet_bet_authorization WHERE brand_id = ANY(%s) GROUP BY 1
    UNION ALL SELECT 'event ' || event_type, 0, count(*)
      FROM wallet.wallet_outbox WHERE brand_id = ANY(%s) GROUP BY 1
    UNION ALL SELECT 'answer ' || route, 0, count(*)
      FROM wallet.wallet_idempotency WHERE brand_id = ANY(%s) GROUP BY 1
    UNION ALL SELECT 'player', 0, count(*) FROM wallet.wallet_player WHERE brand_id = ANY(%s)
    UNION ALL SELECT 'reconciliation', sum(drift_buckets + conservation_breaks)::bigint, count(*)
      FROM wallet.wallet_reconciliation WHERE forced_by = 'rubyops'
    UNION ALL SELECT 'activation', 0, count(*) FROM wallet.wallet_activation
"""
Left = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Matrix:
    """A platform with players under the candidate, and the results of a rollback without a kill."""

    live: Live
    players: tuple[Player, ...]
    effects: tuple[str, ...]
    holdings: list[dict[str, Any]]
    left: Left

    def kill_at_each(self, point: Point) -> None:
        """Kill at this point of every effect, then assert that the journals are sound."""
        rounds = -(-len(self.effects) // KILLS_A_RUN)
        numbers = range(1, len(self.effects) + 1)
        runs = [self.kill_at(point, numbers[first::rounds]) for first in range(rounds)]
        killed = [number for _, survived in runs for number in survived]
        assert sorted(killed) == list(numbers)
        sound = {
            row["id"]
            for row in self.live.done("runs", "verify").body["results"]
            if row["status"] == "ok"
        }
        assert sound >= {run_id for run_id, _ in runs}

    def kill_at(self, point: Point, numbers: Sequence[int]) -> tuple[str, list[int]]:
        """Kill one rollback at this point of each of these effects, and assert its end state.

        The rollback is resumed after each kill. Returns the run id and the effects at which it was
        killed.
        """
        live, run_id, killed = self.live, "", list[int]()
        where = f"{point} of {', '.join(self.effects[number - 1] for number in numbers)}"
        live.activate(CANDIDATE)
        before = _left_behind(live)
        for number in numbers:
            words = ("runs", "resume", run_id) if run_id else ROLLBACK
            done = _done_before_resume(point, killed[-1]) if killed else 0
            answer = live.run(*words, failpoint=f"{point}:{number - done}")
            assert answer.code == -signal.SIGKILL, (
                f"{where}: not killed at effect {number}, but ended with {answer.code}: "
                f"{answer.told}"
            )
            run_id = run_id or live.newest_run()
            assert _begun(live, run_id) == self.effects[: number - (point == "before-intent")], (
                where
            )
            killed.append(number)
        answer = live.run("runs", "resume", run_id)
        assert (answer.code, answer.run_id) == (0, run_id), f"{where}: {answer.told}"
        measured_again = point == "after-effect" and any(
            self.effects[number - 1] == MEASURED_AGAIN for number in numbers
        )
        self.assert_same_end(run_id, before, where, cycles=2 if measured_again else 1)
        return run_id, killed

    def assert_same_end(self, run_id: str, before: Left, where: str, *, cycles: int = 1) -> None:
        """Assert the end state of the rollback without a kill, with each effect done once."""
        live = self.live
        gate = live.gate()
        assert (
            gate["topology_version"],
            gate["policy_version"],
            gate["freeze_level"],
            live.level(),
        ) == (1, 1, "open", "open"), where
        assert [live.holdings(player) for player in self.players] == self.holdings, where
        live.settle_down()
        assert _difference(before, _left_behind(live)) == {
            **self.left,
            "reconciliation": (0, cycles),
        }, where
        assert _freezes(live, run_id) == FREEZES, where
        assert _ended_once(live, run_id) == dict.fromkeys(self.effects, 1), where
        assert_one_export(live, run_id, where)


def prepare(live: Live) -> Matrix:
    """Make players with money under the candidate pair, and roll back once without a kill."""
    live.activate(CANDIDATE)
    players = tuple(live.player() for _ in range(2))
    for player, bucket, provider in zip(
        players, ("SPORTS_NORMAL", "CASINO_NORMAL"), ("mocksports", "mocklive"), strict=True
    ):
        deposit = live.deposit(player, "40.00", bucket)
        assert deposit.status_code == 200, deposit.text
        assert live.settle(live.bet(provider, player, "4.00"), "5.00").status_code == 200
    live.settle_down()
    holdings = [live.holdings(player) for player in players]
    before = _left_behind(live)
    answer = live.done(*ROLLBACK)
    live.settle_down()
    made = Matrix(
        live,
        players,
        _begun(live, answer.run_id),
        holdings,
        _difference(before, _left_behind(live)),
    )
    made.assert_same_end(answer.run_id, before, "the undisturbed rollback")
    return made


def assert_one_export(live: Live, run_id: str, where: str) -> None:
    """Assert that the run left one complete export of all tables and no partial one."""
    (folder,) = [
        path for path in (live.environment.home / "exports").iterdir() if run_id in path.name
    ]
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["folder"] == str(folder), where
    assert len(manifest["tables"]) == EXPORTED_TABLES, where
    assert all(
        (folder / f"{table}.csv").stat().st_size == facts["bytes"]
        for table, facts in manifest["tables"].items()
    ), where


def _done_before_resume(point: Point, killed: int) -> int:
    """How many effects the resumed process skips, because the journal has their outcome.

    These are the effects before the killed one, and the killed one if its outcome was written.
    """
    return killed if point == "after-outcome" else killed - 1


def _begun(live: Live, run_id: str) -> tuple[str, ...]:
    """The ids of the effects whose intent is in the journal, in order, without the run id."""
    intents = [
        line["effect_id"].partition("/")[2]
        for line in live.journal(run_id)
        if line["type"] == "intent"
    ]
    return tuple(dict.fromkeys(intents))


def _ended_once(live: Live, run_id: str) -> dict[str, int]:
    """Count the successful outcomes of each effect."""
    counts: dict[str, int] = {}
    for line in live.journal(run_id):
        if line["type"] == "outcome" and line["status"] in ("ok", "noop"):
            effect = line["effect_id"].partition("/")[2]
            counts[effect] = counts.get(effect, 0) + 1
    return counts


def _freezes(live: Live, run_id: str) -> list[str]:
    rows = live.rows(
        "SELECT level FROM control.freeze_history WHERE run_id = %s ORDER BY epoch",
        run_id,
        database="control",
    )
    return [row["level"] for row in rows]


def _left_behind(live: Live) -> Left:
    canaries = [
        row["brand_id"]
        for row in live.rows("SELECT DISTINCT brand_id FROM wallet.wallet_player WHERE canary")
    ]
    rows = live.rows(LEFT_BEHIND, *[canaries] * LEFT_BEHIND.count("%s"))
    return {row["kind"]: (row["amount"] or 0, row["rows"]) for row in rows}


def _difference(before: Left, after: Left) -> Left:
    """The change of each kind from `before` to `after`, without the kinds that did not change."""
    grown = {
        kind: (amount - before.get(kind, (0, 0))[0], rows - before.get(kind, (0, 0))[1])
        for kind, (amount, rows) in after.items()
    }
    return {kind: change for kind, change in grown.items() if change != (0, 0)}
