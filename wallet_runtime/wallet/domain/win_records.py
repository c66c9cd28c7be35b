"""The decision that pays a win, and the answer, record and event of a win."""

import msgspec

from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.wallet.domain.answers import WinAnswer
from wallet_runtime.wallet.domain.decision import Decision, event, refuse, shares_json
from wallet_runtime.wallet.domain.events import WinConfirmed, WinTakenBack
from wallet_runtime.wallet.domain.records import Finding, Leg, OutboxEvent, SpentWin, WinPaid
from wallet_runtime.wallet.domain.state import Request, Win

PAY, REVERSE = "WIN_PAY", "WIN_REVERSE"


def paid(request: Request, win: Win, legs: tuple[Leg, ...], *, starts_new: bool) -> Decision:
    """Pay a new win from HOUSE; `legs` bring it to the player."""
    return Decision(
        command=PAY,
        status=200,
        body=body(win, "PAID"),
        pair=win.pair,
        starts_new=starts_new,
        legs=(Leg("HOUSE", -win.amount, win.currency), *legs),
        win=_record(win),
        events=(win_event(request, WinConfirmed, win),),
    )


def _record(win: Win) -> WinPaid:
    return WinPaid(
        provider_id=win.provider_id,
        provider_transaction_id=win.provider_transaction_id,
        campaign_code=win.campaign_code,
        authorization_id=win.authorization_id,
        bet_id=win.bet_id,
        round_id=win.round_id,
        amount=win.amount,
        shares=win.shares,
    )


def win_event(request: Request, kind: type[WinConfirmed | WinTakenBack], win: Win) -> OutboxEvent:
    """Build an event about a win."""
    payload = kind(
        win_id=win.win_id,
        transaction_id=win.provider_transaction_id,
        provider_id=win.provider_id,
        campaign=win.campaign_code,
        authorization_id=win.authorization_id,
        currency=win.currency,
        amount=str(win.amount),
    )
    return event(request, payload)


def body(win: Win, state: str) -> WinAnswer:
    """Build the answer about a win."""
    return WinAnswer(
        win_id=win.win_id,
        transaction_id=win.provider_transaction_id,
        state=state,
        amount=format_amount(win.amount, win.currency),
        currency=win.currency,
        paid_to=shares_json(win.shares, win.currency),
    )


def refuse_spent(win: Win, short: list[str]) -> Decision:
    """Refuse a reversal because the win was spent, and record a finding for a person."""
    message = (
        f"what win {win.provider_transaction_id} paid is no longer whole in {', '.join(short)};"
        " nothing was taken back"
    )
    refusal = refuse(
        REVERSE, win.pair, 409, "WINNINGS_SPENT", message, starts_new=False, accounts=short
    )
    return msgspec.structs.replace(refusal, findings=(_finding(win, short),))


def _finding(win: Win, short: list[str]) -> Finding:
    details = SpentWin(
        win.provider_transaction_id, win.provider_id, str(win.amount), win.currency, short
    )
    return Finding("WIN_REVERSAL_REFUSED", win.win_id, details)
