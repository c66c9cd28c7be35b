"""STG-7: the policy and the player decide which money pays for a bet.

A callback that names sources is refused and moves no money.
"""

from commands.flows._script import WITHDRAWABLE, Bet, Script, begin
from rubyops.ports import Actor, HttpAnswer

PROVIDER = "mocksports"
AMOUNT = "10.00"
STAKE = "2.00"
INVALID = "INVALID"


def cannot_override(actor: Actor) -> dict[str, object]:
    """Send every callback with a source, a bucket or a policy.

    Each call must be refused by 422 with the field's name, and the bet must stay as it was.
    """
    script = begin("STG-7", actor)
    script.deposit(AMOUNT, key="deposit", bucket=script.normal(PROVIDER))
    named = _named(script)
    _bets_are_refused(script, named)
    bet = script.bet(PROVIDER, STAKE, key="plain")
    script.expect("the funding breakdown", bet.funding, {_normal(script): script.minor(STAKE)})
    _closes_are_refused(script, bet, named)
    script.rollback(bet, key="plain")
    _expect_only_the_bet(script)
    return {"player_id": script.player.player_id, "fields": list(named)}


def _bets_are_refused(script: Script, named: dict[str, object]) -> None:
    for field, value in named.items():
        answer = script.authorize(PROVIDER, STAKE, key=f"authorize-{field}", **{field: value})
        _refused(script, f"a bet that names {field}", field, answer)


def _closes_are_refused(script: Script, bet: Bet, named: dict[str, object]) -> None:
    for command, more in (("settle", {"payout": STAKE}), ("rollback", {})):
        for field, value in named.items():
            body = {**script.ids_of(bet), **more, field: value}
            key = f"{command}-{field}"
            answer = script.as_provider(PROVIDER, f"/v2/bets/{command}", body, key=key)
            _refused(script, f"a {command} that names {field}", field, answer)


def _expect_only_the_bet(script: Script) -> None:
    """Raise `CheckFailed` unless only the deposit, the bet and its rollback moved money."""
    stake, amount = script.minor(STAKE), script.minor(AMOUNT)
    script.expect_moves(_normal(script), amount, -stake, stake)
    script.expect_holdings({_normal(script): amount})
    script.tips_agree()


def _named(script: Script) -> dict[str, object]:
    """Return, by field, a value that asks for another source than the policy allows."""
    share = {"account": script.account(WITHDRAWABLE), "amount": STAKE}
    return {
        "source": WITHDRAWABLE,
        "sources": [WITHDRAWABLE],
        "bucket": WITHDRAWABLE,
        "buckets": [WITHDRAWABLE],
        "funding": [share],
        "policy": "default",
        "policy_snapshot": {},
    }


def _normal(script: Script) -> str:
    return script.account(script.normal(PROVIDER))


def _refused(script: Script, what: str, field: str, answer: HttpAnswer) -> None:
    script.refused(what, answer, (422,), INVALID)
    message = str(answer.body.get("message"))
    script.expect(f"{what}: the field in the message", f"`{field}`" in message, True)
