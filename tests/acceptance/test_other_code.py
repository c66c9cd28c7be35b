"""`rubyops up` restarts a copy that loaded an edit which was taken back since."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from rubyops.adapters.http import GetClient
from rubyops.config import CHECKOUT
from sql.code import LEFT_OUT, code_digest
from tests.acceptance.home import Home
from tests.acceptance.platform import Answer, Live, finish
from wallet_runtime.contract.processes import PROCESSES, ROLLING_WORKER

pytestmark = [pytest.mark.slow, pytest.mark.fault]
FOLDERS = ("checks", "commands", "playbooks", "rubyops", "sql", "wallet_runtime")


class Edited(Live):
    """A platform that runs from the test's own checkout."""

    def __init__(self, home: Home) -> None:
        """Copy the checkout to a folder that PostgreSQL's own user can enter."""
        super().__init__(home, "local")
        self.checkout = home.folder / "checkout"
        for name in FOLDERS:
            left_out = shutil.ignore_patterns(LEFT_OUT)
            shutil.copytree(CHECKOUT / name, self.checkout / name, ignore=left_out)

    @property
    def edit(self) -> Path:
        """The path of an extra file, whose presence makes the checkout other code."""
        return self.checkout / "wallet_runtime" / "edit.py"

    def line(self, *words: str) -> Answer:
        """Run a command of the copied rubyops that must exit with 0."""
        command = [sys.executable, "-m", "rubyops", *words, "-e", self.name, "--output", "json"]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.home.environ(),
            cwd=self.checkout,
        )
        answer = finish(process)
        assert answer.code == 0, f"{words}: {answer.told}"
        return answer

    def loaded(self) -> dict[str, str]:
        """The digest of the code that each process says it loaded."""
        urls = {process: f"{self.driver.process_url(process)}/health" for process in PROCESSES}
        told = {
            name: httpx.get(
                url, headers=GetClient(self.driver).observer_headers(), trust_env=False
            ).json()
            for name, url in urls.items()
        }
        return {name: str(health["code"]) for name, health in told.items()}


@pytest.fixture
def edited() -> Iterator[Edited]:
    """A platform that runs from its own checkout."""
    home = Home()
    made = Edited(home)
    yield made
    made.close()
    made.driver.down()
    home.remove()


def test_up_restarts_the_one_copy_that_loaded_an_edit(edited: Edited) -> None:
    edited.line("up")
    first = code_digest(edited.checkout)
    edited.edit.write_text("")
    edited.line("stop-consumers")
    edited.line("start-consumers")
    edited.edit.unlink()
    mixed = edited.loaded()
    assert {process for process, code in mixed.items() if code != first} == {ROLLING_WORKER}
    answer = edited.line("up")
    assert answer.step("up")["status"] == "ok"
    assert edited.loaded() == dict.fromkeys(PROCESSES, first)
    assert edited.line("up").step("up")["status"] == "noop"
