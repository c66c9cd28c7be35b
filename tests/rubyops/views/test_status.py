"""The overview of an environment: all its parts, and one verdict over them."""

from collections.abc import Mapping
from typing import Any

import pytest

from rubyops.adapters.control import ControlDatabase
from rubyops.adapters.database import Link
from rubyops.adapters.host import this_process
from rubyops.errors import Unreachable
from rubyops.model.finding import Finding, failed, passed
from rubyops.model.freeze import FreezeTruth
from rubyops.ports import Row
from rubyops.testing.reading import StillRead, always_ok
from rubyops.views.money import MoneyView, money_of, read_money
from rubyops.views.status import StatusView, read_status
from rubyops.views.view import plain, released
from tests.checks.live import LiveRead
from wallet_runtime.contract.consumers import WALLET_CONSUMERS
from wallet_runtime.contract.freeze import Verdict

OPEN_MONEY = money_of(FreezeTruth(Verdict("open", "open", 0)))
COUNTS = {
    "unapplied": 0,
    "missing": 0,
    "compared_age_ms": 5,
    "wallet_unpublished": 0,
    "rolling_unpublished": 0,
    "set_aside": 0,
    "oldest_age_ms": 0,
}


class Told(StillRead):
    """A read port whose outbox counts come from the test, with one consumer group or none."""

    def __init__(self, lag: int | None, **counts: int) -> None:
        """Set the group's lag and the counts; other queries are not answered."""
        rows: Mapping[str, list[Row]] = {"facts_outbox": [COUNTS | counts]}
        super().__init__({**rows, "facts_service_copies": []})
        self.lag = lag

    def groups(self) -> list[Row]:
        """Return the group of every consumer, one of them so many entries behind; or none."""
        if self.lag is None:
            return []
        names = [consumer.group for consumer in WALLET_CONSUMERS.values()]
        return [{"group": name, "lag": self.lag if name == names[0] else 0} for name in names]


def seen(read: Any, control: ControlDatabase, money: MoneyView = OPEN_MONEY) -> StatusView:
    return read_status(read, control, always_ok, money)


def test_a_platform_with_money_is_shown_part_by_part(
    read: LiveRead, control: ControlDatabase
) -> None:
    view = seen(read, control, read_money(read))
    assert view.topology.summary == "RUBY_SPLIT_V1 v1 with policy default v1"
    assert view.topology.details is not None and view.topology.details.activation_no == 1
    assert view.outbox.details is not None and view.outbox.details.lag == 0
    assert (view.lock.status, view.lock.summary) == ("noop", "free")
    assert [item.id for item in view.results] == [
        "freeze",
        "topology",
        "outbox",
        "lock",
        "service-health",
        "forward-progress",
    ]


def test_a_lock_names_its_run(read: LiveRead, control: ControlDatabase) -> None:
    control.acquire("r-1", this_process())
    lock = seen(read, control).lock
    assert (lock.status, lock.summary.split(" of ")[0]) == ("ok", "run r-1")
    assert plain(lock.details) == {"run": "r-1", "gone": False}


def test_a_part_that_does_not_answer_hides_no_other(control: ControlDatabase) -> None:
    view = seen(Told(0), control)
    assert view.topology.status == "unknown"
    assert "does not answer facts_gate" in view.topology.summary
    assert released(view.topology)["details"] == {}
    assert view.outbox.status == "ok"
    assert view.verdict == "failed"


@pytest.mark.parametrize(
    ("lag", "counts", "status", "words"),
    [
        (
            3,
            {"wallet_unpublished": 2, "oldest_age_ms": 1500, "unapplied": 4},
            "ok",
            "2 wallet and 0 rolling events unpublished, oldest 1.5 s; "
            "consumers 3 behind, 4 published events not applied",
        ),
        (
            None,
            {},
            "inconclusive",
            "0 wallet and 0 rolling events unpublished; "
            "how far consumers are is not known, 0 published events not applied",
        ),
        (
            0,
            {"missing": 2},
            "failed",
            "0 wallet and 0 rolling events unpublished; consumers 0 behind, 0 published events "
            "not applied; 2 published events were lost by the stream and are sent again",
        ),
    ],
)
def test_the_outbox_says_how_far_events_are(
    control: ControlDatabase, lag: int | None, counts: dict[str, int], status: str, words: str
) -> None:
    outbox = seen(Told(lag, **counts), control).outbox
    assert (outbox.status, outbox.summary) == (status, words)


def test_the_verdict_is_that_of_money_and_every_part(
    read: LiveRead, control: ControlDatabase
) -> None:
    def unhealthy(name: str) -> Finding:
        return failed("not well") if name == "service-health" else passed("well")

    freezing = money_of(FreezeTruth(Verdict("freezing", "sealed", 1)))
    assert seen(read, control).verdict == "ok"
    assert seen(read, control, freezing).verdict == "failed"
    assert read_status(read, control, unhealthy, OPEN_MONEY).verdict == "failed"


def test_an_environment_without_control_is_unreachable_and_its_money_is_told() -> None:
    def nowhere() -> str:
        raise Unreachable("nothing listens")

    control = ControlDatabase(Link(nowhere, "the test's control"))
    with pytest.raises(Unreachable, match="control of test does not answer") as told:
        seen(StillRead(), control)
    assert told.value.details == {"money": plain(OPEN_MONEY.facts)}
    assert told.value.next_command == "rubyops up -e test"
