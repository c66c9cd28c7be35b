"""What a history needs more than one command in a row for: wins that are spent, coupons that end while staked, freezes."""

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.wallet_runtime.wallet.histories.bets import TYPES
from tests.wallet_runtime.wallet.histories.book import AVAILABLE
from tests.wallet_runtime.wallet.histories.machine import (
    AMOUNT,
    FUTURES,
    PART,
    PICK,
    PROVIDER,
    WHO,
    last,
)
from tests.wallet_runtime.wallet.histories.model import action
from tests.wallet_runtime.wallet.histories.steps import Steps

REVIEWED = (
    ("approve", "mark_paid", "fail_payout"),
    ("reject", "reject", "approve"),
    ("approve", "fail_payout", "mark_paid"),
    ("cancel", "approve"),
    ("approve", "cancel", "mark_paid"),
)


class Histories(Steps):
    """Whole histories: a scene to begin with, then single steps and more scenes."""

    @initialize(
        first=st.integers(0, 2),
        scene=st.integers(0, 14),
        who=WHO,
        pick=PICK,
        part=PART,
        one=st.booleans(),
        other=st.booleans(),
    )
    def prologue(
        self, first: int, scene: int, who: int, pick: int, part: str, one: bool, other: bool
    ) -> None:
        """Begin with some money and one scene, so that every run of a few histories has each of them."""
        self.begin(first)
        provider = list(TYPES)[pick % len(TYPES)]
        match scene:
            case 0:
                self.bet_overtaken_by_another(who, provider, part)
            case 1:
                self.win_and_take_it_back(who, provider, part, one, other)
            case 2:
                self.close_a_staked_coupon(
                    who,
                    provider,
                    ("expire_coupon", "EXPIRED", "CANCELED", "COMPLETED")[pick % 4],
                    one,
                )
            case 3:
                self.spend_a_bonus_and_reverse_it(who, pick, one, other)
            case 4:
                self.end_a_bonus_by_its_rolling(
                    who, pick, ("COMPLETED", "CANCELED", "EXPIRED")[pick % 3]
                )
            case 5:
                self.carry_a_bonus_along(who, pick, part)
            case 6:
                self.win_with_several_sources(who, provider, pick % 3, (1, 2, 101)[pick % 3])
            case 7:
                self.play_with_locked_money(who, provider, part, pick % 3, one)
            case 8:
                self.lose_lapse_and_take_it_back(who, provider, part)
            case 9:
                self.bet_around_the_lapse_of_a_coupon(who, provider)
            case 10:
                self.withdraw_and_review(who, part, REVIEWED[pick % len(REVIEWED)])
            case _:
                self._begin_with_trade(scene, who, provider, pick, one, other)

    def _begin_with_trade(
        self, scene: int, who: int, provider: str, pick: int, one: bool, other: bool
    ) -> None:
        if scene == 11:
            self.fill_a_round_under_bonus(who, provider, "bonus" if one else "normal", other)
        elif scene == 12:
            self.complete_one_and_close_the_other(who, provider, one, other)
        else:
            self.win_a_jackpot_and_take_it_back(
                who, provider, one, other, pick % 2 == 0, pick % 3 == 0
            )

    @rule(who=WHO, provider=PROVIDER, part=PART, times=st.integers(0, 2), undone=st.booleans())
    def play_with_locked_money(
        self, who: int, provider: str, part: str, times: int, undone: bool
    ) -> None:
        """Rollings of a bucket lapse; a bet from it is lost, comes back or wins, and may be undone; then another rolling completes."""
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

    @rule(who=WHO, provider=PROVIDER, part=PART)
    def lose_lapse_and_take_it_back(self, who: int, provider: str, part: str) -> None:
        """A bet is lost, the rollings of its bucket lapse, the bet is taken back; then another rolling completes."""
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

    @rule(
        who=WHO, provider=PROVIDER, first=st.sampled_from(("bonus", "normal")), apart=st.booleans()
    )
    def fill_a_round_under_bonus(self, who: int, provider: str, first: str, apart: bool) -> None:
        """Bets that each keep the limit under bonus and together pass it, in one round, or each in its own; a push ends the first."""
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
        """A further win on a settled bet, or one of a campaign, that may be spent and refilled before it is taken back, and the bet too."""
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

    def _bonus(self, provider: str) -> str:
        """Name the bonus bucket that serves a provider."""
        buckets = [bucket for bucket in self.model.topology["buckets"] if bucket["kind"] == "bonus"]
        code: str = next(
            bucket["code"] for bucket in buckets if TYPES[provider] in bucket["provider_types"]
        )
        return code

    @rule(who=WHO, provider=PROVIDER)
    def bet_around_the_lapse_of_a_coupon(self, who: int, provider: str) -> None:
        """A coupon pays a part of two bets, lapses, and pays no part of the next one."""
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

    @rule(who=WHO, provider=PROVIDER, first=st.booleans(), played=st.booleans())
    def complete_one_and_close_the_other(
        self, who: int, provider: str, first: bool, played: bool
    ) -> None:
        """All rollings of a bucket but one are completed on somebody's word, then the last one lapses."""
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

    def _normal(self, provider: str) -> str:
        """Name the normal bucket that serves a provider."""
        buckets = [
            bucket for bucket in self.model.topology["buckets"] if bucket["kind"] == "normal"
        ]
        code: str = next(
            bucket["code"] for bucket in buckets if TYPES[provider] in bucket["provider_types"]
        )
        return code

    def _end_all(self, who: int, bucket: str, how: str, **says: str) -> None:
        for name in self.model.owing(self.model.account(bucket), self.model.wallets[who]):
            self._turn_over(name)
            self.play(action(how, who, rolling=name, **says))

    @rule(who=WHO, part=PART, verdicts=st.sampled_from(REVIEWED))
    def withdraw_and_review(self, who: int, part: str, verdicts: tuple[str, ...]) -> None:
        """A withdrawal that is reviewed more often than it can be."""
        self.play(action("deposit", who, amount=500, bucket=None))
        self.play(action("request_withdrawal", who, amount=self._part(who, AVAILABLE, part)))
        if self.model.withdrawals:
            name, held = last(self.model.withdrawals, 0)
            for verdict in verdicts:
                self.play(action("review", held.owner, withdrawal=name, verdict=verdict))

    @rule(who=WHO, provider=PROVIDER, part=PART, spend=st.booleans(), refill=st.booleans())
    def win_and_take_it_back(
        self, who: int, provider: str, part: str, spend: bool, refill: bool
    ) -> None:
        """A bet that is won and rolled back; in between what was won may be spent, and other money may take its place."""
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

    @rule(
        who=WHO,
        provider=PROVIDER,
        pair=st.integers(0, 2),
        payout=st.sampled_from((1, 2, 101, 4003)),
    )
    def win_with_several_sources(self, who: int, provider: str, pair: int, payout: int) -> None:
        """A bet of all there is, settled under another policy than it was made under, with a payout that does not divide."""
        wanted = self._bet(who, provider, "all", 0)
        self.play(wanted)
        self.model.activate(type(self).pairs[pair])
        self.backend.activate(type(self).pairs[pair])
        self.play(
            action("settle", who, provider=provider, bet=dict(wanted.says)["bet"], payout=payout)
        )

    def _spend(self, who: int, provider: str, account: str) -> None:
        if account == self.model.bucket_of("withdrawable"):
            self.play(action("to_cash", who, amount=self._part(who, account, "all")))
        else:
            self.play(self._bet(who, provider, "all", 0))

    @rule(who=WHO, provider=PROVIDER, part=PART)
    def bet_overtaken_by_another(self, who: int, provider: str, part: str) -> None:
        """A bet is decided, another one of the player gets in before it is applied: the first must be decided again."""
        self.play(
            self._bet(who, provider, part, 0), meanwhile=self._bet(who, provider, "all", 0, "other")
        )

    @rule(
        who=WHO,
        provider=PROVIDER,
        how=st.sampled_from(("expire_coupon", "EXPIRED", "CANCELED", "COMPLETED")),
        won=st.booleans(),
    )
    def close_a_staked_coupon(self, who: int, provider: str, how: str, won: bool) -> None:
        """A coupon that ends while a bet holds a part of it: what comes back to it goes on."""
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

    @rule(who=WHO, pick=PICK, spent=st.booleans(), refill=st.booleans())
    def spend_a_bonus_and_reverse_it(self, who: int, pick: int, spent: bool, refill: bool) -> None:
        """A bonus of which a part was bet, and lost or given back by a rollback; other money may have come to it since."""
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
        """A bonus with a cap whose rolling ends, and that somebody wants back after that."""
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
        """Bonuses with a cap, of which parts go along an edge, where there is one."""
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

    @rule(level=st.sampled_from(("ingress", "sealed")), who=WHO, amount=AMOUNT, pick=PICK)
    def freeze(self, level: str, who: int, amount: int, pick: int) -> None:
        """Under a freeze: something new, something that ends what was begun, and a repeat; then money is open again."""
        provider, owner = (
            (last(self.model.bets, pick)[0][0], last(self.model.bets, pick)[1].owner)
            if self.model.bets
            else ("mocksports", who)
        )
        campaign = self._campaign(owner, provider)
        self.model.freeze = level
        self.backend.freeze(level)
        try:
            self.play(
                action(
                    "deposit", who, amount=amount, bucket=self._bucket("normal", "bonus", pick=pick)
                )
            )
            if self.model.bets:
                (provider, bet), held = last(self.model.bets, pick)
                self.play(action("settle", held.owner, provider=provider, bet=bet, payout=amount))
                tie = {"bet": bet, "round": held.round[1]} if pick % 2 else {"campaign": campaign}
                self.play(
                    action(
                        "pay_win",
                        held.owner,
                        provider=provider,
                        name=f"frozen-{self.count}",
                        amount=1,
                        **tie,
                    )
                )
            self._compare(*self.done[pick % len(self.done)])
        finally:
            self.model.freeze = "open"
            self.backend.freeze("open")
