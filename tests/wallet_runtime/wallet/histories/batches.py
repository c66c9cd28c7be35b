"""Batches of histories: the seed and the topology that each begins with, the same on every run.

`RUBYOPS_HISTORIES=10000 pytest tests/wallet_runtime/wallet/histories -k agree` plays that many on
the rules and a tenth of it on PostgreSQL, others on every run. `RUBYOPS_HISTORIES_SEED` repeats a
run that failed.
"""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product as product_of

from hypothesis.errors import Flaky

from tests.wallet_runtime.wallet.histories.explore import explore
from tests.wallet_runtime.wallet.histories.machine import Open
from tests.wallet_runtime.wallet.histories.variants import SEEDS, variants

WANTED = os.environ.get("RUBYOPS_HISTORIES")
HISTORIES = int(WANTED or 2000)
CODES = tuple(SEEDS)
SEED_OF_BATCH = 1000  # batches are this far apart, so that no two play the same
# A few beginnings find more bugs than many histories from one.
PLANT_SEEDS = tuple(range(500_000, 510_000, 1000))
PLANT_RULES, PLANT_POSTGRES = 100, 20
# The histories that find the planted bugs are batches that must agree without one.
RULES_PLANTED = tuple(product_of(PLANT_SEEDS, CODES))
POSTGRES_PLANTED = tuple(product_of(PLANT_SEEDS, CODES[:1]))
BATCHES_RULES, BATCHES_POSTGRES = 20, 10
BATCH_RULES = max(1, HISTORIES // BATCHES_RULES)
BATCH_POSTGRES = max(1, HISTORIES // 10 // BATCHES_POSTGRES)
Beginning = tuple[int, str]


@contextmanager
def beginning(batch: int, planted: Sequence[Beginning]) -> Iterator[Beginning]:
    """Choose the seed and the topology of a batch, and name the first seed when the batch fails."""
    chosen = os.environ.get("RUBYOPS_HISTORIES_SEED")
    first = int(chosen) if chosen else (secrets.randbelow(10**9) if WANTED else 1)
    fixed = () if chosen or WANTED else planted
    try:
        yield (
            fixed[batch]
            if batch < len(fixed)
            else (first + batch * SEED_OF_BATCH, CODES[batch % len(CODES)])
        )
    except BaseException as error:
        error.add_note(
            f"to play it again: RUBYOPS_HISTORIES={HISTORIES} RUBYOPS_HISTORIES_SEED={first}"
        )
        raise


def is_caught(backend: Open, planted: Sequence[Beginning], histories: int, first: int) -> bool:
    """Whether a batch disagrees: `first`, which is known to find the bug, then those after it."""
    for seed, code in (*planted[first:], *planted[:first]):
        try:
            explore(backend, variants(code), histories, seed, shrink=False)
        # A bug may end a history at another command than before. Without a bug that fails, too.
        except (AssertionError, Flaky):
            return True
    return False
