"""The reconciliation cycle, which reports differences and never corrects them (SPEC 1.8).

A cycle compares accounts with their ledger rows, records with their seals, and sealed months with
their anchors. It also checks conservation. The mode says how much of the ledger it reads:

- `incremental`: the rows since the last cycle, and the balance of every account.
- `rotation`: the same, and all rows and hashes of the next 24th of the players. 24 hourly cycles
  thus cover every player (ADR 10).
- `full`: versions and balances of all rows.
- `hashes`: all rows with their hashes, the running sums and every sealed month.

`incremental` and `rotation` compare the records of the last 25 hours, and `rotation` also a 24th of
the older ones. The other modes compare all records (ADR 18).
"""

from datetime import UTC, datetime
from typing import Literal, NamedTuple

import structlog
from prometheus_client import Gauge

from wallet_runtime.plumbing.errors import NotFound
from wallet_runtime.plumbing.runtime.database import Database, DatabaseSession, Row, json
from wallet_runtime.wallet.store.anchors import Anchor, Anchors

Mode = Literal["incremental", "rotation", "full", "hashes"]
SAMPLES_MAX = 20
PARTITION_MONTHS_AHEAD = 6
WALK_TOTALS = ("drift_total", "walked_total")

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


class Findings(NamedTuple):
    """The number of differences that a comparison found, a sample, and the ledger rows read."""

    total: int
    samples: list[Row]
    walked: int = 0


class Reconciliation:
    """Runs reconciliation cycles on one database.

    Without `anchors` it neither seals months nor compares sealed ones.
    """

    def __init__(self, database: Database, anchors: Anchors | None = None) -> None:
        """Remember the database and the anchors; nothing is read yet."""
        self._database = database
        self._anchors = anchors

    def run(self, forced_by: str, mode: Mode = "hashes") -> Row:
        """Run one cycle, record it and set the gauges; return its counts and samples.

        Records, ledger and conservation are read in one database snapshot. `drift_buckets` counts
        the differing accounts, records, running sums and sealed months together. The keys of a
        sample tell its kind.
        """
        started_at = datetime.now(UTC)
        seals = self._check_seals(every=mode == "hashes")
        self.fold_turn()
        with self._database.transaction() as session:
            session.run("reconciliation_snapshot")
            session.run("reconciliation_lock")
            records = _compare_records(session, mode)
            ledger = _walk(session, mode)
            drifts = (ledger, records, _compare_sums(session, mode), seals)
            breaks = _findings(session.all("reconcile_conservation_breaks", limit=SAMPLES_MAX))
            cycle = session.one(
                "reconciliation_record",
                started_at=started_at,
                mode=mode,
                drift_buckets=sum(found.total for found in drifts),
                conservation_breaks=breaks.total,
                samples=json([row for found in (*drifts, breaks) for row in found.samples]),
                forced_by=forced_by,
            )
        WALKED.set(ledger.walked)
        _tell(cycle)
        return cycle

    def last(self) -> Row:
        """Return the newest recorded cycle, or raise `NoCycleYet` (404)."""
        with self._database.session() as session:
            row = session.maybe("reconciliation_last")
        if row is None:
            raise NoCycleYet
        return row

    def hourly_turn(self) -> int:
        """Create partitions for coming months, seal closed months, and run a cycle.

        The first cycle of a database walks all hashes; later ones run in rotation. Return the
        number of new partitions.
        """
        with self._database.session() as session:
            made = session.one("wallet_ensure_partitions", months_ahead=PARTITION_MONTHS_AHEAD)
            walked_once = session.one("reconciliation_hashed")["ever"]
        self.seal_closed_months()
        self.run("hourly task", "rotation" if walked_once else "hashes")
        return int(made["made"])

    def fold_turn(self) -> int:
        """Add new entries of counter-accounts to their running sums; return 0."""
        with self._database.session() as session:
            session.one("reconciliation_fold")
        return 0

    def seal_closed_months(self) -> list[str]:
        """Seal and anchor every month that ended at least a day ago; return their partitions.

        Without anchors nothing is sealed.
        """
        if self._anchors is None:
            return []
        months = self._closed_months()
        for month in months:
            # The anchor is written before the seal is committed. So a seal without an anchor is
            # always a fault. After a crash between both, the next turn seals again with the same
            # digest.
            with self._database.transaction() as session:
                self._anchors.keep(session.one("reconciliation_seal", partition=month))
        return months

    def _closed_months(self) -> list[str]:
        with self._database.session() as session:
            return [row["partition"] for row in session.all("reconciliation_closed_months")]

    def _check_seals(self, *, every: bool) -> Findings:
        """Compare all seals with their anchors, and sealed months with their rows.

        The rows of every month are compared if `every` is true. Otherwise only the month whose
        last comparison is the oldest is compared.
        """
        if self._anchors is None:
            return Findings(0, [])
        anchored = self._anchors.all()
        with self._database.session() as session:
            seals = {row["partition"]: row for row in session.all("reconciliation_seals")}
            found = _off_anchor(seals, anchored)
            for month in list(seals)[: None if every else 1]:
                found += _compare_month(session, month, seals[month])
        return Findings(len(found), found[:SAMPLES_MAX])


def _compare_month(session: DatabaseSession, month: str, seal: Row) -> list[Row]:
    """Compare a sealed month with its rows, and record that it was compared."""
    now = session.one("reconciliation_month_digest", partition=month)
    session.run("reconciliation_verified", partition=month)
    if _content(now) == _content(seal):
        return []
    return [_seal_fault(month, seal, now, "rows of a sealed month were changed, added or removed")]


def _walk(session: DatabaseSession, mode: Mode) -> Findings:
    """Compare accounts with their ledger rows."""
    rows = session.all("reconciliation_walk", mode=mode, limit=SAMPLES_MAX)
    total, walked = int(rows[0]["drift_total"]), int(rows[0]["walked_total"])
    samples = [_drift(row) | {"total": total} for row in rows if row["account"]]
    return Findings(total, samples, walked)


def _drift(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in WALK_TOTALS}


def _compare_records(session: DatabaseSession, mode: Mode) -> Findings:
    """Run each comparison of records; the sample has rows of each comparison."""
    names = [str(row["name"]) for row in session.all("reconciliation_comparisons")]
    found = [_compare_kind(session, mode, name) for name in names]
    return Findings(
        sum(each.total for each in found), [row for each in found for row in each.samples]
    )


def _compare_kind(session: DatabaseSession, mode: Mode, name: str) -> Findings:
    found = _findings(
        session.all("reconciliation_records", mode=mode, comparison=name, limit=SAMPLES_MAX)
    )
    ALTERED.labels(name).set(found.total)
    return found


def _compare_sums(session: DatabaseSession, mode: Mode) -> Findings:
    """Compare running sums with all entries of the counter-accounts, if it is the cycle's turn.

    That is so in mode `hashes`, and in the last cycle of a rotation through all players.
    """
    if mode == "hashes" or (mode == "rotation" and _round_ended(session)):
        return _findings(session.all("reconciliation_counter_drift", limit=SAMPLES_MAX))
    return Findings(0, [])


def _round_ended(session: DatabaseSession) -> bool:
    return bool(session.one("reconciliation_hashed")["round_ended"])


def _off_anchor(seals: dict[str, Row], anchored: dict[str, list[Anchor]]) -> list[Row]:
    """List seals that differ from their anchor, seals without one, and anchors without a seal."""
    found: list[Row] = []
    for place, anchors in anchored.items():
        for anchor in anchors:
            found += _compare_anchor(anchor, seals.get(anchor.partition), place)
        for month in sorted(seals.keys() - {anchor.partition for anchor in anchors}):
            reason = f"the seal has no anchor in {place}"
            found.append(_seal_fault(month, None, seals[month], reason))
    return found


def _compare_anchor(anchor: Anchor, seal: Row | None, place: str) -> list[Row]:
    expected = {"digest": anchor.digest, "row_count": anchor.row_count}
    if seal is None:
        reason = f"the seal is gone that is anchored in {place}"
    elif _content(seal) != _content(expected):
        reason = f"the seal differs from its anchor in {place}"
    else:
        return []
    return [_seal_fault(anchor.partition, expected, seal, reason)]


def _content(month: Row) -> tuple[str, int]:
    return month["digest"], month["row_count"]


def _seal_fault(month: str, expected: Row | None, actual: Row | None, reason: str) -> Row:
    return {
        "partition": month,
        "expected": _seal_shown(expected),
        "actual": _seal_shown(actual),
        "reason": reason,
    }


def _seal_shown(seal: Row | None) -> str | None:
    return None if seal is None else f"{seal['row_count']} rows {seal['digest']}"


def _tell(cycle: Row) -> None:
    DRIFT.set(cycle["drift_buckets"])
    BREAKS.set(cycle["conservation_breaks"])
    if cycle["drift_buckets"] or cycle["conservation_breaks"]:
        log.error(
            "reconciliation found drift",
            drift_buckets=cycle["drift_buckets"],
            conservation_breaks=cycle["conservation_breaks"],
        )


def _findings(rows: list[Row]) -> Findings:
    """Take the rows of a query whose column `total` counts beyond the sample."""
    return Findings(int(rows[0]["total"]) if rows else 0, rows)
