"""Translates a command of the model into the rule, command and reads that the API would use."""

from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import msgspec

from tests.wallet_runtime.serving import a_person
from tests.wallet_runtime.wallet.histories.bets import TYPES
from tests.wallet_runtime.wallet.histories.book import PLACES
from tests.wallet_runtime.wallet.histories.model import Action
from wallet_runtime.contract.persons import Person
from wallet_runtime.wallet.domain import (
    adjustments,
    bets,
    bonus,
    cash,
    coupons,
    points,
    rolling,
    transfers,
    wins,
)
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.reads import Reads
from wallet_runtime.wallet.domain.state import ActivePair, Request, Scope, State

CALLER = "history"
Rule = Callable[[Request, Any, State, ActivePair], Decision]


class Put(NamedTuple):
    """A command of the product: its rule, its typed form, and the rows that the rule needs."""

    rule: Rule
    command: msgspec.Struct
    reads: Reads


def player_id(brand: UUID, number: int) -> UUID:
    """Return the id of a history's player with this number."""
    return uuid5(brand, f"player {number}")


def transaction_id(brand: UUID, kind: str, request_id: str) -> UUID:
    """Derive a transaction id from the request, as the API does."""
    return uuid5(brand, f"{kind}|{request_id}")


def request(brand: UUID, wanted: Action, request_id: str, put: Put) -> Request:
    """Return the request of a command, with the fingerprint of its payload."""
    who = player_id(brand, wanted.player)
    fingerprint = sha256(msgspec.json.encode([who, put.command], order="deterministic")).hexdigest()
    return Request(
        brand,
        who,
        CALLER,
        wanted.kind,
        request_id,
        fingerprint,
        transaction_id(brand, wanted.kind, request_id),
    )


def put(wanted: Action, currency: str) -> Put:
    """Translate a command of the model.

    The function looks a rule up on every call, so that a planted bug takes effect.
    """
    return _PUTS[wanted.kind](dict(wanted.says), currency)


def _authorize(says: dict[str, Any], currency: str) -> Put:
    provider, bet = says["provider"], says["bet"]
    command = bets.Authorize(
        provider, TYPES[provider], bet, says["round"], says["stake"], currency, says.get("price")
    )
    return Put(bets.authorize, command, bets.authorize_reads(command))


def _settle(says: dict[str, Any], currency: str) -> Put:
    places = PLACES[currency]
    whole, rest = divmod(says["payout"], 10**places)
    payout = f"{whole}.{rest:0{places}d}" if places else str(whole)
    return Put(
        bets.settle,
        bets.Settle(says["provider"], says["bet"], payout),
        Reads(provider_id=says["provider"], bet_id=says["bet"]),
    )


def _rollback(says: dict[str, Any], currency: str) -> Put:
    reads = Reads(provider_id=says["provider"], bet_id=says["bet"], with_winnings=True)
    return Put(bets.rollback, bets.Rollback(says["provider"], says["bet"]), reads)


def _pay_win(says: dict[str, Any], currency: str) -> Put:
    provider = says["provider"]
    ties = says.get("campaign"), says.get("bet"), says.get("round")
    command = wins.Pay(provider, TYPES[provider], says["name"], says["amount"], currency, *ties)
    return Put(wins.pay, command, wins.pay_reads(command))


def _reverse_win(says: dict[str, Any], currency: str) -> Put:
    command = wins.Reverse(says["provider"], says["name"])
    return Put(wins.reverse, command, wins.reverse_reads(command))


def _transfer(says: dict[str, Any], currency: str) -> Put:
    return Put(
        transfers.transfer,
        transfers.Transfer(says["source"], says["target"], says["amount"], currency),
        Reads(with_stakes=True),
    )


def _legacy(says: dict[str, Any], currency: str) -> Put:
    command = transfers.LegacyTransfer(says["from_side"], says["amount"], currency)
    return Put(transfers.legacy_transfer, command, Reads(with_stakes=True))


def _issue_bonus(says: dict[str, Any], currency: str) -> Put:
    return Put(
        bonus.issue,
        bonus.Issue(
            says["bucket"], says["amount"], currency, says["reference"], says["max_release"]
        ),
        Reads(),
    )


def _end_bonus(name: str) -> Callable[[dict[str, Any], str], Put]:
    def end(says: dict[str, Any], currency: str) -> Put:
        return Put(
            getattr(bonus, name),
            bonus.End(says["bonus"]),
            Reads(bonus_id=says["bonus"], with_stakes=True),
        )

    return end


def _issue_coupon(says: dict[str, Any], currency: str) -> Put:
    scope = coupons.read_scope(Scope(says["kind"], says["providers"]))
    command = coupons.Issue(says["log"], says["amount"], currency, scope, says["expires"])
    rule = partial(coupons.issue, lapsed=(says["expires"] or "9999") < "2026")
    return Put(rule, command, Reads(coupon_log_id=says["log"]))


def _end_coupon(name: str) -> Callable[[dict[str, Any], str], Put]:
    def end(says: dict[str, Any], currency: str) -> Put:
        return Put(
            getattr(coupons, name),
            coupons.Close(says["log"]),
            Reads(coupon_log_id=says["log"], with_stakes=True),
        )

    return end


def _complete(says: dict[str, Any], currency: str) -> Put:
    return Put(
        rolling.complete, rolling.Complete(says["rolling"]), Reads(rolling_id=says["rolling"])
    )


def _close(says: dict[str, Any], currency: str) -> Put:
    return Put(
        rolling.close,
        rolling.Close(says["rolling"], says["state"]),
        Reads(rolling_id=says["rolling"], with_stakes=True),
    )


def _review(says: dict[str, Any], currency: str) -> Put:
    named = says["withdrawal"]
    return Put(
        getattr(cash, says["verdict"]),
        cash.Review(named, "reviewer"),
        Reads(cash_transaction_id=named),
    )


def _person(by: str) -> Person:
    """Return the person of `name/key`; without a key, the key follows from the name."""
    name, _, key = by.partition("/")
    return a_person(name, key)


def _ask(says: dict[str, Any], currency: str) -> Put:
    command = adjustments.Ask(
        says["account"],
        says["direction"],
        says["amount"],
        currency,
        "found by hand",
        _person(says["by"]),
    )
    return Put(adjustments.ask, command, Reads())


def _decide(name: str) -> Callable[[dict[str, Any], str], Put]:
    def decide(says: dict[str, Any], currency: str) -> Put:
        return Put(
            getattr(adjustments, name),
            adjustments.Decide(says["wish"], _person(says["by"])),
            Reads(adjustment_id=says["wish"]),
        )

    return decide


_PUTS: dict[str, Callable[[dict[str, Any], str], Put]] = {
    "deposit": lambda says, currency: Put(
        cash.deposit, cash.Deposit(says["amount"], currency, says["bucket"]), Reads()
    ),
    "to_bucket": lambda says, currency: Put(
        cash.to_bucket, cash.ToBucket(says["amount"], currency, says["bucket"]), Reads()
    ),
    "to_cash": lambda says, currency: Put(
        cash.to_cash, cash.Withdraw(says["amount"], currency), Reads()
    ),
    "request_withdrawal": lambda says, currency: Put(
        cash.request_withdrawal, cash.Withdraw(says["amount"], currency), Reads()
    ),
    "review": _review,
    "authorize": _authorize,
    "settle": _settle,
    "rollback": _rollback,
    "pay_win": _pay_win,
    "reverse_win": _reverse_win,
    "transfer": _transfer,
    "legacy_transfer": _legacy,
    "issue_bonus": _issue_bonus,
    "reverse_bonus": _end_bonus("reverse"),
    "expire_bonus": _end_bonus("expire"),
    "issue_coupon": _issue_coupon,
    "reverse_coupon": _end_coupon("reverse"),
    "expire_coupon": _end_coupon("expire"),
    "complete_rolling": _complete,
    "close_rolling": _close,
    "award_points": lambda says, currency: Put(
        points.award, points.Points(says["points"], says["reference"]), Reads()
    ),
    "expire_points": lambda says, currency: Put(
        points.expire, points.Points(says["points"], "year"), Reads()
    ),
    "transfer_points": lambda says, currency: Put(
        points.transfer, points.PointsTransfer(says["points"], says["target"]), Reads()
    ),
    "ask_adjustment": _ask,
    "approve_adjustment": _decide("approve"),
    "reject_adjustment": _decide("reject"),
}
