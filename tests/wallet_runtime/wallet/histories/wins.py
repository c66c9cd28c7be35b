"""The model of wins beside a payout, from a campaign or on a settled bet, and their reversal."""

from fractions import Fraction
from uuid import UUID

from tests.wallet_runtime.wallet.histories.bets import TYPES, Bets, by_largest_remainder
from tests.wallet_runtime.wallet.histories.book import Outcome, Refusal, Wallet, Win


class Wins(Bets):
    """The commands that pay a win and reverse it."""

    def pay_win(
        self,
        wallet: Wallet,
        tx: UUID,
        provider: str,
        name: str,
        amount: int,
        campaign: str | None = None,
        bet: str | None = None,
        round: str | None = None,
    ) -> Outcome:
        said = (wallet.number, amount, campaign, bet, round)
        known = self.wins.get((provider, name))
        if known is not None:
            if known.said != said:
                raise Refusal("WIN_ALREADY_EXISTS")
            return Outcome(200, "", {"state": "REVERSED" if known.reversed else "PAID"})
        if campaign is not None:
            rested = self._of_a_campaign(wallet, tx, provider, campaign, amount)
        else:
            assert bet is not None
            rested = self._on_a_bet(wallet, tx, provider, bet, round, amount)
        self.wins[provider, name] = Win(
            wallet.number, said, amount, tx, rested, (provider, bet) if bet else None, campaign
        )
        return Outcome(200, "", {"state": "PAID", "amount": self.amount(amount, wallet.currency)})

    def reverse_win(self, wallet: Wallet, tx: UUID, provider: str, name: str) -> Outcome:
        win = self.wins.get((provider, name))
        if win is None or win.owner != wallet.number:
            raise Refusal("WIN_NOT_FOUND", 404)
        if not win.reversed:
            where = {
                account: amount for account, amount in win.rested.items() if account != "PROMO"
            }
            if any(
                self.untouched(wallet, account, win.paid) < amount
                for account, amount in where.items()
            ):
                self.findings.add(f"{provider}/{name}")
                raise Refusal("WINNINGS_SPENT")
            for account, amount in win.rested.items():
                self.move(wallet, tx, account, "HOUSE", amount)
            win.reversed = True
            if win.campaign is not None:
                self.campaigns[win.campaign].spent -= win.amount
        return Outcome(200, "", {"state": "REVERSED"})

    def _of_a_campaign(
        self, wallet: Wallet, tx: UUID, provider: str, campaign: str, amount: int
    ) -> dict[str, int]:
        row = self.campaigns.get(campaign)
        if row is None or row.provider != provider:
            raise Refusal("CAMPAIGN_NOT_FOUND", 404)
        source = self.policy.get("wins", {}).get("winnings_of", {}).get(TYPES[provider])
        for wrong, code in (
            (wallet.blocked, "PLAYER_BLOCKED"),
            (row.currency != wallet.currency, "CAMPAIGN_CURRENCY"),
            (row.over, "CAMPAIGN_EXPIRED"),
            (source is None, "WIN_NOT_OFFERED"),
            (amount > row.per_win, "WIN_LIMIT"),
            (amount > row.cap - row.spent, "CAMPAIGN_SPENT"),
        ):
            if wrong:
                raise Refusal(code)
        row.spent += amount
        before, after = (
            self.account(self.policy["destinations"][source][when]) for when in ("before", "after")
        )
        account = before if self.owing(self.account(source), wallet) else after
        self.move(wallet, tx, "HOUSE", account, amount)
        return {account: amount}

    def _on_a_bet(
        self, wallet: Wallet, tx: UUID, provider: str, bet: str, round: str | None, amount: int
    ) -> dict[str, int]:
        held = self._own(wallet, provider, bet)
        if held.state == "AUTHORIZED":
            raise Refusal("BET_NOT_SETTLED", 409, stored=False)
        if held.state != "SETTLED":
            raise Refusal("BET_NOT_OPEN")
        if held.round[1] != round:
            raise Refusal("ROUND_MISMATCH")
        most = self.policy.get("wins", {}).get("further_max", {}).get(wallet.currency)
        if most is None:
            raise Refusal("WIN_NOT_OFFERED")
        if most != "none" and Fraction(self.amount(amount, wallet.currency)) > Fraction(most):
            raise Refusal("WIN_LIMIT")
        due: dict[str, int] = {}
        for (account, _), part in zip(
            held.funding, by_largest_remainder(amount, held.funding), strict=True
        ):
            before, after = held.destinations[account]
            target = before if self.owing(account, wallet) else after
            due[target] = due.get(target, 0) + part
        rested: dict[str, int] = {}
        for account, part in due.items():
            if part:
                rest = self._give_back(wallet, tx, held, "HOUSE", account, part)
                rested[rest] = rested.get(rest, 0) + part
        return rested
