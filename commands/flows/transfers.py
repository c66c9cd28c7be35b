"""FLOW-9, FLOW-10: a transfer between sports and casino moves a part of the open turnover with it.

FLOW-11: the legacy aliases of the transfer route move nothing when both sides are one bucket.
"""

from collections.abc import Mapping
from typing import Any

from commands.flows._script import Script, begin
from commands.flows.money import part_of_brand
from rubyops.ports import Actor, Row

ALIASES = ("sports-to-casino", "casino-to-sports")
DEPOSIT = "9.00"
STAKE = "3.00"
PAYOUT = "4.00"
# The bucket holds 10.00 at this point. A third of it gives a part of the turnover that is no whole
# number of minor units, so the flow also checks the rounding.
PART = "3.33"
THERE = "1.00"
THERE_PAYOUT = "1.50"


def sports_to_casino(actor: Actor) -> dict[str, object]:
    """FLOW-9: sports -> casino normal, rolling inherited."""
    return _inherits(begin("FLOW-9", actor), "mocksports", "mocklive", "sports-to-casino")


def casino_to_sports(actor: Actor) -> dict[str, object]:
    """FLOW-10: casino -> sports normal, rolling inherited."""
    return _inherits(begin("FLOW-10", actor), "mocklive", "mocksports", "casino-to-sports")


def aliases_move_nothing(actor: Actor) -> dict[str, object]:
    """FLOW-11: when sports and casino share a bucket, the legacy aliases answer with a no-op."""
    script = begin("FLOW-11", actor)
    bucket = script.normal("mocksports")
    script.deposit(DEPOSIT, key="deposit", bucket=bucket)
    for alias in ALIASES:
        answer = _by_alias(script, alias, PART)
        found = tuple(
            script.field(f"the answer of {alias}", answer, name)
            for name in ("state", "from_bucket", "to_bucket", "amount")
        )
        script.expect(f"the answer of {alias}", found, ("NOOP", bucket, bucket, "0.00"))
    moved = [
        (row["account"], row["delta"])
        for row in script.ledger()
        if row["account"] == script.account(bucket)
    ]
    script.expect(
        f"ledger rows of {bucket}", moved, [(script.account(bucket), script.minor(DEPOSIT))]
    )
    script.wait_until("the deposit's rolling exists", lambda: bool(script.rollings()))
    script.expect(
        "rollings of the player",
        [rolling["reason"] for rolling in script.rollings().values()],
        ["deposit"],
    )
    script.expect_holdings({script.account(bucket): script.minor(DEPOSIT)})
    script.tips_agree()
    return {"player_id": script.player.player_id, "bucket": bucket, "aliases": list(ALIASES)}


def _inherits(script: Script, provider: str, other: str, alias: str) -> dict[str, object]:
    source, target = script.normal(provider), script.normal(other)
    script.deposit(DEPOSIT, key="deposit", bucket=source)
    bet = script.bet(provider, STAKE, key="before")
    script.settle(bet, PAYOUT, key="before")
    inherited = _move_part(script, source, target)
    _took_its_part(script, inherited, target)
    there = script.bet(other, THERE, key="there")
    script.expect(
        f"the funding of a bet at {other}",
        there.funding,
        {script.account(target): script.minor(THERE)},
    )
    script.settle(there, THERE_PAYOUT, key="there")
    script.wait_until(
        f"the inherited rolling counts a bet at {other}",
        lambda: script.rollings()[inherited]["turnover"] == script.minor(THERE),
    )
    rest = script.minor(DEPOSIT) - script.minor(STAKE) + script.minor(PAYOUT) - script.minor(PART)
    _by_alias(script, alias, script.major(rest))
    script.wait_until(
        f"the deposit's rolling goes to {target} with the rest",
        lambda: _of_deposit(script)["bucket_type_code"] == target,
    )
    gained = script.minor(THERE_PAYOUT) - script.minor(THERE)
    script.expect_holdings({script.account(target): rest + script.minor(PART) + gained})
    script.tips_agree()
    return {
        "player_id": script.player.player_id,
        "from": source,
        "to": target,
        "inherited": script.rollings()[inherited]["required_turnover"],
    }


def _move_part(script: Script, source: str, target: str) -> str:
    """Transfer PART between two buckets. Return the id of the rolling that the target inherits."""
    body = {
        "from_bucket": source,
        "to_bucket": target,
        "amount": PART,
        "currency": script.player.currency,
    }
    path = "/api/v1/player/wallet/transfer"
    answer = script.accepted(
        f"a transfer of {PART}",
        script.actor.as_player(script.player, "POST", path, body, key=script.key("part")),
    )
    script.expect(
        "what the edge does with rollings",
        script.field("the transfer", answer, "rolling"),
        "inherit",
    )
    rollings = script.field("the transfer", answer, "rollings")
    script.expect("rollings that go with the transfer", len(rollings), 1)
    moved = {(row["account"], row["delta"]) for row in script.ledger()}
    legs = {
        (script.account(source), -script.minor(PART)),
        (script.account(target), script.minor(PART)),
    }
    script.expect("ledger rows of the transfer", legs & moved, legs)
    return str(rollings[0])


def _took_its_part(script: Script, inherited: str, target: str) -> None:
    """Raise `CheckFailed` unless the open turnover is divided in proportion to the money.

    The inherited rolling gets the part of the transferred money, and the deposit's rolling keeps
    the rest. Both are rounded up to whole minor units.
    """
    script.wait_until(
        f"rolling_service has the rolling inherited by {target}",
        lambda: inherited in script.rollings(),
    )
    known, old = script.rollings()[inherited], _of_deposit(script)
    asked = part_of_brand(script, old["required_turnover"])
    held = script.minor(DEPOSIT) - script.minor(STAKE) + script.minor(PAYOUT)
    leaves, rest = divmod((asked - script.minor(STAKE)) * script.minor(PART), held)
    expected = leaves + (rest > 0)
    script.expect(
        "what the deposit's rolling asks for then", old["target_turnover"], asked - leaves
    )
    found = tuple(
        known[name]
        for name in ("bucket_type_code", "reason", "state", "amount", "required_turnover")
    )
    script.expect(
        "the inherited rolling", found, (target, "transfer", "ACTIVE", script.minor(PART), expected)
    )


def _by_alias(script: Script, alias: str, amount: str) -> Mapping[str, Any]:
    body = {"amount": amount, "currency": script.player.currency}
    answer = script.actor.as_player(
        script.player, "POST", f"/api/v1/player/wallet/{alias}", body, key=script.key(alias)
    )
    return script.accepted(f"{amount} by {alias}", answer)


def _of_deposit(script: Script) -> Row:
    """Return the rolling of the flow's one deposit, in whichever bucket it is now."""
    found = [rolling for rolling in script.rollings().values() if rolling["reason"] == "deposit"]
    script.expect("rollings of the deposit", len(found), 1)
    return found[0]
