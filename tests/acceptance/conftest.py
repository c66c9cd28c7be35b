"""One live platform per test worker, rolled out or copied, and left open after each test.

It goes down when the worker leaves this package: a platform that nobody tests still takes CPU.
"""

from collections.abc import Iterator

import pytest

from tests.acceptance.home import Home
from tests.acceptance.kill_matrix import Matrix, prepare
from tests.acceptance.platform import Answer, Live
from tests.acceptance.snapshot import stand_up


@pytest.fixture(scope="package")
def home() -> Iterator[Home]:
    """The worker's folder of environments."""
    made = Home()
    yield made
    made.remove()


@pytest.fixture(scope="package")
def first_rollout(home: Home) -> Iterator[tuple[Live, Answer]]:
    """The split platform, kept running, and how its rollout ended."""
    platform = Live(home, "local")
    try:
        yield platform, stand_up(platform)
    finally:
        platform.close()
        platform.run("down")


@pytest.fixture(scope="package")
def platform(first_rollout: tuple[Live, Answer]) -> Live:
    """The split platform, rolled out."""
    running, answer = first_rollout
    assert answer.code == 0, answer.told
    return running


@pytest.fixture
def live(platform: Live) -> Iterator[Live]:
    """The split platform at version 1, open and well.

    It is made so again after the test, through the doors that a person has.
    """
    yield platform
    platform.make_open()
    platform.settle_down()
    platform.activate(1)


@pytest.fixture(scope="package")
def undisturbed(platform: Live) -> Matrix:
    """The traces of a tier 2 rollback that nothing disturbs."""
    platform.make_open()
    platform.settle_down()
    return prepare(platform)


@pytest.fixture
def matrix(undisturbed: Matrix, live: Live) -> Matrix:
    """The same, on a platform that is made open and well again after the test."""
    del live
    return undisturbed
