"""The batches of histories, each with a seed and a topology that are the same on every run.

`RUBYOPS_HISTORIES=10000 pytest tests/wallet_runtime/wallet/histories -k agree` plays 10,000 new
histories on the rules and 1,000 on PostgreSQL. `RUBYOPS_HISTORIES_SEED` repeats a failed run.
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
SEED_OF_BATCH = 1000  # distance between the seeds of two batches
# Short batches from several seeds find more bugs than one long batch.
PLANT_SEEDS = tuple(range(500_000, 510_000, 1000))
PLANT_RULES, PLANT_POSTGRES = 100, 20
# The batches that must find the planted bugs are also played without bugs, and must agree then.
RULES_PLANTED = tuple(product_of(PLANT_SEEDS, CODES))
POSTGRES_PLANTED = tuple(product_of(PLANT_SEEDS, CODES[:1]))
BATCHES_RULES, BATCHES_POSTGRES = 20, 10
BATCH_RULES = max(1, HISTORIES // BATCHES_RULES)
BATCH_POSTGRES = max(1, HISTORIES // 10 // BATCHES_POSTGRES)
Beginning = tuple[int, str]


@contextmanager
def beginning(batch: int, planted: Sequence[Beginning]) -> Iterator[Beginning]:
    """Yield the seed and the topology of a batch; a failure names the seed that repeats the run."""
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
    """Return whether a batch finds the planted bug; batch number `first` is known to find it."""
    for seed, code in (*planted[first:], *planted[:first]):
        try:
            explore(backend, variants(code), histories, seed, shrink=False)
        # Hypothesis raises Flaky when a bug fails at another command on the second try. Without a
        # bug, Flaky fails the test.
        except (AssertionError, Flaky):
            return True
    return False
