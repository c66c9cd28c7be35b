"""Stores rounds, callbacks, and the bets and wins of the mock providers."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sql import query
from wallet_runtime.game.domain import Kind, Terms, state_after
from wallet_runtime.plumbing.runtime import seal
from wallet_runtime.plumbing.runtime.database import Database, Row

_AUTHORIZE, _CLOSE, _OUTCOME, _STATEMENT = (
    "game_record_authorize",
    "game_record_close",
    "game_record_outcome",
    "game_statement",
)
_WIN, _WIN_OUTCOME, _WINS = "game_record_win", "game_record_win_outcome", "game_wins"
for _name in (_AUTHORIZE, _CLOSE, _OUTCOME, _STATEMENT, _WIN, _WIN_OUTCOME, _WINS):
    query(_name)


@dataclass(frozen=True)
class Callback:
    """A provider's callback. `wallet_request_id` is the request id of its call to the wallet.

    `amount` is the text that the provider sent: a stake, a payout, or None for a rollback.
    """

    kind: Kind
    brand_id: UUID
    provider_id: str
    request_id: str
    bet_id: str
    round_id: str
    player_id: UUID
    amount: str | None
    wallet_request_id: str
    canary_token: str | None = None


def record_authorize(
    database: Database, callback: Callback, *, currency: str, stake: int, game_id: str | None
) -> None:
    """Record round, callback and bet before the call to the wallet; `stake` is in minor units."""
    with seal.writing(database, callback.canary_token) as session:
        session.run(_AUTHORIZE, **_named(callback), currency=currency, stake=stake, game_id=game_id)


def record_close(database: Database, callback: Callback) -> None:
    """Record the callback of a settlement or rollback before the call to the wallet."""
    with seal.writing(database, callback.canary_token) as session:
        session.run(_CLOSE, **_named(callback), kind=callback.kind)


def record_outcome(
    database: Database, callback: Callback, *, status: int, code: str | None, terms: Terms
) -> None:
    """Store the wallet's final answer, and update the bet's state, currency and amounts."""
    state, from_states = state_after(callback.kind, status, code)
    with seal.writing(database, callback.canary_token) as session:
        session.run(
            _OUTCOME,
            **_named(callback),
            kind=callback.kind,
            status=status,
            code=code,
            **asdict(terms),
            state=state,
            from_states=list(from_states),
        )


@dataclass(frozen=True, slots=True)
class NamedWin:
    """The key of a win, and the canary token of the request. `transaction_id` is the provider's."""

    brand_id: UUID
    provider_id: str
    transaction_id: str
    player_id: UUID
    canary_token: str | None = None


def record_win(database: Database, win: NamedWin, said: dict[str, Any]) -> None:
    """Record a win before the call to the wallet; a repeat raises the win's count of attempts.

    `said` has the win's other columns, with the amount in minor units.
    """
    with seal.writing(database, win.canary_token) as session:
        session.run(_WIN, **(said | _names(win)))


def record_win_outcome(database: Database, win: NamedWin, state: str) -> None:
    """Set a win's state after the wallet's final answer: PAID, REFUSED or REVERSED."""
    with seal.writing(database, win.canary_token) as session:
        session.run(_WIN_OUTCOME, **_names(win), state=state)


def _names(win: NamedWin) -> dict[str, object]:
    return {name: value for name, value in asdict(win).items() if name != "canary_token"}


@dataclass(frozen=True, slots=True)
class Page:
    """At most `limit` rows of a provider in [placed_from, placed_to), after the row `cursor`.

    A `brand_id` of None means all brands.
    """

    provider_id: str
    brand_id: UUID | None
    placed_from: datetime
    placed_to: datetime
    cursor: int
    limit: int


def read_statement(database: Database, page: Page) -> list[Row]:
    """Return one page of a provider's bets, oldest first."""
    return _read_page(_STATEMENT, database, page)


def read_wins(database: Database, page: Page) -> list[Row]:
    """Return one page of a provider's wins, oldest first."""
    return _read_page(_WINS, database, page)


def _read_page(name: str, database: Database, page: Page) -> list[Row]:
    with database.session() as session:
        return session.all(name, **asdict(page))


def _named(callback: Callback) -> dict[str, object]:
    return {
        "brand_id": callback.brand_id,
        "provider_id": callback.provider_id,
        "request_id": callback.request_id,
        "bet_id": callback.bet_id,
        "round_id": callback.round_id,
        "player_id": callback.player_id,
        "amount": callback.amount,
    }
