"""FLOW-8: points are credited and become money in every bucket that the policy offers.

Each transfer of points starts a rolling.
"""

from commands.flows._script import Script, begin
from commands.flows.money import target_turnover
from rubyops.ports import Actor, Row

PACKS = 150  # for each target; a pack is the number of points that the rate gives an amount for
ROLLING_FIELDS = ("bucket_type_code", "reason", "state", "amount", "target_turnover", "turnover")


def to_every_target(actor: Actor) -> dict[str, object]:
    """Play FLOW-8 on one player, who transfers all awarded points."""
    script = begin("FLOW-8", actor)
    documents = script.active_documents()
    targets = _targets(script, documents)
    points = {bucket: PACKS * int(rate.get("per_points", 1)) for bucket, rate in targets.items()}
    values = {bucket: _value(script, rate) for bucket, rate in targets.items()}
    _award(script, sum(points.values()))
    for bucket, value in values.items():
        rolling_id = _transfer(script, bucket, points[bucket], value)
        _owes(script, rolling_id, bucket, value, documents["policy"]["rolling"]["points"])
    held = {script.account(bucket): value for bucket, value in values.items()}
    what = "what the player holds at the end: no points, and their value"
    script.expect(what, script.holdings(), held)
    script.tips_agree()
    return {"player_id": script.player.player_id, "targets": held}


def _value(script: Script, rate: Row) -> int:
    """Return the worth of all packs at this rate, in minor units."""
    return PACKS * int(rate["minor_units_per_point"][script.player.currency])


def _targets(script: Script, documents: Row) -> dict[str, Row]:
    """Return the rate of each bucket that the policy offers as a target, by bucket."""
    offered = documents["policy"]["points_targets"]
    rates = {rate["bucket"]: rate for rate in documents["topology"]["points_targets"]}
    targets = {bucket: rate for bucket, rate in rates.items() if bucket in offered}
    what = "targets that the policy offers and the topology has a rate for"
    script.expect(what, sorted(targets), sorted(offered))
    script.expect("whether any target is offered", bool(targets), True)
    return targets


def _award(script: Script, points: int) -> None:
    body = {
        "player_id": script.player.player_id,
        "points": str(points),
        "reference": script.actor.derived_id(script.key("FLOW-8")),
    }
    answer = script.as_admin("/api/v1/points/award", body, key="award")
    award = script.accepted(f"an award of {points} points", answer)
    held = script.field("the award", award, "held")
    script.expect("points held after the award", held, str(points))


def _transfer(script: Script, bucket: str, points: int, value: int) -> str:
    """Convert points to money in a bucket. Return the id of the new rolling."""
    path = "/api/v1/player/wallet/points/transfer"
    body = {"points": str(points), "target": bucket}
    answer = script.as_player(path, body, key=f"to-{bucket}")
    transfer = script.accepted(f"{points} points to {bucket}", answer)
    amount = script.minor(script.field("the transfer", transfer, "amount"))
    script.expect(f"what {points} points are worth in {bucket}", amount, value)
    _expect_row(script, bucket, value)
    rolling_id = script.field("the transfer", transfer, "rolling_id")
    script.expect(f"a rolling of the transfer to {bucket}", bool(rolling_id), True)
    return str(rolling_id)


def _expect_row(script: Script, bucket: str, value: int) -> None:
    moved = [row["delta"] for row in script.ledger() if row["account"] == script.account(bucket)]
    script.expect(f"ledger rows of {bucket}", moved, [value])


def _owes(script: Script, rolling_id: str, bucket: str, value: int, multiples: Row) -> None:
    script.wait_until(
        f"rolling_service has the rolling of the transfer to {bucket}",
        lambda: rolling_id in script.rollings(),
    )
    rolling: Row = script.rollings()[rolling_id]
    target = target_turnover(script, value, multiples.get(bucket, "0"))
    found = tuple(rolling[name] for name in ROLLING_FIELDS)
    expected = (bucket, "points", "ACTIVE", value, target, 0)
    script.expect(f"the rolling of the transfer to {bucket}", found, expected)
