"""FLOW-4: a sports and a casino bonus are active at once.

Each bonus pays for bets at its own games. The winnings return to it, and it has its own rolling.
"""

from collections import Counter
from itertools import chain

from commands.flows._script import BONUS_BUCKETS, Script, begin
from commands.flows.money import target_turnover
from rubyops.ports import Actor, Row
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
    for provider in chain.from_iterable(SIDES.values()):
        _play(script, provider)
    _owe(script, rollings)
    script.expect_holdings(_held(script))
    script.tips_agree()
    return {"player_id": script.player.player_id, "rollings": rollings}


def _held(script: Script) -> dict[str, int]:
    """Return minor units per account after all bets."""
    held, gain = Counter[str](), script.minor(PAYOUT) - script.minor(STAKE)
    for providers in SIDES.values():
        held[_account(script, providers[0])] += script.minor(AMOUNT) + len(providers) * gain
    return dict(held)


def _issue(script: Script, side: str, provider: str) -> str:
    """Issue the bonus of one side through the back office. Return the id of its rolling."""
    body = {
        "player_id": script.player.player_id,
        "bucket": _bucket(script, provider),
        **script.money(AMOUNT),
        "reference": script.actor.derived_id(script.key(f"{side}-bonus")),
    }
    answer = script.as_admin("/api/v1/bonuses/issue", body, key=f"issue-{side}")
    bonus = script.accepted(f"a {side} bonus of {AMOUNT}", answer)
    rolling_id = script.field(f"the {side} bonus", bonus, "rolling_id")
    script.expect(f"a rolling of the {side} bonus", bool(rolling_id), True)
    return str(rolling_id)


def _play(script: Script, provider: str) -> None:
    account, bet = _account(script, provider), script.bet(provider, STAKE, key=provider)
    what = f"the funding of a bet at {provider}"
    script.expect(what, bet.funding, {account: script.minor(STAKE)})
    script.settle(bet, PAYOUT, key=provider)
    what = f"where the winnings at {provider} went"
    script.expect_paid(what, bet, {account: script.minor(PAYOUT)})


def _owe(script: Script, rollings: dict[str, str]) -> None:
    """Raise `CheckFailed` unless both rollings are active and count the bets of their buckets.

    If both bonuses share a bucket, the older rolling counts all of its bets.
    """
    counted = _counted(script)
    script.wait_until(
        f"the rollings of both bonuses exist and count {counted}",
        lambda: all(
            script.rollings().get(rollings[side], {}).get("turnover", -1) >= counted[side]
            for side in SIDES
        ),
    )
    known = script.rollings()
    for side, rolling_id in rollings.items():
        _expect_rolling(script, side, known[rolling_id], counted[side])


def _counted(script: Script) -> dict[str, int]:
    """Return the turnover that the rolling of each side counts."""
    stake = script.minor(STAKE)
    counted = {side: len(providers) * stake for side, providers in SIDES.items()}
    if _account(script, "mocksports") == _account(script, "mocklive"):
        return {"sports": sum(counted.values()), "casino": 0}
    return counted


def _expect_rolling(script: Script, side: str, rolling: Row, counted: int) -> None:
    bucket, amount = _bucket(script, SIDES[side][0]), script.minor(AMOUNT)
    multiple = script.active_documents()["policy"]["rolling"]["bonus"][bucket]
    expected = {
        "bucket_type_code": bucket,
        "state": "ACTIVE",
        "amount": amount,
        "turnover": counted,
        "target_turnover": target_turnover(script, amount, multiple),
    }
    found = {name: rolling[name] for name in expected}
    script.expect(f"the rolling of the {side} bonus", found, expected)


def _bucket(script: Script, provider: str) -> str:
    return BONUS_BUCKETS[script.topology][PROVIDERS[provider]]


def _account(script: Script, provider: str) -> str:
    return script.account(_bucket(script, provider))
