"""Plays flows on a live platform, in a separate process that prints the result of each flow.

Flows that should pass wait for an event as long as in a real run. Flows that should fail wait for a
shorter time. The process is separate, because the connections that a flow opens close only when the
process ends.
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

IN_VAIN_SECONDS = 2.5  # an event normally takes well under a second
AT_ONCE = 4  # passing flows need CPU time; failing flows only wait, and run all at once
_own = threading.local()


def play(name: str) -> str | None:
    """Play a flow with new players; return None, or the message of its failure."""
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
    """Play all these flows in a separate process; return {failed flow: message}.

    The flows in `failing` should fail, so they wait for a shorter time for each event.
    """
    words = (environment, ",".join(passing), ",".join(failing))
    played = Forked(main, words, home.environ())
    said, told = played.communicate(timeout=RUN_SECONDS_MAX)
    assert played.returncode == 0, told
    return {name: words for name, words in json.loads(said).items() if words is not None}


def side_by_side(environment: str, names: str, at_once: int) -> dict[str, str | None]:
    """Play the named flows, `at_once` in parallel; return {flow: None or its message}."""
    flows = [name for name in names.split(",") if name]
    with ThreadPoolExecutor(at_once, initializer=partial(_open, environment)) as pool:
        return dict(zip(flows, pool.map(play, flows), strict=True))


def _open(environment: str) -> None:
    # One toolkit per thread, because opening its connections takes as long as a short flow.
    _own.toolkit = bootstrap.open_environment(environment)


def main(environment: str, passing: str, failing: str) -> None:
    """Print {flow: None or its message} of all flows as JSON."""
    # Use the driver once before the threads start: its first use must not happen in several
    # threads.
    bootstrap.open_environment(environment).ports.read.one("facts_gate")
    warm_decoders()
    said = side_by_side(environment, passing, AT_ONCE)
    _script.EVENT_PATH_SECONDS = IN_VAIN_SECONDS
    print(json.dumps(said | side_by_side(environment, failing, len(FLOWS))))
