"""FLOW-4: a sports and a casino bonus are active at once.

Each bonus pays for bets at its own games. The winnings return to it, and it has its own rolling.
"""

from decimal import ROUND_CEILING, Decimal

from commands.flows._script import BONUS_BUCKETS, Script, begin
from commands.flows.money import part_of_brand
from rubyops.ports import Actor
from wallet_runtime.contract.providers import PROVIDERS

AMOUNT = "10.00"
STAKE = "2.00"
PAYOUT = "3.00"
SIDES = {"sports": ("mocksports",), "casino": ("mocklive", "mockslots")}


def both_active(actor: Actor) -> dict[str, object]:
    """Play FLOW-4 on one player who holds only bonus money.

    In RUBY_UNIFIED_V1, both bonuses are in the same bucket.
    """
    script = begin("FLOW-4", actor)
    rollings = {side: _issue(script, side, providers[0]) for side, providers in SIDES.items()}
    for providers in SIDES.values():
        for provider in providers:
            _play(script, provider)
    _owe(script, rollings)
    held: dict[str, int] = {}
    for side, providers in SIDES.items():
        gained = len(providers) * (script.minor(PAYOUT) - script.minor(STAKE))
        held[_account(script, SIDES[side][0])] = (
            held.get(_account(script, SIDES[side][0]), 0) + script.minor(AMOUNT) + gained
        )
    script.expect_holdings(held)
    script.tips_agree()
    return {"player_id": script.player.player_id, "rollings": rollings}


def _issue(script: Script, side: str, provider: str) -> str:
    """Issue the bonus of one side through the back office. Return the id of its rolling."""
    body = {
        "player_id": script.player.player_id,
        "bucket": BONUS_BUCKETS[script.topology][PROVIDERS[provider]],
        "amount": AMOUNT,
        "currency": script.player.currency,
        "reference": script.actor.derived_id(script.key(f"{side}-bonus")),
    }
    answer = script.actor.as_admin(
        "POST", "/api/v1/bonuses/issue", body, key=script.key(f"issue-{side}"), player=script.player
    )
    rolling_id = script.field(
        f"the {side} bonus", script.accepted(f"a {side} bonus of {AMOUNT}", answer), "rolling_id"
    )
    script.expect(f"a rolling of the {side} bonus", bool(rolling_id), True)
    return str(rolling_id)


def _play(script: Script, provider: str) -> None:
    bet = script.bet(provider, STAKE, key=provider)
    script.expect(
        f"the funding of a bet at {provider}",
        bet.funding,
        {_account(script, provider): script.minor(STAKE)},
    )
    script.settle(bet, PAYOUT, key=provider)
    script.expect(
        f"where the winnings at {provider} went",
        script.legs(bet, "close"),
        {_account(script, provider): script.minor(PAYOUT)},
    )


def _owe(script: Script, rollings: dict[str, str]) -> None:
    """Raise `CheckFailed` unless both rollings are active and count the bets of their buckets.

    If both bonuses share a bucket, the older rolling counts all of its bets.
    """
    stake = script.minor(STAKE)
    counted = {side: len(providers) * stake for side, providers in SIDES.items()}
    if _account(script, "mocksports") == _account(script, "mocklive"):
        counted = {"sports": sum(counted.values()), "casino": 0}
    script.wait_until(
        f"the rollings of both bonuses exist and count {counted}",
        lambda: all(
            script.rollings().get(rollings[side], {}).get("turnover", -1) >= counted[side]
            for side in SIDES
        ),
    )
    known = script.rollings()
    multiples = script.active_documents()["policy"]["rolling"]["bonus"]
    for side, providers in SIDES.items():
        rolling = known[rollings[side]]
        bucket = BONUS_BUCKETS[script.topology][PROVIDERS[providers[0]]]
        owed = script.minor(AMOUNT) * Decimal(multiples[bucket])
        required = int(owed.to_integral_value(ROUND_CEILING))
        expected = {
            "bucket_type_code": bucket,
            "state": "ACTIVE",
            "amount": script.minor(AMOUNT),
            "turnover": counted[side],
            "target_turnover": part_of_brand(script, required),
        }
        found = {name: rolling[name] for name in expected}
        script.expect(f"the rolling of the {side} bonus", found, expected)


def _account(script: Script, provider: str) -> str:
    return script.account(BONUS_BUCKETS[script.topology][PROVIDERS[provider]])
