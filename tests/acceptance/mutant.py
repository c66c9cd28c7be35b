"""Runs one process of a live platform with a broken rule, in place of the healthy one, as long as a block lasts."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.acceptance.platform import CHECKOUT, LOOK_SECONDS, Live

START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 15.0


@contextmanager
def mutated(live: Live, process: str, rule: str = "none", **variables: str) -> Iterator[None]:
    """Replace the one copy of `process` by one with the rule broken and these variables added, same port, same secrets."""
    (pid,) = live.pids(process)
    environ = dict(line.split("=", 1) for line in Path(f"/proc/{pid}/environ").read_text().split("\0") if "=" in line)
    live.driver.stop((process,), live.driver.fence())
    command = [sys.executable, "-m", "tests.acceptance.mutations", rule, process]
    with (live.environment.home / "logs" / f"{process}-mutant.log").open("a") as log:
        child = subprocess.Popen(command, env={**environ, **variables}, cwd=CHECKOUT, stdout=log, stderr=subprocess.STDOUT)
    try:
        _await_ready(child, f"{live.driver.process_url(process)}/health", rule)
        yield
    finally:
        child.terminate()
        child.wait(STOP_SECONDS_MAX)
        live.driver.start((process,), live.driver.fence())
        live.settle_down()


def _await_ready(child: "subprocess.Popen[bytes]", url: str, rule: str) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    with httpx.Client(timeout=2.0, trust_env=False) as client:
        while not _is_ready(client, url):
            assert child.poll() is None, f"the process with the rule {rule!r} ended with {child.returncode}; its log is beside the others"
            assert time.monotonic() < deadline, f"the process with the rule {rule!r} was not ready within {START_SECONDS_MAX:g} s"
            time.sleep(LOOK_SECONDS)


def _is_ready(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).status_code == 200
    except httpx.HTTPError:
        return False
