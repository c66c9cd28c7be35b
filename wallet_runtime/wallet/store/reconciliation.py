"""The reconciliation cycle: every account against its ledger, and conservation. It reports and never corrects (SPEC 1.8)."""

from datetime import UTC, datetime
from typing import Any

import structlog
from prometheus_client import Gauge

from wallet_runtime.plumbing.database import Database, Row, json
from wallet_runtime.plumbing.errors import NotFound

SAMPLES_MAX = 20
PARTITION_MONTHS_AHEAD = 6

log = structlog.get_logger("reconciliation")
DRIFT = Gauge("wallet_ledger_reconciliation_drift_buckets", "Accounts that do not agree with their ledger, at the last cycle.")
BREAKS = Gauge("wallet_ledger_reconciliation_conservation_breaks", "Brands and currencies that do not conserve, at the last cycle.")


class NoCycleYet(NotFound):
    """No reconciliation cycle has run on this database yet."""

    code = "NO_RECONCILIATION_YET"


class Reconciliation:
    """Reconciliation of one wallet_service copy over its database."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def run(self, forced_by: str) -> Row:
        """Run one cycle in one snapshot per question; record it, set the gauges and return its figures and samples."""
        started_at = datetime.now(UTC)
        with self._database.session() as session:
            drift = session.all("reconcile_ledger_drift", limit=SAMPLES_MAX)
            breaks = session.all("reconcile_conservation_breaks", limit=SAMPLES_MAX)
            cycle = session.one(
                "wallet_record_reconciliation",
                started_at=started_at,
                drift_buckets=_total(drift),
                conservation_breaks=_total(breaks),
                samples=json(drift + breaks),
                forced_by=forced_by,
            )
        DRIFT.set(cycle["drift_buckets"])
        BREAKS.set(cycle["conservation_breaks"])
        if drift or breaks:
            log.error("reconciliation found drift", drift_buckets=cycle["drift_buckets"], conservation_breaks=cycle["conservation_breaks"])
        return cycle

    def last(self) -> Row:
        """Return the newest recorded cycle (404 when there is none)."""
        with self._database.session() as session:
            row = session.maybe("wallet_last_reconciliation")
        if row is None:
            raise NoCycleYet
        return row

    def hourly_turn(self) -> int:
        """Run a cycle and see that the ledger has partitions for the coming months."""
        with self._database.session() as session:
            made = int(session.one("wallet_ensure_partitions", months_ahead=PARTITION_MONTHS_AHEAD)["made"])
        self.run("hourly task")
        return made


def _total(rows: list[dict[str, Any]]) -> int:
    return int(rows[0]["total"]) if rows else 0
