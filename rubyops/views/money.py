"""The freeze in force, its owners, and the causes of a delayed freeze or thaw."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from rubyops.model.freeze import FreezeLayer, FreezeTruth
from rubyops.model.status import Status
from rubyops.ports import Read
from rubyops.readings.freeze import truth, whose
from rubyops.views.view import ISO_TIME, Item
from wallet_runtime.contract.freeze import OPEN


@dataclass(frozen=True)
class LayerFacts:
    """One layer of the freeze. `taken_over_by` is the run that took the layer over."""

    run: str
    owner: str
    level: str
    reason: str
    by: str
    since: datetime = field(metadata=ISO_TIME)
    taken_over_by: str | None


@dataclass(frozen=True)
class MoneyFacts:
    """The freeze, as the details of an item.

    `in_force` is a level, or `freezing`, `thawing` or `unknown`. Without an answer from `control`,
    `wanted` is None and `epoch` is -1. `confirmed` of `counted` copies obey the level.
    """

    in_force: str
    wanted: str | None
    epoch: int
    confirmed: int
    counted: int
    layers: tuple[LayerFacts, ...]
    held_up_by: tuple[str, ...]


@dataclass(frozen=True)
class MoneyView:
    """The freeze in words: a `sentence`, and a line for each layer and each cause of a delay."""

    sentence: str
    layers: tuple[str, ...]
    held_up_by: tuple[str, ...]
    is_open: bool
    is_in_force: bool
    facts: MoneyFacts

    @property
    def lines(self) -> Iterator[str]:
        """All lines for a person."""
        yield f"Money is {self.sentence}"
        for layer in self.layers:
            yield f"  {layer}"
        for cause in self.held_up_by:
            yield f"  held up by {cause}"

    @property
    def tone(self) -> Status:
        """The status whose colour the lines get. A freeze gets the colour of a warning."""
        return "ok" if self.is_open else "inconclusive"

    @property
    def item(self) -> Item[MoneyFacts]:
        """The freeze as an item of a larger view. It fails while no level is in force."""
        status: Status = "ok" if self.is_in_force else "failed"
        return Item("freeze", "money", status, "; ".join(self.lines), self.facts)


def read_money(read: Read) -> MoneyView:
    """Read the freeze. Never raises a `RubyopsError`."""
    return money_of(truth(read))


def money_of(found: FreezeTruth) -> MoneyView:
    """Return the view of a freeze that the caller has read."""
    verdict = found.verdict
    facts = MoneyFacts(
        verdict.word,
        verdict.wanted,
        verdict.epoch,
        verdict.confirmed,
        verdict.counted,
        tuple(_layer(layer) for layer in found.layers),
        found.held_up_by,
    )
    return MoneyView(
        verdict.sentence,
        tuple(whose(layer) for layer in found.layers),
        found.held_up_by,
        is_open=verdict.word == OPEN,
        is_in_force=verdict.in_force,
        facts=facts,
    )


def _layer(layer: FreezeLayer) -> LayerFacts:
    return LayerFacts(
        layer.run_id,
        layer.owner,
        layer.level,
        layer.reason,
        layer.set_by,
        layer.set_at,
        layer.taken_over_by,
    )
