"""Two business rules: cash moves into a bucket, and money is locked when its rolling expires."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from commands.flows._script import EVENT_PATH_SECONDS, WITHDRAWABLE, Script, begin
from commands.flows.money import owed, try_to_cash
from rubyops.errors import Inconclusive
from rubyops.ports import Actor, HttpAnswer
from wallet_runtime.contract.codes import INSUFFICIENT_FUNDS
from wallet_runtime.contract.money import CASH_AVAILABLE

PROVIDER = "mocksports"
CASH = "10.00"
PART = "6.00"
BEYOND = "4.01"  # one cent more than CASH - PART
LAPSING = "5.00"
STAKE = "2.00"
PAYOUT = "3.00"


def cash_to_bucket(actor: Actor) -> dict[str, object]:
    """Move a part of the cash into a bucket. It gets the same rolling as a deposit.

    A second move is refused, because it asks for more than the remaining cash.
    """
    script = begin("cash-to-bucket", actor)
    bucket, part = script.normal(PROVIDER), script.minor(PART)
    script.deposit(CASH, key="deposit")
    _move_cash(script, bucket)
    rolling = _rolling(script, bucket)
    expected = {"amount": part, "target_turnover": owed(script, bucket, part), "turnover": 0}
    script.expect("the rolling", {name: rolling[name] for name in expected}, expected)
    left = {CASH_AVAILABLE: script.minor(CASH) - part, script.account(bucket): part}
    script.expect_holdings(left)
    script.tips_agree()
    rolling_id = str(rolling["rolling_id"])
    return {"player_id": script.player.player_id, "bucket": bucket, "rolling_id": rolling_id}


def _move_cash(script: Script, bucket: str) -> None:
    """Move PART of the cash into the bucket, and more than the rest, which must be refused."""
    answer = _to_bucket(script, PART, bucket, key="part")
    body = script.accepted(f"{PART} of cash to {bucket}", answer)
    script.expect("the bucket in the answer", script.field("the answer", body, "bucket"), bucket)
    answer = _to_bucket(script, BEYOND, bucket, key="beyond")
    script.refused(f"{BEYOND} of cash", answer, (409,), INSUFFICIENT_FUNDS)
    part = script.minor(PART)
    legs = [(CASH_AVAILABLE, -part), (script.account(bucket), part)]
    moved = [(row["account"], row["delta"]) for row in script.ledger()]
    script.expect("ledger rows of the movement", [leg for leg in moved if leg in legs], legs)


def expired_obligation(actor: Actor) -> dict[str, object]:
    """Let a deposit's rolling expire, so that the deposit is locked, and bet the locked money.

    The stake returns to the locked money; only the gain can be withdrawn.
    """
    script = begin("expired-obligation", actor)
    bucket = script.normal(PROVIDER)
    script.deposit(LAPSING, key="deposit", bucket=bucket)
    rolling = _rolling(script, bucket)
    _demand_that_it_lapses(script, rolling)
    script.wait_until(
        f"the deposit's rolling lapses and {bucket} is locked",
        lambda: _locked(script, bucket) == script.minor(LAPSING),
    )
    gained = _bet_locked_money(script, bucket)
    _withdraw_only(script, gained)
    locked = script.minor(LAPSING)
    script.expect_holdings({script.account(bucket): locked, CASH_AVAILABLE: gained})
    script.expect(f"what is locked of {bucket} at the end", _locked(script, bucket), locked)
    script.tips_agree()
    rolling_id = str(rolling["rolling_id"])
    return {"player_id": script.player.player_id, "rolling_id": rolling_id, "withdrawn": gained}


def _bet_locked_money(script: Script, bucket: str) -> int:
    """Place and settle a bet of locked money. Return the gain, which must be withdrawable."""
    bet, stake = script.bet(PROVIDER, STAKE, key="locked"), script.minor(STAKE)
    script.settle(bet, PAYOUT, key="locked")
    gained = script.minor(PAYOUT) - stake
    expected = {script.account(bucket): stake, script.account(WITHDRAWABLE): gained}
    script.expect_paid("where the stake and the winnings went", bet, expected)
    return gained


def _withdraw_only(script: Script, gained: int) -> None:
    """Withdraw the gain to cash, after one minor unit more was refused."""
    answer = _to_cash(script, gained + 1, key="beyond")
    script.refused("a withdrawal of more than the winnings", answer, (409,), INSUFFICIENT_FUNDS)
    script.accepted("a withdrawal of the winnings", _to_cash(script, gained, key="winnings"))


def _to_bucket(script: Script, amount: str, bucket: str, *, key: str) -> HttpAnswer:
    body = {**script.money(amount), "bucket": bucket}
    return script.as_player("/api/v1/player/wallet/wallet-deposit", body, key=key)


def _to_cash(script: Script, units: int, *, key: str) -> HttpAnswer:
    return try_to_cash(script, script.money(script.major(units)), key=key)


def _rolling(script: Script, bucket: str) -> Mapping[str, Any]:
    """Wait for the player's rolling and return it. It must be the only one, of a deposit."""
    script.wait_until(
        f"rolling_service has the rolling of {bucket}", lambda: bool(script.rollings())
    )
    found = list(script.rollings().values())
    reasons = [(each["bucket_type_code"], each["reason"]) for each in found]
    script.expect("the reasons of the player's rollings", reasons, [(bucket, "deposit")])
    return found[0]


def _demand_that_it_lapses(script: Script, rolling: Mapping[str, Any]) -> None:
    """Raise `Inconclusive` unless the rolling expires while the flow waits."""
    expires_at = rolling["expires_at"]
    soon = datetime.now(UTC) + timedelta(seconds=EVENT_PATH_SECONDS)
    if expires_at is None or datetime.fromisoformat(str(expires_at)) > soon:
        raise Inconclusive(
            f"{script.title}: rollings of the canaries' brand {script.player.brand_id} lapse at "
            f"{expires_at or 'no time'}, and the flow waits {EVENT_PATH_SECONDS:g} s; "
            "`expires_after` of rolling.brand_config says when",
            next_command="rubyops flow --help",
        )


def _locked(script: Script, bucket: str) -> int:
    shown = script.field("the snapshot", script.snapshot(), "buckets")
    return sum(script.minor(each["locked"]) for each in shown if each["bucket_type_code"] == bucket)
