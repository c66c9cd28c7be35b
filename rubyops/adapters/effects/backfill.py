"""The backfill and the legacy players of rehearsals, in the operated database."""

from dataclasses import dataclass

from rubyops.adapters.access import Access
from rubyops.adapters.database import Link
from rubyops.effects.backfill import BackfillPort, BatchCount
from rubyops.ports import EffectIdentity


@dataclass(frozen=True)
class BackfillDatabase:
    """Implements `BackfillPort`."""

    platform: Link

    def seed_players(self, identity: EffectIdentity, count: int) -> int:
        """Create legacy players where none exist."""
        row = self.platform.one("ops_seed_players", count=count, token=identity.token)
        return int(row["created"])

    def batch(self, identity: EffectIdentity, tenant_id: str | None, limit: int) -> BatchCount:
        """Do the next batch after the checkpoint, up to the bound that the first batch fixed."""
        self.platform.rows(
            "backfill_batch",
            run_id=identity.run_id,
            token=identity.token,
            tenant_id=tenant_id,
            limit=limit,
        )
        row = self.platform.one("backfill_progress", run_id=identity.run_id)
        return BatchCount(
            row["scanned"],
            row["created"],
            row["skipped_exists"],
            row["errors"],
            None if row["finished"] else str(row["last_key"]),
        )


def connect(access: Access) -> BackfillPort:
    """Make the port."""
    return BackfillDatabase(access.platform)
