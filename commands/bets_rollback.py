"""Roll one accepted bet back as the operator: the stake returns to where it came from.

When: an open bet blocks a rollback, and the provider has no result for it.
Blast radius: that bet's player. Undo: none; the player must place a new bet at the provider.
"""

from dataclasses import dataclass

from commands._bets import close_body, closed_otherwise, stake_of, stored_bet
from rubyops.effects.service_call import CallService
from rubyops.model.step import Command, NoOp, Planned
from rubyops.ports import Read
from wallet_runtime.contract.processes import WALLET_SERVICE


@dataclass(frozen=True)
class Params:
    """The authorization id of the bet."""

    authorization: str


def plan(params: Params, read: Read) -> Planned | NoOp:
    """Plan to roll the bet back, or do nothing when it is rolled back already.

    Refuses a settled bet, because its winnings may be spent.
    """
    bet = stored_bet(read, params.authorization)
    if bet["state"] in ("ROLLED_BACK", "TOMBSTONE"):
        return NoOp(f"bet {bet['bet_id']} is rolled back already")
    if bet["state"] != "AUTHORIZED":
        raise closed_otherwise(bet, "rolled back")
    path, brand = "/internal/wallet/v2/bets/rollback", bet["brand_id"]
    effect = CallService(WALLET_SERVICE, "POST", path, close_body(bet), brand_id=brand)
    return Planned((effect,), {"stake": stake_of(bet), "returns to": bet["funding"]})


COMMAND = Command("bets-rollback", Params, plan)
