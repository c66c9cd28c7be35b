"""FLOW-1, FLOW-2, FLOW-3: a normal deposit, bets and settlements, rolling, and the money withdrawn."""

from commands.flows._script import WITHDRAWABLE, begin
from commands.flows.money import pay_out, roll_over, to_cash
from rubyops.ports import Actor

AMOUNT = "20.00"


def sports(actor: Actor) -> dict[str, object]:
    """FLOW-1: sports normal deposit, sports bet, settlement, rolling, withdrawable."""
    return _whole_way("FLOW-1", actor, "mocksports")


def live(actor: Actor) -> dict[str, object]:
    """FLOW-2: casino normal deposit, live bet, the same."""
    return _whole_way("FLOW-2", actor, "mocklive")


def slots(actor: Actor) -> dict[str, object]:
    """FLOW-3: slots by the casino policy, the same."""
    return _whole_way("FLOW-3", actor, "mockslots")


def _whole_way(title: str, actor: Actor, provider: str) -> dict[str, object]:
    script = begin(title, actor)
    bets = roll_over(script, provider, AMOUNT, key="way")
    bucket, amount = script.account(script.normal(provider)), script.minor(AMOUNT)
    rows = [(row["account"], row["delta"]) for row in script.ledger()]
    script.expect(
        f"the release of {bucket} in the ledger", (bucket, -amount) in rows and (script.account(WITHDRAWABLE), amount) in rows, True
    )
    to_cash(script, AMOUNT)
    pay_out(script, AMOUNT)
    script.expect("what the player holds at the end", script.holdings(), {})
    script.tips_agree()
    return {"player_id": script.player.player_id, "bucket": bucket, "bets": bets, "withdrawn": AMOUNT}
