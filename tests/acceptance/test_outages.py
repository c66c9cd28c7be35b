"""Every process recovers after an outage of PostgreSQL or Redis, and no deposit is lost.

The services reach the servers through TCP proxies (`tests/wire.py`). A proxy can fail like a
stopped server, like a suspended one, or like a network that lost its connections.
`RUBYOPS_OUTAGES=all` plays every outage: the short ones three times, and ten minutes of each kind
once. That takes about 40 minutes with `-n 3 --dist worksteal`. The normal test run plays two
outages.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from tests.acceptance.crowd import Crowd
from tests.acceptance.home import IN_COMMON, Home
from tests.acceptance.platform import Live, wait_until
from tests.alone import taking_ports
from tests.cluster import connect
from tests.wire import Fault, Wire, wire
from wallet_runtime.contract.documents import RUBY_SPLIT_V1

pytestmark = [pytest.mark.slow, pytest.mark.fault]
POSTGRES, REDIS = "postgres", "redis"
FAULTS: tuple[Fault, ...] = ("refusing", "hanging", "cut")
GREEN_SECONDS_MAX = 10.0
PLAYED: tuple[tuple[str, Fault, int], ...] = ((POSTGRES, "refusing", 20), (REDIS, "cut", 3))
EVERYTHING = tuple(
    (server, fault, seconds)
    for server in (POSTGRES, REDIS)
    for fault in FAULTS
    for seconds in (600, 120, 20, 3, 3, 3)
)
UNSOUND = """
SELECT 'drift ' || reason AS fault FROM wallet.ledger_drift
UNION ALL SELECT 'conservation ' || brand_id FROM wallet.conservation WHERE difference <> 0
UNION ALL SELECT 'sum ' || transaction_id FROM wallet.transaction_sum WHERE difference <> 0
"""
DEPOSITS = "SELECT count(*) AS number FROM wallet.ledger_transactions WHERE type = 'deposit'"


@dataclass(frozen=True)
class Wired:
    """A platform, and the TCP proxies between its processes and its servers."""

    live: Live
    wires: dict[str, Wire]


@pytest.fixture(scope="module")
def wired() -> Iterator[Wired]:
    """A new platform behind two TCP proxies, with the split pair active."""
    home = Home()
    with ExitStack() as stack:
        stack.callback(home.remove)
        urls = connect().servers_for(home.folder / "local")
        wires = {
            name: stack.enter_context(wire(_port(urls[f"{name}_url"])))
            for name in ("database", "redis")
        }
        behind = {
            f"{name}_url": urls[f"{name}_url"].replace(
                f":{_port(urls[f'{name}_url'])}", f":{wires[name].port}"
            )
            for name in wires
        }
        entry = {"kind": "local", "topology": RUBY_SPLIT_V1, "copies": 1, **IN_COMMON, **behind}
        home.file.write_text(
            json.dumps({"schema": "rubyops.environments/v1", "environments": {"local": entry}}),
            encoding="utf-8",
        )
        live = Live(home, "local")
        stack.callback(lambda: live.run("down"))
        stack.callback(live.close)
        with taking_ports():
            live.done("up")
        live.open_with_the_seed()
        yield Wired(live, {POSTGRES: wires["database"], REDIS: wires["redis"]})


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def outages() -> tuple[tuple[str, Fault, int], ...]:
    return EVERYTHING if os.environ.get("RUBYOPS_OUTAGES") == "all" else PLAYED


@pytest.mark.parametrize(
    ("number", "server", "fault", "seconds"),
    [(number, *each) for number, each in enumerate(outages())],
)
def test_everything_heals_by_itself(
    wired: Wired, number: int, server: str, fault: Fault, seconds: int
) -> None:
    del number
    live, line = wired.live, wired.wires[server]
    live.settle_down()
    before, pids = live.one(DEPOSITS)["number"], {copy.pid for copy in live.driver.copies()}
    # Deposits continue during the outage. A longer outage gets a lower rate of deposits, so that
    # their events are delivered within the time limit of `settle_down`.
    with Crowd(live, pause_seconds=max(0.01, seconds / 600)).at_work() as crowd:
        crowd.await_accepted(0)
        line.break_by(fault)
        time.sleep(seconds)
        line.mend()
        mended = time.monotonic()
        wait_until(live.is_green, "every process is green again", 0.1)
        green = time.monotonic() - mended
        print(f"{server} {fault} for {seconds} s: green after {green:.1f} s")
        crowd.await_accepted(mended)
    live.settle_down()
    assert green < GREEN_SECONDS_MAX
    assert {copy.pid for copy in live.driver.copies()} == pids, "nothing was restarted"
    assert live.rows(UNSOUND) == []
    # A request whose connection broke during the commit gets a 503, though its deposit may be
    # stored.
    accepted = [status for _, _, status in crowd.asked].count(200)
    assert accepted <= live.one(DEPOSITS)["number"] - before <= len(crowd.asked)
