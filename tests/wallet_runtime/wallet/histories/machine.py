"""The state machine: histories of commands on which product and model must agree.

It has two backends: the rules over a store in memory, and `Money.perform` over PostgreSQL.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Protocol
from uuid import UUID, uuid5

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from tests.wallet_runtime.wallet.histories import actions
from tests.wallet_runtime.wallet.histories.bets import TYPES
from tests.wallet_runtime.wallet.histories.book import Bet, Campaign, Coupon, Outcome
from tests.wallet_runtime.wallet.histories.memory_rows import PAST, Answer
from tests.wallet_runtime.wallet.histories.model import Action, Model, action
from tests.wallet_runtime.wallet.histories.variants import Documents

LOOK_EVERY = 16
CURRENCIES = ("EUR", "KRW")
FUTURES = (None, "2199-01-01T00:00:00Z", "2198-01-01T00:00:00Z", PAST)
ODD = 41  # the one pick of 64 that does something unusual
WHO = st.integers(0, 1)
PICK = st.integers(0, 63)
AMOUNT = st.sampled_from((1000, 1, 3, 7, 10, 100, 333, 5001))
PART = st.sampled_from(("some", "all", "most", "one", "all", "over"))
PROVIDER = st.sampled_from(tuple(TYPES))
PRICES = (None, "1.2", None, "1.5", "1.49", "1.85")
# The list has one person with two keys, and one key with two names.
PERSON = st.sampled_from(("ann", "bob", "Ann/other", "bea/token of ann"))


class Backend(Protocol):
    """The product, as the machine calls it."""

    def perform(
        self, request_id: str, wanted: Action, meanwhile: Callable[[], None] | None = None
    ) -> Answer: ...
    def activate(self, documents: Documents) -> None: ...
    def freeze(self, level: str) -> None: ...
    def block(self, player: int, blocked: bool) -> None: ...
    def choose(self, player: int, provider_type: str, source: str) -> None: ...
    def lapse(self, coupon_log_id: str) -> None: ...
    def campaign(self, code: str, provider: str, currency: str, cap: int, per_win: int) -> None: ...
    def end_campaign(self, code: str) -> None: ...
    def turn_over(self, player: int, account: str) -> None: ...
    def view(self) -> dict[str, Any]: ...
    def check(self) -> None: ...
    def close(self) -> None: ...


Open = Callable[[UUID, Documents, tuple[str, ...]], Backend]


class Machine(RuleBasedStateMachine):
    """One history of two players of one brand. Subclasses add the steps, and set the backend."""

    open: ClassVar[Open]
    pairs: ClassVar[list[Documents]]
    lives: ClassVar[list[list[Action]]]
    start: ClassVar[UUID]

    def __init__(self) -> None:
        """Start an empty history."""
        super().__init__()
        cls = type(self)
        self.brand = uuid5(cls.start, f"history {len(cls.lives)}")
        self.count = 0
        self.done: list[tuple[str, Action]] = []
        self.blocked_since = {0: -1, 1: -1}
        self.begun = False
        self.life: list[Action] = []
        cls.lives.append(self.life)

    backend: Backend

    def begin(self, first: int) -> None:
        """Open a brand under one of the pairs, and give its players some money."""
        cls = type(self)
        self.model = Model(cls.pairs[first], CURRENCIES)
        self.backend = cls.open(self.brand, cls.pairs[first], CURRENCIES)
        self.begun = True
        for who in range(len(CURRENCIES)):
            for bucket in (None, self._bucket("normal", pick=0), self._bucket("normal", pick=1)):
                self.play(action("deposit", who, amount=3000, bucket=bucket))
            self.play(
                action(
                    "ask_adjustment",
                    who,
                    account="WITHDRAWABLE",
                    direction="credit",
                    amount=900,
                    by="ann",
                )
            )
            self.play(action("approve_adjustment", who, wish=list(self.model.wishes)[-1], by="bob"))

    def teardown(self) -> None:
        """Check all rows once more and close the backend."""
        if self.begun:
            try:
                self.backend.check()
            finally:
                self.backend.close()

    # --- performing a command

    def play(self, wanted: Action, meanwhile: Action | None = None) -> Answer:
        """Perform a new command on model and product, and compare them.

        The backend performs `meanwhile` after it has decided the command and before it applies the
        decision.
        """
        self._unblock()
        self.count += 1
        request_id = str(self.count)
        self.done.append((request_id, wanted))
        if meanwhile is None:
            return self._compare(request_id, wanted)
        other, said = f"{self.count}m", []
        expected = self.model.perform(
            other, meanwhile, actions.transaction_id(self.brand, meanwhile.kind, other)
        )
        return self._compare(
            request_id,
            wanted,
            lambda: said.append(self.backend.perform(other, meanwhile)),
            (meanwhile, expected, said),
        )

    def _compare(
        self,
        request_id: str,
        wanted: Action,
        meanwhile: Callable[[], None] | None = None,
        other: tuple[Action, Outcome, list[Answer]] | None = None,
    ) -> Answer:
        expected = self.model.perform(
            request_id, wanted, actions.transaction_id(self.brand, wanted.kind, request_id)
        )
        answer = self.backend.perform(request_id, wanted, meanwhile)
        if other is not None:
            assert other[2], f"{other[0]} was never played"
            _agree(*other[:2], other[2][0])
        _agree(wanted, expected, answer)
        held, must = self.backend.view(), self.model.view()
        assert held == must, f"after {wanted}: {_difference(held, must)}"
        self.life.append(wanted)
        if len(self.life) % LOOK_EVERY == 0:
            self.backend.check()
        return answer

    def _unblock(self) -> None:
        for player, since in self.blocked_since.items():
            if 0 <= since < self.count - 4:
                self._block(player, False)

    def _block(self, player: int, blocked: bool) -> None:
        self.model.wallets[player].blocked = blocked
        self.backend.block(player, blocked)
        self.blocked_since[player] = self.count if blocked else -1

    def _part(self, who: int, account: str, part: str) -> int:
        held = self.model.wallets[who].held[account]
        return max(
            1,
            {"all": held, "most": held * 2 // 3, "some": held // 3, "one": 1, "over": held + 1}[
                part
            ],
        )

    def _bucket(self, *kinds: str, pick: int) -> str:
        codes = [code for code, kind in self.model.kinds.items() if kind in kinds]
        return codes[pick % len(codes)]

    def _reference(self, amount: int) -> str:
        """Return a new reference, or for one amount a reference that other commands share."""
        return f"reference-{1 if amount == 7 else self.count}"

    def _owner(self, owner: int, pick: int) -> int:
        """Return the owner of the record; for one pick, the other player."""
        return 1 - owner if pick == ODD else owner

    def _bet(self, who: int, provider: str, part: str, pick: int, name: str = "bet") -> Action:
        """Return a bet whose stake is a part of the money that may pay it.

        Where the player chooses a source, this is mostly the richest.
        """
        wallet = self.model.wallets[who]
        payers = self.model.payers(wallet, provider)
        reach = sum(wallet.held[account] for account in payers.values())
        if self.model.policy["funding"][TYPES[provider]]["mode"] == "selection":
            rich = sorted(payers, key=lambda named: -wallet.held[payers[named]])
            odd = ["POINTS", *(coupon.account for coupon in self.model.coupons.values())]
            source = [*rich, *rich, *odd][pick % (2 * len(rich) + len(odd))]
            reach = wallet.held[payers.get(source, "")]
            if pick != ODD:
                self._choose(who, TYPES[provider], source)
        stake = max(
            1,
            {
                "all": reach,
                "most": reach * 2 // 3,
                "some": reach // 3,
                "one": min(150, reach),
                "over": reach + 1,
            }[part],
        )
        says = {
            "bet": f"{name}-{self.count}",
            "round": f"round-{pick % 4}",
            "stake": stake,
            "price": PRICES[self.count % len(PRICES)],
        }
        return action("authorize", who, provider=provider, **says)

    def _campaign(self, who: int, provider: str) -> str:
        """Return the provider's campaign in the player's currency, created on first use."""
        currency = CURRENCIES[who]
        code = f"{provider}-{currency}"
        if code not in self.model.campaigns:
            self.model.campaigns[code] = Campaign(provider, currency, cap=2500, per_win=900)
            self.backend.campaign(code, provider, currency, 2500, 900)
        return code

    def _choose(self, who: int, provider_type: str, source: str) -> None:
        if self.model.wallets[who].choices.get(provider_type) != source:
            self.model.wallets[who].choices[provider_type] = source
            self.backend.choose(who, provider_type, source)

    def _turn_over(self, rolling: str) -> None:
        """Set the open turnover of a rolling's account to zero.

        Few histories have enough bets to reach that.
        """
        owed = self.model.rollings.get(rolling)
        if owed is not None and owed.state == "ACTIVE":
            self.model.wallets[owed.owner].turnover[owed.account].open = 0
            self.backend.turn_over(owed.owner, owed.account)

    def _lapse(self, log: str, coupon: Coupon) -> None:
        if not coupon.lapsed:
            coupon.expires_at, coupon.lapsed = PAST, True
            self.backend.lapse(log)


def _agree(wanted: Action, expected: Outcome, answer: Answer) -> None:
    status, body = answer
    found = (status, str(body.get("code", "")) if status >= 400 else "")
    assert found == (expected.status, expected.code), (
        f"{wanted} must be answered {expected}, found {status} {body}"
    )
    shown = {name: body.get(name) for name in expected.shown}
    assert shown == expected.shown, f"{wanted} must show {expected.shown}, found {shown}"


def _difference(held: dict[str, Any], must: dict[str, Any]) -> str:
    found = []
    for part, wanted in must.items():
        there = held[part]
        if there != wanted and isinstance(wanted, dict):
            names = {
                name for name in there.keys() | wanted.keys() if there.get(name) != wanted.get(name)
            }
            found += [
                f"{part} {name}: held {there.get(name)}, must be {wanted.get(name)}"
                for name in sorted(names)
            ]
        elif there != wanted:
            found.append(f"{part}: held {there}, must be {wanted}")
    return "; ".join(found)


def last(named: dict[Any, Any], pick: int) -> tuple[Any, Any]:
    """Pick an entry, mostly one of the last five."""
    names = list(named)
    name = names[-1 - pick % min(len(names), 5)] if pick < 48 else names[pick % len(names)]
    return name, named[name]


def pending(
    bets: dict[tuple[str, str], Bet], pick: int, *states: str
) -> tuple[tuple[str, str], Bet]:
    """Pick a bet, mostly one in the given states."""
    going = {name: bet for name, bet in bets.items() if bet.state in states}
    return last(going if going and pick % 4 else bets, pick)
