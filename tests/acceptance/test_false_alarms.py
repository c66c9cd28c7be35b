"""No false alarm: on two copies of everything, no cycle suspects a record under traffic.

No event is taken for lost either.

`RUBYOPS_TRAFFIC_SECONDS=1800` plays for half an hour; the test run plays for fifteen seconds.
"""

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from commands.flows import FLOWS, ONLY_ON
from tests.acceptance.home import Home
from tests.acceptance.platform import Live
from tests.acceptance.play import played_apart
from tests.acceptance.traffic import ACTIONS, Traffic
from tests.alone import taking_ports
from wallet_runtime.contract.documents import RUBY_SPLIT_V1
from wallet_runtime.contract.processes import WALLET_SERVICE

pytestmark = pytest.mark.slow
SECONDS = float(os.environ.get("RUBYOPS_TRAFFIC_SECONDS", "15"))
MODES = ("incremental", "rotation", "full", "hashes")
LOOK_SECONDS = 0.5
LATE_SECONDS = 60.0
REST_SECONDS = SECONDS / 100  # between two rounds of cycles, and of flows
# Gates try what is refused, the forced cycle is the test's own, no rolling lapses soon enough.
LEFT_OUT = ("GATE-", "reconciliation", "expired-obligation")
MONEY = [
    name
    for name in FLOWS
    if ONLY_ON.get(name, RUBY_SPLIT_V1) == RUBY_SPLIT_V1 and not name.startswith(LEFT_OUT)
]
UNWELL = "SELECT process, copy, detail::text AS detail FROM control.service_copy WHERE NOT ready"
RESENT = "SELECT coalesce(sum(resends), 0)::int AS number FROM wallet.wallet_outbox"
SET_ASIDE = "SELECT count(*) AS number FROM rolling.rolling_dead_letter"


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """A folder of its own: the worker's may hold a staging environment that another test used."""
    made = Home()
    yield made
    made.remove()


@pytest.fixture(scope="module")
def staging(home: Home) -> Iterator[Live]:
    """A staging environment with two copies of each process and the split pair active."""
    live = Live(home, "staging")
    try:
        with taking_ports():
            live.done("up")
        live.open_with_the_seed()
        yield live
    finally:
        live.close()
        live.run("down")


def cycle(live: Live, mode: str) -> dict[str, Any]:
    """Force a cycle of reconciliation and give its figures."""
    answer = live.as_operator(
        WALLET_SERVICE, "POST", "/internal/wallet/v2/reconciliation/run", {"mode": mode}
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def suspected(cycles: list[dict[str, Any]]) -> list[object]:
    """Give the samples of every cycle that found something."""
    return [
        found["samples"]
        for found in cycles
        if found["drift_buckets"] or found["conservation_breaks"]
    ]


@contextmanager
def flows_under_way(live: Live, home: Home) -> Iterator[list[dict[str, str]]]:
    """Play every flow of money again and again as long as the block lasts.

    Gives what each round said was red.
    """
    ending, said = threading.Event(), list[dict[str, str]]()

    def play() -> None:
        while not ending.is_set():
            said.append(played_apart(home, live.name, MONEY))
            ending.wait(REST_SECONDS)

    player = threading.Thread(target=play)
    player.start()
    try:
        yield said
    finally:
        ending.set()
        player.join()


@contextmanager
def alarms_noted(live: Live) -> Iterator[Counter[tuple[object, ...]]]:
    """Note each copy that says it is not ready, as long as the block lasts."""
    ending, unwell = threading.Event(), Counter[tuple[object, ...]]()

    def look() -> None:
        with live.superuser("control") as connection:
            while not ending.wait(LOOK_SECONDS):
                unwell.update(tuple(row.values()) for row in connection.execute(UNWELL))

    looker = threading.Thread(target=look)
    looker.start()
    try:
        yield unwell
    finally:
        ending.set()
        looker.join()


def each_succeeded(traffic: Traffic) -> bool:
    """Whether every kind of act was answered with 200 at least once."""
    return all(traffic.counted(action)[200] for action in ACTIONS)


def test_nothing_is_suspected_under_traffic(staging: Live, home: Home) -> None:
    staging.settle_down()
    # The players of half an hour take their time, so that events keep pace on any machine.
    traffic, cycles = Traffic(staging, max(0.02, SECONDS / 10_000)), list[dict[str, Any]]()
    until = time.monotonic() + SECONDS
    # A busy machine plays few acts in the time, and some are refused until others have succeeded.
    longest = until + LATE_SECONDS
    with (
        alarms_noted(staging) as unwell,
        flows_under_way(staging, home) as flows,
        traffic.under_way(),
    ):
        while time.monotonic() < (until if each_succeeded(traffic) else longest):
            cycles += [cycle(staging, mode) for mode in MODES]
            time.sleep(REST_SECONDS)
    staging.settle_down()
    print(
        f"{len(cycles)} cycles, {len(flows)} times {len(MONEY)} flows, "
        f"answers {dict(sorted(traffic.answers.items()))}"
    )
    assert not traffic.faults
    assert each_succeeded(traffic), traffic.answers
    assert not [answer for answer in traffic.answers if answer[1] >= 500], traffic.answers
    assert suspected(cycles) == []
    assert [red for red in flows if red] == []
    assert not unwell
    assert (staging.one(RESENT)["number"], staging.one(SET_ASIDE)["number"]) == (0, 0)
    staging.done("verify")


def test_the_same_look_sees_a_planted_edit(staging: Live) -> None:
    edit = (
        "UPDATE wallet.wallet_bet_authorization SET stake = stake {} 1"
        " WHERE authorization_id = %s RETURNING 1"
    )
    bet = staging.one(
        "SELECT authorization_id AS id FROM wallet.wallet_bet_authorization"
        " ORDER BY created_at DESC LIMIT 1"
    )["id"]
    staging.rows(edit.format("+"), bet)
    assert suspected([cycle(staging, "incremental")]) != []
    staging.rows(edit.format("-"), bet)
    assert suspected([cycle(staging, "incremental")]) == []
