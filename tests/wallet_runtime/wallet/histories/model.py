"""The executable model: cash, transfers, adjustments, and dispatch of all commands (SPEC 1.3)."""

import pickle
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Any
from uuid import UUID, uuid5

from tests.wallet_runtime.wallet.histories.book import (
    AVAILABLE,
    PENDING,
    Outcome,
    Refusal,
    Rolling,
    Wallet,
)
from tests.wallet_runtime.wallet.histories.promotions import Bonus, Promotions
from tests.wallet_runtime.wallet.histories.wins import Wins

# The commands that an ingress freeze stops. The other commands only finish open business.
NEW = {
    "deposit",
    "authorize",
    "transfer",
    "legacy_transfer",
    "issue_bonus",
    "issue_coupon",
    "award_points",
    "transfer_points",
    "to_cash",
}
NEW |= {"request_withdrawal", "to_bucket"}
# Statuses that are answered without a decision, so no answer is stored and the id stays free.
UNSTORED = (401, 403, 404, 422, 503)
ROLLINGS_MAX = 32
REVIEWS = {
    "approve": ("approved", "requested", None),
    "reject": ("rejected", "requested", AVAILABLE),
    "cancel": ("canceled", "requested", AVAILABLE),
    "mark_paid": ("paid", "approved", "PSP"),
    "fail_payout": ("payout_failed", "approved", AVAILABLE),
}


@dataclass(frozen=True)
class Action:
    """One command: its kind, its player, and its parameters."""

    kind: str
    player: int
    says: tuple[tuple[str, Any], ...]


def action(kind: str, player: int, /, **says: Any) -> Action:
    """Return a command with these parameters."""
    return Action(kind, player, tuple(says.items()))


def _one_person(one: str, other: str) -> bool:
    """Return whether two texts `name/key` are one person: the same name in any case, or one key.

    A name without a key has a key that follows from the name.
    """
    (name, _, key), (other_name, _, other_key) = (
        by.partition("/") for by in (one.lower(), other.lower())
    )
    return name == other_name or (key or f"token of {name}") == (
        other_key or f"token of {other_name}"
    )


@dataclass
class Withdrawal:
    """A withdrawal: money between available cash and payout."""

    owner: int
    amount: int
    state: str = "requested"


@dataclass
class Wish:
    """A requested adjustment."""

    owner: int
    account: str
    amount: int
    asked_by: str
    state: str = "REQUESTED"


class Model(Wins, Promotions):
    """The expected state of one brand after each command."""

    def __init__(self, documents: dict[str, Any], currencies: tuple[str, ...]) -> None:
        """Open a brand without money, with one wallet for each currency."""
        super().__init__(documents, currencies)
        self.bonuses: dict[str, Bonus] = {}
        self.references: set[tuple[str, str]] = set()
        self.withdrawals: dict[str, Withdrawal] = {}
        self.wishes: dict[str, Wish] = {}
        self.findings: set[str] = set()
        self.answers: dict[tuple[str, str], tuple[Action, Outcome]] = {}
        self.freeze = "open"

    def perform(self, request_id: str, wanted: Action, tx: UUID) -> Outcome:
        """Perform a command on the model; return the expected answer."""
        said = self.answers.get((wanted.kind, request_id))
        if said is not None:
            return said[1] if said[0] == wanted else Outcome(409, "IDEMPOTENCY_PAYLOAD_MISMATCH")
        is_new = wanted.kind in NEW or (
            wanted.kind == "pay_win" and dict(wanted.says).get("campaign") is not None
        )
        if self.freeze == "sealed" or (self.freeze == "ingress" and is_new):
            twin: Model = pickle.loads(
                pickle.dumps(self)
            )  # a copy, so that the try changes nothing here
            tried = twin._decide(wanted, tx)
            return (
                tried
                if tried.status in UNSTORED or not tried.stored
                else Outcome(503, "MAINTENANCE")
            )
        outcome = self._decide(wanted, tx)
        if outcome.stored and outcome.status not in UNSTORED:
            self.answers[wanted.kind, request_id] = (wanted, outcome)
        return outcome

    def _decide(self, wanted: Action, tx: UUID) -> Outcome:
        self.clock += 1
        try:
            outcome: Outcome = getattr(self, wanted.kind)(
                self.wallets[wanted.player], tx, **dict(wanted.says)
            )
        except Refusal as refusal:
            return refusal.outcome
        self.unlock_what_is_gone(self.wallets[wanted.player])
        return outcome

    # --- cash

    def deposit(self, wallet: Wallet, tx: UUID, amount: int, bucket: str | None) -> Outcome:
        if bucket is not None and self.kinds.get(bucket) != "normal":
            raise Refusal("BUCKET_INVALID", 422)
        self.move(wallet, tx, "PSP", AVAILABLE, amount)
        if bucket is not None:
            self.move(wallet, tx, AVAILABLE, self.account(bucket), amount)
            self.owe(
                wallet,
                tx,
                self.account(bucket),
                amount,
                self.policy["rolling"]["deposit"].get(bucket, "0"),
            )
        return Outcome(200, "", {"balance": self._cash(wallet)})

    def to_bucket(self, wallet: Wallet, tx: UUID, amount: int, bucket: str) -> Outcome:
        """Move available cash to a bucket, with the rolling of a deposit."""
        if self.kinds.get(bucket) != "normal":
            raise Refusal("BUCKET_INVALID", 422)
        self._spend(wallet, AVAILABLE, amount)
        self.move(wallet, tx, AVAILABLE, self.account(bucket), amount)
        self.owe(
            wallet,
            tx,
            self.account(bucket),
            amount,
            self.policy["rolling"]["deposit"].get(bucket, "0"),
        )
        return Outcome(200, "", {"balance": self._cash(wallet)})

    def to_cash(self, wallet: Wallet, tx: UUID, amount: int) -> Outcome:
        self._spend(wallet, self.bucket_of("withdrawable"), amount)
        self.move(wallet, tx, self.bucket_of("withdrawable"), AVAILABLE, amount)
        return Outcome(200, "", {"balance": self._cash(wallet)})

    def request_withdrawal(self, wallet: Wallet, tx: UUID, amount: int) -> Outcome:
        self._spend(wallet, AVAILABLE, amount, status=400)
        self.move(wallet, tx, AVAILABLE, PENDING, amount)
        self.withdrawals[str(tx)] = Withdrawal(wallet.number, amount)
        return Outcome(200, "", {"balance": self._cash(wallet)})

    def review(self, wallet: Wallet, tx: UUID, withdrawal: str, verdict: str) -> Outcome:
        held = self.withdrawals.get(withdrawal)
        if held is None or held.owner != wallet.number:
            raise Refusal("TX_NOT_FOUND", 404)
        target, must_be, goes_to = REVIEWS[verdict]
        if held.state not in (target, must_be):
            raise Refusal("ILLEGAL_TRANSACTION_STATE_TRANSITION")
        if held.state == must_be and goes_to is not None:
            self.move(wallet, tx, PENDING, goes_to, held.amount)
        held.state = target
        return Outcome(200)

    # --- transfers

    def transfer(self, wallet: Wallet, tx: UUID, source: str, target: str, amount: int) -> Outcome:
        if source not in self.kinds or target not in self.kinds:
            raise Refusal("BUCKET_INVALID", 422)
        edges = [each for each in self.topology["transfer_edges"] if each.get("active", True)]
        edge = next(
            (
                each
                for each in edges
                if (each["from_bucket"], each["to_bucket"]) == (source, target)
            ),
            None,
        )
        if edge is None:
            raise Refusal("TRANSFER_NOT_ALLOWED")
        start, end = self.account(source), self.account(target)
        held, owed = wallet.held[start], self.owing(start, wallet)
        self._spend(wallet, start, amount)
        if owed and self.staked(wallet, start):
            raise Refusal("OPEN_STAKES")
        if owed and amount < held and len(owed) + len(self.owing(end, wallet)) > ROLLINGS_MAX:
            raise Refusal("TOO_MANY_ROLLINGS")
        carried = min(wallet.locked[start], max(0, amount - min(held, self.free(wallet, start))))
        wallet.locked[start] -= carried
        wallet.locked[end] += carried
        brought = self._carry_turnover(wallet, start, end, amount, held)
        for name, each in owed.items():
            if amount == held:
                each.account = end
                continue
            part = Rolling(
                wallet.number,
                end,
                each.amount * amount // held,
                None,
                earned=each.earned * amount // held,
            )
            part.required = ceil(Fraction(each.required * amount, held))
            each.amount, each.earned = each.amount - part.amount, each.earned - part.earned
            if each.cap is not None:
                part.cap = each.cap * amount // held
                each.cap -= part.cap
            self.rollings[str(uuid5(tx, f"rolling/{name}"))] = part
        self.move(wallet, tx, start, end, amount)
        if edge.get("rolling") == "generate":
            rule = self.policy["rolling"]
            self.owe(
                wallet,
                tx,
                end,
                amount,
                rule.get("transfer", {}).get(target, rule["deposit"].get(target, "0")),
                brought=brought,
            )
        return Outcome(200, "", {"state": "COMPLETED"})

    def _carry_turnover(self, wallet: Wallet, start: str, end: str, amount: int, held: int) -> int:
        """Move open turnover along with money, in proportion; return the amount that moved.

        Both the moved and the remaining part are rounded up.
        """
        if start not in wallet.turnover:
            return 0
        owed = Fraction(self.left(wallet, start) * amount, held)
        if amount == held:
            del wallet.turnover[start]
        else:
            self.ask(wallet, start, -floor(owed))
        self.ask(wallet, end, ceil(owed))
        return ceil(owed)

    def legacy_transfer(self, wallet: Wallet, tx: UUID, from_side: str, amount: int) -> Outcome:
        sides = {"sports": "SPORTS", "casino": "LIVE"}
        other = {"sports": "casino", "casino": "sports"}[from_side]
        source, target = (
            next(
                each["code"]
                for each in self.topology["buckets"]
                if each["kind"] == "normal" and sides[side] in each["provider_types"]
            )
            for side in (from_side, other)
        )
        return (
            Outcome(200, "", {"state": "NOOP"})
            if source == target
            else self.transfer(wallet, tx, source, target, amount)
        )

    # --- adjustments

    def ask_adjustment(
        self, wallet: Wallet, tx: UUID, account: str, direction: str, amount: int, by: str
    ) -> Outcome:
        if account != AVAILABLE and self.kinds.get(account) not in (
            "normal",
            "bonus",
            "withdrawable",
        ):
            raise Refusal("ACCOUNT_INVALID", 422)
        named = account if account == AVAILABLE else self.account(account)
        self.wishes[str(tx)] = Wish(
            wallet.number, named, amount if direction == "credit" else -amount, by
        )
        return Outcome(200, "", {"state": "REQUESTED"})

    def approve_adjustment(self, wallet: Wallet, tx: UUID, wish: str, by: str) -> Outcome:
        held = self._wish(wallet, wish)
        if _one_person(by, held.asked_by):
            raise Refusal("SAME_PERSON", 403)
        if held.state == "REJECTED":
            raise Refusal("ADJUSTMENT_DECIDED")
        if held.state == "REQUESTED":
            if wallet.held[held.account] + held.amount < 0:
                raise Refusal("INSUFFICIENT_FUNDS")
            self.move(wallet, tx, "ADJ", held.account, held.amount)
        held.state = "APPLIED"
        return Outcome(200, "", {"state": "APPLIED"})

    def reject_adjustment(self, wallet: Wallet, tx: UUID, wish: str, by: str) -> Outcome:
        held = self._wish(wallet, wish)
        if held.state == "APPLIED":
            raise Refusal("ADJUSTMENT_DECIDED")
        held.state = "REJECTED"
        return Outcome(200, "", {"state": "REJECTED"})

    def _wish(self, wallet: Wallet, wish: str) -> Wish:
        held = self.wishes.get(wish)
        if held is None or held.owner != wallet.number:
            raise Refusal("ADJUSTMENT_NOT_FOUND", 404)
        return held

    def _spend(self, wallet: Wallet, account: str, amount: int, status: int = 409) -> None:
        if wallet.blocked:
            raise Refusal("PLAYER_BLOCKED")
        if wallet.held[account] < amount:
            raise Refusal("INSUFFICIENT_FUNDS", status)

    def _cash(self, wallet: Wallet) -> dict[str, str]:
        free, waits = wallet.held[AVAILABLE], wallet.held[PENDING]
        named = {"available_real": free, "held_real": waits, "total_real": free + waits}
        return {name: self.amount(value, wallet.currency) for name, value in named.items()}

    # --- the expected rows

    def view(self) -> dict[str, Any]:
        """Return the expected rows, in the form of the backends' `view`."""
        return {
            "accounts": {
                f"{one.number} {account}": held
                for one in self.wallets
                for account, held in one.held.items()
                if held
            },
            "locked": {
                f"{one.number} {account}": locked
                for one in self.wallets
                for account, locked in one.locked.items()
                if locked
            },
            "turnover": {
                f"{one.number} {account}": owed.open
                for one in self.wallets
                for account, owed in one.turnover.items()
            },
            "counters": {
                f"{currency} {account}": total
                for (currency, account), total in self.counters.items()
                if total
            },
            "rollings": {
                name: [one.owner, one.state, *(_asked(one) if one.state == "ACTIVE" else ())]
                for name, one in self.rollings.items()
            },
            "bets": {
                f"{provider}/{name}": [
                    bet.owner,
                    bet.state,
                    bet.payout,
                    [list(share) for share in bet.funding],
                ]
                for (provider, name), bet in self.bets.items()
            },
            "counted": {
                f"{provider}/{name}": bet.counted
                for (provider, name), bet in self.bets.items()
                if bet.counted is not None
            },
            "campaigns": {code: one.spent for code, one in self.campaigns.items()},
            "wins": {
                f"{provider}/{name}": [win.owner, win.amount, win.reversed]
                for (provider, name), win in self.wins.items()
            },
            "coupons": {log: one.state for log, one in self.coupons.items()},
            "bonuses": {name: one.state for name, one in self.bonuses.items()},
            "withdrawals": {name: one.state for name, one in self.withdrawals.items()},
            "adjustments": {name: one.state for name, one in self.wishes.items()},
            "findings": sorted(self.findings),
        }


def _asked(one: Rolling) -> tuple[Any, ...]:
    return one.account, one.cap, one.amount, one.earned, one.required
