"""Fixtures that give each test worker one live platform, open and healthy before each test.

The platform stops after the worker's last test of this package, because an idle platform still
takes CPU time.
"""

from collections.abc import Iterator

import pytest

from tests.acceptance.home import Home
from tests.acceptance.kill_matrix import Matrix, prepare
from tests.acceptance.platform import Answer, Live
from tests.acceptance.snapshot import stand_up


@pytest.fixture(scope="package")
def home() -> Iterator[Home]:
    """The folder with the state of the worker's environments."""
    made = Home()
    yield made
    made.remove()


@pytest.fixture(scope="package")
def first_rollout(home: Home) -> Iterator[tuple[Live, Answer]]:
    """The running platform with the split topology, and the answer of its rollout."""
    platform = Live(home, "local")
    try:
        yield platform, stand_up(platform)
    finally:
        platform.close()
        platform.run("down")


@pytest.fixture(scope="package")
def platform(first_rollout: tuple[Live, Answer]) -> Live:
    """The platform with the split topology, after a successful rollout."""
    running, answer = first_rollout
    assert answer.code == 0, answer.told
    return running


@pytest.fixture
def live(platform: Live) -> Iterator[Live]:
    """The platform with version 1 of the split topology active, open and healthy.

    After the test, the fixture restores this state with commands and calls that an operator has.
    """
    yield platform
    platform.make_open()
    platform.settle_down()
    platform.activate(1)


@pytest.fixture(scope="package")
def undisturbed(platform: Live) -> Matrix:
    """The results of a tier 2 rollback that runs without a kill."""
    platform.make_open()
    platform.settle_down()
    return prepare(platform)


@pytest.fixture
def matrix(undisturbed: Matrix, live: Live) -> Matrix:
    """The kill matrix, on a platform that is open and healthy again after the test."""
    del live
    return undisturbed
