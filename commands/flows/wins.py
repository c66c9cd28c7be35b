"""Wins that are no payout of a bet: a free round of a campaign, and a jackpot on a settled bet.

The provider pays each win once, and can only reverse the whole win.
"""

from collections.abc import Mapping
from typing import Any

from commands.flows._script import Bet, Script, begin
from rubyops.ports import Actor, HttpAnswer
from wallet_runtime.contract.providers import PROVIDERS

PROVIDER = "mocksports"
CAP, PER_WIN = "10.00", "4.00"
WIN, OTHER, BEYOND = "3.00", "2.00", "4.01"
DEPOSIT, STAKE, JACKPOT = "5.00", "1.00", "50.00"
NEVER = "2999-01-01T00:00:00Z"


def free_round(actor: Actor) -> dict[str, object]:
    """Pay wins of a campaign without a stake, up to its limits.

    The same transaction pays only once. A reversed win no longer counts against the limits.
    """
    script = begin("free-round", actor)
    code = _campaign(script)
    target = _target(script)
    first = script.accepted(
        f"a win of {WIN}", _win(script, "first", WIN, campaign=code, key="first")
    )
    script.expect("what the win paid to", _paid_to(script, first), {target: script.minor(WIN)})
    again = script.accepted(
        "the same transaction under another id",
        _win(script, "first", WIN, campaign=code, key="again"),
    )
    script.expect(
        "the answer to the same transaction",
        script.field("the win", again, "win_id"),
        script.field("the win", first, "win_id"),
    )
    other = _win(script, "first", OTHER, campaign=code, key="other")
    script.refused("another amount under the same transaction", other, (409,), "WIN_ALREADY_EXISTS")
    script.refused(
        f"a win of {BEYOND}",
        _win(script, "beyond", BEYOND, campaign=code, key="beyond"),
        (409,),
        "WIN_LIMIT",
    )
    _take_back(script, "first")
    script.accepted(f"a win of {OTHER}", _win(script, "second", OTHER, campaign=code, key="second"))
    win, other_win = script.minor(WIN), script.minor(OTHER)
    script.expect_moves(target, win, -win, other_win)
    script.expect_holdings({target: other_win})
    script.tips_agree()
    return {"player_id": script.player.player_id, "campaign": code, "account": target}


def jackpot(actor: Actor) -> dict[str, object]:
    """Pay a jackpot on a round after its bet is settled, to the account of the bet's winnings.

    The bet can be rolled back only after the jackpot is reversed.
    """
    script = begin("jackpot", actor)
    bucket = script.account(script.normal(PROVIDER))
    script.deposit(DEPOSIT, key="deposit", bucket=script.normal(PROVIDER))
    bet = script.bet(PROVIDER, STAKE, key="round")
    tie = {"bet_id": bet.bet_id, "round_id": bet.round_id}
    script.refused(
        "a win on an open bet",
        _win(script, "early", JACKPOT, key="early", **tie),
        (409,),
        "BET_NOT_SETTLED",
    )
    script.settle(bet, "0", key="round")
    won = script.accepted(
        f"a jackpot of {JACKPOT}", _win(script, "jackpot", JACKPOT, key="jackpot", **tie)
    )
    script.expect(
        "what the jackpot paid to", _paid_to(script, won), {bucket: script.minor(JACKPOT)}
    )
    script.accepted(
        "the same transaction under another id", _win(script, "jackpot", JACKPOT, key="twin", **tie)
    )
    script.refused(
        "the rollback of a bet with a further win",
        _rollback(script, bet, key="early"),
        (409,),
        "FURTHER_WINS",
    )
    _take_back(script, "jackpot")
    script.rollback(bet, key="late")
    deposit, stake, paid = script.minor(DEPOSIT), script.minor(STAKE), script.minor(JACKPOT)
    script.expect_moves(bucket, deposit, -stake, paid, -paid, stake)
    script.expect_holdings({bucket: deposit})
    script.tips_agree()
    return {"player_id": script.player.player_id, "authorization_id": bet.authorization_id}


def _campaign(script: Script) -> str:
    """Make a campaign through the back office. A replay of the flow finds the same campaign."""
    code = str(script.actor.derived_id(script.key("campaign")))
    row = {
        "code": code,
        "provider_id": PROVIDER,
        "currency": script.player.currency,
        "cap": CAP,
        "cap_per_win": PER_WIN,
        "expires_at": NEVER,
    }
    answer = script.actor.as_admin(
        "POST", "/api/v1/campaigns", row, key=script.key("campaign"), player=script.player
    )
    script.expect(
        "the campaign's cap",
        script.field("the campaign", script.accepted("a campaign", answer), "cap"),
        CAP,
    )
    return code


def _target(script: Script) -> str:
    """Return the account that a win without a stake is paid to, if the player has no rolling."""
    policy = script.active_documents()["policy"]
    source = policy["wins"]["winnings_of"][PROVIDERS[PROVIDER]]
    return script.account(policy["destinations"][source]["after"])


def _win(script: Script, name: str, amount: str, *, key: str, **tie: str) -> HttpAnswer:
    body = {
        "player_id": script.player.player_id,
        "transaction_id": script.actor.derived_id(script.key(f"win-{name}")),
        "amount": amount,
        "currency": script.player.currency,
        **tie,
    }
    return script.actor.as_provider(
        PROVIDER, script.player, "/v2/wins", body, key=script.key(f"win-{key}")
    )


def _take_back(script: Script, name: str) -> None:
    """Reverse a win twice. The second reversal must succeed and change nothing."""
    body = {
        "player_id": script.player.player_id,
        "transaction_id": script.actor.derived_id(script.key(f"win-{name}")),
    }
    for turn in ("once", "twice"):
        answer = script.actor.as_provider(
            PROVIDER,
            script.player,
            "/v2/wins/reverse",
            body,
            key=script.key(f"reverse-{name}-{turn}"),
        )
        said = script.accepted(f"the reversal of a win, {turn}", answer)
        script.expect(
            "the state of the win", script.field("the reversal", said, "state"), "REVERSED"
        )


def _rollback(script: Script, bet: Bet, *, key: str) -> HttpAnswer:
    body = {"player_id": script.player.player_id, "bet_id": bet.bet_id, "round_id": bet.round_id}
    return script.actor.as_provider(
        bet.provider, script.player, "/v2/bets/rollback", body, key=script.key(f"rollback-{key}")
    )


def _paid_to(script: Script, answer: Mapping[str, Any]) -> dict[str, int]:
    return {
        share["account"]: script.minor(share["amount"])
        for share in script.field("the win", answer, "paid_to")
    }
