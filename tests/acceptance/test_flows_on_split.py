"""On the split topology all flows pass, and each broken rule makes its own flows fail."""

from collections.abc import Iterator

import pytest

from tests.acceptance.flow_faults import SPLIT
from tests.acceptance.flow_stage import (
    CASINO_MONEY,
    SPORTS_MONEY,
    Fault,
    Stage,
    assert_a_lapse_is_noticed,
    assert_each_is_red_somewhere,
    assert_lost_rows_are_noticed,
    assert_noticed,
    by_process,
    save_pair,
    standing,
)
from wallet_runtime.contract.documents import RUBY_SPLIT_V1
from wallet_runtime.contract.providers import LIVE, SLOTS

pytestmark = [pytest.mark.slow, pytest.mark.fault]
# Each bucket whose bets lose their ledger rows, and the flows that must then fail.
LOST = (("SPORTS_NORMAL", SPORTS_MONEY), ("CASINO_NORMAL", CASINO_MONEY))


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with standing(RUBY_SPLIT_V1) as made:
        yield made


def test_every_flow_passes_on_a_healthy_platform(stage: Stage) -> None:
    assert stage.red() == {}


@pytest.mark.parametrize("fault", by_process(SPLIT), ids=lambda fault: fault.rule)
def test_split_flows_notice_a_broken_rule(stage: Stage, fault: Fault) -> None:
    stage.break_rule(fault.process, fault.rule)
    assert_noticed(stage, fault)


@pytest.mark.parametrize(
    ("version", "live", "slots"),
    [
        (101, {"mode": "selection", "withdrawable": "last"}, {"withdrawable": "not_usable"}),
        (102, {"mode": "selection", "withdrawable": "not_usable"}, {"withdrawable": "first"}),
    ],
)
def test_flow_12_follows_whatever_the_policy_configures(
    stage: Stage, version: int, live: dict[str, str], slots: dict[str, str]
) -> None:
    stage.heal()
    save_pair(stage.live, version, {LIVE: live, SLOTS: slots})
    stage.live.activate(version)
    try:
        assert stage.play(["FLOW-12", "STG-7"]) == {}
    finally:
        stage.live.activate(1)


def test_money_whose_rolling_lapsed_stays_locked(stage: Stage) -> None:
    """The flow of lapsed rollings passes, and fails under a rule that locks no money."""
    assert_a_lapse_is_noticed(stage)


@pytest.mark.parametrize(("bucket", "red"), LOST)
def test_split_flows_notice_a_ledger_row_that_is_missing(
    stage: Stage, bucket: str, red: tuple[str, ...]
) -> None:
    assert_lost_rows_are_noticed(stage, bucket, red)


def test_every_flow_passes_again_after_all_faults(stage: Stage) -> None:
    stage.heal()
    assert stage.red() == {}


def test_every_flow_has_a_rule_to_notice() -> None:
    assert_each_is_red_somewhere(RUBY_SPLIT_V1, SPLIT)
