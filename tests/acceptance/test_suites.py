"""LOC-6: the suites run on a live platform, and their recorded result avoids a second run."""

import pytest

from commands.suites import SUITES
from rubyops.model.recorded import SUITES as RECORDED
from tests.acceptance.counted import results_of
from tests.acceptance.home import Home
from tests.acceptance.platform import Live

pytestmark = pytest.mark.slow


def test_the_suites_are_run_kept_and_counted(live: Live, home: Home) -> None:
    results = results_of(home.folder)
    answer = live.done("suites", "--again")
    kept = results.newest(RECORDED).result
    assert kept is not None and kept["passed"] and set(kept["suites"]) == set(SUITES)
    assert all(
        figures["passed"] > 1 and not figures["failures"] for figures in kept["suites"].values()
    )
    assert (
        "gateway split-balance routes"
        f" {kept['suites']['gateway split-balance routes']['passed']} passed"
        in answer.step("suites")["summary"]
    )
    assert live.done("suites").step("suites")["status"] == "noop"
