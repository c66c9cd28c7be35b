"""The model's book of accounts: a second, independent version of the wallet's rules.

Neither this module nor `bets`, `promotions`, `wins` or `model` may import the product, because a
fault in shared code would show on neither side. Amounts are minor units, and accounts have the
names of the ledger.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from math import ceil
from typing import Any
from uuid import UUID, uuid5

AVAILABLE, PENDING = "CASH/AVAILABLE", "CASH/PENDING"
COUNTERS = ("PSP", "HOUSE", "PROMO", "ADJ", "ISSUED", "REDEEMED", "EXPIRED")
STAKE = "STAKE"
PLACES = {"EUR": 2, "KRW": 0}
PTS = "PTS"


@dataclass(frozen=True)
class Outcome:
    """The right answer to a command: status, refusal code, and fields that the body must contain.

    With `stored` false, a repeat of the request is decided again.
    """

    status: int
    code: str = ""
    shown: dict[str, Any] = field(default_factory=dict, compare=False)
    stored: bool = True


class Refusal(Exception):
    """The command must be refused without moving money."""

    def __init__(self, code: str, status: int = 409, *, stored: bool = True) -> None:
        """Keep the refusal's code and status."""
        super().__init__(code)
        self.outcome = Outcome(status, code, stored=stored)


@dataclass
class Wallet:
    """A player's accounts and choices of sources.

    `moves` lists (transaction, change) for each account. `locked` is the locked amount of each
    account, with its locked stakes. Only winnings from locked money become free.
    """

    number: int
    currency: str
    blocked: bool = False
    choices: dict[str, str] = field(default_factory=dict)
    held: Counter[str] = field(default_factory=Counter)
    locked: Counter[str] = field(default_factory=Counter)
    moves: dict[str, list[tuple[UUID, int]]] = field(default_factory=dict)
    turnover: dict[str, "Turnover"] = field(default_factory=dict)


@dataclass
class Turnover:
    """The least turnover that an account still owes.

    `since` is the time of the last change by anything but a bet.
    """

    open: int
    since: int


@dataclass
class Rolling:
    """A rolling: the turnover that an account owes for an amount.

    `cap` is the most that its completion may release. `earned` is the amount of completed rollings
    whose release waits for this rolling. `ended` is the time of its end.
    """

    owner: int
    account: str
    amount: int
    cap: int | None
    state: str = "ACTIVE"
    earned: int = 0
    ended: int = 0
    required: int = 0


@dataclass
class Coupon:
    """A coupon grant: the providers that accept it, and its expiry, which orders the payments."""

    owner: int
    account: str
    amount: int
    kind: str
    providers: tuple[str, ...]
    expires_at: str | None
    rolling: str
    state: str = "ACTIVE"
    lapsed: bool = False


@dataclass
class Bet:
    """A bet with its sources and its transactions.

    `destinations` holds the accounts for winnings before and after rolling. `counted` is None until
    settlement, then whether the bet counts as turnover. `leaves_out` names the outcomes that do not
    count.
    """

    owner: int
    stake: int = 0
    funding: list[tuple[str, int]] = field(default_factory=list)
    destinations: dict[str, tuple[str, str]] = field(default_factory=dict)
    withdrawable: str = ""
    state: str = "AUTHORIZED"
    payout: int | None = None
    rested: dict[str, int] = field(default_factory=dict)
    unlocked: dict[str, int] = field(default_factory=dict)
    made: int = 0
    round: tuple[str, str] = ("", "")
    leaves_out: str = ""
    counted: bool | None = None
    settled: int = 0
    transactions: list[UUID] = field(default_factory=list)


@dataclass
class Campaign:
    """A campaign: the limits of wins without a stake at one provider."""

    provider: str
    currency: str
    cap: int
    per_win: int
    spent: int = 0
    over: bool = False


@dataclass
class Win:
    """A win that was paid beside a payout.

    `said` is the provider's request, `paid` the transaction, and `rested` the accounts where the
    money ended.
    """

    owner: int
    said: tuple[Any, ...]
    amount: int
    paid: UUID
    rested: dict[str, int]
    bet: tuple[str, str] | None = None
    campaign: str | None = None
    reversed: bool = False


class Book:
    """The accounts of one brand under the active documents, and moves between them."""

    def __init__(self, documents: dict[str, Any], currencies: Iterable[str]) -> None:
        """Open a brand without money, with one wallet for each currency."""
        self.wallets = [Wallet(number, currency) for number, currency in enumerate(currencies)]
        self.counters: Counter[tuple[str, str]] = Counter()
        self.rollings: dict[str, Rolling] = {}
        self.coupons: dict[str, Coupon] = {}
        self.bets: dict[tuple[str, str], Bet] = {}
        self.campaigns: dict[str, Campaign] = {}
        self.wins: dict[tuple[str, str], Win] = {}
        self.clock = 0
        self.activate(documents)

    def activate(self, documents: dict[str, Any]) -> None:
        """Activate another version of the documents; existing bets and coupons keep their rules."""
        self.topology, self.policy = documents["topology"], documents["policy"]
        self.kinds: dict[str, str] = {
            bucket["code"]: bucket["kind"] for bucket in self.topology["buckets"]
        }

    def account(self, code: str) -> str:
        return f"{self.topology['code']}/{code}"

    def bucket_of(self, kind: str) -> str:
        """Return the account of the only bucket of a kind: withdrawable or points."""
        return self.account(next(code for code, its in self.kinds.items() if its == kind))

    def move(
        self, wallet: Wallet, tx: UUID, source: str, target: str, amount: int, currency: str = ""
    ) -> None:
        """Move an amount between two accounts, which may be counter-accounts or the open stake."""
        for account, change in ((source, -amount), (target, amount)):
            if not amount or account == STAKE:
                continue
            if account in COUNTERS:
                self.counters[currency or wallet.currency, account] += change
            else:
                wallet.held[account] += change
                wallet.moves.setdefault(account, []).append((tx, change))
                assert wallet.held[account] >= 0, f"the model itself took too much from {account}"

    def owing(self, account: str, wallet: Wallet, besides: str | None = None) -> dict[str, Rolling]:
        """Return the active rollings of an account by id, in a fixed order, without `besides`."""
        found = [
            (name, one)
            for name, one in self.rollings.items()
            if (one.owner, one.account, one.state) == (wallet.number, account, "ACTIVE")
        ]
        return {name: one for name, one in sorted(found) if name != besides}

    def owe(  # noqa: PLR0913
        self,
        wallet: Wallet,
        tx: UUID,
        account: str,
        amount: int,
        multiple: str,
        cap: int | None = None,
        brought: int = 0,
    ) -> str | None:
        """Open a rolling and return its id, or None where no turnover is required.

        It requires the amount times `multiple`, rounded up. The account's open turnover grows by
        that, less the turnover that the money `brought` along.
        """
        required = ceil(amount * Decimal(multiple))
        if not required:
            return None
        name = str(uuid5(tx, "rolling"))
        self.rollings[name] = Rolling(wallet.number, account, amount, cap, required=required)
        self.ask(wallet, account, max(0, required - brought))
        return name

    def ask(self, wallet: Wallet, account: str, more: int) -> None:
        """Add to the open turnover of an account.

        Surplus turnover of earlier bets is dropped: it does not count for later demands.
        """
        held = wallet.turnover.get(account)
        wallet.turnover[account] = Turnover(
            max(0, max(0, held.open if held else 0) + more), self.clock
        )

    def left(self, wallet: Wallet, account: str) -> int:
        held = wallet.turnover.get(account)
        return max(0, held.open) if held else 0

    def play_through(self, wallet: Wallet, bet: Bet) -> None:
        """Count a settled bet as turnover of the accounts that paid it."""
        bet.settled = self.clock
        for account, amount in bet.funding:
            if account in wallet.turnover:
                wallet.turnover[account].open -= amount

    def undo_play(self, wallet: Wallet, bet: Bet) -> None:
        """Take the turnover of a bet back, where only bets have changed the account since.

        After another change it is unknown for which rolling the bet counted.
        """
        for account, amount in bet.funding:
            if account in wallet.turnover and bet.settled > wallet.turnover[account].since:
                wallet.turnover[account].open += amount

    def end_turnover(self, wallet: Wallet, rolling: str, state: str) -> None:
        """Drop the open turnover of a rolling that ended without completion.

        With the last rolling of an account, all its open turnover is dropped.
        """
        owed = self.rollings[rolling]
        self.ask(wallet, owed.account, 0 if state == "COMPLETED" else -owed.required)
        if not self.owing(owed.account, wallet, besides=rolling):
            del wallet.turnover[owed.account]

    def free(self, wallet: Wallet, account: str) -> int:
        """Return balance and open stakes of an account, less its locked money."""
        return max(0, wallet.held[account] + self.staked(wallet, account) - wallet.locked[account])

    def wait_for(self, wallet: Wallet, account: str, earned: int, besides: str | None) -> None:
        """Add an earned amount to another active rolling of the account, if there is one."""
        for other in self.owing(account, wallet, besides).values():
            other.earned += earned
            return

    def unlock_what_is_gone(self, wallet: Wallet) -> dict[str, int]:
        """Reduce locks to balance and open stakes of each account; return the unlocked amounts."""
        gone = {}
        for account, locked in wallet.locked.items():
            left = wallet.held[account] + self.staked(wallet, account)
            if locked > left:
                gone[account] = locked - left
        wallet.locked.subtract(gone)
        return gone

    def staked(self, wallet: Wallet, account: str) -> int:
        """Return the sum of an account's open stakes."""
        open_bets = [
            bet
            for bet in self.bets.values()
            if bet.owner == wallet.number and bet.state == "AUTHORIZED"
        ]
        return sum(
            amount for bet in open_bets for source, amount in bet.funding if source == account
        )

    def staked_in_round(self, wallet: Wallet, round: tuple[str, str]) -> list[tuple[str, int]]:
        """Return the (account, amount) shares of the open bets of one round."""
        mine = [
            bet
            for bet in self.bets.values()
            if (bet.owner, bet.state, bet.round) == (wallet.number, "AUTHORIZED", round)
        ]
        return [share for bet in mine for share in bet.funding]

    def untouched(self, wallet: Wallet, account: str, tx: UUID) -> int:
        """Return how much of a transaction's money is still in the account.

        This is at most the lowest balance since. Bets that were placed and rolled back since do not
        count.
        """
        moves = wallet.moves.get(account, [])
        came = [index for index, (moved_by, _) in enumerate(moves) if moved_by == tx]
        if not came:
            return 0
        later = moves[came[-1] + 1 :]
        made_since = {moved_by for moved_by, _ in later}
        undone = {
            one
            for bet in self.bets.values()
            if bet.state == "ROLLED_BACK" and bet.transactions[0] in made_since
            for one in bet.transactions
        }
        held = least = sum(change for _, change in moves[: came[-1] + 1])
        for moved_by, change in later:
            if moved_by not in undone:
                held += change
                least = min(least, held)
        return min(least, wallet.held[account])

    def coupon_at(self, account: str) -> Coupon | None:
        return next((coupon for coupon in self.coupons.values() if coupon.account == account), None)

    def amount(self, minor: int, currency: str) -> str:
        """Return minor units as the decimal text of the API."""
        places = PLACES.get(currency, 0)
        return f"{Decimal(minor).scaleb(-places):.{places}f}"
