"""rubyops is killed before each effect of the tier 2 rollback (fault 36).

Its intent is on the disk by then, or is not.
"""

import pytest

from rubyops.engine.run.failpoint import Point
from tests.acceptance.kill_matrix import Matrix

pytestmark = [pytest.mark.slow, pytest.mark.fault]


@pytest.mark.parametrize("point", ["before-intent", "after-intent"])
def test_killed_before_each_effect(matrix: Matrix, point: Point) -> None:
    matrix.kill_at_each(point)
