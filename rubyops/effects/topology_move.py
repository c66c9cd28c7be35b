"""Move the money of players from the buckets of one topology to those of another, and back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from rubyops.effects.base import Effect, EffectContext, Outcome, Traits
from rubyops.effects.batches import in_batches
from rubyops.ports import EffectIdentity, Row


@dataclass(frozen=True)
class MoveCount:
    """The counters of a topology move or its undo, over all batches so far.

    `money` holds the moved amounts, once the move is finished.
    """

    scanned: int
    players: int
    legs: int
    referring: int
    finished: bool
    money: tuple[Row, ...] = ()


class TopologyMovePort(Protocol):
    """Moves players batch by batch."""

    def batch(
        self,
        identity: EffectIdentity,
        document: Mapping[str, object] | None,
        digest: str,
        undoes: str | None,
        limit: int,
    ) -> MoveCount:
        """Do the next batch of a move by `document`, or of the undo of run `undoes`.

        Raises `Refused` if a guard of the database forbids it, and `LockLost`.
        """


@dataclass(frozen=True)
class MoveTopology(Effect[TopologyMovePort]):
    """Move the money of all players to other buckets, as the document maps them."""

    document: dict[str, object]
    digest: str
    batch_size: int

    traits = Traits(changes_platform=True)

    def describe(self) -> str:
        """Name the document and the batch size."""
        mapped = f"move what is in every bucket as document {self.digest[:12]} maps it"
        return f"{mapped}, in batches of {self.batch_size:,} players"

    def carry_out(self, port: TopologyMovePort, context: EffectContext) -> Outcome:
        """Move all players, batch by batch."""
        move = (self.document, self.digest, None, self.batch_size)
        return _moved(
            in_batches(lambda: port.batch(context.identity, *move), _how_far, context),
        )


@dataclass(frozen=True)
class UndoTopologyMove(Effect[TopologyMovePort]):
    """Move back exactly the legs that a run moved, for all players."""

    run_id: str
    digest: str
    batch_size: int

    traits = Traits(changes_platform=True)

    def describe(self) -> str:
        """Name the run and the batch size."""
        back = f"move back exactly what run {self.run_id} moved"
        return f"{back}, in batches of {self.batch_size:,} players"

    def carry_out(self, port: TopologyMovePort, context: EffectContext) -> Outcome:
        """Move all players back, batch by batch."""
        move = (None, self.digest, self.run_id, self.batch_size)
        return _moved(
            in_batches(lambda: port.batch(context.identity, *move), _how_far, context),
        )


def _how_far(count: MoveCount) -> str:
    return f"{count.scanned:,} players scanned, {count.players:,} moved"


def _moved(count: MoveCount) -> Outcome:
    words = (
        f"{count.legs:,} buckets and {count.referring:,} grants, bonuses and rollings of "
        f"{count.players:,} players moved"
    )
    return Outcome("ok" if count.players else "noop", words, _figures(count))


def _figures(count: MoveCount) -> dict[str, object]:
    return {
        "scanned": count.scanned,
        "players": count.players,
        "legs": count.legs,
        "referring": count.referring,
        "money": list(count.money),
    }
