"""A step that could not look is inconclusive in the journal, and a resume looks anew."""

from rubyops.engine.effect_data import to_data
from rubyops.engine.history import StepRecord
from rubyops.engine.report import status_of
from rubyops.errors import CheckFailed, Inconclusive
from rubyops.model.effect import RunFlow


def test_undecided_is_inconclusive_and_a_failed_check_is_failed() -> None:
    assert status_of(Inconclusive("nothing to look at")) == "inconclusive"
    assert status_of(CheckFailed("a breach")) == "failed"


def test_an_inconclusive_effect_is_planned_afresh() -> None:
    effects = [to_data(RunFlow("GATE-4"))]
    record = StepRecord(effects=effects, intents={1}, outcomes={1: "inconclusive"}, last=1)
    assert record.remaining() is None
