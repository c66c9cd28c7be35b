"""The script of a flow: deposits, bets, withdrawals and expectations of one canary player.

If the operator's process dies in the middle, a flow is played again with the same request ids. The
platform then replays its first answers and moves no money twice. So a flow checks balances only at
the end. Before that it checks answers and ledger rows, because these are the same in a replay.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from rubyops.errors import CheckFailed, Inconclusive
from rubyops.polling import poll
from rubyops.ports import Actor, CanaryPlayer, HttpAnswer, Row
from wallet_runtime.contract.documents import RUBY_SPLIT_V1, RUBY_UNIFIED_V1
from wallet_runtime.contract.money import CASH_AVAILABLE, CASH_PENDING, CURRENCY_EXPONENTS
from wallet_runtime.contract.processes import ROLLING_SERVICE
from wallet_runtime.contract.providers import LIVE, PROVIDERS, SLOTS, SPORTS

OK = (200, 201)
# The longest wait for an event to pass through outbox, stream, rolling and back to the wallet. It
# usually takes less than one second.
EVENT_PATH_SECONDS = 20.0
POLL_SECONDS = 0.05
LEDGER_ROWS_MAX = 500
WITHDRAWABLE = "WITHDRAWABLE"
NORMAL_BUCKETS = {
    RUBY_SPLIT_V1: {SPORTS: "SPORTS_NORMAL", LIVE: "CASINO_NORMAL", SLOTS: "CASINO_NORMAL"},
    RUBY_UNIFIED_V1: {SPORTS: "NORMAL", LIVE: "NORMAL", SLOTS: "NORMAL"},
}
BONUS_BUCKETS = {
    RUBY_SPLIT_V1: {SPORTS: "SPORTS_BONUS", LIVE: "CASINO_BONUS", SLOTS: "CASINO_BONUS"},
    RUBY_UNIFIED_V1: {SPORTS: "BONUS", LIVE: "BONUS", SLOTS: "BONUS"},
}
ROLLING_AMOUNTS = ("amount", "required_turnover", "target_turnover", "turnover")


@dataclass(frozen=True)
class Bet:
    """An accepted bet: its ids, its funding in minor units per account, and the wallet's answer."""

    provider: str
    bet_id: str
    round_id: str
    authorization_id: str
    funding: dict[str, int]
    answer: Mapping[str, Any]


@dataclass(frozen=True)
class Script:
    """One flow's actor with one player.

    `title` starts every error message. `label` makes the request ids of this player unique.
    """

    title: str
    label: str
    actor: Actor
    player: CanaryPlayer

    @property
    def topology(self) -> str:
        """The code of the environment's topology."""
        return self.actor.read.environment.topology

    def active_documents(self) -> Row:
        """Return the documents of the active pair. Raises `CheckFailed` when there is none."""
        rows = self.actor.read.rows("facts_active_documents")
        what = "active pairs of a topology and a policy (`rubyops rollout local` activates one)"
        self.expect(what, len(rows), 1)
        return rows[0]

    def key(self, key: str) -> str:
        """Return a key that is unique among the calls of all players of the flow."""
        return f"{self.label}/{key}"

    def normal(self, provider: str) -> str:
        """Return the code of the normal bucket that pays for bets at this provider."""
        return NORMAL_BUCKETS[self.topology][PROVIDERS[provider]]

    def account(self, bucket: str) -> str:
        """Return the name of a bucket's ledger account."""
        return f"{self.topology}/{bucket}"

    def minor(self, amount: object) -> int:
        """Convert an amount of a JSON answer (text, major units) to minor units.

        Raises `CheckFailed` if the text is no number or has too many decimal places.
        """
        scaled = self._scaled(amount)
        self.expect("an amount's places", scaled == scaled.to_integral_value(), True)
        return int(scaled)

    def _scaled(self, amount: object) -> Decimal:
        try:
            return Decimal(str(amount)).scaleb(CURRENCY_EXPONENTS[self.player.currency])
        except InvalidOperation:
            raise CheckFailed(
                f"{self.title}: expected an amount in {self.player.currency}, found {amount!r}"
            ) from None

    def major(self, units: int) -> str:
        """Convert minor units to text in major units, as JSON bodies have them."""
        return str(Decimal(units).scaleb(-CURRENCY_EXPONENTS[self.player.currency]))

    def money(self, amount: str) -> dict[str, object]:
        """Return the fields of a request body for an amount in the player's currency."""
        return {"amount": amount, "currency": self.player.currency}

    def as_player(
        self, path: str, body: Mapping[str, object], *, key: str, method: str = "POST"
    ) -> HttpAnswer:
        """Call the gateway as the player. `key` is unique among the player's calls."""
        return self.actor.as_player(self.player, method, path, body, key=self.key(key))

    def as_provider(
        self, provider: str, path: str, body: Mapping[str, object], *, key: str
    ) -> HttpAnswer:
        """Call the gateway as a provider. `key` is unique among the player's calls."""
        return self.actor.as_provider(provider, self.player, path, body, key=self.key(key))

    def as_admin(self, path: str, body: Mapping[str, object], *, key: str) -> HttpAnswer:
        """Call admin_service about the player. `key` is unique among the player's calls."""
        return self.actor.as_admin("POST", path, body, key=self.key(key), player=self.player)

    def expect(self, what: str, found: object, expected: object) -> None:
        """Raise `CheckFailed` unless found equals expected."""
        if found != expected:
            sides = {"expected": str(expected), "found": str(found)}
            raise CheckFailed(
                f"{self.title}: {what}: expected {expected}, found {found}",
                details={**sides, **self._whose()},
            )

    def _whose(self) -> dict[str, Any]:
        return {"brand_id": self.player.brand_id, "player_id": self.player.player_id}

    def accepted(self, what: str, answer: HttpAnswer) -> Mapping[str, Any]:
        """Return the body of a successful answer. Raises `CheckFailed` for any other answer."""
        accepted = answer.status in OK and isinstance(answer.body, Mapping)
        self.expect(what, "accepted" if accepted else _said(answer), "accepted")
        body: Mapping[str, Any] = answer.body
        return body

    def refused(
        self, what: str, answer: HttpAnswer, statuses: Sequence[int], code: str | None = None
    ) -> None:
        """Raise `CheckFailed` unless the answer has one of the statuses and, if given, the code."""
        if answer.status not in statuses:
            self.expect(what, _said(answer), f"one of {tuple(statuses)}")
        if code is not None:
            self.expect(f"{what}: code", _body(answer).get("code"), code)

    def field(self, what: str, body: object, *names: str) -> Any:
        """Return the value at the path `names` in an answer. Raises `CheckFailed` without one."""
        found: Any = body
        for name in names:
            self.expect(f"{name} in {what}", isinstance(found, Mapping) and name in found, True)
            found = found[name]
        return found

    def deposit(self, amount: str, *, key: str, bucket: str | None = None) -> Mapping[str, Any]:
        """Deposit into this bucket, or into cash when no bucket is given."""
        body = self.money(amount) | ({"bucket": bucket} if bucket else {})
        answer = self.as_player("/api/v1/player/wallet/deposit", body, key=key)
        return self.accepted(f"deposit of {amount}", answer)

    def authorize(self, provider: str, amount: str, *, key: str, **more: object) -> HttpAnswer:
        """Send a bet as the provider, and return the answer, be it a success or a refusal."""
        player, ids = {"player_id": self.player.player_id}, self._bet_ids(key)
        body = {**player, **ids, **self.money(amount), **more}
        return self.as_provider(provider, "/v2/bets/authorize", body, key=f"authorize-{key}")

    def _bet_ids(self, key: str) -> dict[str, str]:
        names = ("bet", "round")
        return {f"{name}_id": self.actor.derived_id(self.key(f"{name}-{key}")) for name in names}

    def bet(self, provider: str, amount: str, *, key: str, **more: object) -> Bet:
        """Place a bet that must be accepted, with a funding that sums to the stake."""
        answer = self.authorize(provider, amount, key=key, **more)
        body = self.accepted(f"bet of {amount} at {provider}", answer)
        funding = self._funding(body)
        self.expect("the sum of the funding breakdown", sum(funding.values()), self.minor(amount))
        authorization = str(self.field("the answer to the bet", body, "authorization_id"))
        ids = self._bet_ids(key)
        return Bet(provider, ids["bet_id"], ids["round_id"], authorization, funding, body)

    def _funding(self, answer: Mapping[str, Any]) -> dict[str, int]:
        funding = Counter[str]()
        for share in self.field("the answer to the bet", answer, "funding"):
            account = self.field("a share", share, "account")
            funding[account] += self.minor(self.field("a share", share, "amount"))
        return dict(funding)

    def choose(self, provider: str, source: str) -> HttpAnswer:
        """Choose, as the player, the source of bets at this provider, and return the answer."""
        path = "/api/v1/player/wallet/funding-choice"
        body = {"provider_type": PROVIDERS[provider], "source": source}
        return self.as_player(path, body, key=f"choose-{provider}-{source}", method="PUT")

    def ids_of(self, bet: Bet) -> dict[str, object]:
        """Return the fields of a request body that identify a bet."""
        return {"player_id": self.player.player_id, "bet_id": bet.bet_id, "round_id": bet.round_id}

    def settle(self, bet: Bet, payout: str, *, key: str) -> None:
        """Settle a bet as its provider."""
        body = {**self.ids_of(bet), "payout": payout}
        answer = self.as_provider(bet.provider, "/v2/bets/settle", body, key=f"settle-{key}")
        self.accepted(f"settlement with {payout}", answer)

    def try_rollback(self, bet: Bet, *, key: str) -> HttpAnswer:
        """Roll a bet back as its provider, and return the answer, be it a success or a refusal."""
        ids = self.ids_of(bet)
        return self.as_provider(bet.provider, "/v2/bets/rollback", ids, key=f"rollback-{key}")

    def rollback(self, bet: Bet, *, key: str) -> None:
        """Roll a bet back as its provider."""
        self.accepted("rollback", self.try_rollback(bet, key=key))

    def snapshot(self) -> Mapping[str, Any]:
        """Read the player's snapshot from the gateway."""
        return self.accepted(
            "the player's snapshot",
            self.actor.as_player(self.player, "GET", "/api/v1/player/wallet"),
        )

    def holdings(self) -> dict[str, int]:
        """Return minor units per account from the player's snapshot, without empty accounts."""
        snapshot = self.snapshot()
        held = self._in_buckets(snapshot) | self._in_cash(snapshot)
        return {account: amount for account, amount in held.items() if amount}

    def _in_buckets(self, snapshot: Mapping[str, Any]) -> dict[str, int]:
        held = dict[str, int]()
        for bucket in self.field("the snapshot", snapshot, "buckets"):
            account = self.account(self.field("the snapshot", bucket, "bucket_type_code"))
            held[account] = self.minor(self.field("the snapshot", bucket, "balance"))
        return held

    def _in_cash(self, snapshot: Mapping[str, Any]) -> dict[str, int]:
        names = {CASH_AVAILABLE: "available", CASH_PENDING: "pending"}
        return {
            account: self.minor(self.field("the snapshot", snapshot, "cash", name))
            for account, name in names.items()
        }

    def total_held(self) -> int:
        """Return the sum of all accounts in the player's snapshot, in minor units."""
        return sum(self.holdings().values())

    def ledger(self) -> list[Row]:
        """Return the player's ledger rows."""
        rows = self.actor.read.rows
        return rows("reconcile_ledger_of_player", **self._whose(), limit=LEDGER_ROWS_MAX)

    def expect_moves(self, account: str, *deltas: int) -> None:
        """Raise `CheckFailed` unless the account has exactly these ledger rows, oldest first.

        Amounts are in minor units.
        """
        moved = [row["delta"] for row in self.ledger() if row["account"] == account]
        self.expect(f"ledger rows of {account}", moved, list(deltas))

    def expect_holdings(self, held: Mapping[str, int]) -> None:
        """Raise `CheckFailed` unless the player holds exactly this: minor units per account."""
        self.expect("what the player holds at the end", self.holdings(), held)

    def rollings(self) -> dict[str, Row]:
        """Return the player's rollings by id, from rolling_service. Amounts are in minor units."""
        rows = self._shown_rollings()
        return {str(row["rolling_id"]): {**row, **self._in_minor_units(row)} for row in rows}

    def _shown_rollings(self) -> list[Row]:
        what, path = "the player's rollings", f"/internal/rolling/players/{self.player.player_id}"
        answer = self.actor.as_operator(ROLLING_SERVICE, "GET", path, brand_id=self.player.brand_id)
        rows: list[Row] = self.field(what, self.accepted(what, answer), "rollings")
        return rows

    def _in_minor_units(self, rolling: Row) -> dict[str, int]:
        return {name: self.minor(rolling[name]) for name in ROLLING_AMOUNTS}

    def legs(self, bet: Bet, which: str) -> dict[str, int]:
        """Return minor units per account that the bet moved at `which`: `authorize` or `close`."""
        rows = self.actor.read.rows("facts_bet_legs", authorization_id=bet.authorization_id)
        return {row["account"]: row["delta"] for row in rows if row["which"] == which}

    def expect_taken(self, what: str, bet: Bet) -> None:
        """Raise `CheckFailed` unless the bet's acceptance took exactly its funding."""
        taken = {account: -amount for account, amount in bet.funding.items()}
        self.expect(what, self.legs(bet, "authorize"), taken)

    def expect_paid(self, what: str, bet: Bet, shares: Mapping[str, int]) -> None:
        """Raise `CheckFailed` unless the bet's close paid exactly this: minor units per account."""
        self.expect(what, self.legs(bet, "close"), shares)

    def wait_until(self, what: str, holds: Callable[[], bool]) -> None:
        """Poll until `holds` returns true. Raises `CheckFailed` after EVENT_PATH_SECONDS."""
        if not poll(lambda: holds() or None, EVENT_PATH_SECONDS, lambda: time.sleep(POLL_SECONDS)):
            raise CheckFailed(
                f"{self.title}: expected within {EVENT_PATH_SECONDS:g} s that {what}; "
                "it did not happen"
            )

    def tips_agree(self) -> None:
        """Raise `CheckFailed` unless each account equals its ledger tip and the sum of its rows."""
        rows = self.actor.read.rows("reconcile_tips_of_player", **self._whose())
        self.expect("accounts with a ledger", bool(rows), True)
        for row in rows:
            self._expect_tip(row)

    def _expect_tip(self, row: Row) -> None:
        what, held = f"balance and version of {row['account']}", (row["balance"], row["version"])
        tip = (row["tip_balance"] or 0, row["tip_version"] or 0)
        self.expect(f"{what} beside its ledger tip", held, tip)
        self.expect(
            f"{what} beside the sum and number of its rows", held, (row["sum"], row["rows"])
        )


def begin(title: str, actor: Actor, label: str = "one") -> Script:
    """Start a flow with a new canary player. Raises `Inconclusive` if no topology is active."""
    demand_topology(title, actor)
    return Script(title, label, actor, actor.player(label))


def demand_topology(title: str, actor: Actor) -> None:
    """Raise `Inconclusive` when no topology is active, because a flow cannot be played then."""
    if actor.read.one("facts_gate")["topology_code"] is None:
        raise Inconclusive(
            f"{title}: no topology is active here, so there is nothing to play on",
            next_command="rubyops topology activate",
        )


def _said(answer: HttpAnswer) -> str:
    if answer.status == 0:
        return f"no answer ({answer.error or 'no reason given'})"
    body = _body(answer)
    return f"{answer.status} {body.get('code', '')} {body.get('message', '')}".strip()


def _body(answer: HttpAnswer) -> Mapping[str, Any]:
    return answer.body if isinstance(answer.body, Mapping) else {}
