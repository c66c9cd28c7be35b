"""Histories on PostgreSQL catch each bug that is planted in the store or in SQL."""

import psycopg
import pytest

from tests.wallet_runtime.wallet.histories import plants
from tests.wallet_runtime.wallet.histories.batches import (
    PLANT_POSTGRES,
    POSTGRES_PLANTED,
    is_caught,
)
from tests.wallet_runtime.wallet.histories.planted import InRules, InSql
from tests.wallet_runtime.wallet.histories.postgres import Product
from tests.wallet_runtime.wallet.histories.variants import variants

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("bug", plants.STORE, ids=[bug.name for bug in plants.STORE])
def test_a_bug_in_the_store_is_caught(
    bug: InRules, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    bug.plant(monkeypatch)
    assert_caught(product, bug.first)


@pytest.mark.parametrize("bug", plants.SQL, ids=[bug.name for bug in plants.SQL])
def test_a_bug_in_the_database_is_caught(
    bug: InSql, product: Product, look: psycopg.Connection
) -> None:
    bug.plant(look)
    assert_caught(product, bug.first)


def assert_caught(product: Product, first: int) -> None:
    product.save(variants(POSTGRES_PLANTED[0][1]))
    assert is_caught(product.open, POSTGRES_PLANTED, PLANT_POSTGRES, first)
