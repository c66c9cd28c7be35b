"""On the unified topology all flows pass, and each broken rule makes its own flows fail."""

from collections.abc import Iterator

import pytest

from tests.acceptance.flow_faults import UNIFIED
from tests.acceptance.flow_stage import (
    COUPONS,
    WITH_BETS,
    Fault,
    Stage,
    assert_a_lapse_is_noticed,
    assert_each_is_red_somewhere,
    assert_lost_rows_are_noticed,
    assert_noticed,
    by_process,
    standing,
)
from wallet_runtime.contract.documents import RUBY_UNIFIED_V1

pytestmark = [pytest.mark.slow, pytest.mark.fault]
# Each bucket whose bets lose their ledger rows, and the flows that must then fail.
LOST = (("NORMAL", tuple(name for name in WITH_BETS if name not in ("FLOW-4", *COUPONS))),)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with standing(RUBY_UNIFIED_V1) as made:
        yield made


def test_every_flow_passes_on_a_healthy_platform(stage: Stage) -> None:
    assert stage.red() == {}


@pytest.mark.parametrize("fault", by_process(UNIFIED), ids=lambda fault: fault.rule)
def test_unified_flows_notice_a_broken_rule(stage: Stage, fault: Fault) -> None:
    stage.break_rule(fault.process, fault.rule)
    assert_noticed(stage, fault)


def test_money_whose_rolling_lapsed_stays_locked(stage: Stage) -> None:
    """The flow of lapsed rollings passes, and fails under a rule that locks no money."""
    assert_a_lapse_is_noticed(stage)


@pytest.mark.parametrize(("bucket", "red"), LOST)
def test_unified_flows_notice_a_ledger_row_that_is_missing(
    stage: Stage, bucket: str, red: tuple[str, ...]
) -> None:
    assert_lost_rows_are_noticed(stage, bucket, red)


def test_every_flow_passes_again_after_all_faults(stage: Stage) -> None:
    stage.heal()
    assert stage.red() == {}


def test_every_flow_has_a_rule_to_notice() -> None:
    assert_each_is_red_somewhere(RUBY_UNIFIED_V1, UNIFIED)
