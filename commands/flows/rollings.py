"""FLOW-1, FLOW-2, FLOW-3: a normal deposit, bets, settlements, rolling, and a withdrawal."""

from commands.flows._script import NORMAL_BUCKETS, WITHDRAWABLE, Script, begin
from commands.flows.money import first_rolling, pay_out, roll_over, to_cash
from rubyops.ports import Actor

AMOUNT = "20.00"
BESIDE = "5.00"


def sports(actor: Actor) -> dict[str, object]:
    """FLOW-1: sports normal deposit, sports bet, settlement, rolling, withdrawable."""
    return _whole_way("FLOW-1", actor, "mocksports")


def live(actor: Actor) -> dict[str, object]:
    """FLOW-2: casino normal deposit, live bet, settlement, rolling, withdrawable."""
    return _whole_way("FLOW-2", actor, "mocklive")


def slots(actor: Actor) -> dict[str, object]:
    """FLOW-3: casino normal deposit, slots bet, settlement, rolling, withdrawable."""
    return _whole_way("FLOW-3", actor, "mockslots")


def _whole_way(title: str, actor: Actor, provider: str) -> dict[str, object]:
    script = begin(title, actor)
    beside = _hold_beside(script, script.normal(provider))
    bets = roll_over(script, provider, AMOUNT, key="way")
    bucket = script.account(script.normal(provider))
    _expect_release(script, bucket)
    for other in beside:
        what = f"the turnover that bets paid by {bucket} count for {other}"
        script.expect(what, first_rolling(script, other)["turnover"], 0)
    to_cash(script, AMOUNT)
    pay_out(script, AMOUNT)
    script.expect_holdings({script.account(other): script.minor(BESIDE) for other in beside})
    script.tips_agree()
    facts = {"bucket": bucket, "bets": bets, "withdrawn": AMOUNT}
    return {"player_id": script.player.player_id, **facts}


def _expect_release(script: Script, bucket: str) -> None:
    amount = script.minor(AMOUNT)
    rows = [(row["account"], row["delta"]) for row in script.ledger()]
    legs = ((bucket, -amount), (script.account(WITHDRAWABLE), amount))
    released = all(leg in rows for leg in legs)
    script.expect(f"the release of {bucket} in the ledger", released, True)


def _hold_beside(script: Script, bucket: str) -> list[str]:
    """Deposit into every other normal bucket, and return these buckets.

    The flow then checks that bets do not touch the money for other games.
    """
    others = sorted(set(NORMAL_BUCKETS[script.topology].values()) - {bucket})
    for other in others:
        script.deposit(BESIDE, key=f"beside-{other}", bucket=other)
    return others
