"""Fixtures: a platform with money, for the tests of the money checks."""

import pytest

from tests.checks.live import LiveRead
from tests.checks.money import Money
from tests.cluster import TestDatabase
from wallet_runtime.contract.events import CONSUMER_GROUPS

CONSUMED = [
    {"stream": stream, "group": group, "lag": 0, "pending": 0, "length": 1}
    for stream, group in CONSUMER_GROUPS
]


@pytest.fixture
def money(platform_db: TestDatabase) -> Money:
    """A platform with a deposit, one settled bet, one rolled-back and one open bet."""
    money = Money(platform_db).prepare()
    money.deposit(10_000)
    money.settle(money.bet(1_000), 1_000, 1_500)
    money.roll_back(money.bet(700), 700)
    money.bet(500)
    return money


@pytest.fixture
def read(money: Money) -> LiveRead:
    """The read port of the checks, on the platform with money."""
    return LiveRead(databases={"platform": money.database}, stream_groups=CONSUMED)
