"""Rolls out a platform once per test run, and copies the result for all later uses.

This works only if the environment starts its own servers, since their folders are copied. A copy
gets new ports, so that two platforms never compete for one.
"""

import json
import os
import subprocess
from dataclasses import asdict
from pathlib import Path

from tests import sources
from tests.acceptance.platform import Answer, Live
from tests.alone import taking_ports
from tests.cluster import FOLDER_VARIABLE

ROLLOUT = ("rollout", "local", "--keep-up")
PORTS = "ports.json"


def stand_up(live: Live) -> Answer:
    """Start the platform in the state after a rollout; return the answer of that rollout."""
    with taking_ports():
        if sources.name() != "embedded":
            return live.run(*ROLLOUT)
        kept = Path(os.environ[FOLDER_VARIABLE]) / f"{live.name}.snapshot"
        if not kept.exists():
            answer = live.run(*ROLLOUT)
            if answer.code != 0:
                return answer
            live.done("down")
            _keep(live, answer, kept)
        else:
            _copy(kept, live.environment.home)
        live.done("up")
        return Answer(**json.loads(_told(kept).read_text(encoding="utf-8")))


def _keep(live: Live, answer: Answer, kept: Path) -> None:
    unfinished = kept.with_suffix(".unfinished")
    _copy(live.environment.home, unfinished)
    (unfinished / PORTS).unlink()
    _told(kept).write_text(json.dumps(asdict(answer)), encoding="utf-8")
    unfinished.rename(kept)


def _told(kept: Path) -> Path:
    return kept.with_suffix(".json")


def _copy(source: Path, target: Path) -> None:
    # Keep the owners of the files, because PostgreSQL may run as another user.
    subprocess.run(["cp", "-a", f"{source}/.", str(target)], check=True)
