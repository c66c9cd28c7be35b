"""The split platform as a rollout leaves it: rolled out once in a run, copied for all others.

Only where the environment brings its own servers: their folders are the copy. Ports are left out,
so that no two platforms ask for the same one while a process of theirs is down.
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
    """Bring the platform up as it is after its rollout; return how that rollout ended."""
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
    # With its owners: PostgreSQL's files may be another user's.
    subprocess.run(["cp", "-a", f"{source}/.", str(target)], check=True)
