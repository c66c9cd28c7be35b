"""FLOW-13: the rollback of a bet that two sources paid restores exactly its stored breakdown."""

from commands.flows._script import WITHDRAWABLE, Bet, Script, begin
from commands.flows.money import roll_over
from rubyops.ports import Actor

PROVIDER = "mocksports"
PART = "10.00"
STAKE = "15.00"


def restores_breakdown(actor: Actor) -> dict[str, object]:
    """Play FLOW-13 on one player who holds normal and withdrawable money."""
    script = begin("FLOW-13", actor)
    bet = bet_from_two_sources(script, STAKE)
    script.rollback(bet, key="two")
    script.expect(
        "what the rollback returned, against the stored funding",
        script.legs(bet, "close"),
        bet.funding,
    )
    part = script.minor(PART)
    script.expect(
        "what the player holds afterwards",
        script.holdings(),
        {script.account(script.normal(PROVIDER)): part, script.account(WITHDRAWABLE): part},
    )
    script.tips_agree()
    return {"player_id": script.player.player_id, "funding": bet.funding}


def bet_from_two_sources(script: Script, stake: str) -> Bet:
    """Place a bet that normal money pays first, and withdrawable money for the rest.

    Each of the two sources alone is too small for the stake.
    """
    roll_over(script, PROVIDER, PART, key="earn")
    script.deposit(PART, key="second-deposit", bucket=script.normal(PROVIDER))
    bet = script.bet(PROVIDER, stake, key="two")
    part = script.minor(PART)
    expected = {
        script.account(script.normal(PROVIDER)): part,
        script.account(WITHDRAWABLE): script.minor(stake) - part,
    }
    script.expect("the funding breakdown", bet.funding, expected)
    script.expect(
        "what the bet took, against its funding",
        script.legs(bet, "authorize"),
        {account: -amount for account, amount in bet.funding.items()},
    )
    return bet
