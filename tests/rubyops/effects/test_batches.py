"""Batched effects can stop between two batches, report progress, and return totals."""

import pytest

from rubyops.effects import batches
from rubyops.effects.backfill import Backfill, BatchCount, SeedPlayers
from rubyops.effects.topology_move import MoveCount, UndoTopologyMove
from rubyops.errors import Interrupted, RubyopsError
from rubyops.ports import EffectIdentity
from tests.rubyops.effects.contexts import Around


class Players:
    """A stub of the port with three batches, in each of which `errors` players fail."""

    def __init__(self, errors: int = 0) -> None:  # noqa: D107
        self.errors = errors
        self.batches = 0

    def seed_players(self, identity: EffectIdentity, count: int) -> int:
        """Create the missing players; five exist already."""
        return max(0, count - 5)

    def batch(self, identity: EffectIdentity, tenant_id: str | None, limit: int) -> BatchCount:
        """Return the counts of the next batch."""
        self.batches += 1
        scanned = self.batches * limit
        last = None if self.batches == 3 else "key"  # noqa: PLR2004
        return BatchCount(scanned, scanned - self.errors, 0, self.errors, last)


def test_a_backfill_does_every_batch() -> None:
    players = Players()
    outcome = Backfill(10, None).carry_out(players, Around().context())
    assert players.batches == 3
    assert (outcome.details["scanned"], outcome.details["created"]) == (30, 30)


def test_rows_that_cannot_be_converted_fail_it_after_all_others() -> None:
    players = Players(errors=1)
    with pytest.raises(RubyopsError, match="wallet.backfill_error") as caught:
        Backfill(10, None).carry_out(players, Around().context())
    assert players.batches == 3 and caught.value.details["errors"] == 1


def test_it_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "PROGRESS_SECONDS", 0.0)
    around = Around()
    Backfill(10, None).carry_out(Players(), around.context())
    assert around.progress == ["10 scanned, 10 created", "20 scanned, 20 created"]


def test_it_stops_between_two_batches() -> None:
    around, players = Around(), Players()
    inner = players.batch

    def batch(identity: EffectIdentity, tenant_id: str | None, limit: int) -> BatchCount:
        around.stop.request()
        return inner(identity, tenant_id, limit)

    players.batch = batch  # type: ignore[method-assign]
    with pytest.raises(Interrupted):
        Backfill(10, None).carry_out(players, around.context())
    assert players.batches == 1


@pytest.mark.parametrize(("count", "status"), [(5, "noop"), (8, "ok")])
def test_players_that_are_there_are_not_seeded(count: int, status: str) -> None:
    assert SeedPlayers(count).carry_out(Players(), Around().context()).status == status


@pytest.mark.parametrize(("players", "status"), [(0, "noop"), (2, "ok")])
def test_a_move_of_nobody_is_a_no_op(players: int, status: str) -> None:
    class Moves:
        def batch(self, *move: object) -> MoveCount:
            assert move[2:] == ("digest", "r-0", 50), "digest, run to undo, batch size"
            return MoveCount(9, players, 3, 1, True)

    undo = UndoTopologyMove("r-0", "digest", 50)
    assert undo.carry_out(Moves(), Around().context()).status == status
