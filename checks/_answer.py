"""Builds the finding of a check, so that all findings have the same form.

A check's query returns only rows that break its rule. It returns a limited number of them as
samples, and the column `total` of each sample has the number of all such rows.
"""

from collections.abc import Callable, Sequence

from rubyops.model.finding import Finding, failed, inconclusive, passed
from rubyops.ports import Row

SAMPLES = 10


def none_may_break(
    rows: Sequence[Row],
    *,
    holds: str,
    broken: str,
    name: Callable[[Row], str],
    nothing: str | None = None,
) -> Finding:
    """Return a passed finding with the sentence `holds` if there are no rows, else a failed one.

    The caller sets `nothing` to a sentence when the platform has no data that could break the rule.
    Without rows the finding is then inconclusive.
    """
    if rows:
        return _broken(broken, [name(row) for row in rows], int(rows[0]["total"]))
    if nothing is not None:
        return inconclusive(f"{nothing}, so there is nothing to look at", total=0)
    return passed(holds, total=0)


def _broken(broken: str, samples: Sequence[str], total: int) -> Finding:
    return failed(f"{broken}: {total}; first: {samples[0]}", total=total, samples=list(samples))


def all_true(faults: Sequence[str], *, holds: str, broken: str, **details: object) -> Finding:
    """Return a passed finding with the sentence `holds` if there are no faults, else a failed one.

    The summary has the first fault, and the details list all of them.
    """
    if not faults:
        return passed(holds, **details)
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return failed(f"{broken}: {faults[0]}{more}", faults=list(faults), **details)


def account_of(row: Row) -> str:
    """Describe a player's account for a message."""
    return f"brand {row['brand_id']} player {row['player_id']} {row['account']}"
