"""Turns the rows that break a check's rule into a finding, so that all findings read alike.

A query of a check answers only rows that break the rule. It bounds the sample, and each row has
`total`, the count of all of them.
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
    """Pass with the sentence `holds` when no row breaks the rule; else fail, naming each sample.

    `nothing` is given where there was nothing that could break it: that decides nothing.
    """
    if not rows and nothing is not None:
        return inconclusive(f"{nothing}, so there is nothing to look at", total=0)
    if not rows:
        return passed(holds, total=0)
    total = int(rows[0]["total"])
    samples = [name(row) for row in rows]
    return failed(f"{broken}: {total}; first: {samples[0]}", total=total, samples=samples)


def all_true(faults: Sequence[str], *, holds: str, broken: str, **details: object) -> Finding:
    """Pass with `holds` when there is no fault; else fail, naming the first and listing all."""
    if not faults:
        return passed(holds, **details)
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return failed(f"{broken}: {faults[0]}{more}", faults=list(faults), **details)


def account_of(row: Row) -> str:
    """Name a player's account for a person."""
    return f"brand {row['brand_id']} player {row['player_id']} {row['account']}"
