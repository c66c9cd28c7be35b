"""Shared parts of settling and rolling back an accepted bet as the operator."""

from rubyops.errors import Refused
from rubyops.ports import Read, Row


def stored_bet(read: Read, authorization_id: str) -> Row:
    """Return the bet's stored authorization. Raises `Refused` when there is none."""
    rows = read.rows("facts_bet", authorization_id=authorization_id)
    if not rows:
        raise Refused(
            f"No authorization {authorization_id} is stored; nothing was changed.",
            next_command="rubyops bets list",
        )
    return rows[0]


def close_body(bet: Row) -> dict[str, object]:
    """Build the request body that identifies a bet for the wallet's settle and rollback routes."""
    return {name: bet[name] for name in ("player_id", "provider_id", "bet_id")}


def closed_otherwise(bet: Row, wanted: str) -> Refused:
    """Build the refusal for a bet that is already closed in another state than `wanted`."""
    payout = "" if bet["payout"] is None else f" with payout {payout_of(bet)}"
    return Refused(
        f"Bet {bet['bet_id']} ({bet['authorization_id']}) is {bet['state']}{payout}, "
        f"so it cannot be {wanted}; nothing was changed."
    )


def payout_of(bet: Row) -> str:
    """Describe the payout of a closed bet."""
    return f"{bet['payout']} minor units of {bet['currency']}"


def stake_of(bet: Row) -> str:
    """Describe the stake of a bet."""
    return f"{bet['stake']} minor units of {bet['currency']}"
