"""Move what players hold from one topology's buckets to another's, and back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from rubyops.effects.base import Effect, EffectContext, Outcome, Traits
from rubyops.effects.batches import in_batches
from rubyops.ports import EffectIdentity, Row


@dataclass(frozen=True)
class MoveCount:
    """How far a topology move, or its undo, is: the whole run so far.

    `money` is told once it is finished.
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
        """Do the next batch of a move by this document, or of the undo of a run.

        Raises `Refused` where a guard of the database does, and `LockLost`.
        """


@dataclass(frozen=True)
class MoveTopology(Effect[TopologyMovePort]):
    """Move what players hold in one topology's buckets, as the document of this digest maps it."""

    document: dict[str, object]
    digest: str
    batch_size: int

    traits = Traits(changes_platform=True)

    def describe(self) -> str:
        """Name the document and the batch size."""
        mapped = f"move what is in every bucket as document {self.digest[:12]} maps it"
        return f"{mapped}, in batches of {self.batch_size:,} players"

    def carry_out(self, port: TopologyMovePort, context: EffectContext) -> Outcome:
        """Move everybody."""
        move = (self.document, self.digest, None, self.batch_size)
        return _moved(
            in_batches(lambda: port.batch(context.identity, *move), _how_far, context),
        )


@dataclass(frozen=True)
class UndoTopologyMove(Effect[TopologyMovePort]):
    """Move back exactly the legs that a run moved, for everybody."""

    run_id: str
    digest: str
    batch_size: int

    traits = Traits(changes_platform=True)

    def describe(self) -> str:
        """Name the run and the batch size."""
        back = f"move back exactly what run {self.run_id} moved"
        return f"{back}, in batches of {self.batch_size:,} players"

    def carry_out(self, port: TopologyMovePort, context: EffectContext) -> Outcome:
        """Move everybody back."""
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
    details: dict[str, object] = {
        "scanned": count.scanned,
        "players": count.players,
        "legs": count.legs,
        "referring": count.referring,
        "money": list(count.money),
    }
    return Outcome("ok" if count.players else "noop", words, details)
