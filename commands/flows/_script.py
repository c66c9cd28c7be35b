"""The script of a flow: deposits, bets, withdrawals and expectations of one canary player.

A flow may be played again under the same request ids after the operator's process died half-way,
and every answer is then a replay. So steps in between are judged by answers and by the ledger,
which only grows; balances are judged at the end.
"""

import time
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
# Outbox, stream, rolling, completion, wallet: usually well under one second.
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
    """An accepted bet as the wallet answered it: ids, and funding in minor units per account."""

    provider: str
    bet_id: str
    round_id: str
    authorization_id: str
    funding: dict[str, int]
    answer: Mapping[str, Any]


@dataclass(frozen=True)
class Script:
    """One flow's actor with one player.

    `title` opens every sentence about a failed expectation. `label` keeps players' ids apart.
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
        """Name one call of this player among all calls of the flow."""
        return f"{self.label}/{key}"

    def normal(self, provider: str) -> str:
        """Name the normal bucket that serves this provider."""
        return NORMAL_BUCKETS[self.topology][PROVIDERS[provider]]

    def account(self, bucket: str) -> str:
        """Name a bucket's ledger account."""
        return f"{self.topology}/{bucket}"

    def minor(self, amount: object) -> int:
        """Turn an amount of the wire (text, major units) into minor units.

        Raises `CheckFailed` for anything else.
        """
        try:
            scaled = Decimal(str(amount)).scaleb(CURRENCY_EXPONENTS[self.player.currency])
        except InvalidOperation:
            raise CheckFailed(
                f"{self.title}: expected an amount in {self.player.currency}, found {amount!r}"
            ) from None
        self.expect("an amount's places", scaled == scaled.to_integral_value(), True)
        return int(scaled)

    def major(self, units: int) -> str:
        """Write minor units as the wire wants them."""
        return str(Decimal(units).scaleb(-CURRENCY_EXPONENTS[self.player.currency]))

    def expect(self, what: str, found: object, expected: object) -> None:
        """Raise `CheckFailed` unless found equals expected."""
        if found != expected:
            raise CheckFailed(
                f"{self.title}: {what}: expected {expected}, found {found}",
                details={
                    "expected": str(expected),
                    "found": str(found),
                    "brand_id": self.player.brand_id,
                    "player_id": self.player.player_id,
                },
            )

    def accepted(self, what: str, answer: HttpAnswer) -> Mapping[str, Any]:
        """Return the body of an answer that must be a success."""
        accepted = answer.status in OK and isinstance(answer.body, Mapping)
        self.expect(what, "accepted" if accepted else _said(answer), "accepted")
        body: Mapping[str, Any] = answer.body
        return body

    def refused(
        self, what: str, answer: HttpAnswer, statuses: Sequence[int], code: str | None = None
    ) -> None:
        """Demand a refusal with one of these statuses, and with this error code if there is one."""
        if answer.status not in statuses:
            self.expect(what, _said(answer), f"one of {tuple(statuses)}")
        if code is not None:
            found = answer.body.get("code") if isinstance(answer.body, Mapping) else None
            self.expect(f"{what}: code", found, code)

    def field(self, what: str, body: object, *names: str) -> Any:
        """Return the value under these names in an answer. Raises `CheckFailed` without one."""
        found: Any = body
        for name in names:
            self.expect(f"{name} in {what}", isinstance(found, Mapping) and name in found, True)
            found = found[name]
        return found

    def deposit(self, amount: str, *, key: str, bucket: str | None = None) -> Mapping[str, Any]:
        """Deposit, into a bucket where one is named."""
        body = {"amount": amount, "currency": self.player.currency} | (
            {"bucket": bucket} if bucket else {}
        )
        answer = self.actor.as_player(
            self.player, "POST", "/api/v1/player/wallet/deposit", body, key=self.key(key)
        )
        return self.accepted(f"deposit of {amount}", answer)

    def authorize(self, provider: str, amount: str, *, key: str, **more: object) -> HttpAnswer:
        """Ask for a bet as the provider, whatever the answer."""
        body = {
            "player_id": self.player.player_id,
            "bet_id": self.actor.derived_id(self.key(f"bet-{key}")),
            "round_id": self.actor.derived_id(self.key(f"round-{key}")),
            "amount": amount,
            "currency": self.player.currency,
            **more,
        }
        return self.actor.as_provider(
            provider, self.player, "/v2/bets/authorize", body, key=self.key(f"authorize-{key}")
        )

    def bet(self, provider: str, amount: str, *, key: str, **more: object) -> Bet:
        """Have a bet accepted; its stored funding must sum to the stake."""
        answer = self.accepted(
            f"bet of {amount} at {provider}", self.authorize(provider, amount, key=key, **more)
        )
        funding = self._funding(answer)
        self.expect("the sum of the funding breakdown", sum(funding.values()), self.minor(amount))
        bet_id = self.actor.derived_id(self.key(f"bet-{key}"))
        round_id = self.actor.derived_id(self.key(f"round-{key}"))
        authorization = str(self.field("the answer to the bet", answer, "authorization_id"))
        return Bet(provider, bet_id, round_id, authorization, funding, answer)

    def _funding(self, answer: Mapping[str, Any]) -> dict[str, int]:
        funding: dict[str, int] = {}
        for share in self.field("the answer to the bet", answer, "funding"):
            account = self.field("a share", share, "account")
            part = self.minor(self.field("a share", share, "amount"))
            funding[account] = funding.get(account, 0) + part
        return funding

    def choose(self, provider: str, source: str) -> HttpAnswer:
        """Choose as the player how bets at this provider are paid, whatever the answer."""
        body = {"provider_type": PROVIDERS[provider], "source": source}
        key = self.key(f"choose-{provider}-{source}")
        return self.actor.as_player(
            self.player, "PUT", "/api/v1/player/wallet/funding-choice", body, key=key
        )

    def settle(self, bet: Bet, payout: str, *, key: str) -> None:
        """Settle a bet as its provider."""
        body = {
            "player_id": self.player.player_id,
            "bet_id": bet.bet_id,
            "round_id": bet.round_id,
            "payout": payout,
        }
        answer = self.actor.as_provider(
            bet.provider, self.player, "/v2/bets/settle", body, key=self.key(f"settle-{key}")
        )
        self.accepted(f"settlement with {payout}", answer)

    def rollback(self, bet: Bet, *, key: str) -> None:
        """Roll a bet back as its provider."""
        body = {"player_id": self.player.player_id, "bet_id": bet.bet_id, "round_id": bet.round_id}
        answer = self.actor.as_provider(
            bet.provider, self.player, "/v2/bets/rollback", body, key=self.key(f"rollback-{key}")
        )
        self.accepted("rollback", answer)

    def snapshot(self) -> Mapping[str, Any]:
        """Read the player's snapshot from the gateway."""
        return self.accepted(
            "the player's snapshot",
            self.actor.as_player(self.player, "GET", "/api/v1/player/wallet"),
        )

    def holdings(self) -> dict[str, int]:
        """Return the player's holdings by the snapshot: minor units per account, none empty."""
        where, snapshot, held = "the snapshot", self.snapshot(), dict[str, int]()
        for bucket in self.field(where, snapshot, "buckets"):
            held[self.account(self.field(where, bucket, "bucket_type_code"))] = self.minor(
                self.field(where, bucket, "balance")
            )
        for account, name in ((CASH_AVAILABLE, "available"), (CASH_PENDING, "pending")):
            held[account] = self.minor(self.field(where, snapshot, "cash", name))
        return {account: amount for account, amount in held.items() if amount}

    def ledger(self) -> list[Row]:
        """Return the player's ledger rows."""
        return self.actor.read.rows(
            "reconcile_ledger_of_player",
            brand_id=self.player.brand_id,
            player_id=self.player.player_id,
            limit=LEDGER_ROWS_MAX,
        )

    def expect_moves(self, account: str, *deltas: int) -> None:
        """Demand exactly these ledger rows of an account, in minor units, the oldest first."""
        moved = [row["delta"] for row in self.ledger() if row["account"] == account]
        self.expect(f"ledger rows of {account}", moved, list(deltas))

    def expect_holdings(self, held: Mapping[str, int]) -> None:
        """Demand the player's holdings at the end: minor units per account."""
        self.expect("what the player holds at the end", self.holdings(), held)

    def rollings(self) -> dict[str, Row]:
        """Return the player's rollings of rolling_service by id; amounts in minor units."""
        path = f"/internal/rolling/players/{self.player.player_id}"
        answer = self.actor.as_operator(ROLLING_SERVICE, "GET", path, brand_id=self.player.brand_id)
        what = "the player's rollings"
        rows = self.field(what, self.accepted(what, answer), "rollings")
        return {str(row["rolling_id"]): {**row, **self._in_minor_units(row)} for row in rows}

    def _in_minor_units(self, rolling: Row) -> dict[str, int]:
        return {name: self.minor(rolling[name]) for name in ROLLING_AMOUNTS}

    def legs(self, bet: Bet, which: str) -> dict[str, int]:
        """Return the legs of a bet's `authorize` or `close`: minor units per account."""
        rows = self.actor.read.rows("facts_bet_legs", authorization_id=bet.authorization_id)
        return {row["account"]: row["delta"] for row in rows if row["which"] == which}

    def wait_until(self, what: str, holds: Callable[[], bool]) -> None:
        """Poll until it holds. Raises `CheckFailed` after the bound of the event path."""
        if not poll(lambda: holds() or None, EVENT_PATH_SECONDS, lambda: time.sleep(POLL_SECONDS)):
            raise CheckFailed(
                f"{self.title}: expected within {EVENT_PATH_SECONDS:g} s that {what}; "
                "it did not happen"
            )

    def tips_agree(self) -> None:
        """Demand that every account of the player equals its ledger's tip, with no row missing."""
        rows = self.actor.read.rows(
            "reconcile_tips_of_player",
            brand_id=self.player.brand_id,
            player_id=self.player.player_id,
        )
        self.expect("accounts with a ledger", bool(rows), True)
        for row in rows:
            tip = (row["tip_balance"] or 0, row["tip_version"] or 0)
            held = (row["balance"], row["version"])
            self.expect(f"balance and version of {row['account']} beside its ledger tip", held, tip)
            self.expect(
                f"balance and version of {row['account']} beside the sum and number of its rows",
                held,
                (row["sum"], row["rows"]),
            )


def begin(title: str, actor: Actor, label: str = "one") -> Script:
    """Start a flow with a canary player of its own. Raises `Inconclusive` without a topology."""
    demand_topology(title, actor)
    return Script(title, label, actor, actor.player(label))


def demand_topology(title: str, actor: Actor) -> None:
    """Raise `Inconclusive` where no topology is active: nothing can be played, so nothing fails."""
    if actor.read.one("facts_gate")["topology_code"] is None:
        raise Inconclusive(
            f"{title}: no topology is active here, so there is nothing to play on",
            next_command="rubyops topology activate",
        )


def _said(answer: HttpAnswer) -> str:
    if answer.status == 0:
        return f"no answer ({answer.error or 'no reason given'})"
    body = answer.body if isinstance(answer.body, Mapping) else {}
    return f"{answer.status} {body.get('code', '')} {body.get('message', '')}".strip()
