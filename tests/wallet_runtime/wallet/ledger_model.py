"""Random histories of money commands on a real database, and the invariants that must hold after each of them.

The checks read the database with their own SQL, not with the product's: a fault shared by both would go unseen.
"""

import random
from dataclasses import dataclass, field
from uuid import UUID, uuid5

import psycopg

from wallet_runtime.plumbing.database import Database
from wallet_runtime.plumbing.errors import ApiError
from wallet_runtime.wallet.domain import adjustments, bets, bonus, cash, points, rolling, transfers
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.state import ActivePair, Request, State
from wallet_runtime.wallet.store.documents import Documents, PairWish
from wallet_runtime.wallet.store.money import InvariantRefused, Money, money_of

NAMESPACE = UUID("0b8a3a52-57a9-4bb8-9a1e-0d1a60c65e0b")
PROVIDERS = {"mocksports": "SPORTS", "mocklive": "LIVE", "mockslots": "SLOTS"}
CURRENCIES = ("EUR", "KRW")
KINDS = (
    *("deposit",) * 4,
    *("authorize",) * 6,
    *("close",) * 5,
    *("transfer",) * 2,
    *("issue_bonus", "end_bonus", "award_points", "transfer_points", "expire_points", "ask_adjustment", "decide_adjustment"),
    *("release", "end_rolling", "to_cash", "withdraw", "review"),
)
BUCKETS = ("SPORTS_NORMAL", "CASINO_NORMAL", "SPORTS_BONUS", "CASINO_BONUS", "WITHDRAWABLE")
HELD = """
SELECT account, currency, balance, version FROM wallet.wallet_account WHERE brand_id = %(brand)s
"""
LEDGER = """
SELECT player_id, account, version, delta, balance_after FROM wallet.wallet_ledger WHERE brand_id = %(brand)s
 ORDER BY player_id, account, version
"""
ACCOUNTS = """
SELECT player_id, account, balance, version FROM wallet.wallet_account WHERE brand_id = %(brand)s
"""
CONSERVED = """
SELECT currency, sum(amount) FROM (
    SELECT currency, delta AS amount FROM wallet.wallet_counter_entry WHERE brand_id = %(brand)s
    UNION ALL SELECT currency, balance FROM wallet.wallet_account WHERE brand_id = %(brand)s
    UNION ALL SELECT currency, stake FROM wallet.wallet_bet_authorization WHERE brand_id = %(brand)s AND state = 'AUTHORIZED'
) part GROUP BY currency HAVING sum(amount) <> 0
"""
# Points live in their own accounts, and what two persons agreed on is what moved against ADJ.
STRAYED = """
SELECT account, currency FROM wallet.wallet_account WHERE brand_id = %(brand)s AND (currency = 'PTS') <> (account LIKE '%%/POINTS')
UNION ALL
SELECT 'ADJ', currency FROM (
    SELECT currency, delta AS amount FROM wallet.wallet_counter_entry WHERE brand_id = %(brand)s AND account = 'ADJ'
    UNION ALL SELECT currency, amount FROM wallet.wallet_adjustment WHERE brand_id = %(brand)s AND state = 'APPLIED'
) part GROUP BY currency HAVING sum(amount) <> 0
"""
# A settled bet that could not be taken back is named to a person, once.
NAMED = """
SELECT count(DISTINCT f.subject) FROM wallet.wallet_finding f WHERE f.brand_id = %(brand)s AND f.kind = 'ROLLBACK_REFUSED'
"""
REFUSED_BETS = """
SELECT count(DISTINCT split_part(body->>'message', ' ', 4)) FROM wallet.wallet_idempotency
 WHERE brand_id = %(brand)s AND body->>'code' = 'WINNINGS_SPENT'
"""
# Winnings taken back although their account had held less since; a rollback in between may have brought it to that.
NOT_WHOLE = """
SELECT a.bet_id, s->>'account'
  FROM wallet.wallet_bet_authorization a, jsonb_array_elements(a.payout_shares) s,
       LATERAL (SELECT max(l.version) FILTER (WHERE l.transaction_id = a.first_close_transaction_id) AS came,
                       min(l.version) FILTER (WHERE l.transaction_id = a.close_transaction_id) AS went
                  FROM wallet.wallet_ledger l
                 WHERE l.brand_id = a.brand_id AND l.player_id = a.player_id AND l.account = s->>'account') row
 WHERE a.brand_id = %(brand)s AND a.state = 'ROLLED_BACK'
   AND (SELECT min(l.balance_after) < (s->>'amount')::bigint AND bool_and(l.command <> 'BET_ROLLBACK') FROM wallet.wallet_ledger l
         WHERE l.brand_id = a.brand_id AND l.player_id = a.player_id AND l.account = s->>'account'
           AND l.version > row.came AND l.version < row.went)
"""
ROLLED_BACK_LEFTOVERS = """
SELECT a.bet_id, l.account, sum(l.delta)
  FROM wallet.wallet_bet_authorization a
  JOIN wallet.wallet_ledger l
    ON l.transaction_id IN (a.authorize_transaction_id, a.first_close_transaction_id, a.close_transaction_id) AND l.brand_id = a.brand_id
 WHERE a.brand_id = %(brand)s AND a.state = 'ROLLED_BACK' GROUP BY 1, 2 HAVING sum(l.delta) <> 0
"""


class Broken(AssertionError):
    """An invariant of money does not hold."""


def activate_split(database: Database) -> None:
    """Seed and activate RUBY_SPLIT_V1 version 1."""
    documents = Documents(database)
    documents.seed("RUBY_SPLIT_V1", "test")
    documents.activate(PairWish("RUBY_SPLIT_V1", 1, "default", 1, None, None, "test", "activate"))


@dataclass
class History:
    """One brand's life: a few players, random commands, replays of earlier ones, and what each was answered."""

    database: Database
    seed: int
    players: list[tuple[UUID, str]] = field(default_factory=list)
    bets: list[tuple[UUID, str, str]] = field(default_factory=list)
    withdrawals: list[tuple[UUID, str]] = field(default_factory=list)
    closed: set[str] = field(default_factory=set)
    bonuses: list[tuple[UUID, str]] = field(default_factory=list)
    adjustments: list[tuple[UUID, str]] = field(default_factory=list)
    answered: list[tuple[Request, dict[str, str], object, object, tuple[int, object]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Register the players under a brand of this history's own."""
        self.random = random.Random(self.seed)
        self.money: Money = money_of(self.database)
        self.brand = uuid5(NAMESPACE, f"brand {self.seed}")
        for number in range(2):
            player, currency = uuid5(self.brand, f"player {number}"), CURRENCIES[number % len(CURRENCIES)]
            self.money.register(self.brand, player, currency, True)
            self.players.append((player, currency))

    def run(self, commands: int, look: psycopg.Connection) -> None:
        """Play `commands` random commands and check every invariant after each."""
        for number in range(commands):
            before = self._held(look) if self.answered and self.random.random() < 0.15 else None
            if before is not None:
                self._replay()
                if self._held(look) != before:
                    raise Broken(f"history {self.seed}: repeating a request moved money")
            else:
                self._step(number)
            self.check(look)

    def check(self, look: psycopg.Connection) -> None:
        """Raise `Broken` unless conservation, tips, chains, rollbacks and findings hold and nothing is negative or astray."""
        rows = look.execute(CONSERVED, {"brand": self.brand}).fetchall()
        if rows:
            raise Broken(f"history {self.seed}: not conserved: {rows}")
        tips: dict[tuple[object, str], tuple[int, int]] = {}
        for player, account, version, delta, after in look.execute(LEDGER, {"brand": self.brand}):
            last_version, last_balance = tips.get((player, account), (0, 0))
            if (version, after) != (last_version + 1, last_balance + delta) or after < 0:
                raise Broken(f"history {self.seed}: {account} row {version} does not follow from the one before")
            tips[player, account] = (version, after)
        for player, account, balance, version in look.execute(ACCOUNTS, {"brand": self.brand}):
            if tips.get((player, account), (0, 0)) != (version, balance) or balance < 0:
                tip = tips.get((player, account))
                raise Broken(f"history {self.seed}: {account} holds {balance} at version {version}, its tip is {tip}")
        strayed = look.execute(STRAYED, {"brand": self.brand}).fetchall()
        if strayed:
            raise Broken(f"history {self.seed}: points or adjustments are not where they belong: {strayed}")
        refused = look.execute(REFUSED_BETS, {"brand": self.brand}).fetchone()
        named = look.execute(NAMED, {"brand": self.brand}).fetchone()
        if refused != named:
            raise Broken(f"history {self.seed}: {refused} bets could not be taken back, {named} are named by a finding")
        hidden = look.execute(NOT_WHOLE, {"brand": self.brand}).fetchall()
        if hidden:
            raise Broken(f"history {self.seed}: winnings were taken back that were not whole any more: {hidden}")
        leftovers = look.execute(ROLLED_BACK_LEFTOVERS, {"brand": self.brand}).fetchall()
        if leftovers:
            raise Broken(f"history {self.seed}: a rolled back bet left {leftovers}")

    def _held(self, look: psycopg.Connection) -> list[tuple[object, ...]]:
        return sorted(look.execute(HELD, {"brand": self.brand}).fetchall())

    def _replay(self) -> None:
        request, reads, rule, command, first = self.random.choice(self.answered)
        try:
            again = self._send(request, reads, rule, command)
        except ApiError as error:
            raise Broken(f"history {self.seed}: request {request.request_id} failed when repeated: {error}") from error
        if again != first:
            raise Broken(f"history {self.seed}: request {request.request_id} was answered differently the second time")

    def _step(self, number: int) -> None:
        kind = self.random.choice(KINDS)
        player, currency = self.random.choice(self.players)
        getattr(self, f"_{kind}")(number, player, currency)

    def _amount(self) -> int:
        return self.random.choice((1, 3, 7, 10, 100, 333, 1000, 5001))

    def _deposit(self, number: int, player: UUID, currency: str) -> None:
        bucket = self.random.choice((None, "SPORTS_NORMAL", "CASINO_NORMAL"))
        self._perform(number, player, {}, cash.deposit, cash.Deposit(self._amount(), currency, bucket))

    def _authorize(self, number: int, player: UUID, currency: str) -> None:
        bet = f"bet-{number}"
        # Up to all that the player holds, and sometimes a unit more: stakes that need two sources, or more than there is.
        state = self._look(number, player)
        reaches = {
            provider: sum(state.balance(f"RUBY_SPLIT_V1/{bucket}") for bucket in (f"{kind}_BONUS", f"{kind}_NORMAL", "WITHDRAWABLE"))
            for provider, kind in (("mocksports", "SPORTS"), ("mocklive", "CASINO"), ("mockslots", "CASINO"))
        }
        provider = self.random.choice([name for name, reach in reaches.items() if reach] or list(PROVIDERS))
        reach = reaches[provider]
        stake = self._amount() if self.random.random() < 0.3 else self.random.randint(max(1, reach // 2), reach + 1)
        command = bets.Authorize(provider, PROVIDERS[provider], bet, f"round-{number % 5}", stake, currency)
        answer = self._perform(number, player, {"provider_id": provider, "bet_id": bet}, bets.authorize, command)
        if self.random.random() < 0.2 or (answer is not None and answer[0] == 200):
            self.bets.append((player, provider, bet))

    def _close(self, number: int, player: UUID, currency: str) -> None:
        if not self.bets:
            return
        player, provider, bet = self.random.choice(self.bets[-6:] if self.random.random() < 0.7 else self.bets)
        reads = {"provider_id": provider, "bet_id": bet}
        # The first close of a bet is mostly a settlement, a later one mostly a rollback: winnings are taken back, or cannot be.
        again = bet in self.closed
        self.closed.add(bet)
        if self.random.random() < (0.7 if again else 0.3):
            self._perform(number, player, reads | {"with_winnings": "yes"}, bets.rollback, bets.Rollback(provider, bet))
        else:
            self._perform(number, player, reads, bets.settle, bets.Settle(provider, bet, str(self.random.choice((0, 1, 7, 97, 101, 1009)))))

    def _part_of(self, number: int, player: UUID, bucket: str) -> int:
        """A part of what a bucket holds, often all of it, and sometimes a unit more; mostly nothing of an empty one."""
        held = self._look(number, player).balance(f"RUBY_SPLIT_V1/{bucket}")
        if not held:
            return int(self.random.random() < 0.2)
        return max(1, self.random.choice((held, held, held + 1, self.random.randint(0, held))))

    def _transfer(self, number: int, player: UUID, currency: str) -> None:
        ends = self.random.choice((("SPORTS_NORMAL", "CASINO_NORMAL"), ("CASINO_NORMAL", "SPORTS_NORMAL"), ("POINTS", "SPORTS_NORMAL")))
        if part := self._part_of(number, player, ends[0]):
            self._perform(number, player, {"with_stakes": "yes"}, transfers.transfer, transfers.Transfer(*ends, part, currency))

    def _issue_bonus(self, number: int, player: UUID, currency: str) -> None:
        cap = self.random.choice((None, 0, 50, 5000))
        command = bonus.Issue(self.random.choice(BUCKETS[2:4]), self._amount(), currency, f"campaign-{number}", cap)
        answer = self._perform(number, player, {}, bonus.issue, command)
        if answer is not None:
            self.bonuses.append((player, str(answer[1]["bonus_id"])))

    def _end_bonus(self, number: int, player: UUID, currency: str) -> None:
        if self.bonuses:
            player, name = self.random.choice(self.bonuses)
            reads = {"bonus_id": name, "with_stakes": "yes"}
            self._perform(number, player, reads, self.random.choice((bonus.reverse, bonus.expire)), bonus.End(name))

    def _award_points(self, number: int, player: UUID, currency: str) -> None:
        self._perform(number, player, {}, points.award, points.Points(self._amount(), "mission"))

    def _transfer_points(self, number: int, player: UUID, currency: str) -> None:
        if part := self._part_of(number, player, "POINTS"):
            self._perform(number, player, {}, points.transfer, points.PointsTransfer(part, self.random.choice(BUCKETS)))

    def _expire_points(self, number: int, player: UUID, currency: str) -> None:
        if part := self._part_of(number, player, "POINTS"):
            self._perform(number, player, {}, points.expire, points.Points(part, "year"))

    def _ask_adjustment(self, number: int, player: UUID, currency: str) -> None:
        account = self.random.choice((*BUCKETS, "CASH/AVAILABLE"))
        command = adjustments.Ask(account, self.random.choice(("credit", "debit")), self._amount(), currency, "found", "ann")
        answer = self._perform(number, player, {}, adjustments.ask, command)
        if answer is not None:
            self.adjustments.append((player, str(answer[1]["adjustment_id"])))

    def _decide_adjustment(self, number: int, player: UUID, currency: str) -> None:
        if self.adjustments:
            player, name = self.random.choice(self.adjustments)
            rule = self.random.choice((adjustments.approve, adjustments.approve, adjustments.reject))
            command = adjustments.Decide(name, self.random.choice(("ann", "bob", "bob", "cleo")))
            self._perform(number, player, {"adjustment_id": name}, rule, command)

    def _end_rolling(self, number: int, player: UUID, currency: str) -> None:
        """Cancel or expire one active rolling, as rolling_worker would tell it."""
        state = self._look(number, player)
        if state.obligations:
            owed = self.random.choice(state.obligations)
            command = rolling.Close(owed.rolling_id, self.random.choice(("CANCELED", "EXPIRED")))
            self._perform(number, player, {"rolling_id": owed.rolling_id, "with_stakes": "yes"}, rolling.close, command)

    def _to_cash(self, number: int, player: UUID, currency: str) -> None:
        self._perform(number, player, {}, cash.to_cash, cash.Withdraw(self._amount(), currency))

    def _look(self, number: int, player: UUID) -> State:
        return self.money.look(Request(self.brand, player, "test", "look", f"look {number}", "", self.brand))[0]

    def _release(self, number: int, player: UUID, currency: str) -> None:
        """Complete one active rolling, as rolling_worker would, so that money becomes withdrawable."""
        state = self._look(number, player)
        if state.obligations:
            owed = self.random.choice(state.obligations)
            command = rolling.Complete(owed.rolling_id)
            self._perform(number, player, {"rolling_id": owed.rolling_id}, rolling.complete, command)

    def _withdraw(self, number: int, player: UUID, currency: str) -> None:
        answer = self._perform(number, player, {}, cash.request_withdrawal, cash.Withdraw(self._amount(), currency))
        if answer is not None and answer[0] == 200:
            self.withdrawals.append((player, str(answer[1]["transaction"]["tx_id"])))

    def _review(self, number: int, player: UUID, currency: str) -> None:
        if self.withdrawals:
            player, transaction = self.random.choice(self.withdrawals)
            rule = self.random.choice((cash.approve, cash.reject, cash.mark_paid, cash.cancel, cash.fail_payout))
            self._perform(number, player, {"cash_transaction_id": transaction}, rule, cash.Review(transaction, "test"))

    def _perform(self, number: int, player: UUID, reads: dict[str, str], rule: object, command: object):  # type: ignore[no-untyped-def]
        name = f"{number}"
        route = rule.__name__  # type: ignore[attr-defined]
        request = Request(self.brand, player, "test", route, name, "ab", uuid5(self.brand, f"{route} {name}"))
        try:
            answer = self._send(request, reads, rule, command)
        except InvariantRefused as error:
            raise Broken(f"history {self.seed}: the database refused a decision of the rules: {error.details}") from error
        except ApiError as error:
            if error.status >= 500:
                raise
            return None
        self.answered.append((request, reads, rule, command, answer))
        return answer

    def _send(self, request: Request, reads: dict[str, str], rule: object, command: object):  # type: ignore[no-untyped-def]
        def decide(state: State, pair: ActivePair) -> Decision:
            return rule(request, command, state, pair)  # type: ignore[operator, no-any-return]

        return self.money.perform(request, reads, decide)
