"""Every driver that an environments file can name can be connected."""

from pathlib import Path
from typing import get_args

import pytest

from rubyops import wiring
from rubyops.adapters.local.driver import LocalDriver
from rubyops.model.environment import DriverName, Environment
from rubyops.registry import DRIVERS


def test_the_table_has_every_driver_that_a_file_may_name() -> None:
    assert tuple(DRIVERS) == get_args(DriverName)


@pytest.mark.parametrize("name", get_args(DriverName))
def test_a_driver_is_connected_by_its_name(name: DriverName, tmp_path: Path) -> None:
    environment = Environment("here", "local", name, "RUBY_SPLIT_V1", 1, 1, False, tmp_path)
    assert isinstance(wiring.connect_driver(environment), LocalDriver)
