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
    script.expect_paid("what the rollback returned, against the stored funding", bet, bet.funding)
    part = script.minor(PART)
    expected = {script.account(script.normal(PROVIDER)): part, script.account(WITHDRAWABLE): part}
    script.expect("what the player holds afterwards", script.holdings(), expected)
    script.tips_agree()
    return {"player_id": script.player.player_id, "funding": bet.funding}


def bet_from_two_sources(script: Script, stake: str) -> Bet:
    """Place a bet that normal money pays first, and withdrawable money for the rest.

    Each of the two sources alone is too small for the stake.
    """
    roll_over(script, PROVIDER, PART, key="earn")
    bucket, part = script.normal(PROVIDER), script.minor(PART)
    script.deposit(PART, key="second-deposit", bucket=bucket)
    bet = script.bet(PROVIDER, stake, key="two")
    rest = script.minor(stake) - part
    expected = {script.account(bucket): part, script.account(WITHDRAWABLE): rest}
    script.expect("the funding breakdown", bet.funding, expected)
    script.expect_taken("what the bet took, against its funding", bet)
    return bet
