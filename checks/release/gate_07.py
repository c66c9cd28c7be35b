"""GATE-7: points can neither be bet nor withdrawn.

This check reads recorded bets and withdrawals. `rubyops gate` tries both with a canary player. When
it fails, points became money without the conversion that the policy offers.
"""

from checks._answer import SAMPLES, none_may_break
from rubyops.model.finding import Finding, inconclusive
from rubyops.model.step import Check
from rubyops.ports import Read, Row
from wallet_runtime.contract.money import POINTS_CURRENCY


def audit(read: Read) -> Finding:
    """Look for bets and withdrawals in points."""
    rows = read.rows("reconcile_points_in_bets", points=POINTS_CURRENCY, limit=SAMPLES)
    there = read.one("reconcile_recorded")["bets_or_withdrawals"]
    return none_may_break(
        rows,
        holds="no bet or withdrawal moved points",
        broken="bets or withdrawals that moved points",
        name=_name,
        nothing=None if there else "there was never a bet or a withdrawal here",
    )


def run(read: Read) -> Finding:
    """Fail on a recorded breach, else be inconclusive: only the probe can pass the gate."""
    finding = audit(read)
    if finding.status == "failed":
        return finding
    seen = "the records agree" if finding.ok else finding.summary
    return inconclusive(f"{seen}; the probe must write, run: rubyops gate")


def _name(row: Row) -> str:
    return f"{row['kind']} {row['id']} of brand {row['brand_id']} player {row['player_id']}"


CHECK = Check("gate-07", "Points cannot be bet or withdrawn", ("GATE-7",), run)
