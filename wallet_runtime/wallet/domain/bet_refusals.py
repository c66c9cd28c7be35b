"""The refusals of the three bet commands: authorize, settle and rollback."""

import msgspec

from wallet_runtime.contract.codes import BET_ALREADY_EXISTS
from wallet_runtime.plumbing.errors import Conflict
from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.wallet.domain.decision import Decision, refuse
from wallet_runtime.wallet.domain.player import is_blocked
from wallet_runtime.wallet.domain.records import Finding, SpentWinnings
from wallet_runtime.wallet.domain.state import (
    ActivePair,
    Authorization,
    Grant,
    PairReference,
    State,
)

AUTHORIZE, SETTLE, ROLLBACK = "BET_AUTHORIZE", "BET_SETTLE", "BET_ROLLBACK"


class FurtherWins(Conflict):
    """Further wins were paid on this bet: take them back first, then repeat the rollback."""

    code = "FURTHER_WINS"


def refuse_new(pair: ActivePair, code: str, message: str, **details: object) -> Decision:
    """Refuse a new bet (409)."""
    return refuse(AUTHORIZE, pair, 409, code, message, starts_new=True, **details)


def refuse_at_once(pair: ActivePair, bet_id: str, state: State) -> Decision | None:
    """Refuse a bet whose id is in use, and any bet of a blocked player."""
    held = state.authorization
    if held is not None:
        code = "BET_ALREADY_ROLLED_BACK" if held.state == "TOMBSTONE" else BET_ALREADY_EXISTS
        message = f"bet {bet_id} of this provider is already {held.state}"
        return refuse_new(pair, code, message, state=held.state)
    if is_blocked(state):
        message = "the player is blocked; open bets can still be settled"
        return refuse_new(pair, "PLAYER_BLOCKED", message)
    return None


def refuse_unchosen(pair: ActivePair, provider_type: str) -> Decision:
    """Refuse a bet because the player has not picked the source that pays it."""
    message = (
        f"bets of {provider_type} are paid from one source that the player picks,"
        " and the player has picked none"
    )
    return refuse_new(pair, "FUNDING_CHOICE_REQUIRED", message)


def refuse_scope(
    pair: ActivePair, provider_id: str, provider_type: str, others: tuple[Grant, ...]
) -> Decision:
    """Refuse a bet that only coupons of another scope could pay, and name their scopes."""
    scopes = [
        {"grant_id": grant.grant_id, "scope": msgspec.to_builtins(grant.scope)} for grant in others
    ]
    message = f"the player's coupons may not be staked at {provider_id} ({provider_type})"
    return refuse_new(pair, "COUPON_SCOPE", message, coupons=scopes)


def refuse_source(pair: ActivePair, choice: str | None, why: str) -> Decision:
    """Refuse a bet because the source that the player picked cannot pay it."""
    message = f"the player's choice cannot pay this bet: {why}"
    return refuse_new(pair, "FUNDING_CHOICE_NOT_ALLOWED", message, choice=choice)


def refuse_settled(bet: Authorization, pair: PairReference) -> Decision:
    """Refuse to settle a bet that was rolled back, or settled with another payout."""
    if bet.state != "SETTLED":
        message = f"bet {bet.bet_id} is {bet.state}"
        return refuse(SETTLE, pair, 409, "BET_NOT_OPEN", message, starts_new=False, state=bet.state)
    paid = format_amount(bet.payout or 0, bet.currency)
    message = (
        f"bet {bet.bet_id} is settled with a payout of {paid} {bet.currency};"
        " a settlement is whole and final"
    )
    told = {"state": bet.state, "payout": paid}
    return refuse(SETTLE, pair, 409, "BET_ALREADY_SETTLED", message, starts_new=False, **told)


def refuse_gone(bet: Authorization, pair: PairReference, gone: list[str]) -> Decision:
    """Refuse a rollback because the active topology lacks buckets of the stake."""
    message = (
        f"the active topology has no {', '.join(gone)} to give the stake of bet {bet.bet_id} back"
        " to; nothing was taken back"
    )
    return refuse(ROLLBACK, pair, 409, "SOURCE_GONE", message, starts_new=False, accounts=gone)


def refuse_spent(bet: Authorization, pair: PairReference, short: list[str]) -> Decision:
    """Refuse a rollback because winnings were spent, and record a finding for a person."""
    message = (
        f"winnings of bet {bet.bet_id} are no longer whole in {', '.join(short)};"
        " nothing was taken back"
    )
    refusal = refuse(
        ROLLBACK, pair, 409, "WINNINGS_SPENT", message, starts_new=False, accounts=short
    )
    details = SpentWinnings(bet.bet_id, bet.provider_id, str(bet.payout), bet.currency, short)
    finding = Finding("ROLLBACK_REFUSED", bet.authorization_id, details)
    return msgspec.structs.replace(refusal, findings=(finding,))
