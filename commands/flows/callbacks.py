"""STG-7: the policy and the player decide which money pays for a bet.

A callback that names sources is refused and moves nothing.
"""

from commands.flows._script import WITHDRAWABLE, Script, begin
from rubyops.ports import Actor, HttpAnswer

PROVIDER = "mocksports"
AMOUNT = "10.00"
STAKE = "2.00"
INVALID = "INVALID"


def cannot_override(actor: Actor) -> dict[str, object]:
    """Name sources, buckets and policy in every callback.

    Each is a 422 that names the field, and the bet stays as it was.
    """
    script = begin("STG-7", actor)
    script.deposit(AMOUNT, key="deposit", bucket=script.normal(PROVIDER))
    named = _named(script)
    for field, value in named.items():
        _refused(
            script,
            f"a bet that names {field}",
            field,
            script.authorize(PROVIDER, STAKE, key=f"authorize-{field}", **{field: value}),
        )
    bet = script.bet(PROVIDER, STAKE, key="plain")
    script.expect("the funding breakdown", bet.funding, {_normal(script): script.minor(STAKE)})
    for command, more in (("settle", {"payout": STAKE}), ("rollback", {})):
        for field, value in named.items():
            body = {
                "player_id": script.player.player_id,
                "bet_id": bet.bet_id,
                "round_id": bet.round_id,
                **more,
                field: value,
            }
            answer = actor.as_provider(
                PROVIDER,
                script.player,
                f"/v2/bets/{command}",
                body,
                key=script.key(f"{command}-{field}"),
            )
            _refused(script, f"a {command} that names {field}", field, answer)
    script.rollback(bet, key="plain")
    stake, moved = (
        script.minor(STAKE),
        [row["delta"] for row in script.ledger() if row["account"] == _normal(script)],
    )
    script.expect(f"ledger rows of {_normal(script)}", moved, [script.minor(AMOUNT), -stake, stake])
    script.expect(
        "what the player holds at the end",
        script.holdings(),
        {_normal(script): script.minor(AMOUNT)},
    )
    script.tips_agree()
    return {"player_id": script.player.player_id, "fields": list(named)}


def _named(script: Script) -> dict[str, object]:
    """Say in every way that one could try that something else should pay."""
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
