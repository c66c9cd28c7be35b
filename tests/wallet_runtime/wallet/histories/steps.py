"""The single steps of a history: commands, repeats, and changes around them."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.wallet_runtime.wallet.histories.book import AVAILABLE
from tests.wallet_runtime.wallet.histories.machine import (
    AMOUNT,
    CURRENCIES,
    FUTURES,
    ODD,
    PART,
    PERSON,
    PICK,
    PROVIDER,
    WHO,
    Machine,
    last,
    pending,
)
from tests.wallet_runtime.wallet.histories.model import REVIEWS, action


class Steps(Machine):
    """One step for each command, and steps that change the platform around them."""

    # --- cash

    @rule(who=WHO, amount=AMOUNT, pick=st.integers(0, 9))
    def deposit(self, who: int, amount: int, pick: int) -> None:
        bucket = self._bucket("normal", pick=pick) if pick < 6 else None
        if pick == 9:
            bucket = self._bucket("bonus", "withdrawable", "points", pick=amount)
        self.play(action("deposit", who, amount=amount, bucket=bucket))

    @rule(who=WHO, part=PART, pick=PICK)
    def to_bucket(self, who: int, part: str, pick: int) -> None:
        bucket = (
            self._bucket("bonus", "withdrawable", "points", pick=pick)
            if pick == ODD
            else self._bucket("normal", pick=pick)
        )
        self.play(action("to_bucket", who, amount=self._part(who, AVAILABLE, part), bucket=bucket))

    @rule(who=WHO, part=PART)
    def to_cash(self, who: int, part: str) -> None:
        self.play(
            action(
                "to_cash", who, amount=self._part(who, self.model.bucket_of("withdrawable"), part)
            )
        )

    @rule(who=WHO, part=PART)
    def request_withdrawal(self, who: int, part: str) -> None:
        self.play(action("request_withdrawal", who, amount=self._part(who, AVAILABLE, part)))

    @precondition(lambda self: self.model.withdrawals)
    @rule(pick=PICK, verdict=st.sampled_from(tuple(REVIEWS)))
    def review(self, pick: int, verdict: str) -> None:
        name, held = last(self.model.withdrawals, pick)
        self.play(action("review", self._owner(held.owner, pick), withdrawal=name, verdict=verdict))

    # --- bets

    @rule(who=WHO, provider=PROVIDER, part=PART, pick=PICK)
    def authorize(self, who: int, provider: str, part: str, pick: int) -> None:
        self.play(self._bet(who, provider, part, pick))

    @rule(who=WHO, provider=PROVIDER, part=PART, pick=PICK)
    def authorize_once_more(self, who: int, provider: str, part: str, pick: int) -> None:
        self.play(self._bet(who, provider, part, pick))

    @precondition(lambda self: self.model.coupons)
    @rule(pick=PICK, provider=PROVIDER)
    def bet_after_a_coupon_has_lapsed(self, pick: int, provider: str) -> None:
        log, coupon = last(self.model.coupons, pick)
        self._lapse(log, coupon)
        self.play(self._bet(coupon.owner, provider, "all", pick))

    @precondition(lambda self: self.model.bets)
    @rule(who=WHO, pick=PICK)
    def use_a_bet_id_again(self, who: int, pick: int) -> None:
        (provider, bet), _ = last(self.model.bets, pick)
        self.play(action("authorize", who, provider=provider, bet=bet, round="again", stake=1))

    @precondition(lambda self: self.model.bets)
    @rule(pick=PICK, times=st.sampled_from((2, 0, 1, 3)), odd=st.sampled_from((0, 1, 97)))
    def settle(self, pick: int, times: int, odd: int) -> None:
        (provider, bet), held = pending(self.model.bets, pick, "AUTHORIZED")
        payout = held.stake * times + (odd if times else 0)
        self.play(
            action(
                "settle", self._owner(held.owner, pick), provider=provider, bet=bet, payout=payout
            )
        )

    @precondition(lambda self: self.model.bets)
    @rule(pick=PICK)
    def rollback(self, pick: int) -> None:
        (provider, bet), held = pending(self.model.bets, pick, "AUTHORIZED", "SETTLED")
        self.play(action("rollback", self._owner(held.owner, pick), provider=provider, bet=bet))

    @rule(who=WHO, provider=PROVIDER, comes=st.booleans())
    def rollback_before_its_bet(self, who: int, provider: str, comes: bool) -> None:
        bet = f"early-{self.count}"
        self.play(action("rollback", who, provider=provider, bet=bet))
        if comes:
            self.play(action("authorize", who, provider=provider, bet=bet, round="late", stake=1))

    @rule(who=WHO, provider=PROVIDER, amount=AMOUNT, pick=PICK)
    def win_without_a_stake(self, who: int, provider: str, amount: int, pick: int) -> None:
        """Pay a win of a campaign, at times one of another currency or one that does not exist."""
        code = (
            "nobody's"
            if pick == ODD
            else self._campaign(1 - who if pick % 16 == 7 else who, provider)
        )
        self.play(
            action(
                "pay_win",
                who,
                provider=provider,
                name=f"win-{self.count if pick % 8 else 1}",
                amount=amount,
                campaign=code,
            )
        )

    @precondition(lambda self: self.model.bets)
    @rule(amount=AMOUNT, pick=PICK)
    def win_further(self, amount: int, pick: int) -> None:
        (provider, bet), held = pending(self.model.bets, pick, "SETTLED")
        says = {"bet": bet, "round": "another" if pick % 8 == 5 else held.round[1]}
        name = f"win-{self.count if pick % 8 else 1}"
        self.play(
            action(
                "pay_win",
                self._owner(held.owner, pick),
                provider=provider,
                name=name,
                amount=amount,
                **says,
            )
        )

    @precondition(lambda self: self.model.wins)
    @rule(pick=PICK)
    def reverse_win(self, pick: int) -> None:
        (provider, name), held = last(self.model.wins, pick)
        self.play(
            action("reverse_win", self._owner(held.owner, pick), provider=provider, name=name)
        )

    @precondition(lambda self: self.model.campaigns)
    @rule(pick=PICK, who=WHO, provider=PROVIDER)
    def end_a_campaign(self, pick: int, who: int, provider: str) -> None:
        code, row = last(self.model.campaigns, pick)
        row.over = True
        self.backend.end_campaign(code)
        self.play(
            action(
                "pay_win",
                CURRENCIES.index(row.currency),
                provider=row.provider,
                name=f"win-{self.count}",
                amount=1,
                campaign=code,
            )
        )

    # --- transfers

    @rule(who=WHO, part=PART, pick=PICK)
    def transfer(self, who: int, part: str, pick: int) -> None:
        edges = [
            (edge["from_bucket"], edge["to_bucket"])
            for edge in self.model.topology["transfer_edges"]
        ]
        ends = [
            *edges,
            *edges,
            *edges,
            (self._bucket("points", pick=0), self._bucket("normal", pick=pick)),
            ("NOWHERE", "WITHDRAWABLE"),
        ]
        source, target = ends[pick % len(ends)]
        self.play(
            action(
                "transfer",
                who,
                source=source,
                target=target,
                amount=self._part(who, self.model.account(source), part),
            )
        )

    @rule(who=WHO, part=PART, side=st.sampled_from(("sports", "casino")))
    def legacy_transfer(self, who: int, part: str, side: str) -> None:
        source = self.model.account(self._bucket("normal", pick=side == "casino"))
        self.play(
            action("legacy_transfer", who, from_side=side, amount=self._part(who, source, part))
        )

    # --- bonuses, coupons and points

    @rule(who=WHO, amount=AMOUNT, pick=PICK, cap=st.sampled_from((None, 0, 51, 5000)))
    def issue_bonus(self, who: int, amount: int, pick: int, cap: int | None) -> None:
        bucket = "NOWHERE" if pick == ODD else self._bucket("bonus", pick=pick)
        self.play(
            action(
                "issue_bonus",
                who,
                bucket=bucket,
                amount=amount,
                reference=self._reference(amount),
                max_release=cap,
            )
        )

    @precondition(lambda self: self.model.bonuses)
    @rule(pick=PICK, how=st.sampled_from(("reverse_bonus", "expire_bonus")))
    def end_bonus(self, pick: int, how: str) -> None:
        name, held = last(self.model.bonuses, pick)
        self.play(action(how, self._owner(held.owner, pick), bonus=name))

    @rule(
        who=WHO,
        amount=AMOUNT,
        kind=st.sampled_from(("all_games", "sports", "casino", "provider")),
        expires=st.sampled_from(FUTURES),
    )
    def issue_coupon(self, who: int, amount: int, kind: str, expires: str | None) -> None:
        providers = ("mockslots",) if kind == "provider" else ()
        log = f"log-{self.count if amount != 7 else 1}"
        self.play(
            action(
                "issue_coupon",
                who,
                log=log,
                amount=amount,
                kind=kind,
                providers=providers,
                expires=expires,
            )
        )

    @precondition(lambda self: self.model.coupons)
    @rule(pick=PICK, how=st.sampled_from(("reverse_coupon", "expire_coupon")), lapse=st.booleans())
    def end_coupon(self, pick: int, how: str, lapse: bool) -> None:
        log, held = last(self.model.coupons, pick)
        if lapse:
            self._lapse(log, held)
        self.play(action(how, self._owner(held.owner, pick), log=log))

    @precondition(lambda self: self.model.rollings)
    @rule(pick=PICK, end=st.sampled_from(("COMPLETED", "COMPLETED", "CANCELED", "EXPIRED")))
    def end_rolling(self, pick: int, end: str) -> None:
        name, held = last(self.model.rollings, pick)
        if pick % 4:
            self._turn_over(name)
        says = {"rolling": name} if end == "COMPLETED" else {"rolling": name, "state": end}
        self.play(
            action(
                "complete_rolling" if end == "COMPLETED" else "close_rolling",
                self._owner(held.owner, pick),
                **says,
            )
        )

    @rule(who=WHO, points=AMOUNT)
    def award_points(self, who: int, points: int) -> None:
        self.play(action("award_points", who, points=points, reference=self._reference(points)))

    @rule(who=WHO, part=PART, pick=PICK)
    def use_points(self, who: int, part: str, pick: int) -> None:
        points = self._part(who, self.model.bucket_of("points"), part)
        if pick % 4 == 0:
            self.play(action("expire_points", who, points=points))
        else:
            self.play(
                action(
                    "transfer_points",
                    who,
                    points=points,
                    target=self._bucket("normal", "normal", "bonus", pick=pick),
                )
            )

    # --- adjustments

    @rule(
        who=WHO, amount=AMOUNT, pick=PICK, direction=st.sampled_from(("credit", "debit")), by=PERSON
    )
    def ask_adjustment(self, who: int, amount: int, pick: int, direction: str, by: str) -> None:
        account = (
            AVAILABLE
            if pick % 5 == 0
            else self._bucket("normal", "bonus", "withdrawable", "points", pick=pick)
        )
        self.play(
            action(
                "ask_adjustment", who, account=account, direction=direction, amount=amount, by=by
            )
        )

    @precondition(lambda self: self.model.wishes)
    @rule(
        pick=PICK,
        how=st.sampled_from(("approve_adjustment", "approve_adjustment", "reject_adjustment")),
        by=PERSON,
    )
    def decide_adjustment(self, pick: int, how: str, by: str) -> None:
        name, held = last(self.model.wishes, pick)
        self.play(action(how, self._owner(held.owner, pick), wish=name, by=by))

    # --- repeated requests

    @precondition(lambda self: self.done)
    @rule(pick=PICK)
    def repeat(self, pick: int) -> None:
        """Repeat a request: it gets the stored answer, or is decided again if none was stored."""
        self._compare(*self.done[-1 - pick % len(self.done)])

    @precondition(lambda self: self.done)
    @rule(pick=PICK)
    def use_a_request_id_again(self, pick: int) -> None:
        """Send the id of an earlier request with another payload."""
        request_id, wanted = self.done[-1 - pick % len(self.done)]
        says = dict(wanted.says)
        changes = {
            "amount": 2,
            "points": 2,
            "stake": 2,
            "payout": 2,
            "by": "cleo",
            "bet": "another",
            "log": "another",
            "reference": "another",
            "state": "EXPIRED",
        }
        field = next((name for name in changes if name in says), None)
        changed = {} if field is None else {field: changes[field]}
        self._compare(request_id, action(wanted.kind, wanted.player, **(says | changed)))

    # --- changes around the commands

    @rule(pick=st.integers(0, 2), who=WHO, provider=PROVIDER, part=PART)
    def activate(self, pick: int, who: int, provider: str, part: str) -> None:
        """Activate another pair of the same topology, then bet under it."""
        pair = type(self).pairs[pick]
        self.model.activate(pair)
        self.backend.activate(pair)
        self.play(self._bet(who, provider, part, pick))

    @rule(who=WHO, provider=PROVIDER, part=PART)
    def block(self, who: int, provider: str, part: str) -> None:
        """Block a player for the next few commands.

        The player bets once before the block and twice after it. One copy still has the player
        cached.
        """
        self.play(self._bet(who, provider, "one", 0))
        self._block(who, True)
        for _ in range(2):
            self.play(self._bet(who, provider, part, 0))
