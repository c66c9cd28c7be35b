"""Fixtures: a platform on which one run takes over from another, started once per worker."""

from collections.abc import Iterator

import pytest

from tests.rubyops.overtaking import Stage, a_stage


@pytest.fixture(scope="package")
def overtaken_platform() -> Iterator[Stage]:
    with a_stage() as made:
        yield made


@pytest.fixture
def stage(overtaken_platform: Stage) -> Iterator[Stage]:
    """The platform under a new run, with every process running; stopped ones are restarted."""
    overtaken_platform.take_over()
    yield overtaken_platform
    overtaken_platform.services.driver.ensure_up(lambda words: None)
