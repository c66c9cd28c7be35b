"""Plays flows side by side on a live platform: `python -m tests.acceptance.play ENVIRONMENT SECONDS FLOW...` prints what each said.

SECONDS is how long a flow may wait for an event. A process of its own, because a toolkit's connections live as long as its process.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import uuid4

from commands.flows import FLOWS, _script
from rubyops import bootstrap
from rubyops.errors import CheckFailed
from rubyops.ports import Mark


def play(environment: str, name: str) -> str | None:
    """Play one flow on players of its own; return None when it passed, else what it expected and found."""
    toolkit = bootstrap.open_toolkit(environment)
    run_id = f"test-{uuid4()}"
    actor = toolkit.tools.operate.actor(Mark(f"{run_id}/{name}/1", run_id, 0, "test"), name)
    try:
        FLOWS[name](actor)
    except CheckFailed as failure:
        return failure.message
    return None


def main(environment: str, seconds: str, *names: str) -> None:
    """Print {flow: None or its message}."""
    _script.EVENT_PATH_SECONDS = float(seconds)
    with ThreadPoolExecutor(len(names)) as pool:
        print(json.dumps(dict(zip(names, pool.map(partial(play, environment), names), strict=True))))


if __name__ == "__main__":
    main(*sys.argv[1:])
