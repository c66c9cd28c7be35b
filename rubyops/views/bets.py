"""Open bets: accepted bets that are neither settled nor rolled back."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from rubyops.ports import Read
from rubyops.views.view import Item, View, total_of


@dataclass(frozen=True)
class OpenBet:
    """One open bet. `stake` is in minor units; `total` is the count of all open bets."""

    authorization_id: str
    brand_id: str
    player_id: str
    provider_id: str
    bet_id: str
    round_id: str
    currency: str
    stake: int
    topology_code: str
    topology_version: int
    created_at: datetime
    total: int


@dataclass(frozen=True)
class OpenBetsView(View):
    """The oldest open bets, at most `limit`, and the `total` of all open bets."""

    schema = "rubyops.bets/v1"
    bets: tuple[OpenBet, ...]
    total: int
    limit: int

    @property
    def results(self) -> tuple[Item[OpenBet], ...]:
        """One item for each shown bet."""
        return tuple(
            Item(bet.authorization_id, f"bet {bet.bet_id}", "ok", _stake(bet), bet)
            for bet in self.bets
        )

    @property
    def beside(self) -> Mapping[str, object]:
        """The count of all open bets."""
        return {"total": self.total}


def read_open_bets(read: Read, limit: int) -> OpenBetsView:
    """List the oldest open bets, at most `limit`."""
    rows = read.rows("facts_open_bets", code=None, version=None, limit=limit)
    return OpenBetsView(tuple(OpenBet(**row) for row in rows), total_of(rows), limit)


def _stake(bet: OpenBet) -> str:
    return f"stake {bet.stake} minor units of {bet.currency}"
