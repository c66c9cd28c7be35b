"""No accepted bet is open under the active topology version.

When it fails, a return to the previous pair would strand these stakes. Settle or roll back the bets
first (PRD-T2b).
"""

from checks._answer import SAMPLES, none_may_break
from rubyops.model.finding import Finding, inconclusive
from rubyops.model.step import Check
from rubyops.ports import Read, Row


def run(read: Read) -> Finding:
    """Look for open authorizations under the active topology version."""
    gate = read.one("facts_gate")
    if gate["topology_code"] is None:
        return inconclusive("no topology is active, so there is no pair whose bets could be open")
    rows = read.rows(
        "facts_open_bets",
        code=gate["topology_code"],
        version=gate["topology_version"],
        limit=SAMPLES,
    )
    pair = f"{gate['topology_code']} v{gate['topology_version']}"
    return none_may_break(
        rows,
        holds=f"no open bet on {pair}",
        broken=f"open bets on {pair} (rubyops bets settle|rollback)",
        name=_name,
    )


def _name(row: Row) -> str:
    bet = f"{row['authorization_id']} bet {row['bet_id']} at {row['provider_id']}"
    return f"{bet}, stake {row['stake']} minor units of {row['currency']}"


CHECK = Check("no-live-authorizations", "No open bet on the active pair", ("PRD-T2b",), run)
