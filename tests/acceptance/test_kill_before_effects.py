"""rubyops is killed before each effect of the tier 2 rollback, and resumes (fault 36).

The kill comes before or after the effect's intent is written to the journal.
"""

import pytest

from rubyops.engine.run.failpoint import Point
from tests.acceptance.kill_matrix import Matrix

pytestmark = [pytest.mark.slow, pytest.mark.fault]


@pytest.mark.parametrize("point", ["before-intent", "after-intent"])
def test_killed_before_each_effect(matrix: Matrix, point: Point) -> None:
    matrix.kill_at_each(point)
