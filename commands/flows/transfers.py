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
INHERITED_FIELDS = ("bucket_type_code", "reason", "state", "amount", "required_turnover")


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
        _expect_noop(script, alias, bucket)
    _expect_only_the_deposit(script, bucket)
    return {"player_id": script.player.player_id, "bucket": bucket, "aliases": list(ALIASES)}


def _expect_only_the_deposit(script: Script, bucket: str) -> None:
    account, deposit = script.account(bucket), script.minor(DEPOSIT)
    moved = [(row["account"], row["delta"]) for row in script.ledger() if row["account"] == account]
    script.expect(f"ledger rows of {bucket}", moved, [(account, deposit)])
    script.wait_until("the deposit's rolling exists", lambda: bool(script.rollings()))
    reasons = [rolling["reason"] for rolling in script.rollings().values()]
    script.expect("rollings of the player", reasons, ["deposit"])
    script.expect_holdings({account: deposit})
    script.tips_agree()


def _expect_noop(script: Script, alias: str, bucket: str) -> None:
    what, answer = f"the answer of {alias}", _by_alias(script, alias, PART)
    names = ("state", "from_bucket", "to_bucket", "amount")
    found = tuple(script.field(what, answer, name) for name in names)
    script.expect(what, found, ("NOOP", bucket, bucket, "0.00"))


def _inherits(script: Script, provider: str, other: str, alias: str) -> dict[str, object]:
    source, target = script.normal(provider), script.normal(other)
    script.deposit(DEPOSIT, key="deposit", bucket=source)
    bet = script.bet(provider, STAKE, key="before")
    script.settle(bet, PAYOUT, key="before")
    inherited = _move_part(script, source, target)
    _took_its_part(script, inherited, target)
    _bet_there(script, other, inherited)
    _move_rest(script, alias, target)
    gained = script.minor(THERE_PAYOUT) - script.minor(THERE)
    script.expect_holdings({script.account(target): _held_before(script) + gained})
    script.tips_agree()
    required = script.rollings()[inherited]["required_turnover"]
    ends = {"player_id": script.player.player_id, "from": source, "to": target}
    return {**ends, "inherited": required}


def _held_before(script: Script) -> int:
    """Return the balance of the source after its bet, before the transfers."""
    return script.minor(DEPOSIT) - script.minor(STAKE) + script.minor(PAYOUT)


def _bet_there(script: Script, provider: str, inherited: str) -> None:
    """Place a bet that the target bucket must pay for, and that the inherited rolling counts."""
    account, stake = script.account(script.normal(provider)), script.minor(THERE)
    bet = script.bet(provider, THERE, key="there")
    script.expect(f"the funding of a bet at {provider}", bet.funding, {account: stake})
    script.settle(bet, THERE_PAYOUT, key="there")
    script.wait_until(
        f"the inherited rolling counts a bet at {provider}",
        lambda: script.rollings()[inherited]["turnover"] == stake,
    )


def _move_rest(script: Script, alias: str, target: str) -> None:
    """Transfer the rest of the source by the alias. The deposit's rolling must follow."""
    rest = _held_before(script) - script.minor(PART)
    _by_alias(script, alias, script.major(rest))
    script.wait_until(
        f"the deposit's rolling goes to {target} with the rest",
        lambda: _of_deposit(script)["bucket_type_code"] == target,
    )


def _move_part(script: Script, source: str, target: str) -> str:
    """Transfer PART between two buckets. Return the id of the rolling that the target inherits."""
    body = {"from_bucket": source, "to_bucket": target, **script.money(PART)}
    answer = script.as_player("/api/v1/player/wallet/transfer", body, key="part")
    transfer = script.accepted(f"a transfer of {PART}", answer)
    rule = script.field("the transfer", transfer, "rolling")
    script.expect("what the edge does with rollings", rule, "inherit")
    rollings = script.field("the transfer", transfer, "rollings")
    script.expect("rollings that go with the transfer", len(rollings), 1)
    _expect_legs(script, source, target)
    return str(rollings[0])


def _expect_legs(script: Script, source: str, target: str) -> None:
    part = script.minor(PART)
    legs = {(script.account(source), -part), (script.account(target), part)}
    moved = {(row["account"], row["delta"]) for row in script.ledger()}
    script.expect("ledger rows of the transfer", legs & moved, legs)


def _took_its_part(script: Script, inherited: str, target: str) -> None:
    """Raise `CheckFailed` unless the open turnover is divided in proportion to the money.

    The inherited rolling gets the part of the transferred money, and the deposit's rolling keeps
    the rest. Both are rounded up to whole minor units.
    """
    script.wait_until(
        f"rolling_service has the rolling inherited by {target}",
        lambda: inherited in script.rollings(),
    )
    known, old, part = script.rollings()[inherited], _of_deposit(script), script.minor(PART)
    asked = part_of_brand(script, old["required_turnover"])
    leaves, rest = divmod((asked - script.minor(STAKE)) * part, _held_before(script))
    left = asked - leaves
    script.expect("what the deposit's rolling asks for then", old["target_turnover"], left)
    found = tuple(known[name] for name in INHERITED_FIELDS)
    expected = (target, "transfer", "ACTIVE", part, leaves + (rest > 0))
    script.expect("the inherited rolling", found, expected)


def _by_alias(script: Script, alias: str, amount: str) -> Mapping[str, Any]:
    path = f"/api/v1/player/wallet/{alias}"
    answer = script.as_player(path, script.money(amount), key=alias)
    return script.accepted(f"{amount} by {alias}", answer)


def _of_deposit(script: Script) -> Row:
    """Return the rolling of the flow's one deposit, in whichever bucket it is now."""
    found = [rolling for rolling in script.rollings().values() if rolling["reason"] == "deposit"]
    script.expect("rollings of the deposit", len(found), 1)
    return found[0]
