"""The backfill port: creates balances of legacy players, and legacy players for rehearsals."""

from dataclasses import dataclass

from rubyops.adapters.access import Access
from rubyops.adapters.database import Link
from rubyops.effects.backfill import BackfillPort, BatchCount
from rubyops.ports import EffectIdentity, Row


@dataclass(frozen=True)
class BackfillDatabase:
    """Implements `BackfillPort`."""

    platform: Link

    def seed_players(self, identity: EffectIdentity, count: int) -> int:
        """Create legacy players if there are none; return how many were created."""
        row = self.platform.one("ops_seed_players", count=count, token=identity.token)
        return int(row["created"])

    def batch(self, identity: EffectIdentity, tenant_id: str | None, limit: int) -> BatchCount:
        """Create balances for the next players after the checkpoint, at most `limit` players.

        The first batch of a run fixes the last player of the whole run.
        """
        self.platform.rows(
            "backfill_batch",
            run_id=identity.run_id,
            token=identity.token,
            tenant_id=tenant_id,
            limit=limit,
        )
        return _count(self.platform.one("backfill_progress", run_id=identity.run_id))


def _count(row: Row) -> BatchCount:
    return BatchCount(
        row["scanned"],
        row["created"],
        row["skipped_exists"],
        row["errors"],
        None if row["finished"] else str(row["last_key"]),
    )


def connect(access: Access) -> BackfillPort:
    """Build the backfill port on the platform's database."""
    return BackfillDatabase(access.platform)
