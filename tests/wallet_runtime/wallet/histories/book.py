"""The book of accounts that every command writes in: a wallet's duties, said a second time.

The model is compared with the product, so nothing here, in `bets`, `promotions` or `model` may
import it: a fault in a shared rule would cancel out. Amounts are minor units; accounts are named as
the ledger names them.
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
    """A command's right answer: status, code of a refusal, and fields that the body must show.

    An answer that is not stored is decided anew when the same request comes again.
    """

    status: int
    code: str = ""
    shown: dict[str, Any] = field(default_factory=dict, compare=False)
    stored: bool = True


class Refusal(Exception):
    """The command must be refused, and nothing may move."""

    def __init__(self, code: str, status: int = 409, *, stored: bool = True) -> None:
        """Name the refusal."""
        super().__init__(code)
        self.outcome = Outcome(status, code, stored=stored)


@dataclass
class Wallet:
    """A player's accounts and his choice of sources.

    `moves` is each account's life: (transaction, change). Only winnings leave `locked` money. The
    figure counts the account's open stakes.
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
    """The turnover that an account still owes at the least.

    `since` is when anything but a bet last changed it.
    """

    open: int
    since: int


@dataclass
class Rolling:
    """Turnover that an account owes for an amount.

    `cap` is the most that completing it may release.

    `earned` are the amounts of completed rollings whose release waits for this one. `ended` is when
    it ended.
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
    """A coupon grant: where it may be staked, and in which order it is used up."""

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
    """A stake that was taken, with its sources and its transactions.

    `destinations` says where its winnings go before and after rolling. `counted` is None until it
    is settled, then whether it counts as turnover; `leaves_out` says what does not count.
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
    """The limits of wins that a provider may let players have without a stake."""

    provider: str
    currency: str
    cap: int
    per_win: int
    spent: int = 0
    over: bool = False


@dataclass
class Win:
    """A win that was paid beside a payout.

    `said` is the provider's word of it; `rested` is where it came to rest, by transaction `paid`.
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
    """The accounts of one brand under the active documents, and what moves between them."""

    def __init__(self, documents: dict[str, Any], currencies: Iterable[str]) -> None:
        """Open a brand without money, with a wallet per currency."""
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
        """Make another version of the documents the active one.

        Things that were fixed before stay as they were fixed.
        """
        self.topology, self.policy = documents["topology"], documents["policy"]
        self.kinds: dict[str, str] = {
            bucket["code"]: bucket["kind"] for bucket in self.topology["buckets"]
        }

    def account(self, code: str) -> str:
        return f"{self.topology['code']}/{code}"

    def bucket_of(self, kind: str) -> str:
        """Name the account of the only bucket of a kind: withdrawable, or points."""
        return self.account(next(code for code, its in self.kinds.items() if its == kind))

    def move(
        self, wallet: Wallet, tx: UUID, source: str, target: str, amount: int, currency: str = ""
    ) -> None:
        """Move an amount between accounts; either may be a counter-account or the open stake."""
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
        """Find the rollings that are active on an account, in a fixed order."""
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
        """Ask for turnover, a multiple of the amount rounded up, less what the money brought along.

        None of it is no rolling.
        """
        required = ceil(amount * Decimal(multiple))
        if not required:
            return None
        name = str(uuid5(tx, "rolling"))
        self.rollings[name] = Rolling(wallet.number, account, amount, cap, required=required)
        self.ask(wallet, account, max(0, required - brought))
        return name

    def ask(self, wallet: Wallet, account: str, more: int) -> None:
        """Change what an account has still to turn over.

        Turnover beyond it counts for nothing later.
        """
        held = wallet.turnover.get(account)
        wallet.turnover[account] = Turnover(
            max(0, max(0, held.open if held else 0) + more), self.clock
        )

    def left(self, wallet: Wallet, account: str) -> int:
        held = wallet.turnover.get(account)
        return max(0, held.open) if held else 0

    def play_through(self, wallet: Wallet, bet: Bet) -> None:
        """Count a settled bet for the accounts that paid it."""
        bet.settled = self.clock
        for account, amount in bet.funding:
            if account in wallet.turnover:
                wallet.turnover[account].open -= amount

    def undo_play(self, wallet: Wallet, bet: Bet) -> None:
        """Take that back where nothing but bets has happened since.

        Else it is not known for which rolling the bet had counted.
        """
        for account, amount in bet.funding:
            if account in wallet.turnover and bet.settled > wallet.turnover[account].since:
                wallet.turnover[account].open += amount

    def end_turnover(self, wallet: Wallet, rolling: str, state: str) -> None:
        """Forget an ended rolling's demand; with the last one the account owes nothing more."""
        owed = self.rollings[rolling]
        self.ask(wallet, owed.account, 0 if state == "COMPLETED" else -owed.required)
        if not self.owing(owed.account, wallet, besides=rolling):
            del wallet.turnover[owed.account]

    def free(self, wallet: Wallet, account: str) -> int:
        """Balance and open stakes of an account, less its locked money."""
        return max(0, wallet.held[account] + self.staked(wallet, account) - wallet.locked[account])

    def wait_for(self, wallet: Wallet, account: str, earned: int, besides: str | None) -> None:
        """Let what was earned be released with another rolling of the account, if there is one."""
        for other in self.owing(account, wallet, besides).values():
            other.earned += earned
            return

    def unlock_what_is_gone(self, wallet: Wallet) -> dict[str, int]:
        """Let no account lock more than it holds and has staked; return what was unlocked."""
        gone = {}
        for account, locked in wallet.locked.items():
            left = wallet.held[account] + self.staked(wallet, account)
            if locked > left:
                gone[account] = locked - left
        wallet.locked.subtract(gone)
        return gone

    def staked(self, wallet: Wallet, account: str) -> int:
        """Sum what open bets hold of an account."""
        open_bets = [
            bet
            for bet in self.bets.values()
            if bet.owner == wallet.number and bet.state == "AUTHORIZED"
        ]
        return sum(
            amount for bet in open_bets for source, amount in bet.funding if source == account
        )

    def staked_in_round(self, wallet: Wallet, round: tuple[str, str]) -> list[tuple[str, int]]:
        """List what open bets of one round at one provider hold, and of which account."""
        mine = [
            bet
            for bet in self.bets.values()
            if (bet.owner, bet.state, bet.round) == (wallet.number, "AUTHORIZED", round)
        ]
        return [share for bet in mine for share in bet.funding]

    def untouched(self, wallet: Wallet, account: str, tx: UUID) -> int:
        """How much that came in with a transaction lies there still.

        Never more than the least the account has held since.

        A bet that was made since and was rolled back counts as never made.
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
        """Write minor units as the wire does."""
        places = PLACES.get(currency, 0)
        return f"{Decimal(minor).scaleb(-places):.{places}f}"
