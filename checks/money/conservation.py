"""Money from outside equals what players hold and have staked, per brand and currency (SPEC 1.3).

Points have a sum of their own: points held equal points awarded, minus transferred and expired.
When it fails, money appeared or vanished. A leg was lost or doubled, or a program other than
wallet_service wrote it.
"""

from checks._answer import SAMPLES, none_may_break
from checks._money import NO_MONEY, never_held
from rubyops.model.finding import Finding, passed
from rubyops.model.step import Check
from rubyops.ports import Read, Row
from wallet_runtime.contract.money import POINTS_CURRENCY

# Columns of the query that are added up on each side.
CAME_IN = ("opening", "psp_net_in", "promo_net_issued", "adjustments")
HELD = ("cash", "buckets", "grants", "open_stakes")


def run(read: Read) -> Finding:
    """Sum both sides in one snapshot and name the brands where they differ."""
    breaks = read.rows("reconcile_conservation_breaks", limit=SAMPLES)
    pairs = 0 if breaks else int(read.one("reconcile_conservation_scope")["pairs"])
    if not breaks and not pairs:
        return never_held(read) or passed(f"{NO_MONEY}: nothing to conserve", pairs=0)
    return none_may_break(
        breaks,
        holds=f"conserved in {pairs} brand and currency pairs",
        broken="brand and currency pairs that do not conserve money",
        name=_name,
    )


def _name(row: Row) -> str:
    if row["currency"] == POINTS_CURRENCY:
        too_many = f"{row['difference']} too many held"
        return (
            f"brand {row['brand_id']} points: {too_many} for what was "
            "awarded, transferred and expired"
        )
    expected = sum(row[name] for name in CAME_IN) - row["house_win"]
    held = sum(row[name] for name in HELD)
    found = f"expected {expected}, actual {held} minor units, difference {row['difference']}"
    return f"brand {row['brand_id']} {row['currency']}: {found}"


CHECK = Check("conservation", "Money is conserved", ("PRD-4c", "TRG-2"), run)
