"""Whole histories: a scene at the start, then single steps and more scenes."""

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from tests.wallet_runtime.wallet.histories.bets import TYPES
from tests.wallet_runtime.wallet.histories.book import AVAILABLE
from tests.wallet_runtime.wallet.histories.machine import (
    AMOUNT,
    PART,
    PICK,
    WHO,
    last,
)
from tests.wallet_runtime.wallet.histories.model import action
from tests.wallet_runtime.wallet.histories.scenes_of_promotions import PromotionScenes

REVIEWED = (
    ("approve", "mark_paid", "fail_payout"),
    ("reject", "reject", "approve"),
    ("approve", "fail_payout", "mark_paid"),
    ("cancel", "approve"),
    ("approve", "cancel", "mark_paid"),
)
COUPON_ENDS = ("expire_coupon", "EXPIRED", "CANCELED", "COMPLETED")
BONUS_ENDS = ("COMPLETED", "CANCELED", "EXPIRED")


class Choices(NamedTuple):
    """The random choices for the scene at the start of a history."""

    who: int
    pick: int
    part: str
    one: bool
    other: bool

    @property
    def provider(self) -> str:
        """The provider of the scene's bets."""
        return list(TYPES)[self.pick % len(TYPES)]


def _jackpot(play: Any, at: Choices) -> None:
    refilled, undone = at.pick % 2 == 0, at.pick % 3 == 0
    play.win_a_jackpot_and_take_it_back(at.who, at.provider, at.one, at.other, refilled, undone)


# Scenes for the start of a history. The jackpot appears twice in the list, so that more histories
# begin with it.
SCENES: tuple[tuple[str, Callable[[Any, Choices], None]], ...] = (
    (
        "a bet is overtaken by another",
        lambda play, at: play.bet_overtaken_by_another(at.who, at.provider, at.part),
    ),
    (
        "a won bet is taken back",
        lambda play, at: play.win_and_take_it_back(at.who, at.provider, at.part, at.one, at.other),
    ),
    (
        "a coupon ends while a bet holds a part of it",
        lambda play, at: play.close_a_staked_coupon(
            at.who, at.provider, COUPON_ENDS[at.pick % 4], at.one
        ),
    ),
    (
        "a spent bonus is reversed",
        lambda play, at: play.spend_a_bonus_and_reverse_it(at.who, at.pick, at.one, at.other),
    ),
    (
        "a bonus ends with its rolling",
        lambda play, at: play.end_a_bonus_by_its_rolling(at.who, at.pick, BONUS_ENDS[at.pick % 3]),
    ),
    (
        "a bonus is carried along an edge",
        lambda play, at: play.carry_a_bonus_along(at.who, at.pick, at.part),
    ),
    (
        "a win goes back to several sources",
        lambda play, at: play.win_with_several_sources(
            at.who, at.provider, at.pick % 3, (1, 2, 101)[at.pick % 3]
        ),
    ),
    (
        "a bet is paid from locked money",
        lambda play, at: play.play_with_locked_money(
            at.who, at.provider, at.part, at.pick % 3, at.one
        ),
    ),
    (
        "a lost bet is taken back after a lapse",
        lambda play, at: play.lose_lapse_and_take_it_back(at.who, at.provider, at.part),
    ),
    (
        "bets go around the lapse of a coupon",
        lambda play, at: play.bet_around_the_lapse_of_a_coupon(at.who, at.provider),
    ),
    (
        "a withdrawal is reviewed too often",
        lambda play, at: play.withdraw_and_review(
            at.who, at.part, REVIEWED[at.pick % len(REVIEWED)]
        ),
    ),
    (
        "bets fill a round under bonus",
        lambda play, at: play.fill_a_round_under_bonus(
            at.who, at.provider, "bonus" if at.one else "normal", at.other
        ),
    ),
    (
        "one rolling completes and the other lapses",
        lambda play, at: play.complete_one_and_close_the_other(
            at.who, at.provider, at.one, at.other
        ),
    ),
    ("a jackpot is taken back", _jackpot),
    ("another jackpot is taken back", _jackpot),
)


class Histories(PromotionScenes):
    """One history: some money, a scene, then the steps that Hypothesis chooses."""

    @initialize(
        first=st.integers(0, 2),
        scene=st.integers(0, len(SCENES) - 1),
        who=WHO,
        pick=PICK,
        part=PART,
        one=st.booleans(),
        other=st.booleans(),
    )
    def prologue(
        self, first: int, scene: int, who: int, pick: int, part: str, one: bool, other: bool
    ) -> None:
        """Open the brand under one of the pairs, then play one scene."""
        self.begin(first)
        _, play = SCENES[scene]
        play(self, Choices(who, pick, part, one, other))

    @rule(who=WHO, part=PART, verdicts=st.sampled_from(REVIEWED))
    def withdraw_and_review(self, who: int, part: str, verdicts: tuple[str, ...]) -> None:
        """Review a withdrawal more often than its states allow."""
        self.play(action("deposit", who, amount=500, bucket=None))
        self.play(action("request_withdrawal", who, amount=self._part(who, AVAILABLE, part)))
        if self.model.withdrawals:
            name, held = last(self.model.withdrawals, 0)
            for verdict in verdicts:
                self.play(action("review", held.owner, withdrawal=name, verdict=verdict))

    @rule(level=st.sampled_from(("ingress", "sealed")), who=WHO, amount=AMOUNT, pick=PICK)
    def freeze(self, level: str, who: int, amount: int, pick: int) -> None:
        """Under a freeze, send a deposit, a settlement, a win and a repeated request."""
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
