"""The reconciliation cycle (SPEC 1.8).

Accounts against their ledger, records against their seals, months against anchors, conservation.

It reports and never corrects. Modes: `incremental` walks what was written since the last cycle and
sweeps every account; `rotation` does that and walks the next 24th of all players with every hash,
so that 24 hourly cycles go round (ADR 10); `full` walks every version and balance; `hashes` walks
every hash too, and recomputes running sums and every sealed month. Records are compared with what
was made of the last day, in rotation also with a 24th of all time, otherwise all of them (ADR 18).
"""

from datetime import UTC, datetime
from typing import Any, Literal

import structlog
from prometheus_client import Gauge

from wallet_runtime.plumbing.errors import NotFound
from wallet_runtime.plumbing.runtime.database import Database, DatabaseSession, Row, json
from wallet_runtime.wallet.store.anchors import Anchor, Anchors

Mode = Literal["incremental", "rotation", "full", "hashes"]
SAMPLES_MAX = 20
PARTITION_MONTHS_AHEAD = 6

log = structlog.get_logger("reconciliation")
DRIFT = Gauge(
    "wallet_ledger_reconciliation_drift_buckets",
    "Accounts, records, sums and months that do not agree, at the last cycle.",
)
BREAKS = Gauge(
    "wallet_ledger_reconciliation_conservation_breaks",
    "Brands and currencies that do not conserve, at the last cycle.",
)
ALTERED = Gauge(
    "wallet_reconciliation_altered_records",
    "Records that do not agree, at the last cycle, by comparison.",
    ["comparison"],
)
WALKED = Gauge(
    "wallet_ledger_reconciliation_rows_walked", "Ledger rows that the last cycle walked."
)


class NoCycleYet(NotFound):
    """No reconciliation cycle has run on this database yet."""

    code = "NO_RECONCILIATION_YET"


class Reconciliation:
    """Reconciliation of one wallet_service copy over its database.

    Without anchors no month is sealed or compared.
    """

    def __init__(self, database: Database, anchors: Anchors | None = None) -> None:
        """Keep the database and the anchors."""
        self._database = database
        self._anchors = anchors

    def run(self, forced_by: str, mode: Mode = "hashes") -> Row:
        """Run one cycle, the ledger and conservation in one snapshot.

        Record it, set the gauges, return figures and samples.

        `drift_buckets` counts accounts, records, running sums and sealed months together; each
        sample says which one it is.
        """
        started_at = datetime.now(UTC)
        seals = self._check_seals(every=mode == "hashes")
        with self._database.session() as session:
            session.one("reconciliation_fold")
        with self._database.transaction() as session:
            session.run("reconciliation_snapshot")
            session.run("reconciliation_lock")
            altered, records = _compare_records(session, mode)
            total, drift, walked = _walk(session, mode)
            sums = (
                session.all("reconciliation_counter_drift", limit=SAMPLES_MAX)
                if _recounts(session, mode)
                else []
            )
            breaks = session.all("reconcile_conservation_breaks", limit=SAMPLES_MAX)
            cycle = session.one(
                "reconciliation_record",
                started_at=started_at,
                mode=mode,
                drift_buckets=total + altered + _total(sums) + len(seals),
                conservation_breaks=_total(breaks),
                samples=json(drift + records + sums + seals[:SAMPLES_MAX] + breaks),
                forced_by=forced_by,
            )
        _tell(cycle, walked)
        return cycle

    def last(self) -> Row:
        """Return the newest recorded cycle (404 when there is none)."""
        with self._database.session() as session:
            row = session.maybe("reconciliation_last")
        if row is None:
            raise NoCycleYet
        return row

    def hourly_turn(self) -> int:
        """See that the ledger has its coming months, seal the closed ones, and run a cycle.

        All hashes once, from then on in rotation.
        """
        with self._database.session() as session:
            made = int(
                session.one("wallet_ensure_partitions", months_ahead=PARTITION_MONTHS_AHEAD)["made"]
            )
            walked_once = session.one("reconciliation_hashed")["ever"]
        self.seal_closed_months()
        self.run("hourly task", "rotation" if walked_once else "hashes")
        return made

    def fold_turn(self) -> int:
        """Fold counter-accounts into their running sums."""
        with self._database.session() as session:
            session.one("reconciliation_fold")
        return 0

    def seal_closed_months(self) -> list[str]:
        """Seal every month that ended a day ago and anchor it; return the names.

        Without anchors nothing is sealed.
        """
        if self._anchors is None:
            return []
        with self._database.session() as session:
            months = [row["partition"] for row in session.all("reconciliation_closed_months")]
        for month in months:
            # Anchored before it is committed: a seal without anchor is then always a fault, and a
            # crash between the two is made good by sealing again, which gives the same digest.
            with self._database.transaction() as session:
                self._anchors.keep(session.one("reconciliation_seal", partition=month))
        return months

    def _check_seals(self, *, every: bool) -> list[dict[str, Any]]:
        """Compare seals with anchors, and the oldest verified one, or all, with its rows."""
        if self._anchors is None:
            return []
        anchored = self._anchors.all()
        found: list[dict[str, Any]] = []
        with self._database.session() as session:
            seals = {row["partition"]: row for row in session.all("reconciliation_seals")}
            found += _off_anchor(seals, anchored)
            for month in list(seals)[: None if every else 1]:
                now = session.one("reconciliation_month_digest", partition=month)
                if (now["digest"], now["row_count"]) != (
                    seals[month]["digest"],
                    seals[month]["row_count"],
                ):
                    found.append(
                        _seal_fault(
                            month,
                            seals[month],
                            now,
                            "rows of a sealed month were changed, added or removed",
                        )
                    )
                session.run("reconciliation_verified", partition=month)
        return found


def _walk(session: DatabaseSession, mode: Mode) -> tuple[int, list[Row], int]:
    """Walk the ledger.

    Return how many accounts drift, the first of them, and how many rows were walked.
    """
    rows = session.all("reconciliation_walk", mode=mode, limit=SAMPLES_MAX)
    total, walked = int(rows[0]["drift_total"]), int(rows[0]["walked_total"])
    shown = [
        {name: value for name, value in row.items() if name not in ("drift_total", "walked_total")}
        for row in rows
        if row["account"]
    ]
    return total, [row | {"total": total} for row in shown], walked


def _compare_records(session: DatabaseSession, mode: Mode) -> tuple[int, list[Row]]:
    """Compare the records that decide money, one comparison after the other.

    Return how many differ, and the first of each.
    """
    total, shown = 0, list[Row]()
    for name in [str(row["name"]) for row in session.all("reconciliation_comparisons")]:
        found = session.all("reconciliation_records", mode=mode, comparison=name, limit=SAMPLES_MAX)
        ALTERED.labels(name).set(_total(found))
        total += _total(found)
        shown += found
    return total, shown


def _recounts(session: DatabaseSession, mode: Mode) -> bool:
    """Tell whether this cycle counts every entry of the counter-accounts again.

    It does with all hashes, and when a round of the rotation ends.
    """
    return mode == "hashes" or (
        mode == "rotation" and bool(session.one("reconciliation_hashed")["round_ended"])
    )


def _off_anchor(seals: dict[str, Row], anchored: dict[str, list[Anchor]]) -> list[dict[str, Any]]:
    """List seals that an anchor contradicts, and anchors whose seal is gone."""
    found = []
    for place, anchors in anchored.items():
        for anchor in anchors:
            seal = seals.get(anchor.partition)
            if seal is None or (seal["digest"], seal["row_count"]) != (
                anchor.digest,
                anchor.row_count,
            ):
                reason = (
                    f"the seal differs from its anchor in {place}"
                    if seal
                    else f"the seal is gone that is anchored in {place}"
                )
                found.append(
                    _seal_fault(
                        anchor.partition,
                        {"digest": anchor.digest, "row_count": anchor.row_count},
                        seal,
                        reason,
                    )
                )
        missing = seals.keys() - {anchor.partition for anchor in anchors}
        found += [
            _seal_fault(month, None, seals[month], f"the seal has no anchor in {place}")
            for month in sorted(missing)
        ]
    return found


def _seal_fault(
    month: str, expected: Row | None, actual: Row | None, reason: str
) -> dict[str, Any]:
    return {
        "partition": month,
        "expected": _seal_shown(expected),
        "actual": _seal_shown(actual),
        "reason": reason,
    }


def _seal_shown(seal: Row | None) -> str | None:
    return None if seal is None else f"{seal['row_count']} rows {seal['digest']}"


def _tell(cycle: Row, walked: int) -> None:
    DRIFT.set(cycle["drift_buckets"])
    BREAKS.set(cycle["conservation_breaks"])
    WALKED.set(walked)
    if cycle["drift_buckets"] or cycle["conservation_breaks"]:
        log.error(
            "reconciliation found drift",
            drift_buckets=cycle["drift_buckets"],
            conservation_breaks=cycle["conservation_breaks"],
        )


def _total(rows: list[dict[str, Any]]) -> int:
    return int(rows[0]["total"]) if rows else 0
