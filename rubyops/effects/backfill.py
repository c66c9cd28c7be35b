"""Create the wallet balances of legacy players, and legacy players for rehearsals."""

from dataclasses import dataclass
from typing import Protocol

from rubyops.effects.base import Effect, EffectContext, Outcome, Traits
from rubyops.effects.batches import in_batches
from rubyops.errors import RubyopsError
from rubyops.ports import EffectIdentity

NOT_CONVERTED = (
    "the rows that could not be converted exactly are listed in "
    "wallet.backfill_error, the rest stays"
)


@dataclass(frozen=True)
class BatchCount:
    """The counters of a backfill, over all of its batches so far.

    `last_key` is the key of the last scanned player, and None once every player is done.
    """

    scanned: int
    created: int
    skipped_exists: int
    errors: int
    last_key: str | None

    @property
    def finished(self) -> bool:
        """Whether no player is left."""
        return self.last_key is None


class BackfillPort(Protocol):
    """Writes wallet balances and legacy players. Raises `LockLost`."""

    def seed_players(self, identity: EffectIdentity, count: int) -> int:
        """Create legacy players where none exist, and return how many were created."""

    def batch(self, identity: EffectIdentity, tenant_id: str | None, limit: int) -> BatchCount:
        """Do the run's next batch, after the last player of the batch before."""


@dataclass(frozen=True)
class SeedPlayers(Effect[BackfillPort]):
    """Create `count` legacy players over the seed tenants, where none exist."""

    count: int

    traits = Traits(changes_platform=True)

    def describe(self) -> str:
        """Name the number of players."""
        return f"create {self.count:,} legacy players where none exist"

    def carry_out(self, port: BackfillPort, context: EffectContext) -> Outcome:
        """Create the players."""
        created = port.seed_players(context.identity, self.count)
        words = f"{created:,} players created"
        return Outcome("ok" if created else "noop", words, {"created": created})


@dataclass(frozen=True)
class Backfill(Effect[BackfillPort]):
    """Create wallet balances for legacy players, in key order, up to the last key at the start."""

    batch_size: int
    tenant_id: str | None

    traits = Traits(changes_platform=True)

    def describe(self) -> str:
        """Name batch size and tenant."""
        batches = f"create missing wallet balances in batches of {self.batch_size:,}"
        return f"{batches} for tenant {self.tenant_id}" if self.tenant_id else batches

    def carry_out(self, port: BackfillPort, context: EffectContext) -> Outcome:
        """Do every batch. Raises `RubyopsError` if some rows could not be converted."""
        count = in_batches(
            lambda: port.batch(context.identity, self.tenant_id, self.batch_size),
            lambda count: f"{count.scanned:,} scanned, {count.created:,} created",
            context,
        )
        figures = _figures(count)
        words = " · ".join(f"{name} {value:,}" for name, value in figures.items())
        if count.errors:
            raise RubyopsError(f"{words}; {NOT_CONVERTED}", details=figures)
        return Outcome("ok", words, figures)


def _figures(count: BatchCount) -> dict[str, object]:
    return {
        "scanned": count.scanned,
        "created": count.created,
        "skipped_exists": count.skipped_exists,
        "updated_forced": 0,
        "errors": count.errors,
    }
