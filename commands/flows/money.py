"""Steps that several flows share: roll a deposit over, and withdraw money."""

from decimal import ROUND_CEILING, Decimal
from functools import partial

from commands.flows._script import WITHDRAWABLE, Script
from rubyops.errors import CheckFailed
from rubyops.ports import Row
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
        script.wait_until(
            f"the rolling of {bucket} counts {number * stake} minor units of turnover",
            partial(_counts, script, bucket, number * stake),
        )
        rolling = first_rolling(script, bucket)
        script.expect(
            "the turnover that the rolling asks for",
            rolling["target_turnover"],
            owed(script, bucket, stake),
        )
        if rolling["is_full"]:
            script.wait_until(
                f"the completed rolling of {bucket} releases it to {WITHDRAWABLE}",
                partial(_is_released, script, bucket),
            )
            return number
    raise CheckFailed(
        f"{script.title}: expected the rolling of {bucket} to complete within {BETS_MAX} bets of "
        f"{amount}; it did not"
    )


def _bet_in_halves(script: Script, provider: str, stake: int, *, key: str) -> None:
    bucket = script.normal(provider)
    halves = {"lost": stake // 2, "won": stake - stake // 2}
    bets = {
        name: script.bet(provider, script.major(half), key=f"{key}-{name}")
        for name, half in halves.items()
    }
    for name, bet in bets.items():
        script.expect("the funding breakdown", bet.funding, {script.account(bucket): halves[name]})
    script.settle(bets["lost"], "0", key=f"{key}-lost")
    script.settle(bets["won"], script.major(stake), key=f"{key}-won")
    paid = script.legs(bets["won"], "close")
    script.expect(
        f"where the winnings of {bucket} go while its rolling is open",
        paid,
        {script.account(bucket): stake},
    )


def to_cash(script: Script, amount: str) -> None:
    """Move withdrawable money to cash."""
    body = {"amount": amount, "currency": script.player.currency}
    answer = script.actor.as_player(
        script.player,
        "POST",
        "/api/v1/player/wallet/wallet-withdrawal",
        body,
        key=script.key("to-cash"),
    )
    script.accepted("withdrawal to cash", answer)


def pay_out(script: Script, amount: str) -> None:
    """Request a withdrawal of cash as the player; approve it and mark it as paid as an admin."""
    body = {"amount": amount, "currency": script.player.currency}
    actor, player = script.actor, script.player
    answer = script.accepted(
        "withdrawal request",
        actor.as_player(
            player, "POST", "/api/v1/player/wallet/withdraw", body, key=script.key("withdraw")
        ),
    )
    number = script.field("the withdrawal", answer, "transaction", "tx_id")
    path = f"/api/v1/finance/withdrawals/{number}"
    review = {"action": "approve", "reason": f"{script.title} canary"}
    script.accepted(
        "approval of the withdrawal",
        actor.as_admin("POST", f"{path}/review", review, key=script.key("review"), player=player),
    )
    script.accepted(
        "payment of the withdrawal",
        actor.as_admin("POST", f"{path}/mark-paid", {}, key=script.key("mark-paid"), player=player),
    )
    moved = script.minor(amount)
    script.expect_moves(CASH_PENDING, moved, -moved)


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
    ratio = script.actor.read.one("facts_completion_ratio", brand_id=script.player.brand_id)[
        "completion_ratio_bps"
    ]
    return -(-required * int(ratio) // FULL_RATIO_BPS)


def owed(script: Script, bucket: str, amount: int) -> int:
    """Return the turnover that a deposit into this bucket requires, in minor units.

    It is the amount times the policy's multiplier, times the brand's completion ratio.
    """
    multiplier = script.active_documents()["policy"]["rolling"]["deposit"].get(bucket, "0")
    return part_of_brand(
        script, int((amount * Decimal(multiplier)).to_integral_value(ROUND_CEILING))
    )


def _counts(script: Script, bucket: str, turnover: int) -> bool:
    rolling = first_rolling(script, bucket)
    return bool(rolling["is_full"] or rolling["turnover"] >= turnover)


def _is_released(script: Script, bucket: str) -> bool:
    return bool(first_rolling(script, bucket)["is_released"])
