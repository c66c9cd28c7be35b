"""The rows in memory, and changes of them that no command makes."""

from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from msgspec.structs import asdict

from tests.wallet_runtime.wallet.histories import actions
from wallet_runtime.wallet.domain.documents import read_policy, read_topology
from wallet_runtime.wallet.domain.records import (
    ObligationOpened,
)
from wallet_runtime.wallet.domain.state import (
    ActivePair,
    Adjustment,
    Authorization,
    Bonus,
    Campaign,
    CashTransaction,
    Grant,
    Obligation,
    ReferenceUse,
    Stored,
    Win,
)

Answer = tuple[int, Mapping[str, Any]]
PAST = "2001-01-01T00:00:00Z"
COUNTERS = ("PSP", "HOUSE", "PROMO", "OPENING", "ADJ", "ISSUED", "REDEEMED", "EXPIRED")


class Broken(AssertionError):
    """The rules made a decision that the database would refuse."""


class Held(msgspec.Struct):
    """A player: row, balances and ledger rows (account, transaction, change, balance after)."""

    currency: str
    status: str = "active"
    version: int = 0
    balances: dict[str, int] = {}
    ledger: list[tuple[str, UUID, int, int]] = []
    locked: dict[str, int] = {}


class Rows:
    """The rows of one brand."""

    def __init__(self, brand: UUID, documents: dict[str, Any], currencies: tuple[str, ...]) -> None:
        """Open a brand without money, with one player for each currency."""
        self.brand = brand
        self.players = {
            actions.player_id(brand, number): Held(currency)
            for number, currency in enumerate(currencies)
        }
        self.numbers = {str(player): number for number, player in enumerate(self.players)}
        self.level = "open"
        self.activation_no = 0
        self.stored: dict[tuple[str, str], Stored] = {}
        self.counters: Counter[tuple[str, str]] = Counter()
        self.obligations: dict[str, Obligation] = {}
        self.authorizations: dict[tuple[str, str], Authorization] = {}
        self.transactions: dict[str, list[UUID]] = {}
        self.cash_transactions: dict[str, CashTransaction] = {}
        self.grants: dict[str, Grant] = {}
        self.bonuses: dict[str, Bonus] = {}
        self.adjustments: dict[str, Adjustment] = {}
        self.choices: dict[tuple[str, str], str] = {}
        self.references: dict[tuple[str, str], ReferenceUse] = {}
        self.unlocked_by: dict[UUID, dict[str, int]] = {}
        self.lapsed_at: dict[str, int] = {}
        self.turnover: dict[tuple[str, str], tuple[int, int]] = {}
        self.settled_at: dict[str, int] = {}
        self.made_at: dict[str, int] = {}
        self.clock = 0
        self.findings: set[str] = set()
        self.counted: dict[str, bool] = {}
        self.campaigns: dict[str, Campaign] = {}
        self.wins: dict[tuple[str, str], Win] = {}
        self.activate(documents)

    def activate(self, documents: dict[str, Any]) -> None:
        self.pair = ActivePair(
            read_topology(documents["topology"]), read_policy(documents["policy"])
        )
        self.activation_no += 1

    def freeze(self, level: str) -> None:
        self.level = level

    def block(self, player: int, blocked: bool) -> None:
        self.players[actions.player_id(self.brand, player)].status = (
            "blocked" if blocked else "active"
        )

    def choose(self, player: int, provider_type: str, source: str) -> None:
        """Store a player's choice of the account that pays."""
        self.choices[str(actions.player_id(self.brand, player)), provider_type] = source

    def lapse(self, coupon_log_id: str) -> None:
        grant = next(
            grant for grant in self.grants.values() if grant.coupon_log_id == coupon_log_id
        )
        self.grants[grant.account] = msgspec.structs.replace(grant, expires_at=PAST, lapsed=True)

    def turn_over(self, player: int, account: str) -> None:
        """Set the open turnover of an account to zero, as if enough bets were settled."""
        key = str(actions.player_id(self.brand, player)), account
        self.turnover[key] = 0, self.turnover[key][1]

    def campaign(self, code: str, provider: str, currency: str, cap: int, per_win: int) -> None:
        self.campaigns[code] = Campaign(
            code, provider, currency, cap, per_win, 0, "2199-01-01T00:00:00Z"
        )

    def end_campaign(self, code: str) -> None:
        self.campaigns[code] = msgspec.structs.replace(self.campaigns[code], expired=True)

    def close(self) -> None:
        """Close nothing: the store in memory holds no connection."""

    def _owed_by(self, who: str) -> list[Obligation]:
        return [owed for owed in self.obligations.values() if owed.player_id == who]


def owed_of(opened: ObligationOpened, who: str) -> Obligation:
    fields = asdict(opened)
    del fields["part_of"]
    return Obligation(**fields, player_id=who)
