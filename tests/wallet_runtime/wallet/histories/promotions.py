"""The model of bonuses, coupons, points and rollings."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from uuid import UUID, uuid5

from tests.wallet_runtime.wallet.histories.book import (
    PTS,
    Book,
    Coupon,
    Outcome,
    Refusal,
    Rolling,
    Wallet,
)

NOW = "2026"  # all other times are far before or after it
ENDED = {"REVERSED": "CANCELED", "EXPIRED": "EXPIRED"}


@dataclass
class Bonus:
    """A bonus as it was issued, with its transaction."""

    owner: int
    account: str
    amount: int
    issued: UUID
    rolling: str | None
    state: str = "ISSUED"


class Promotions(Book):
    """The commands for bonuses, coupons, points and rollings."""

    bonuses: dict[str, Bonus]
    references: set[tuple[str, str]]

    def issue_bonus(
        self,
        wallet: Wallet,
        tx: UUID,
        bucket: str,
        amount: int,
        reference: str,
        max_release: int | None,
    ) -> Outcome:
        if self.kinds.get(bucket) != "bonus":
            raise Refusal("BUCKET_INVALID", 422)
        self._unused("bonus", reference)
        if wallet.blocked:
            raise Refusal("PLAYER_BLOCKED")
        multiple = self.policy["rolling"].get("bonus_cap", {}).get(bucket)
        caps = [max_release, None if multiple is None else floor(amount * Decimal(multiple))]
        cap = min((each for each in caps if each is not None), default=None)
        rolling = self.owe(
            wallet,
            tx,
            self.account(bucket),
            amount,
            self.policy["rolling"]["bonus"].get(bucket, "0"),
            cap,
        )
        self.move(wallet, tx, "PROMO", self.account(bucket), amount)
        self.bonuses[str(tx)] = Bonus(wallet.number, self.account(bucket), amount, tx, rolling)
        self.references.add(("bonus", reference))
        return Outcome(200, "", {"state": "ISSUED", "rolling_id": rolling})

    def reverse_bonus(self, wallet: Wallet, tx: UUID, bonus: str) -> Outcome:
        held = self._bonus(wallet, bonus, "REVERSED")
        whole = self.untouched(wallet, held.account, held.issued)
        if held.state == "ISSUED" and whole < held.amount:
            raise Refusal("BONUS_SPENT")
        lapsed = (
            0
            if self.owing(held.account, wallet, besides=held.rolling)
            else wallet.locked[held.account]
        )
        return self._end_bonus(
            wallet, tx, held, "REVERSED", min(wallet.held[held.account], held.amount + lapsed)
        )

    def expire_bonus(self, wallet: Wallet, tx: UUID, bonus: str) -> Outcome:
        held = self._bonus(wallet, bonus, "EXPIRED")
        owed, shared = (
            self.rollings.get(held.rolling or ""),
            self.owing(held.account, wallet, besides=held.rolling),
        )
        if (
            held.state == "ISSUED"
            and owed
            and owed.state == "ACTIVE"
            and owed.earned
            and not shared
        ):
            self._lock(wallet, tx, owed, {})
        there = wallet.held[held.account]
        return self._end_bonus(
            wallet, tx, held, "EXPIRED", min(there, held.amount) if shared else there
        )

    def issue_coupon(
        self,
        wallet: Wallet,
        tx: UUID,
        log: str,
        amount: int,
        kind: str,
        providers: tuple[str, ...],
        expires: str | None,
    ) -> Outcome:
        if log in self.coupons:
            raise Refusal("COUPON_ALREADY_ISSUED")
        if expires is not None and expires < NOW:
            raise Refusal("COUPON_LAPSED")
        if wallet.blocked:
            raise Refusal("PLAYER_BLOCKED")
        if kind not in self.policy["coupons"]["rolling"]:
            raise Refusal("COUPON_NOT_OFFERED")
        account, rolling = f"GRANT/{uuid5(tx, 'grant')}", str(uuid5(tx, "rolling"))
        multiple = self.policy["coupons"]["release_cap"].get(kind)
        cap = None if multiple is None else floor(amount * Decimal(multiple))
        required = ceil(amount * Decimal(self.policy["coupons"]["rolling"][kind]))
        self.rollings[rolling] = Rolling(wallet.number, account, amount, cap, required=required)
        self.ask(wallet, account, required)
        self.coupons[log] = Coupon(
            wallet.number, account, amount, kind, providers, expires, rolling
        )
        self.move(wallet, tx, "PROMO", account, amount)
        return Outcome(200, "", {"state": "ACTIVE", "rolling_id": rolling})

    def reverse_coupon(self, wallet: Wallet, tx: UUID, log: str) -> Outcome:
        coupon = self._coupon(wallet, log)
        if coupon.state == "ACTIVE" and self.staked(wallet, coupon.account):
            raise Refusal("COUPON_STAKED")
        return self._end_coupon(wallet, tx, coupon, "REVERSED")

    def expire_coupon(self, wallet: Wallet, tx: UUID, log: str) -> Outcome:
        coupon = self._coupon(wallet, log)
        if coupon.state == "ACTIVE" and not coupon.lapsed:
            raise Refusal("COUPON_NOT_LAPSED")
        return self._end_coupon(wallet, tx, coupon, "EXPIRED")

    def complete_rolling(self, wallet: Wallet, tx: UUID, rolling: str) -> Outcome:
        owed = self._rolling(wallet, rolling)
        if owed.state not in ("ACTIVE", "COMPLETED"):
            raise Refusal("ROLLING_NOT_COMPLETABLE")
        released = 0
        if owed.state == "ACTIVE":
            others = self.owing(owed.account, wallet, besides=rolling)
            given = (
                not self.coupon_at(owed.account)
                and self.kinds.get(owed.account.partition("/")[2]) == "bonus"
            )
            if others:
                _pass_cap_on(owed, others)
                self.wait_for(wallet, owed.account, owed.amount + owed.earned, rolling)
            elif self.left(wallet, owed.account):
                raise Refusal("TURNOVER_OPEN")
            elif given and wallet.locked[owed.account] and self.staked(wallet, owed.account):
                raise Refusal("OPEN_STAKES")
            else:
                released = self._release(wallet, tx, owed)
            self._end_rolling(wallet, rolling, "COMPLETED")
        return Outcome(
            200, "", {"state": "COMPLETED", "released": self.amount(released, wallet.currency)}
        )

    def close_rolling(self, wallet: Wallet, tx: UUID, rolling: str, state: str) -> Outcome:
        owed = self._rolling(wallet, rolling)
        if owed.state == "COMPLETED":
            raise Refusal("ROLLING_ALREADY_COMPLETED")
        if owed.state != "ACTIVE":
            return Outcome(200, "", {"state": owed.state})
        coupon = self.coupon_at(owed.account)
        given = coupon or self.kinds.get(owed.account.partition("/")[2]) == "bonus"
        others = self.owing(owed.account, wallet, besides=rolling)
        if (
            given
            and not coupon
            and not self.owing(owed.account, wallet, besides=rolling)
            and self.staked(wallet, owed.account)
        ):
            raise Refusal("OPEN_STAKES")
        earned = 0
        if not coupon:
            earned = self._lock(wallet, tx, owed, others)
        lost = wallet.held[owed.account] if given and not others else 0
        self.move(wallet, tx, owed.account, "PROMO", lost)
        self.wait_for(wallet, owed.account, owed.earned, rolling)
        self._end_rolling(wallet, rolling, state)
        shown = {
            "taken_back": self.amount(lost, wallet.currency),
            "released": self.amount(earned, wallet.currency),
        }
        return Outcome(200, "", {"state": state} | shown)

    def award_points(self, wallet: Wallet, tx: UUID, points: int, reference: str) -> Outcome:
        self._unused("points", reference)
        self.references.add(("points", reference))
        self.move(wallet, tx, "ISSUED", self.bucket_of("points"), points, PTS)
        return Outcome(200, "", {"held": str(wallet.held[self.bucket_of("points")])})

    def expire_points(self, wallet: Wallet, tx: UUID, points: int) -> Outcome:
        if wallet.held[self.bucket_of("points")] < points:
            raise Refusal("INSUFFICIENT_FUNDS")
        self.move(wallet, tx, self.bucket_of("points"), "EXPIRED", points, PTS)
        return Outcome(200, "", {"held": str(wallet.held[self.bucket_of("points")])})

    def transfer_points(self, wallet: Wallet, tx: UUID, points: int, target: str) -> Outcome:
        rates = {
            each["bucket"]: each
            for each in self.topology["points_targets"]
            if each["bucket"] in self.policy["points_targets"]
        }
        if target not in rates:
            raise Refusal("POINTS_TARGET_INVALID", 422)
        if wallet.blocked:
            raise Refusal("PLAYER_BLOCKED")
        if wallet.held[self.bucket_of("points")] < points:
            raise Refusal("INSUFFICIENT_FUNDS")
        worth = rates[target]["minor_units_per_point"].get(wallet.currency)
        if worth is None:
            raise Refusal("POINTS_RATE_MISSING")
        value = Decimal(points) * worth / rates[target].get("per_points", 1)
        if value != value.to_integral_value() or not value:
            raise Refusal("POINTS_NOT_EXACT")
        self.move(wallet, tx, self.bucket_of("points"), "REDEEMED", points, PTS)
        self.move(wallet, tx, "PROMO", self.account(target), int(value))
        rolling = self.owe(
            wallet,
            tx,
            self.account(target),
            int(value),
            self.policy["rolling"]["points"].get(target, "0"),
        )
        return Outcome(
            200, "", {"amount": self.amount(int(value), wallet.currency), "rolling_id": rolling}
        )

    def _unused(self, kind: str, reference: str) -> None:
        if (kind, reference) in self.references:
            raise Refusal("REFERENCE_USED")

    def _bonus(self, wallet: Wallet, bonus: str, target: str) -> Bonus:
        """Return a bonus that may change to the target state.

        Refused are bonuses that ended otherwise, moved to another bucket, or have open stakes.
        """
        held = self.bonuses.get(bonus)
        if held is None or held.owner != wallet.number:
            raise Refusal("BONUS_NOT_FOUND", 404)
        if held.state not in ("ISSUED", target):
            raise Refusal("BONUS_NOT_OPEN")
        owed = self.rollings.get(held.rolling or "")
        if (
            held.state == "ISSUED"
            and owed
            and owed.state == "ACTIVE"
            and owed.account != held.account
        ):
            raise Refusal("BONUS_SPENT")
        if held.state == "ISSUED" and self.staked(wallet, held.account):
            raise Refusal("OPEN_STAKES")
        return held

    def _end_bonus(
        self, wallet: Wallet, tx: UUID, bonus: Bonus, target: str, amount: int
    ) -> Outcome:
        taken = amount if bonus.state == "ISSUED" else 0
        self.move(wallet, tx, bonus.account, "PROMO", taken)
        bonus.state = target
        if bonus.rolling and (owed := self.rollings[bonus.rolling]).state == "ACTIVE":
            self.wait_for(wallet, bonus.account, owed.earned, bonus.rolling)
            self.end_turnover(wallet, bonus.rolling, ENDED[target])
            owed.state, owed.ended = ENDED[target], self.clock
        return Outcome(
            200, "", {"state": target, "taken_back": self.amount(taken, wallet.currency)}
        )

    def _coupon(self, wallet: Wallet, log: str) -> Coupon:
        coupon = self.coupons.get(log)
        if coupon is None or coupon.owner != wallet.number:
            raise Refusal("COUPON_GRANT_NOT_FOUND", 404)
        return coupon

    def _end_coupon(self, wallet: Wallet, tx: UUID, coupon: Coupon, target: str) -> Outcome:
        if coupon.state not in ("ACTIVE", target):
            raise Refusal("COUPON_NOT_ACTIVE")
        taken = wallet.held[coupon.account]
        self.move(wallet, tx, coupon.account, "PROMO", taken)
        if coupon.state == "ACTIVE":
            coupon.state = target
            self.end_turnover(wallet, coupon.rolling, ENDED[target])
            self.rollings[coupon.rolling].state = ENDED[target]
        return Outcome(
            200, "", {"state": target, "taken_back": self.amount(taken, wallet.currency)}
        )

    def _rolling(self, wallet: Wallet, rolling: str) -> Rolling:
        owed = self.rollings.get(rolling)
        if owed is None or owed.owner != wallet.number:
            raise Refusal("ROLLING_NOT_FOUND", 404)
        return owed

    def _release(self, wallet: Wallet, tx: UUID, owed: Rolling) -> int:
        held = wallet.held[owed.account]
        free = min(held, self.free(wallet, owed.account))
        released = free if owed.cap is None else min(free, owed.cap)
        self.move(wallet, tx, owed.account, self.bucket_of("withdrawable"), released)
        # The rest of a bonus bucket goes to PROMO. A normal bucket keeps its locked money.
        given = self.kinds.get(owed.account.partition("/")[2], "bonus") == "bonus"
        self.move(wallet, tx, owed.account, "PROMO", (held if given else free) - released)
        return released

    def _lock(self, wallet: Wallet, tx: UUID, owed: Rolling, others: dict[str, Rolling]) -> int:
        """Lock a lapsed rolling's share of the account, rounded up; return the released amount.

        With the last rolling, the amounts that earlier rollings earned are released.
        """
        rest = owed.earned + sum(other.amount + other.earned for other in others.values())
        free, whole = self.free(wallet, owed.account), owed.amount + rest
        share = ceil(Fraction(free * owed.amount, whole)) if whole else free
        earned = 0 if others else min(wallet.held[owed.account], free - share)
        if earned and self.left(wallet, owed.account) > owed.required:
            raise Refusal("TURNOVER_OPEN")
        released = earned if owed.cap is None else min(earned, owed.cap)
        self.move(wallet, tx, owed.account, self.bucket_of("withdrawable"), released)
        self.move(wallet, tx, owed.account, "PROMO", earned - released)
        wallet.locked[owed.account] += share
        return released

    def _end_rolling(self, wallet: Wallet, rolling: str, state: str) -> None:
        """End a rolling together with its coupon or bonus."""
        owed = self.rollings[rolling]
        self.end_turnover(wallet, rolling, state)
        owed.state = state
        owed.ended = self.clock if state != "COMPLETED" else 0
        becomes = {"COMPLETED": "COMPLETED", "EXPIRED": "EXPIRED", "CANCELED": "REVERSED"}[state]
        if (coupon := self.coupon_at(owed.account)) is not None:
            coupon.state = becomes
        for bonus in self.bonuses.values():
            if bonus.rolling == rolling and bonus.state == "ISSUED":
                bonus.state = becomes


def _pass_cap_on(owed: Rolling, others: dict[str, Rolling]) -> None:
    """Add the cap of a completed rolling to the rolling that releases its amount.

    A rolling without a cap removes the caps of all others on the account.
    """
    if owed.cap is None:
        for other in others.values():
            other.cap = None
        return
    heir = next(iter(others.values()))
    heir.cap = None if heir.cap is None else heir.cap + owed.cap
