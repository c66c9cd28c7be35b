"""Scenes of coupons and bonuses: their end during a bet, reversals, and transfers."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.wallet_runtime.wallet.histories.bets import TYPES
from tests.wallet_runtime.wallet.histories.machine import (
    FUTURES,
    PART,
    PICK,
    PROVIDER,
    WHO,
    last,
)
from tests.wallet_runtime.wallet.histories.model import action
from tests.wallet_runtime.wallet.histories.scenes_of_bets import BetScenes


class PromotionScenes(BetScenes):
    """Scenes of several commands around one coupon, bonus or rolling."""

    @rule(
        who=WHO,
        provider=PROVIDER,
        how=st.sampled_from(("expire_coupon", "EXPIRED", "CANCELED", "COMPLETED")),
        won=st.booleans(),
    )
    def close_a_staked_coupon(self, who: int, provider: str, how: str, won: bool) -> None:
        """End a coupon during a bet from it, then settle the bet or roll it back."""
        log = f"staked-{self.count}"
        self.play(
            action(
                "issue_coupon",
                who,
                log=log,
                amount=5001,
                kind="all_games",
                providers=(),
                expires=FUTURES[2],
            )
        )
        bet = self._bet(who, provider, "some", 0)
        self.play(bet)
        if log in self.model.coupons:
            self._close(who, log, how)
        named = {name: dict(bet.says)[name] for name in ("provider", "bet")}
        self.play(
            action("settle", who, **named, payout=901) if won else action("rollback", who, **named)
        )

    def _close(self, who: int, log: str, how: str) -> None:
        coupon = self.model.coupons[log]
        if how == "expire_coupon":
            self._lapse(log, coupon)
            self.play(action("expire_coupon", who, log=log))
        elif how == "COMPLETED":
            self._turn_over(coupon.rolling)
            self.play(action("complete_rolling", who, rolling=coupon.rolling))
        else:
            self.play(action("close_rolling", who, rolling=coupon.rolling, state=how))

    @rule(who=WHO, provider=PROVIDER)
    def bet_around_the_lapse_of_a_coupon(self, who: int, provider: str) -> None:
        """Place two bets from a coupon, let the coupon lapse, and bet again."""
        log = f"log-{self.count}"
        self.play(
            action(
                "issue_coupon",
                who,
                log=log,
                amount=300,
                kind="all_games",
                providers=(),
                expires=None,
            )
        )
        for _ in range(2):
            self.play(self._bet(who, provider, "one", 0))
        if log in self.model.coupons:
            self._lapse(log, self.model.coupons[log])
        self.play(self._bet(who, provider, "all", 0))

    @rule(who=WHO, pick=PICK, spent=st.booleans(), refill=st.booleans())
    def spend_a_bonus_and_reverse_it(self, who: int, pick: int, spent: bool, refill: bool) -> None:
        """Stake a part of a bonus and lose it or roll the bet back; then reverse the bonus.

        Before the reversal, another bonus may be issued to the same bucket.
        """
        bucket = self._bucket("bonus", pick=pick)
        issued = action(
            "issue_bonus",
            who,
            bucket=bucket,
            amount=100,
            reference=self._reference(0),
            max_release=None,
        )
        self.play(issued)
        if not self.model.bonuses:
            return
        name, held = last(self.model.bonuses, 0)
        provider = "mocksports" if pick % 2 == 0 else "mocklive"
        self._choose(held.owner, TYPES[provider], bucket)
        bet = {"provider": provider, "bet": f"bonus-{self.count}"}
        self.play(action("authorize", held.owner, **bet, round="bonus", stake=60))
        self.play(
            action("settle", held.owner, **bet, payout=0)
            if spent
            else action("rollback", held.owner, **bet)
        )
        if refill:
            self.play(issued)
        self.play(action("reverse_bonus", held.owner, bonus=name))

    @rule(who=WHO, pick=PICK, end=st.sampled_from(("COMPLETED", "CANCELED", "EXPIRED")))
    def end_a_bonus_by_its_rolling(self, who: int, pick: int, end: str) -> None:
        """End a bonus with a cap by its rolling, then try to reverse the bonus."""
        self.play(
            action(
                "issue_bonus",
                who,
                bucket=self._bucket("bonus", pick=pick),
                amount=100,
                reference=self._reference(0),
                max_release=51,
            )
        )
        if self.model.bonuses:
            name, held = last(self.model.bonuses, 0)
            if pick % 8:
                self._turn_over(held.rolling or name)
            says = {"rolling": held.rolling or name} | (
                {} if end == "COMPLETED" else {"state": end}
            )
            self.play(
                action(
                    "complete_rolling" if end == "COMPLETED" else "close_rolling",
                    held.owner,
                    **says,
                )
            )
            self.play(action("reverse_bonus", held.owner, bonus=name))

    @rule(who=WHO, pick=PICK, part=PART)
    def carry_a_bonus_along(self, who: int, pick: int, part: str) -> None:
        """Issue two bonuses with caps, and move parts of them along an edge, if there is one."""
        edges = [
            (edge["from_bucket"], edge["to_bucket"])
            for edge in self.model.topology["transfer_edges"]
        ]
        edges = [ends for ends in edges if self.model.kinds[ends[0]] == "bonus"]
        source = edges[pick % len(edges)][0] if edges else self._bucket("bonus", pick=pick)
        for cap in (333, 5001):
            self.play(
                action(
                    "issue_bonus",
                    who,
                    bucket=source,
                    amount=333,
                    reference=self._reference(0),
                    max_release=cap,
                )
            )
        for share in ("some", part) if edges else ():
            amount = self._part(who, self.model.account(source), share)
            self.play(
                action(
                    "transfer",
                    who,
                    source=source,
                    target=edges[pick % len(edges)][1],
                    amount=amount,
                )
            )

    @rule(who=WHO, provider=PROVIDER, first=st.booleans(), played=st.booleans())
    def complete_one_and_close_the_other(
        self, who: int, provider: str, first: bool, played: bool
    ) -> None:
        """Try to complete all rollings of a bucket but one, then let the last one lapse."""
        bucket = self._normal(provider)
        for amount in (500, 50):
            self.play(action("deposit", who, amount=amount, bucket=bucket))
        *early, last_one = sorted(
            self.model.owing(self.model.account(bucket), self.model.wallets[who]), reverse=first
        ) or [""]
        for name in early:
            self.play(action("complete_rolling", who, rolling=name))
        if not last_one:
            return
        if played:
            self._turn_over(last_one)
        self.play(action("close_rolling", who, rolling=last_one, state="EXPIRED"))
