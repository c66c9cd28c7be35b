"""The model of bets: the accounts that pay, the destinations of winnings, and rollbacks."""

from fractions import Fraction
from math import floor
from typing import Any
from uuid import UUID

from tests.wallet_runtime.wallet.histories.book import (
    STAKE,
    Bet,
    Book,
    Coupon,
    Outcome,
    Refusal,
    Wallet,
)

TYPES = {"mocksports": "SPORTS", "mocklive": "LIVE", "mockslots": "SLOTS"}
GAMES = {
    "sports": ("SPORTS",),
    "casino": ("LIVE", "SLOTS"),
    "all_games": ("SPORTS", "LIVE", "SLOTS"),
}


class Bets(Book):
    """The commands authorize, settle and rollback."""

    def payers(self, wallet: Wallet, provider: str) -> dict[str, str]:
        """Return the accounts that may pay a bet, in order.

        The keys are the names by which a player chooses them.
        """
        rule = self.policy["funding"][TYPES[provider]]
        own = {code: self.account(code) for code in rule["sources"]}
        grants = {
            coupon.account: coupon.account
            for coupon in self._usable(wallet)
            if _covers(coupon, provider)
        }
        last = self.bucket_of("withdrawable")
        rest = {last.partition("/")[2]: last}
        order = grants | own if self.policy["coupons"]["place"] == "first" else own | grants
        place: str = rule["withdrawable"]
        return {"first": rest | order, "last": order | rest, "not_usable": order}[place]

    def authorize(
        self,
        wallet: Wallet,
        tx: UUID,
        provider: str,
        bet: str,
        round: str,
        stake: int,
        price: str | None = None,
    ) -> Outcome:
        if (known := self.bets.get((provider, bet))) is not None:
            raise Refusal(
                "BET_ALREADY_ROLLED_BACK" if known.state == "TOMBSTONE" else "BET_ALREADY_EXISTS"
            )
        if wallet.blocked:
            raise Refusal("PLAYER_BLOCKED")
        rule = self.policy["funding"][TYPES[provider]]
        accounts = list(self.payers(wallet, provider).values())
        elsewhere = [coupon for coupon in self._usable(wallet) if not _covers(coupon, provider)]
        if rule["mode"] == "selection":
            accounts = [self._picked(wallet, provider, elsewhere)]
            elsewhere = []
        funding = _take(stake, [(account, wallet.held[account]) for account in accounts])
        if sum(amount for _, amount in funding) < stake:
            would_do = (
                sum(amount for _, amount in funding)
                + sum(wallet.held[coupon.account] for coupon in elsewhere)
                >= stake
            )
            raise Refusal("COUPON_SCOPE" if would_do else "INSUFFICIENT_FUNDS")
        self._limit(rule, wallet, funding + self.staked_in_round(wallet, (provider, round)))
        destinations = {
            account: self._destination(account, TYPES[provider]) for account, _ in funding
        }
        self.bets[provider, bet] = Bet(
            wallet.number,
            stake,
            funding,
            destinations,
            self.bucket_of("withdrawable"),
            transactions=[tx],
            made=self.clock,
        )
        self.bets[provider, bet].round = (provider, round)
        self.bets[provider, bet].leaves_out = self._leaves_out(price)
        for account, amount in funding:
            self.move(wallet, tx, account, STAKE, amount)
        shares = [
            {"account": account, "amount": self.amount(amount, wallet.currency)}
            for account, amount in funding
        ]
        return Outcome(200, "", {"state": "AUTHORIZED", "funding": shares})

    def settle(self, wallet: Wallet, tx: UUID, provider: str, bet: str, payout: int) -> Outcome:
        held = self._own(wallet, provider, bet)
        if held.state == "SETTLED":
            if held.payout != payout:
                raise Refusal("BET_ALREADY_SETTLED")
            return Outcome(200, "", {"state": "SETTLED"})
        if held.state != "AUTHORIZED":
            raise Refusal("BET_NOT_OPEN")
        held.state, held.payout = "SETTLED", payout
        held.counted = held.leaves_out != "all" and not (
            held.leaves_out == "pushes" and payout == held.stake
        )
        self.play_through(wallet, held)
        held.transactions.append(tx)
        self.move(wallet, tx, STAKE, "HOUSE", held.stake)
        due: list[tuple[str, int]] = []
        for (account, staked), part in zip(
            held.funding, by_largest_remainder(payout, held.funding), strict=True
        ):
            before, after = held.destinations[account]
            if self.owing(account, wallet):
                due.append((before, part))
            else:
                # A locked stake returns to its account, and only the surplus goes on.
                back = min(part, staked, wallet.locked[account])
                due += [(account, back), (after, part - back)]
        for account in dict.fromkeys(account for account, part in due if part):
            part = sum(each for to, each in due if to == account)
            rest = self._give_back(wallet, tx, held, "HOUSE", account, part)
            held.rested[rest] = held.rested.get(rest, 0) + part
        held.unlocked = self.unlock_what_is_gone(wallet)
        return Outcome(
            200, "", {"state": "SETTLED", "payout": self.amount(payout, wallet.currency)}
        )

    def rollback(self, wallet: Wallet, tx: UUID, provider: str, bet: str) -> Outcome:
        if (provider, bet) not in self.bets:
            self.bets[provider, bet] = Bet(wallet.number, state="TOMBSTONE", transactions=[tx])
            return Outcome(200, "", {"state": "TOMBSTONE"})
        held = self._own(wallet, provider, bet)
        if held.state in ("ROLLED_BACK", "TOMBSTONE"):
            return Outcome(200, "", {"state": held.state})
        if held.state == "SETTLED":
            if any(win.bet == (provider, bet) and not win.reversed for win in self.wins.values()):
                raise Refusal("FURTHER_WINS", 409, stored=False)
            where = {
                account: amount for account, amount in held.rested.items() if account != "PROMO"
            }
            if any(
                self.untouched(wallet, account, held.transactions[1]) < amount
                for account, amount in where.items()
            ):
                self.findings.add(f"{provider}/{bet}")
                raise Refusal("WINNINGS_SPENT")
            for account, amount in held.rested.items():
                self.move(wallet, tx, account, "HOUSE", amount)
            self.undo_play(wallet, held)
        giver = STAKE if held.state == "AUTHORIZED" else "HOUSE"
        held.state = "ROLLED_BACK"
        held.transactions.append(tx)
        returned: dict[str, int] = {}
        for account, amount in held.funding:
            rest = self._give_back(wallet, tx, held, giver, account, amount)
            returned[rest] = returned.get(rest, 0) + amount
        if giver == "HOUSE":
            lapsed = {
                one.account
                for one in self.rollings.values()
                if one.owner == wallet.number and one.ended >= held.made
            }
            wallet.locked.update(
                held.unlocked
                | {account: amount for account, amount in returned.items() if account in lapsed}
            )
        return Outcome(200, "", {"state": "ROLLED_BACK"})

    findings: set[str]

    def _own(self, wallet: Wallet, provider: str, bet: str) -> Bet:
        held = self.bets.get((provider, bet))
        if held is None or held.owner != wallet.number:
            raise Refusal("AUTHORIZATION_NOT_FOUND", 404)
        return held

    def _usable(self, wallet: Wallet) -> list[Coupon]:
        """Return the player's usable coupons: soonest expiry first, then the oldest."""
        mine = [
            coupon
            for coupon in self.coupons.values()
            if (coupon.owner, coupon.state) == (wallet.number, "ACTIVE") and not coupon.lapsed
        ]
        return sorted(mine, key=lambda coupon: coupon.expires_at or "9999")

    def _picked(self, wallet: Wallet, provider: str, elsewhere: list[Coupon]) -> str:
        payers = self.payers(wallet, provider)
        source = wallet.choices.get(TYPES[provider])
        if source is None:
            raise Refusal("FUNDING_CHOICE_REQUIRED")
        if source in [coupon.account for coupon in elsewhere]:
            raise Refusal("COUPON_SCOPE")
        if source not in payers:
            raise Refusal("FUNDING_CHOICE_NOT_ALLOWED")
        return payers[source]

    def _leaves_out(self, price: str | None) -> str:
        """Return the outcomes that count no turnover: "all", "pushes", or "" for none.

        "all" is for a price below the policy's minimum.
        """
        rule = self.policy.get("turnover", {})
        least = rule.get("minimum_price")
        if price and least and Fraction(price) < Fraction(least):
            return "all"
        return "" if rule.get("pushes", True) else "pushes"

    def _limit(self, rule: dict[str, Any], wallet: Wallet, funding: list[tuple[str, int]]) -> None:
        """Refuse a stake that, with the open stakes of its round, exceeds the limit under bonus."""
        stake = sum(amount for _, amount in funding)
        given = [
            account
            for account, _ in funding
            if self.coupon_at(account) or self.kinds[account.partition("/")[2]] == "bonus"
        ]
        limit = rule["max_bet_under_bonus"][wallet.currency]
        if (
            given
            and limit != "none"
            and Fraction(self.amount(stake, wallet.currency)) > Fraction(limit)
        ):
            raise Refusal("MAX_BET_UNDER_BONUS")

    def _destination(self, account: str, provider_type: str) -> tuple[str, str]:
        """Return the accounts for winnings of a source: during its rolling, and afterwards."""
        if self.coupon_at(account):
            rule = self.policy["coupons"]["winnings"].get(
                provider_type, {"before": "GRANT", "after": "GRANT"}
            )
        else:
            rule = self.policy["destinations"][account.partition("/")[2]]
        before, after = (
            account if rule[when] == "GRANT" else self.account(rule[when])
            for when in ("before", "after")
        )
        return before, after

    def _give_back(
        self, wallet: Wallet, tx: UUID, bet: Bet, source: str, account: str, amount: int
    ) -> str:
        """Pay to an account and return the account where the money ends.

        Money for a closed coupon goes on: to withdrawable money if it was completed, else to PROMO.
        """
        coupon = self.coupon_at(account)
        if coupon and coupon.state == "COMPLETED":
            account = bet.withdrawable
        self.move(wallet, tx, source, account, amount)
        if coupon and coupon.state in ("REVERSED", "EXPIRED"):
            self.move(wallet, tx, account, "PROMO", amount)
            return "PROMO"
        return account


def _covers(coupon: Coupon, provider: str) -> bool:
    return (
        provider in coupon.providers
        if coupon.kind == "provider"
        else TYPES[provider] in GAMES[coupon.kind]
    )


def _take(stake: int, payers: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Take a stake from the accounts in order, from each as much as it holds."""
    taken: list[tuple[str, int]] = []
    for account, held in payers:
        part = min(held, stake - sum(amount for _, amount in taken))
        taken += [(account, part)] if part else []
    return taken


def by_largest_remainder(payout: int, funding: list[tuple[str, int]]) -> list[int]:
    """Split a payout in proportion to the funding.

    Remaining units go to the largest fractions, and of equal ones to the earlier source.
    """
    stake = sum(amount for _, amount in funding)
    exact = [Fraction(payout * amount, stake) for _, amount in funding]
    parts = [floor(each) for each in exact]
    while sum(parts) < payout:
        largest = max(range(len(parts)), key=lambda index: (exact[index] - parts[index], -index))
        parts[largest] += 1
    return parts
