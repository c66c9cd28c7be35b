"""The rules agree with the model on 2,000 generated histories of 50 or more commands.

SPEC 1.2 and 1.3.
"""

import pytest

from tests.wallet_runtime.wallet.histories.batches import (
    BATCH_RULES,
    BATCHES_RULES,
    PLANT_RULES,
    RULES_PLANTED,
    WANTED,
    beginning,
)
from tests.wallet_runtime.wallet.histories.explore import COMMANDS_MIN, play
from tests.wallet_runtime.wallet.histories.memory import Memory
from tests.wallet_runtime.wallet.histories.variants import variants


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(BATCHES_RULES))
def test_the_rules_agree_with_the_model(batch: int) -> None:
    """Answers, balances, records and findings agree after each command."""
    with beginning(batch, RULES_PLANTED) as (seed, code):
        commands = play(Memory, variants(code), BATCH_RULES, seed)
    assert commands >= BATCH_RULES * COMMANDS_MIN


def test_what_finds_a_bug_in_the_rules_agrees_without_one() -> None:
    """The batches that find planted bugs are among the batches that agree without one."""
    assert BATCH_RULES == PLANT_RULES or WANTED
    assert len(RULES_PLANTED) <= BATCHES_RULES
