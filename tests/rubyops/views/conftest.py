"""Fixtures: a platform with money, and the control database of its operators."""

import pytest

from rubyops.adapters.control import ControlDatabase
from rubyops.adapters.database import Link
from rubyops.ports import Database
from tests.checks.conftest import CONSUMED
from tests.checks.live import LiveRead
from tests.checks.money import Money
from tests.cluster import TestDatabase


@pytest.fixture
def money(platform_db: TestDatabase) -> Money:
    """A platform with a deposit, one settled bet and one open bet."""
    money = Money(platform_db).prepare()
    money.deposit(10_000)
    money.settle(money.bet(1_000), 1_000, 1_500)
    money.bet(500)
    return money


@pytest.fixture
def control(control_db: TestDatabase) -> ControlDatabase:
    """The control database, connected as the operators' role."""
    return ControlDatabase(Link(lambda: control_db.dsn("rubyops_ops"), "the test's control"))


@pytest.fixture
def read(money: Money, control_db: TestDatabase) -> LiveRead:
    """A read port on the platform, with no unread events and no copies."""
    databases: dict[Database, TestDatabase] = {"platform": money.database, "control": control_db}
    return LiveRead(databases=databases, stream_groups=CONSUMED)
