"""Settle one accepted bet as the operator, for a provider that cannot.

When: an open bet blocks a rollback, and the provider's own statement says how it ended.
Blast radius: that bet's player. Undo: `rubyops bets rollback`, while the winnings are not spent.
"""

from dataclasses import dataclass

from commands._bets import close_body, closed_otherwise, payout_of, stake_of, stored_bet
from rubyops.effects.service_call import CallService
from rubyops.model.step import Command, NoOp, Planned, option
from rubyops.ports import Read, Row
from wallet_runtime.contract.processes import WALLET_SERVICE


@dataclass(frozen=True)
class Params:
    """The bet's authorization id, and the payout in major units ("12.50"; "0" for a lost bet)."""

    authorization: str
    payout: str = option('winnings in major units of the bet\'s currency, "0" for a lost bet')


def plan(params: Params, read: Read) -> Planned | NoOp:
    """Plan to settle the bet, or do nothing when it is settled. Refuses a rolled-back bet."""
    bet = stored_bet(read, params.authorization)
    if bet["state"] == "SETTLED":
        return NoOp(f"bet {bet['bet_id']} is settled already, payout {payout_of(bet)}")
    if bet["state"] != "AUTHORIZED":
        raise closed_otherwise(bet, "settled")
    return _settlement(bet, params.payout)


def _settlement(bet: Row, payout: str) -> Planned:
    path, body = "/internal/wallet/v2/bets/settle", {**close_body(bet), "payout": payout}
    effect = CallService(WALLET_SERVICE, "POST", path, body, brand_id=bet["brand_id"])
    facts = {"stake": stake_of(bet), "funding": bet["funding"], "payout": payout}
    return Planned((effect,), facts)


COMMAND = Command(
    "bets-settle",
    Params,
    plan,
    undo="rubyops bets rollback",
)
