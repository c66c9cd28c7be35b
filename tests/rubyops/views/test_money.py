"""The money line: the level in force, the owners of the freezes, and the cause of a delay."""

from datetime import UTC, datetime

import pytest

from rubyops.model.freeze import FreezeLayer, FreezeTruth
from rubyops.testing.reading import StillRead
from rubyops.views.money import money_of, read_money
from rubyops.views.view import plain
from wallet_runtime.contract.freeze import Verdict

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
LAYER = FreezeLayer("r-1", "person:ann", "ingress", "fraud", "ann", NOON, 90, None)
FROZEN = Verdict("ingress", "ingress", 7, confirmed=8, counted=8)
FREEZING = Verdict("freezing", "sealed", 8, ("gateway copy 1 is late",), 7, 8)


def test_a_freeze_is_said_with_its_layers_and_causes() -> None:
    view = money_of(FreezeTruth(FREEZING, (LAYER,), ("pid 5", "gateway copy 1 is late")))
    assert list(view.lines) == [
        "Money is FREEZING (sealed)",
        "  ingress since 12:00:00 UTC (1 min) by ann: fraud (run r-1)",
        "  held up by pid 5",
        "  held up by gateway copy 1 is late",
    ]
    assert view.item.summary == "; ".join(view.lines)


@pytest.mark.parametrize(
    ("verdict", "tone", "status"),
    [
        (Verdict("open", "open", 0), "ok", "ok"),
        (FROZEN, "inconclusive", "ok"),
        (FREEZING, "inconclusive", "failed"),
        (Verdict("unknown", None, -1), "inconclusive", "failed"),
    ],
)
def test_a_freeze_in_force_is_a_warning_and_one_to_come_a_failure(
    verdict: Verdict, tone: str, status: str
) -> None:
    view = money_of(FreezeTruth(verdict))
    assert (view.tone, view.item.status) == (tone, status)


def test_a_program_reads_the_released_keys() -> None:
    assert plain(money_of(FreezeTruth(FROZEN, (LAYER,))).facts) == {
        "in_force": "ingress",
        "wanted": "ingress",
        "epoch": 7,
        "confirmed": 8,
        "counted": 8,
        "layers": [
            {
                "run": "r-1",
                "owner": "person:ann",
                "level": "ingress",
                "reason": "fraud",
                "by": "ann",
                "since": "2026-12-01T12:00:00+00:00",
                "taken_over_by": None,
            }
        ],
        "held_up_by": [],
    }


def test_money_that_nobody_can_tell_of_is_unknown() -> None:
    view = read_money(StillRead())
    assert (view.sentence, view.facts.wanted, view.facts.epoch) == ("UNKNOWN", None, -1)
