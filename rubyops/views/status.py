"""The overview of an environment: its freeze, processes, topology, outbox and lock."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from rubyops.errors import RubyopsError, Unreachable
from rubyops.model.status import Status
from rubyops.ports import CheckRunner, Control, Read
from rubyops.views.copies import CopiesView, read_copies
from rubyops.views.lock import LockFacts, lock_item
from rubyops.views.money import MoneyView
from rubyops.views.view import Item, View, plain
from wallet_runtime.contract.consumers import WALLET_CONSUMERS

D = TypeVar("D")
READINESS = ("service-health", "forward-progress")
Found = Mapping[str, object]  # the details of a check, which differ by check


@dataclass(frozen=True)
class GateFacts:
    """The gate row of the platform: the active pair, the freeze and the fencing token."""

    topology_code: str
    topology_version: int
    policy_key: str
    policy_version: int
    activation_no: int
    freeze_level: str
    freeze_epoch: int
    settled_epoch: int
    fence_token: int
    restore_epoch: int


@dataclass(frozen=True)
class OutboxFacts:
    """Events between the wallet and its consumers: counts, and ages in milliseconds.

    `missing` events were lost by the stream. `lag` counts the entries that consumers have not read,
    and is None while a consumer has no group.
    """

    unapplied: int
    missing: int | None
    compared_age_ms: int | None
    wallet_unpublished: int
    rolling_unpublished: int
    set_aside: int
    oldest_age_ms: int | None
    lag: int | None


@dataclass(frozen=True)
class StatusView(View):
    """The overview. A part that does not answer has the status `unknown`."""

    schema = "rubyops.status/v1"
    money: MoneyView
    topology: Item[GateFacts | None]
    outbox: Item[OutboxFacts | None]
    lock: Item[LockFacts | None]
    readiness: tuple[Item[Found | None], ...]
    copies: CopiesView

    @property
    def parts(self) -> tuple[Item[object], ...]:
        """The items below the table of copies."""
        return (self.topology, self.outbox, self.lock, *self.readiness)

    @property
    def results(self) -> tuple[Item[object], ...]:
        """The items of the freeze, of the parts, then of the copies."""
        return (self.money.item, *self.parts, *self.copies.copies)

    @property
    def verdict(self) -> Status:
        """`ok` when the freeze and all parts are. `service-health` judges the copies."""
        judged = (self.money.item, *self.parts)
        return "ok" if all(item.status in ("ok", "noop") for item in judged) else "failed"


def read_status(read: Read, control: Control, check: CheckRunner, money: MoneyView) -> StatusView:
    """Look at every part.

    Raises `Unreachable` when `control` does not answer. The details of the error have the freeze.
    """
    if not control.reachable():
        raise _no_control(read.environment.name, money)
    return StatusView(
        money,
        copies=read_copies(read),
        topology=_or_unknown("topology", partial(_topology, read)),
        outbox=_or_unknown("outbox", partial(_outbox, read)),
        lock=_or_unknown("lock", partial(lock_item, control)),
        readiness=tuple(_or_unknown(name, partial(_checked, check, name)) for name in READINESS),
    )


def _no_control(name: str, money: MoneyView) -> Unreachable:
    return Unreachable(
        f"control of {name} does not answer: it is down, or hangs",
        next_command=f"rubyops up -e {name}",
        details={"money": plain(money.facts)},
    )


def _or_unknown(name: str, look: Callable[[], Item[D]]) -> Item[D | None]:
    """Return a part, or an item with status `unknown` when the part raises an error."""
    try:
        return look()
    except RubyopsError as fault:
        return Item(name, name, "unknown", fault.message, None)


def _topology(read: Read) -> Item[GateFacts | None]:
    gate = read.one("facts_gate")
    if gate["topology_code"] is None:
        return Item("topology", "topology", "noop", "none is active", None)
    facts = GateFacts(**gate)
    pair = f"{facts.topology_code} v{facts.topology_version}"
    words = f"{pair} with policy {facts.policy_key} v{facts.policy_version}"
    return Item("topology", "topology", "ok", words, facts)


def _outbox(read: Read) -> Item[OutboxFacts | None]:
    counts, groups = read.one("facts_outbox"), read.groups()
    known = {group["group"] for group in groups}
    every = all(consumer.group in known for consumer in WALLET_CONSUMERS.values())
    lag = sum(group["lag"] for group in groups) if every else None
    facts = OutboxFacts(**counts, lag=lag)
    status: Status = "failed" if facts.missing else "inconclusive" if lag is None else "ok"
    return Item("outbox", "outbox", status, "".join(_outbox_words(facts)), facts)


def _outbox_words(facts: OutboxFacts) -> Iterator[str]:
    yield f"{facts.wallet_unpublished} wallet and {facts.rolling_unpublished} rolling events"
    yield " unpublished"
    if facts.oldest_age_ms:
        yield f", oldest {facts.oldest_age_ms / 1000:.1f} s"
    is_known = facts.lag is not None
    yield f"; consumers {facts.lag} behind" if is_known else "; how far consumers are is not known"
    yield f", {facts.unapplied} published events not applied"
    if facts.missing:
        yield f"; {facts.missing} published events were lost by the stream and are sent again"


def _checked(check: CheckRunner, name: str) -> Item[Found]:
    finding = check(name)
    return Item(name, name, finding.status, finding.summary, finding.details)
