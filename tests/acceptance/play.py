"""Plays flows on a live platform, in a process of its own that prints what each of them said.

Some are meant to pass, and may wait for an event as long as in a run. The others are meant to turn
red, and wait in vain for less. The connections of a toolkit live as long as its process.
"""

import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import uuid4

from commands.flows import FLOWS, _script
from rubyops import bootstrap
from rubyops.adapters.effects.flow import Flows
from rubyops.errors import CheckFailed
from rubyops.ports import EffectIdentity
from tests.acceptance.forked import Forked
from tests.acceptance.home import Home
from tests.acceptance.platform import RUN_SECONDS_MAX
from wallet_runtime.plumbing.runtime.decoders import warm_decoders

IN_VAIN_SECONDS = 2.5  # an event takes well under a second
AT_ONCE = 4  # flows that pass keep the processors busy; those that fail wait
_own = threading.local()


def play(name: str) -> str | None:
    """Play a flow on players of its own; return None, or what it expected and found."""
    toolkit = _own.toolkit
    run_id = f"test-{uuid4()}"
    token = toolkit.ports.read.one("facts_gate")["fence_token"]
    identity = EffectIdentity(f"{run_id}/{name}/1", run_id, token, "test")
    actor = Flows(toolkit.access).actor(identity, name)
    try:
        FLOWS[name](actor)
    except CheckFailed as failure:
        return failure.message
    return None


def played_apart(
    home: Home, environment: str, passing: Sequence[str], failing: Sequence[str] = ()
) -> dict[str, str]:
    """Play these flows, and those that are expected to turn red; return {red flow: message}."""
    words = (environment, ",".join(passing), ",".join(failing))
    played = Forked(main, words, home.environ())
    said, told = played.communicate(timeout=RUN_SECONDS_MAX)
    assert played.returncode == 0, told
    return {name: words for name, words in json.loads(said).items() if words is not None}


def side_by_side(environment: str, names: str, at_once: int) -> dict[str, str | None]:
    """Play the named flows, so many at the same time; return {flow: None or its message}."""
    flows = [name for name in names.split(",") if name]
    with ThreadPoolExecutor(at_once, initializer=partial(_open, environment)) as pool:
        return dict(zip(flows, pool.map(play, flows), strict=True))


def _open(environment: str) -> None:
    # A toolkit for each thread: opening one, with its connections, takes as long as a short flow.
    _own.toolkit = bootstrap.open_environment(environment)


def main(environment: str, passing: str, failing: str) -> None:
    """Print what every flow said."""
    # Once by itself: several threads must not be the first to use the driver and its libraries.
    bootstrap.open_environment(environment).ports.read.one("facts_gate")
    warm_decoders()
    said = side_by_side(environment, passing, AT_ONCE)
    _script.EVENT_PATH_SECONDS = IN_VAIN_SECONDS
    print(json.dumps(said | side_by_side(environment, failing, len(FLOWS))))
