"""Scenes of bets: spent winnings, lapsed rollings, and rollbacks."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.wallet_runtime.wallet.histories.bets import TYPES
from tests.wallet_runtime.wallet.histories.machine import (
    PART,
    PROVIDER,
    WHO,
)
from tests.wallet_runtime.wallet.histories.model import action
from tests.wallet_runtime.wallet.histories.steps import Steps


class BetScenes(Steps):
    """Scenes of several commands around one bet."""

    @rule(who=WHO, provider=PROVIDER, part=PART)
    def bet_overtaken_by_another(self, who: int, provider: str, part: str) -> None:
        """Apply another bet between the decision of a bet and its application.

        The first bet must then be decided again.
        """
        self.play(
            self._bet(who, provider, part, 0), meanwhile=self._bet(who, provider, "all", 0, "other")
        )

    @rule(who=WHO, provider=PROVIDER, part=PART, spend=st.booleans(), refill=st.booleans())
    def win_and_take_it_back(
        self, who: int, provider: str, part: str, spend: bool, refill: bool
    ) -> None:
        """Win a bet and roll it back; before that, perhaps spend the winnings or deposit more."""
        won = self._bet(who, provider, part, 0)
        bet = dict(won.says)["bet"]
        self.play(won)
        self.play(action("settle", who, provider=provider, bet=bet, payout=777))
        if spend:
            for target in (
                self.model.bets[provider, bet].rested if (provider, bet) in self.model.bets else {}
            ):
                self._spend(who, provider, target)
        if refill:
            self.play(action("deposit", who, amount=5001, bucket=self._bucket("normal", pick=0)))
            self.play(
                action(
                    "ask_adjustment",
                    who,
                    account="WITHDRAWABLE",
                    direction="credit",
                    amount=5001,
                    by="ann",
                )
            )
            self.play(action("approve_adjustment", who, wish=list(self.model.wishes)[-1], by="bob"))
        self.play(action("rollback", who, provider=provider, bet=bet))

    def _spend(self, who: int, provider: str, account: str) -> None:
        if account == self.model.bucket_of("withdrawable"):
            self.play(action("to_cash", who, amount=self._part(who, account, "all")))
        else:
            self.play(self._bet(who, provider, "all", 0))

    @rule(
        who=WHO,
        provider=PROVIDER,
        pair=st.integers(0, 2),
        payout=st.sampled_from((1, 2, 101, 4003)),
    )
    def win_with_several_sources(self, who: int, provider: str, pair: int, payout: int) -> None:
        """Stake all money, change the policy, and settle with a payout that divides unevenly."""
        wanted = self._bet(who, provider, "all", 0)
        self.play(wanted)
        self.model.activate(type(self).pairs[pair])
        self.backend.activate(type(self).pairs[pair])
        self.play(
            action("settle", who, provider=provider, bet=dict(wanted.says)["bet"], payout=payout)
        )

    @rule(who=WHO, provider=PROVIDER, part=PART)
    def lose_lapse_and_take_it_back(self, who: int, provider: str, part: str) -> None:
        """Lose a bet, let the rollings of its bucket lapse, and roll the bet back.

        Then complete another rolling.
        """
        bucket = self._normal(provider)
        self.play(action("deposit", who, amount=500, bucket=bucket))
        wanted = self._bet(who, provider, part, 0)
        bet = dict(wanted.says)["bet"]
        self.play(wanted)
        self.play(action("settle", who, provider=provider, bet=bet, payout=0))
        self._end_all(who, bucket, "close_rolling", state="CANCELED")
        self.play(action("rollback", who, provider=provider, bet=bet))
        self.play(action("deposit", who, amount=1, bucket=bucket))
        self._end_all(who, bucket, "complete_rolling")

    @rule(who=WHO, provider=PROVIDER, part=PART, times=st.integers(0, 2), undone=st.booleans())
    def play_with_locked_money(
        self, who: int, provider: str, part: str, times: int, undone: bool
    ) -> None:
        """Let the rollings of a bucket lapse, settle a bet from it, and perhaps roll the bet back.

        Then complete another rolling.
        """
        bucket = self._normal(provider)
        self.play(action("deposit", who, amount=500, bucket=bucket))
        self._end_all(who, bucket, "close_rolling", state="EXPIRED")
        wanted = self._bet(who, provider, part, 0)
        bet, stake = dict(wanted.says)["bet"], dict(wanted.says)["stake"]
        self.play(wanted)
        self.play(action("settle", who, provider=provider, bet=bet, payout=stake * times))
        if undone:
            self.play(action("rollback", who, provider=provider, bet=bet))
        self.play(action("deposit", who, amount=1, bucket=bucket))
        self._end_all(who, bucket, "complete_rolling")

    def _end_all(self, who: int, bucket: str, how: str, **says: str) -> None:
        for name in self.model.owing(self.model.account(bucket), self.model.wallets[who]):
            self._turn_over(name)
            self.play(action(how, who, rolling=name, **says))

    @rule(
        who=WHO, provider=PROVIDER, first=st.sampled_from(("bonus", "normal")), apart=st.booleans()
    )
    def fill_a_round_under_bonus(self, who: int, provider: str, first: str, apart: bool) -> None:
        """Place bets that exceed the limit under bonus together, in one round or in several.

        Then settle the first bet with its stake as payout.
        """
        rich = {"normal": self._normal(provider), "bonus": self._bonus(provider)}
        self.play(
            action(
                "issue_bonus",
                who,
                bucket=rich["bonus"],
                amount=6000,
                reference=self._reference(0),
                max_release=None,
            )
        )
        self.play(action("deposit", who, amount=9000, bucket=rich["normal"]))
        second = "normal" if first == "bonus" else "bonus"
        for number, kind in enumerate((first, second, first)):
            self._choose(who, TYPES[provider], rich[kind])
            says = {
                "bet": f"filling-{self.count}",
                "round": f"filled-{self.count if apart else who}",
            }
            self.play(
                action("authorize", who, provider=provider, **says, stake=(150, 2900, 7000)[number])
            )
        self.play(
            action("settle", who, provider=provider, bet=f"filling-{self.count - 3}", payout=150)
        )

    def _bonus(self, provider: str) -> str:
        """Return the code of the bonus bucket for a provider."""
        buckets = [bucket for bucket in self.model.topology["buckets"] if bucket["kind"] == "bonus"]
        code: str = next(
            bucket["code"] for bucket in buckets if TYPES[provider] in bucket["provider_types"]
        )
        return code

    def _normal(self, provider: str) -> str:
        """Return the code of the normal bucket for a provider."""
        buckets = [
            bucket for bucket in self.model.topology["buckets"] if bucket["kind"] == "normal"
        ]
        code: str = next(
            bucket["code"] for bucket in buckets if TYPES[provider] in bucket["provider_types"]
        )
        return code

    @rule(
        who=WHO,
        provider=PROVIDER,
        campaign=st.booleans(),
        spend=st.booleans(),
        refill=st.booleans(),
        undo=st.booleans(),
    )
    def win_a_jackpot_and_take_it_back(
        self, who: int, provider: str, campaign: bool, spend: bool, refill: bool, undo: bool
    ) -> None:
        """Pay a win on a lost bet or of a campaign, then reverse the win and the bet.

        Before the reversal, the player may spend the win and deposit more money.
        """
        wanted = self._bet(who, provider, "some", 0)
        says = dict(wanted.says)
        self.play(wanted)
        self.play(action("settle", who, provider=provider, bet=says["bet"], payout=0))
        name = f"jackpot-{self.count}"
        tie = (
            {"campaign": self._campaign(who, provider)}
            if campaign
            else {"bet": says["bet"], "round": says["round"]}
        )
        for _ in range(2):
            self.play(action("pay_win", who, provider=provider, name=name, amount=777, **tie))
        win = self.model.wins.get((provider, name))
        if spend and win:
            for target in win.rested:
                self._spend(who, provider, target)
        if refill:
            self.play(action("deposit", who, amount=5001, bucket=self._bucket("normal", pick=0)))
        if undo:
            self.play(action("rollback", who, provider=provider, bet=says["bet"]))
        for _ in range(2):
            self.play(action("reverse_win", who, provider=provider, name=name))
        self.play(action("rollback", who, provider=provider, bet=says["bet"]))
