"""The script of a flow: deposits, bets, withdrawals and expectations of one canary player.

If the operator's process dies in the middle, a flow is played again with the same request ids. The
platform then replays its first answers and moves no money twice. So a flow checks balances only at
the end. Before that it checks answers and ledger rows, because these are the same in a replay.
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
        try:
            scaled = Decimal(str(amount)).scaleb(CURRENCY_EXPONENTS[self.player.currency])
        except InvalidOperation:
            raise CheckFailed(
                f"{self.title}: expected an amount in {self.player.currency}, found {amount!r}"
            ) from None
        self.expect("an amount's places", scaled == scaled.to_integral_value(), True)
        return int(scaled)

    def major(self, units: int) -> str:
        """Convert minor units to text in major units, as JSON bodies have them."""
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
            found = answer.body.get("code") if isinstance(answer.body, Mapping) else None
            self.expect(f"{what}: code", found, code)

    def field(self, what: str, body: object, *names: str) -> Any:
        """Return the value at the path `names` in an answer. Raises `CheckFailed` without one."""
        found: Any = body
        for name in names:
            self.expect(f"{name} in {what}", isinstance(found, Mapping) and name in found, True)
            found = found[name]
        return found

    def deposit(self, amount: str, *, key: str, bucket: str | None = None) -> Mapping[str, Any]:
        """Deposit into this bucket, or into cash when no bucket is given."""
        body = {"amount": amount, "currency": self.player.currency} | (
            {"bucket": bucket} if bucket else {}
        )
        answer = self.actor.as_player(
            self.player, "POST", "/api/v1/player/wallet/deposit", body, key=self.key(key)
        )
        return self.accepted(f"deposit of {amount}", answer)

    def authorize(self, provider: str, amount: str, *, key: str, **more: object) -> HttpAnswer:
        """Send a bet as the provider, and return the answer, be it a success or a refusal."""
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
        """Place a bet that must be accepted, with a funding that sums to the stake."""
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
        """Choose, as the player, the source of bets at this provider, and return the answer."""
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
        """Return minor units per account from the player's snapshot, without empty accounts."""
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
        path = f"/internal/rolling/players/{self.player.player_id}"
        answer = self.actor.as_operator(ROLLING_SERVICE, "GET", path, brand_id=self.player.brand_id)
        what = "the player's rollings"
        rows = self.field(what, self.accepted(what, answer), "rollings")
        return {str(row["rolling_id"]): {**row, **self._in_minor_units(row)} for row in rows}

    def _in_minor_units(self, rolling: Row) -> dict[str, int]:
        return {name: self.minor(rolling[name]) for name in ROLLING_AMOUNTS}

    def legs(self, bet: Bet, which: str) -> dict[str, int]:
        """Return minor units per account that the bet moved at `which`: `authorize` or `close`."""
        rows = self.actor.read.rows("facts_bet_legs", authorization_id=bet.authorization_id)
        return {row["account"]: row["delta"] for row in rows if row["which"] == which}

    def wait_until(self, what: str, holds: Callable[[], bool]) -> None:
        """Poll until `holds` returns true. Raises `CheckFailed` after EVENT_PATH_SECONDS."""
        if not poll(lambda: holds() or None, EVENT_PATH_SECONDS, lambda: time.sleep(POLL_SECONDS)):
            raise CheckFailed(
                f"{self.title}: expected within {EVENT_PATH_SECONDS:g} s that {what}; "
                "it did not happen"
            )

    def tips_agree(self) -> None:
        """Raise `CheckFailed` unless each account equals its ledger tip and the sum of its rows."""
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
    body = answer.body if isinstance(answer.body, Mapping) else {}
    return f"{answer.status} {body.get('code', '')} {body.get('message', '')}".strip()
