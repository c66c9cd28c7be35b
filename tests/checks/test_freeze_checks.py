"""A freeze is in force only if the fence row and every copy confirm it."""

from typing import Any

import pytest

from checks.platform import (
    freeze_acknowledged,
)
from tests.checks.healthy import (
    beats,
    healthy,
    with_copy,
    with_fact,
)


def fence(level: str, epoch: int, settled: int) -> dict[str, Any]:
    row = {"freeze_level": level, "freeze_epoch": epoch, "settled_epoch": settled}
    return with_fact("facts_gate", row)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"facts": beats("gateway", acknowledged_epoch=3)}, "gateway copy 1 acknowledged epoch 3"),
        (
            {"facts": beats("gateway", acknowledged_epoch=3, heartbeat_age_ms=7_000)},
            "has not answered for 7 s",
        ),
        ({"facts": fence("open", 3, 3)}, "the fence row says open at epoch 3"),
        ({"facts": fence("ingress", 4, 3)}, "of before the freeze may still be under way"),
    ],
)
def test_a_freeze_that_is_not_confirmed_by_all_is_not_in_force(
    changes: dict[str, Any], words: str
) -> None:
    finding = freeze_acknowledged.run(healthy(**changes))
    assert finding.status == "failed"
    assert finding.summary.startswith("FREEZING (ingress) at epoch 4: ")
    assert words in finding.summary


def test_a_ninth_copy_that_no_driver_knows_counts_while_it_reports() -> None:
    rows = healthy().facts["facts_service_copies"]
    ninth = {**rows[0], "copy": 2, "acknowledged_epoch": 3}
    finding = freeze_acknowledged.run(
        healthy(facts=with_fact("facts_service_copies", *rows, ninth))
    )
    assert "copy 2 acknowledged epoch 3" in finding.summary
    gone = {**ninth, "ended": True}
    assert freeze_acknowledged.run(healthy(facts=with_fact("facts_service_copies", *rows, gone))).ok


def test_a_copy_that_the_driver_stopped_is_not_waited_for() -> None:
    late = beats("gateway", acknowledged_epoch=3, heartbeat_age_ms=7_000)
    assert freeze_acknowledged.run(healthy(kept=with_copy("gateway", "stopped"), facts=late)).ok


def test_nobody_to_ask_is_never_a_freeze() -> None:
    nobody = healthy(kept=[], facts=with_fact("facts_service_copies"))
    assert "no copy of any process has reported" in freeze_acknowledged.run(nobody).summary


def test_whoever_holds_the_fence_row_is_named_with_the_line_that_ends_it() -> None:
    holder = {
        "pid": 77,
        "application": "psql",
        "role": "ann",
        "state": "idle in transaction",
        "query": "SELECT 1",
        "age_seconds": 9.0,
    }
    facts = {**fence("open", 3, 3), "facts_lock_holders": [holder]}
    summary = freeze_acknowledged.run(healthy(facts=facts)).summary
    assert (
        "session 77 of psql (ann), in a transaction for 9.0 s, idle in transaction: SELECT 1"
        in summary
    )
    assert "rubyops sessions end 77" in summary
