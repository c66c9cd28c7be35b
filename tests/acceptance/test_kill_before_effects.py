"""rubyops is killed before each effect of the tier 2 rollback: before its intent is on the disk, and after (fault 36)."""

import pytest

from rubyops.engine.run.failpoint import Point
from tests.acceptance.kill_matrix import Matrix

pytestmark = [pytest.mark.slow, pytest.mark.fault]


@pytest.mark.parametrize("point", ["before-intent", "after-intent"])
def test_killed_before_each_effect(matrix: Matrix, point: Point) -> None:
    matrix.kill_at_each(point)
