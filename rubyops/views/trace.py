"""The history of one bet or player: accounts, ledger, wins, rollings and events."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeVar

from rubyops.errors import UsageError
from rubyops.ports import Read, Row
from rubyops.views.view import Item, View

TRACED_MAX = 200
T = TypeVar("T")
Shares = list[dict[str, Any]]  # amounts by account, as the wallet records them


@dataclass(frozen=True)
class Subject:
    """The bet or player with a given id. `id` is the bet's authorization id, or the player's id."""

    kind: Literal["bet", "player"]
    id: str
    brand_id: str
    player_id: str


@dataclass(frozen=True)
class TracedBet:
    """A bet: stake and payout in minor units, its funding, and the pair that was active."""

    authorization_id: str
    bet_id: str
    round_id: str
    provider_id: str
    state: str
    stake: int
    payout: int | None
    currency: str
    funding: Shares
    topology_code: str
    topology_version: int
    policy_key: str
    policy_version: int
    created_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True)
class Account:
    """One account of the player; `balance` is in minor units."""

    account: str
    currency: str
    balance: int
    version: int


@dataclass(frozen=True)
class LedgerRow:
    """One row of the ledger; amounts are in minor units."""

    created_at: datetime
    command: str
    account: str
    version: int
    delta: int
    balance_after: int
    currency: str
    request_id: str
    transaction_id: str


@dataclass(frozen=True)
class Win:
    """A win outside of a bet's payout, in minor units. `reversed_at` is set for a reversed win."""

    win_id: str
    provider_id: str
    provider_transaction_id: str
    campaign_code: str | None
    bet_id: str | None
    amount: int
    currency: str
    shares: Shares
    created_at: datetime
    reversed_at: datetime | None


@dataclass(frozen=True)
class Rolling:
    """One rolling of the player: the required turnover, and the turnover so far, in minor units."""

    rolling_id: str
    bucket_type_code: str
    currency: str
    amount: int
    target_turnover: int
    turnover: int
    state: str
    reason: str
    created_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True)
class Event:
    """One wallet event about the player; `published_at` is None until it is published."""

    event_id: str
    event_type: str
    player_version: int
    occurred_at: datetime
    published_at: datetime | None
    attempts: int


Traced = TracedBet | Account | LedgerRow | Win | Rolling | Event


@dataclass(frozen=True)
class TracedRows:
    """The rows of one part of a trace."""

    rows: tuple[Traced, ...]


@dataclass(frozen=True)
class TraceView(View):
    """The newest rows of each part. `bet` is None for the trace of a player."""

    schema = "rubyops.trace/v1"
    subject: Subject
    bet: TracedBet | None
    accounts: tuple[Account, ...]
    ledger: tuple[LedgerRow, ...]
    wins: tuple[Win, ...]
    rollings: tuple[Rolling, ...]
    events: tuple[Event, ...]

    @property
    def parts(self) -> Mapping[str, tuple[Traced, ...]]:
        """{title: rows}. The trace of a player has no part `bet`."""
        bet: dict[str, tuple[Traced, ...]] = {} if self.bet is None else {"bet": (self.bet,)}
        return bet | {
            "accounts": self.accounts,
            "ledger": self.ledger,
            "wins": self.wins,
            "rollings": self.rollings,
            "events": self.events,
        }

    @property
    def results(self) -> tuple[Item[TracedRows], ...]:
        """One item for each part, with its rows."""
        return tuple(
            Item(title, title, "ok", f"{len(rows)} rows", TracedRows(rows))
            for title, rows in self.parts.items()
        )

    @property
    def beside(self) -> Mapping[str, object]:
        """The subject of the trace."""
        return {"subject": self.subject}


def read_trace(read: Read, named: str) -> TraceView:
    """Trace the bet or player with this id. Raises `UsageError` unless the id names exactly one."""
    subject = _subject(read, named)
    bet_id = subject.id if subject.kind == "bet" else None
    whose: dict[str, Any] = {"brand_id": subject.brand_id, "player_id": subject.player_id}
    newest: dict[str, Any] = {**whose, "limit": TRACED_MAX}
    of_bet: dict[str, Any] = {**newest, "authorization_id": bet_id}
    return TraceView(
        subject,
        _bet(read, bet_id),
        _all(Account, read.rows("ops_trace_accounts", **whose)),
        _all(LedgerRow, read.rows("ops_trace_ledger", **of_bet)),
        _all(Win, read.rows("ops_trace_wins", **of_bet)),
        _all(Rolling, read.rows("ops_trace_rollings", **whose)),
        _all(Event, read.rows("ops_trace_events", **newest)),
    )


def _all(kind: type[T], rows: list[Row]) -> tuple[T, ...]:
    return tuple(kind(**row) for row in rows)


def _bet(read: Read, bet_id: str | None) -> TracedBet | None:
    bets = [] if bet_id is None else read.rows("ops_trace_bet", id=bet_id)
    return TracedBet(**bets[0]) if bets else None


def _subject(read: Read, named: str) -> Subject:
    found = [Subject(**row) for row in read.rows("ops_trace_subject", id=named)]
    if not found:
        raise UsageError(
            f"no bet and no player has the id {named!r} in {read.environment.name}",
            next_command="rubyops bets list",
        )
    if len(found) > 1:
        ids = ", ".join(subject.id for subject in found)
        raise UsageError(f"{named!r} names more than one bet; use an authorization id: {ids}")
    return found[0]
