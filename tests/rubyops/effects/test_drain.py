"""A drain succeeds after an empty outbox, an arrived canary event and quiet polls after it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from rubyops.effects import drain
from rubyops.effects.drain import ConfirmDrained
from rubyops.errors import TimedOut
from rubyops.model.finding import failed, passed
from rubyops.ports import EffectIdentity
from tests.rubyops.effects.contexts import Around


@dataclass
class Outbox:
    """A stub of the outbox whose counts and arrivals come from lists; the last value repeats."""

    counts: list[int | None] = field(default_factory=lambda: [0])
    arrivals: list[bool] = field(default_factory=lambda: [True])
    held_by: tuple[str, ...] = ()
    sent: list[str] = field(default_factory=list)

    def count_unpublished(self, lock_timeout_ms: int) -> int | None:
        """The next count of the list."""
        return self.counts.pop(0) if len(self.counts) > 1 else self.counts[0]

    def holders(self) -> tuple[str, ...]:
        """The sessions that hold the outbox."""
        return self.held_by

    def publish_canary(self, identity: EffectIdentity) -> str:
        """Record the effect that publishes the canary event."""
        self.sent.append(identity.effect_id)
        return "event-1"

    def canary_arrived(self, event_id: str) -> bool:
        """Whether the canary event arrived, by the list."""
        return self.arrivals.pop(0) if len(self.arrivals) > 1 else self.arrivals[0]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(drain, "POLL_SECONDS", 0.001)
    yield


def test_a_quiet_outbox_is_drained_with_one_canary() -> None:
    outbox = Outbox()
    outcome = ConfirmDrained(5.0).carry_out(outbox, Around().context())
    assert outcome.status == "ok" and outcome.details["canary"] == "event-1"
    assert len(outbox.sent) == 1


def test_events_that_come_between_begin_the_quiet_anew() -> None:
    outbox = Outbox(counts=[0, 0, 0, 2, 0, 0, 0])
    assert ConfirmDrained(5.0).carry_out(outbox, Around().context()).status == "ok"
    assert outbox.counts == [0], "it went on behind the two events"


@pytest.mark.parametrize(
    ("outbox", "words"),
    [
        (Outbox(counts=[3]), "3 events are unpublished"),
        (Outbox(counts=[None], held_by=("session 7",)), "the outbox is held by session 7"),
        (Outbox(counts=[None]), "held by nobody that can be seen"),
        (Outbox(arrivals=[False]), "canary event event-1 has not come through"),
    ],
)
def test_a_drain_that_is_not_proved_says_what_is_in_the_way(outbox: Outbox, words: str) -> None:
    with pytest.raises(TimedOut, match=words):
        ConfirmDrained(0.05).carry_out(outbox, Around().context())


def test_groups_that_lag_are_in_the_way() -> None:
    findings = iter([failed("rolling lags by 4")])
    around = Around(check=lambda name: next(findings, passed("drained")))
    assert ConfirmDrained(5.0).carry_out(Outbox(), around.context()).status == "ok"
    with pytest.raises(TimedOut, match="rolling lags"):
        lagging = Around(check=lambda name: failed("rolling lags by 4"))
        ConfirmDrained(0.05).carry_out(Outbox(), lagging.context())
