"""Wins that are no payout of a bet: a free round of a campaign, and a jackpot on a settled bet.

The provider pays each win once, and can only reverse the whole win.
"""

from collections.abc import Mapping
from typing import Any

from commands.flows._script import Script, begin
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
    _win_once(script, code, target)
    answer = _win(script, "beyond", BEYOND, campaign=code, key="beyond")
    script.refused(f"a win of {BEYOND}", answer, (409,), "WIN_LIMIT")
    _take_back(script, "first")
    answer = _win(script, "second", OTHER, campaign=code, key="second")
    script.accepted(f"a win of {OTHER}", answer)
    win, other = script.minor(WIN), script.minor(OTHER)
    script.expect_moves(target, win, -win, other)
    script.expect_holdings({target: other})
    script.tips_agree()
    return {"player_id": script.player.player_id, "campaign": code, "account": target}


def _win_once(script: Script, code: str, target: str) -> None:
    """Pay a win, send its transaction again, and send it with another amount."""
    answer = _win(script, "first", WIN, campaign=code, key="first")
    first = script.accepted(f"a win of {WIN}", answer)
    script.expect("what the win paid to", _paid_to(script, first), {target: script.minor(WIN)})
    answer = _win(script, "first", WIN, campaign=code, key="again")
    again = script.accepted("the same transaction under another id", answer)
    found, expected = (script.field("the win", win, "win_id") for win in (again, first))
    script.expect("the answer to the same transaction", found, expected)
    other = _win(script, "first", OTHER, campaign=code, key="other")
    script.refused("another amount under the same transaction", other, (409,), "WIN_ALREADY_EXISTS")


def jackpot(actor: Actor) -> dict[str, object]:
    """Pay a jackpot on a round after its bet is settled, to the account of the bet's winnings.

    The bet can be rolled back only after the jackpot is reversed.
    """
    script = begin("jackpot", actor)
    bucket = script.account(script.normal(PROVIDER))
    script.deposit(DEPOSIT, key="deposit", bucket=script.normal(PROVIDER))
    bet = script.bet(PROVIDER, STAKE, key="round")
    tie = {"bet_id": bet.bet_id, "round_id": bet.round_id}
    answer = _win(script, "early", JACKPOT, key="early", **tie)
    script.refused("a win on an open bet", answer, (409,), "BET_NOT_SETTLED")
    script.settle(bet, "0", key="round")
    _pay_jackpot(script, bucket, tie)
    answer = script.try_rollback(bet, key="early")
    script.refused("the rollback of a bet with a further win", answer, (409,), "FURTHER_WINS")
    _take_back(script, "jackpot")
    script.rollback(bet, key="late")
    deposit, stake, paid = script.minor(DEPOSIT), script.minor(STAKE), script.minor(JACKPOT)
    script.expect_moves(bucket, deposit, -stake, paid, -paid, stake)
    script.expect_holdings({bucket: deposit})
    script.tips_agree()
    return {"player_id": script.player.player_id, "authorization_id": bet.authorization_id}


def _pay_jackpot(script: Script, bucket: str, tie: dict[str, str]) -> None:
    """Pay a jackpot on the bet of `tie`, and send its transaction again."""
    answer = _win(script, "jackpot", JACKPOT, key="jackpot", **tie)
    won, paid = script.accepted(f"a jackpot of {JACKPOT}", answer), script.minor(JACKPOT)
    script.expect("what the jackpot paid to", _paid_to(script, won), {bucket: paid})
    answer = _win(script, "jackpot", JACKPOT, key="twin", **tie)
    script.accepted("the same transaction under another id", answer)


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
    answer = script.as_admin("/api/v1/campaigns", row, key="campaign")
    campaign = script.accepted("a campaign", answer)
    script.expect("the campaign's cap", script.field("the campaign", campaign, "cap"), CAP)
    return code


def _target(script: Script) -> str:
    """Return the account that a win without a stake is paid to, if the player has no rolling."""
    policy = script.active_documents()["policy"]
    source = policy["wins"]["winnings_of"][PROVIDERS[PROVIDER]]
    return script.account(policy["destinations"][source]["after"])


def _win(script: Script, name: str, amount: str, *, key: str, **tie: str) -> HttpAnswer:
    body = {**_ids(script, name), **script.money(amount), **tie}
    return script.as_provider(PROVIDER, "/v2/wins", body, key=f"win-{key}")


def _ids(script: Script, name: str) -> dict[str, object]:
    """Return the fields of a request body that identify a win."""
    transaction = script.actor.derived_id(script.key(f"win-{name}"))
    return {"player_id": script.player.player_id, "transaction_id": transaction}


def _take_back(script: Script, name: str) -> None:
    """Reverse a win twice. The second reversal must succeed and change nothing."""
    body = _ids(script, name)
    for turn in ("once", "twice"):
        key = f"reverse-{name}-{turn}"
        answer = script.as_provider(PROVIDER, "/v2/wins/reverse", body, key=key)
        reversal = script.accepted(f"the reversal of a win, {turn}", answer)
        state = script.field("the reversal", reversal, "state")
        script.expect("the state of the win", state, "REVERSED")


def _paid_to(script: Script, answer: Mapping[str, Any]) -> dict[str, int]:
    return {
        share["account"]: script.minor(share["amount"])
        for share in script.field("the win", answer, "paid_to")
    }
