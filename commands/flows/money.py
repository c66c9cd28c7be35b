"""Steps that several flows share: roll a deposit over, and withdraw money."""

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from functools import partial

from commands.flows._script import WITHDRAWABLE, Script
from rubyops.errors import CheckFailed
from rubyops.ports import HttpAnswer, Row
from wallet_runtime.contract.money import CASH_PENDING

BETS_MAX = 50
FULL_RATIO_BPS = 10_000


def roll_over(script: Script, provider: str, amount: str, *, key: str) -> int:
    """Deposit into the provider's normal bucket, and bet the deposit until its rolling completes.

    Returns the number of turns. A turn bets the whole deposit in two halves: the first half is
    lost, the second pays double. So the money is kept, and no bet just returns its stake, which may
    count as no turnover. The number of turns depends on the policy's multiplier and the brand's
    ratio. This bucket alone must pay each bet, also if the player holds other money.
    """
    bucket, stake = script.normal(provider), script.minor(amount)
    script.deposit(amount, key=f"{key}-deposit", bucket=bucket)
    for number in range(1, BETS_MAX + 1):
        _bet_in_halves(script, provider, stake, key=f"{key}-{number}")
        if _wait_for_turns(script, bucket, stake, number):
            return number
    raise CheckFailed(
        f"{script.title}: expected the rolling of {bucket} to complete within {BETS_MAX} bets of "
        f"{amount}; it did not"
    )


def _wait_for_turns(script: Script, bucket: str, stake: int, turns: int) -> bool:
    """Wait until the rolling counts these turns. Return whether it is complete and released."""
    turnover = turns * stake
    script.wait_until(
        f"the rolling of {bucket} counts {turnover} minor units of turnover",
        partial(_counts, script, bucket, turnover),
    )
    rolling = first_rolling(script, bucket)
    target = owed(script, bucket, stake)
    script.expect("the turnover that the rolling asks for", rolling["target_turnover"], target)
    if rolling["is_full"]:
        script.wait_until(
            f"the completed rolling of {bucket} releases it to {WITHDRAWABLE}",
            partial(_is_released, script, bucket),
        )
    return bool(rolling["is_full"])


def _bet_in_halves(script: Script, provider: str, stake: int, *, key: str) -> None:
    bucket, half = script.normal(provider), stake // 2
    lost = script.bet(provider, script.major(half), key=f"{key}-lost")
    won = script.bet(provider, script.major(stake - half), key=f"{key}-won")
    account = script.account(bucket)
    script.expect("the funding breakdown", lost.funding, {account: half})
    script.expect("the funding breakdown", won.funding, {account: stake - half})
    script.settle(lost, "0", key=f"{key}-lost")
    script.settle(won, script.major(stake), key=f"{key}-won")
    what = f"where the winnings of {bucket} go while its rolling is open"
    script.expect_paid(what, won, {account: stake})


def to_cash(script: Script, amount: str) -> None:
    """Move withdrawable money to cash."""
    script.accepted("withdrawal to cash", try_to_cash(script, script.money(amount), key="to-cash"))


def try_to_cash(script: Script, body: Mapping[str, object], *, key: str) -> HttpAnswer:
    """Ask for a movement to cash, and return the answer, be it a success or a refusal."""
    return script.as_player("/api/v1/player/wallet/wallet-withdrawal", body, key=key)


def pay_out(script: Script, amount: str) -> None:
    """Request a withdrawal of cash as the player; approve it and mark it as paid as an admin."""
    withdraw = "/api/v1/player/wallet/withdraw"
    answer = script.as_player(withdraw, script.money(amount), key="withdraw")
    withdrawal = script.accepted("withdrawal request", answer)
    number = script.field("the withdrawal", withdrawal, "transaction", "tx_id")
    _decide(script, f"/api/v1/finance/withdrawals/{number}")
    moved = script.minor(amount)
    script.expect_moves(CASH_PENDING, moved, -moved)


def _decide(script: Script, path: str) -> None:
    """Approve a withdrawal and mark it as paid, as an admin."""
    review = {"action": "approve", "reason": f"{script.title} canary"}
    answer = script.as_admin(f"{path}/review", review, key="review")
    script.accepted("approval of the withdrawal", answer)
    answer = script.as_admin(f"{path}/mark-paid", {}, key="mark-paid")
    script.accepted("payment of the withdrawal", answer)


def first_rolling(script: Script, bucket: str) -> Row:
    """Return the oldest rolling of the player's bucket, or an empty rolling if none exists yet."""
    rows = script.actor.read.rows(
        "facts_first_rolling",
        brand_id=script.player.brand_id,
        player_id=script.player.player_id,
        topology_code=script.topology,
        bucket_type_code=bucket,
    )
    return rows[0] if rows else {"turnover": 0, "is_full": False, "is_released": False}


def part_of_brand(script: Script, required: int) -> int:
    """Return the required turnover times the brand's completion ratio, rounded up (RS-10).

    Both turnovers are in minor units.
    """
    row = script.actor.read.one("facts_completion_ratio", brand_id=script.player.brand_id)
    return -(-required * int(row["completion_ratio_bps"]) // FULL_RATIO_BPS)


def owed(script: Script, bucket: str, amount: int) -> int:
    """Return the target turnover of a deposit into this bucket, in minor units."""
    multiple = script.active_documents()["policy"]["rolling"]["deposit"].get(bucket, "0")
    return target_turnover(script, amount, multiple)


def target_turnover(script: Script, amount: int, multiple: str) -> int:
    """Return the amount times the policy's multiple, times the brand's completion ratio.

    Amount and turnover are in minor units. Each product is rounded up.
    """
    required = (amount * Decimal(multiple)).to_integral_value(ROUND_CEILING)
    return part_of_brand(script, int(required))


def _counts(script: Script, bucket: str, turnover: int) -> bool:
    rolling = first_rolling(script, bucket)
    return bool(rolling["is_full"] or rolling["turnover"] >= turnover)


def _is_released(script: Script, bucket: str) -> bool:
    return bool(first_rolling(script, bucket)["is_released"])
