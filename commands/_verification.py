"""Decides whether a verification allows a thaw (K1, K18).

All parts must have passed in one run, recently, and on the present state of the platform.
"""

from collections.abc import Iterator, Sequence

from commands._facts import VERIFICATION_KINDS
from rubyops.model.platform_state import differences
from rubyops.ports import Row

AGE_SECONDS_MAX = 1_800
ROWS_MAX = 200


def verifying_run(rows: Sequence[Row], state: Row) -> tuple[str | None, list[str]]:
    """Return the id of the run that allows a thaw, or None and every reason against a thaw.

    `rows` are the recorded parts of verifications, newest first. The newest run with all parts
    passed counts, unless a part of another run failed since. Parts of different runs are never
    combined.
    """
    newest = [row for kind in VERIFICATION_KINDS if (row := _newest_part(rows, kind))]
    faults = _not_passed(newest)
    if faults:
        return None, faults
    run_id = _whole_run(rows)
    if run_id is None:
        runs = ", ".join(sorted({str(row["run_id"]) for row in newest}))
        return None, [f"no single run verified every part (parts of {runs} are not added up)"]
    faults = [*_failed_since(rows, run_id), *_faults_of(rows, run_id, state)]
    return (None, faults) if faults else (run_id, [])


def _newest_part(rows: Sequence[Row], kind: str) -> Row | None:
    return next((row for row in rows if row["kind"] == kind), None)


def _not_passed(newest: Sequence[Row]) -> list[str]:
    """Name the kinds without any part, and the newest parts that did not pass."""
    known = {row["kind"] for row in newest}
    missing = [f"{kind} was never verified" for kind in VERIFICATION_KINDS if kind not in known]
    return missing + [
        f"{row['kind']} failed or did not end in run {row['run_id']}"
        for row in newest
        if row["passed_at"] is None
    ]


def _whole_run(rows: Sequence[Row]) -> str | None:
    """Return the newest run in which every part passed."""
    for run_id in dict.fromkeys(str(row["run_id"]) for row in rows):
        passed = {row["kind"] for row in _newest_of(rows, run_id) if row["passed_at"] is not None}
        if passed == set(VERIFICATION_KINDS):
            return run_id
    return None


def _newest_of(rows: Sequence[Row], run_id: str) -> list[Row]:
    own = [row for row in rows if row["run_id"] == run_id]
    return [
        next(row for row in own if row["kind"] == kind) for kind in {row["kind"] for row in own}
    ]


def _failed_since(rows: Sequence[Row], run_id: str) -> list[str]:
    """List parts of other runs that failed after this run began, even if they passed later."""
    first = max(rows.index(part) for part in _newest_of(rows, run_id))
    return [
        f"{row['kind']} failed or did not end in run {row['run_id']}, after run {run_id} had begun"
        for row in rows[:first]
        if row["passed_at"] is None and row["run_id"] != run_id
    ]


def _faults_of(rows: Sequence[Row], run_id: str, state: Row) -> list[str]:
    parts = sorted(_newest_of(rows, run_id), key=lambda row: str(row["kind"]))
    return [fault for part in parts for fault in _faults_of_part(part, state)]


def _faults_of_part(part: Row, state: Row) -> Iterator[str]:
    named, age = f"{part['kind']} of run {part['run_id']}", part["age_seconds"]
    if not 0 <= age <= AGE_SECONDS_MAX:
        yield f"{named} is {age} s old, allowed {AGE_SECONDS_MAX} s"
    changed = differences(part["state"], state)
    if changed:
        yield f"the platform changed since {named}: {'; '.join(changed)}"
