"""Going back to the pair that was active before: which one it is, and what forbids it (PRD-T2b)."""

from commands._pairs import Pair, pair_before
from rubyops.errors import Refused
from rubyops.ports import Read

LISTED_MAX = 20


def pair_to_go_back_to(read: Read) -> Pair:
    """Return the pair before the present one. Raises `Refused` when there is none."""
    before = pair_before(read.rows("facts_activations"))
    if before is None:
        raise Refused(
            "There is no pair to go back to: no other one was active before the present one, so tier 2 does not apply.",
            next_command="rubyops topology show",
        )
    return before


def refuse_open_bets(read: Read, candidate: Pair | None) -> None:
    """Raise `Refused` while accepted bets are open on the pair that is to be left.

    Names each bet and what to do with it. Without an active pair nobody knows which bets count.
    """
    if candidate is None:
        raise Refused(
            "Going back refused: no pair is active, so which bets it would strand is not known.",
            next_command="rubyops topology history",
        )
    bets = read.rows("facts_open_bets", code=candidate.topology_code, version=candidate.topology_version, limit=LISTED_MAX)
    if not bets:
        return
    total, first = bets[0]["total"], bets[0]["authorization_id"]
    bets_are = "1 accepted bet is" if total == 1 else f"{total} accepted bets are"
    lines = [f"Going back refused: {bets_are} open on {candidate} and would be stranded (PRD-T2b). Settle or roll back each:"]
    for bet in bets:
        stake = f"stake {bet['stake']} minor units of {bet['currency']}"
        lines.append(f"  {bet['authorization_id']} bet {bet['bet_id']} at {bet['provider_id']}, {stake}")
    lines += [f"  ... and {total - len(bets)} more"] if total > len(bets) else []
    raise Refused(
        "\n".join(lines),
        next_command=f"rubyops bets settle {first} --payout AMOUNT   |   rubyops bets rollback {first}",
        details={"authorizations": [bet["authorization_id"] for bet in bets], "total": total},
    )
