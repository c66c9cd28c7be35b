"""Runs one process of a live platform with a broken rule, in place of the healthy one."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from rubyops.config import CHECKOUT
from tests.acceptance.platform import LOOK_SECONDS, Live

START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 15.0


class Mutant:
    """A process with a broken rule, in place of the only healthy copy, on the same port."""

    def __init__(self, live: Live, process: str) -> None:
        """Save the environment variables of the healthy process, then stop that process."""
        self.process = process
        self._live = live
        (pid,) = live.pids(process)
        self._environ = dict(
            line.split("=", 1)
            for line in Path(f"/proc/{pid}/environ").read_text().split("\0")
            if "=" in line
        )
        self._child: subprocess.Popen[bytes] | None = None
        live.driver.stop((process,), live.driver.fence())

    def run(self, rule: str, **variables: str) -> None:
        """Start the process with this broken rule and these extra environment variables.

        Stops the process of the previous rule first.
        """
        self.end()
        command = [sys.executable, "-m", "tests.acceptance.mutations", rule, self.process]
        environ = {**self._environ, **variables}
        with (self._live.environment.home / "logs" / f"{self.process}-mutant.log").open("a") as log:
            self._child = subprocess.Popen(
                command, env=environ, cwd=CHECKOUT, stdout=log, stderr=subprocess.STDOUT
            )
        _await_ready(self._child, f"{self._live.driver.process_url(self.process)}/health", rule)

    def end(self) -> None:
        """Stop the process with the broken rule, if one runs."""
        child, self._child = self._child, None
        if child is not None:
            child.terminate()
            child.wait(STOP_SECONDS_MAX)

    def heal(self) -> None:
        """Start the healthy process again."""
        self.end()
        self._live.driver.start((self.process,), self._live.driver.fence())
        self._live.settle_down()


@contextmanager
def mutated(live: Live, process: str, rule: str = "none", **variables: str) -> Iterator[None]:
    """Run `process` with a broken rule until the block ends."""
    mutant = Mutant(live, process)
    try:
        mutant.run(rule, **variables)
        yield
    finally:
        mutant.heal()


def _await_ready(child: "subprocess.Popen[bytes]", url: str, rule: str) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    with httpx.Client(timeout=2.0, trust_env=False) as client:
        while not _is_ready(client, url):
            assert child.poll() is None, (
                f"the process with the rule {rule!r} ended with {child.returncode}; "
                "its log is beside the others"
            )
            assert time.monotonic() < deadline, (
                f"the process with the rule {rule!r} was not ready within {START_SECONDS_MAX:g} s"
            )
            time.sleep(LOOK_SECONDS)


def _is_ready(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).status_code == 200
    except httpx.HTTPError:
        return False
