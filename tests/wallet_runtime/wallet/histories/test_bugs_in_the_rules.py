"""Histories on the rules catch each bug that is planted in them."""

import pytest

from tests.wallet_runtime.wallet.histories import plants
from tests.wallet_runtime.wallet.histories.batches import PLANT_RULES, RULES_PLANTED, is_caught
from tests.wallet_runtime.wallet.histories.memory import Memory
from tests.wallet_runtime.wallet.histories.planted import InRules


@pytest.mark.slow
@pytest.mark.parametrize("bug", plants.RULES, ids=[bug.name for bug in plants.RULES])
def test_a_bug_in_the_rules_is_caught(bug: InRules, monkeypatch: pytest.MonkeyPatch) -> None:
    bug.plant(monkeypatch)
    assert is_caught(Memory, RULES_PLANTED, PLANT_RULES, bug.first)
