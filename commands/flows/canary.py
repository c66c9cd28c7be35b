"""The canary (PRD-4d): deposit, bet, settle, withdraw, and balances that agree with the ledger tip.

The flow waits for no event, because a sealed wallet accepts only the canary's own calls. The stake
is less than the turnover that its bucket's rolling needs, so no rolling completes. The withdrawal
is paid from cash.
"""

from commands.flows._script import Script, begin
from commands.flows.money import pay_out
from rubyops.ports import Actor

PROVIDER = "mocksports"
DEPOSIT = "10.00"
STAKE = "2.00"
PAYOUT = "3.00"


def round_trip(actor: Actor) -> dict[str, object]:
    """Play the canary flow on one player."""
    script = begin("canary", actor)
    bucket = script.normal(PROVIDER)
    script.deposit(DEPOSIT, key="to-bucket", bucket=bucket)
    script.deposit(DEPOSIT, key="to-cash")
    bet = script.bet(PROVIDER, STAKE, key="trip")
    script.settle(bet, PAYOUT, key="trip")
    pay_out(script, DEPOSIT)
    script.expect_holdings({script.account(bucket): _left(script)})
    script.tips_agree()
    player = script.player.player_id
    return {"player_id": player, "authorization_id": bet.authorization_id, "withdrawn": DEPOSIT}


def _left(script: Script) -> int:
    return script.minor(DEPOSIT) - script.minor(STAKE) + script.minor(PAYOUT)
