"""Every settled or rolled-back bet has its stored authorization.

When it fails, a bet was closed without the funding breakdown of its acceptance. Then no record
shows which account paid for the bet.
"""

from checks._answer import SAMPLES, none_may_break
from rubyops.model.finding import Finding
from rubyops.model.step import Check
from rubyops.ports import Read, Row
from wallet_runtime.contract.events import BET_ROLLED_BACK_CONFIRMED, BET_SETTLED_CONFIRMED


def run(read: Read) -> Finding:
    """Look for entries of the HOUSE account and closing events without a closed authorization."""
    rows = read.rows(
        "reconcile_bets_without_authorization",
        settled_event=BET_SETTLED_CONFIRMED,
        rolled_back_event=BET_ROLLED_BACK_CONFIRMED,
        limit=SAMPLES,
    )
    closed = read.one("reconcile_recorded")["closed_bets"]
    return none_may_break(
        rows,
        holds="every closed bet has its authorization",
        broken="closed bets without an authorization",
        name=_name,
        nothing=None if closed else "no bet was ever closed here",
    )


def _name(row: Row) -> str:
    return f"{row['kind']} {row['id']} of brand {row['brand_id']} player {row['player_id']}"


CHECK = Check(
    "authorizations-recorded", "Every closed bet has its authorization", ("LOC-9", "TRG-3"), run
)
