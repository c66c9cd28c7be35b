"""FLOW-8: points are credited and become money in every bucket that the policy offers.

Each transfer of points starts a rolling.
"""

from decimal import ROUND_CEILING, Decimal

from commands.flows._script import Script, begin
from commands.flows.money import part_of_brand
from rubyops.ports import Actor, Row

PACKS = 150  # for each target; a pack is the number of points that the rate gives an amount for


def to_every_target(actor: Actor) -> dict[str, object]:
    """Play FLOW-8 on one player, who transfers all awarded points."""
    script = begin("FLOW-8", actor)
    documents = script.active_documents()
    targets = {
        rate["bucket"]: rate
        for rate in documents["topology"]["points_targets"]
        if rate["bucket"] in documents["policy"]["points_targets"]
    }
    script.expect(
        "targets that the policy offers and the topology has a rate for",
        sorted(targets),
        sorted(documents["policy"]["points_targets"]),
    )
    script.expect("whether any target is offered", bool(targets), True)
    points = {bucket: PACKS * int(rate.get("per_points", 1)) for bucket, rate in targets.items()}
    _award(script, sum(points.values()))
    held = {}
    for bucket, rate in targets.items():
        value = PACKS * int(rate["minor_units_per_point"][script.player.currency])
        rolling_id = _transfer(script, bucket, points[bucket], value)
        _owes(
            script,
            rolling_id,
            bucket,
            value,
            documents["policy"]["rolling"]["points"].get(bucket, "0"),
        )
        held[script.account(bucket)] = value
    script.expect(
        "what the player holds at the end: no points, and their value", script.holdings(), held
    )
    script.tips_agree()
    return {"player_id": script.player.player_id, "targets": held}


def _award(script: Script, points: int) -> None:
    body = {
        "player_id": script.player.player_id,
        "points": str(points),
        "reference": script.actor.derived_id(script.key("FLOW-8")),
    }
    answer = script.actor.as_admin(
        "POST", "/api/v1/points/award", body, key=script.key("award"), player=script.player
    )
    held = script.field(
        "the award", script.accepted(f"an award of {points} points", answer), "held"
    )
    script.expect("points held after the award", held, str(points))


def _transfer(script: Script, bucket: str, points: int, value: int) -> str:
    """Convert points to money in a bucket. Return the id of the new rolling."""
    body = {"points": str(points), "target": bucket}
    path = "/api/v1/player/wallet/points/transfer"
    answer = script.accepted(
        f"{points} points to {bucket}",
        script.actor.as_player(script.player, "POST", path, body, key=script.key(f"to-{bucket}")),
    )
    script.expect(
        f"what {points} points are worth in {bucket}",
        script.minor(script.field("the transfer", answer, "amount")),
        value,
    )
    moved = [row["delta"] for row in script.ledger() if row["account"] == script.account(bucket)]
    script.expect(f"ledger rows of {bucket}", moved, [value])
    rolling_id = script.field("the transfer", answer, "rolling_id")
    script.expect(f"a rolling of the transfer to {bucket}", bool(rolling_id), True)
    return str(rolling_id)


def _owes(script: Script, rolling_id: str, bucket: str, value: int, multiple: str) -> None:
    script.wait_until(
        f"rolling_service has the rolling of the transfer to {bucket}",
        lambda: rolling_id in script.rollings(),
    )
    rolling: Row = script.rollings()[rolling_id]
    required = int((value * Decimal(multiple)).to_integral_value(ROUND_CEILING))
    found = tuple(
        rolling[name]
        for name in ("bucket_type_code", "reason", "state", "amount", "target_turnover", "turnover")
    )
    script.expect(
        f"the rolling of the transfer to {bucket}",
        found,
        (bucket, "points", "ACTIVE", value, part_of_brand(script, required), 0),
    )
