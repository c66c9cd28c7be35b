"""The line about the money on every screen: one wording of the truth that the toolkit found (K2)."""

from collections.abc import Iterator
from typing import Any

from rubyops.model.freeze import FreezeTruth
from wallet_runtime.contract import OPEN


def money_lines(found: FreezeTruth, whose: list[str]) -> Iterator[str]:
    """Say what is in force, whose freezes these are, and what holds a change up."""
    verdict = found.verdict
    yield f"Money is {verdict.sentence}"
    for layer in whose:
        yield f"  {layer}"
    for cause in found.held_up_by:
        yield f"  held up by {cause}"


def money_status(found: FreezeTruth) -> str:
    """Return the status that colours it: `ok` when open, a warning otherwise."""
    return "ok" if found.verdict.word == OPEN else "inconclusive"


def as_data(found: FreezeTruth) -> dict[str, Any]:
    """Write the truth for a program."""
    verdict = found.verdict
    layers = [
        {
            "run": layer.run_id,
            "owner": layer.owner,
            "level": layer.level,
            "reason": layer.reason,
            "by": layer.set_by,
            "since": layer.set_at.isoformat(),
            "taken_over_by": layer.taken_over_by,
        }
        for layer in found.layers
    ]
    return {
        "in_force": verdict.word,
        "wanted": verdict.wanted,
        "epoch": verdict.epoch,
        "confirmed": verdict.confirmed,
        "counted": verdict.counted,
        "layers": layers,
        "held_up_by": list(found.held_up_by),
    }
