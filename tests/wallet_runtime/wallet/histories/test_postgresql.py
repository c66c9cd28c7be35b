"""PostgreSQL agrees with the model on 200 generated histories of 50 or more commands.

SPEC 1.2 and 1.3.
"""

import psycopg
import pytest

from tests.wallet_runtime.wallet.histories.batches import (
    BATCH_POSTGRES,
    BATCHES_POSTGRES,
    PLANT_POSTGRES,
    POSTGRES_PLANTED,
    WANTED,
    beginning,
)
from tests.wallet_runtime.wallet.histories.explore import COMMANDS_MIN, play
from tests.wallet_runtime.wallet.histories.postgres import Product
from tests.wallet_runtime.wallet.histories.variants import variants

SUSPECTED = "SELECT kind, key, reason FROM wallet.compare_records('full', NULL) LIMIT 5"
ANSWERS = "SELECT count(*), count(*) FILTER (WHERE status >= 400) FROM wallet.wallet_idempotency"


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(BATCHES_POSTGRES))
def test_postgresql_agrees_with_the_model(
    product: Product, look: psycopg.Connection, batch: int
) -> None:
    """Two copies of `Money` give the model's answers, and independent SQL finds a sound ledger."""
    with beginning(batch, POSTGRES_PLANTED) as (seed, code):
        pairs = variants(code)
        product.save(pairs)
        commands = play(product.open, pairs, BATCH_POSTGRES, seed)
    assert look.execute(SUSPECTED).fetchall() == []
    rows = look.execute(ANSWERS).fetchone()
    assert commands >= BATCH_POSTGRES * COMMANDS_MIN
    assert rows is not None and rows[0] > commands / 3 and rows[1] > commands / 20, (
        "histories must reach movements and refusals alike"
    )


def test_what_finds_a_bug_in_the_database_agrees_without_one() -> None:
    """The batches that find planted bugs are among the batches that agree without one."""
    assert BATCH_POSTGRES == PLANT_POSTGRES or WANTED
    assert len(POSTGRES_PLANTED) <= BATCHES_POSTGRES
