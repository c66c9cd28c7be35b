"""Wins in addition to a bet's payout: from a campaign, or on a settled bet (SPEC 1.3).

HOUSE pays a win once per transaction of the provider. A win without a stake (free rounds,
tournaments) is paid from a campaign that the back office created. A further win (a jackpot) belongs
to a settled bet and goes to the destinations of its winnings. A win is reversed whole or not at
all.
"""

from datetime import datetime

import msgspec
from msgspec.structs import asdict

from wallet_runtime.plumbing.errors import Conflict, Invalid, NotFound
from wallet_runtime.plumbing.money import format_amount, parse_amount
from wallet_runtime.wallet.domain import bet_parts, bets, funding, locks
from wallet_runtime.wallet.domain.answers import WinAnswer
from wallet_runtime.wallet.domain.decision import Decision, event, refuse, shares_json, unchanged
from wallet_runtime.wallet.domain.documents import NO_LIMIT
from wallet_runtime.wallet.domain.events import WinConfirmed, WinTakenBack
from wallet_runtime.wallet.domain.obligations import PROMO
from wallet_runtime.wallet.domain.reads import Reads
from wallet_runtime.wallet.domain.records import (
    Finding,
    Leg,
    OutboxEvent,
    SpentWin,
    WinPaid,
    WinReversed,
)
from wallet_runtime.wallet.domain.state import (
    ActivePair,
    Authorization,
    Campaign,
    PairReference,
    Request,
    Share,
    State,
    Win,
    is_grant,
)

PAY, REVERSE = "WIN_PAY", "WIN_REVERSE"


class CampaignNotFound(NotFound):
    """This provider has no campaign by this code."""

    code = "CAMPAIGN_NOT_FOUND"


class WinNotFound(NotFound):
    """No win was paid to this player under this transaction id."""

    code = "WIN_NOT_FOUND"


class BetNotSettled(Conflict):
    """The bet is still open: settle it first, and then repeat the win."""

    code = "BET_NOT_SETTLED"


class TieInvalid(Invalid):
    """A win names a campaign, or the bet and the round that it belongs to."""

    code = "WIN_TIE_INVALID"


class Pay(msgspec.Struct, frozen=True):
    """A win that a provider reports, in minor units: from a campaign, or on a bet of a round."""

    provider_id: str
    provider_type: str
    transaction_id: str
    amount: int
    currency: str
    campaign: str | None = None
    bet_id: str | None = None
    round_id: str | None = None


class Reverse(msgspec.Struct, frozen=True):
    """A provider's request to reverse a win."""

    provider_id: str
    transaction_id: str


class NewCampaign(msgspec.Struct, frozen=True):
    """A campaign to create, with amounts in minor units."""

    campaign_code: str
    provider_id: str
    currency: str
    cap: int
    cap_per_win: int
    expires_at: datetime
    created_by: str


def pay_reads(command: Pay) -> Reads:
    """Read the win, and the campaign or the bet that it belongs to."""
    return Reads(
        provider_id=command.provider_id,
        win=command.transaction_id,
        campaign=command.campaign,
        bet_id=command.bet_id,
    )


def reverse_reads(command: Reverse) -> Reads:
    """Read the win."""
    return Reads(provider_id=command.provider_id, win=command.transaction_id)


def pay(request: Request, command: Pay, state: State, pair: ActivePair) -> Decision:
    """Pay a win once.

    A repeat of the same transaction moves no money. A different win under the same transaction id
    is refused.
    """
    if state.win is not None:
        return _again(request, command, state.win, pair)
    if command.campaign is not None:
        return _from_campaign(request, command, state, pair)
    return _on_a_bet(request, command, state, pair)


def reverse(request: Request, command: Reverse, state: State, pair: ActivePair) -> Decision:
    """Reverse a whole win, or refuse if an account no longer holds its share of the win."""
    win = state.win
    if win is None or win.player_id != str(request.player_id):
        raise WinNotFound
    if win.reversed:
        return unchanged(REVERSE, win.pair, _body(win, "REVERSED"))
    short = [
        share.account
        for share in win.shares
        if share.account != PROMO and _kept(share.account, win, state) < share.amount
    ]
    if short:
        return _spent(win, short)
    taken = tuple(Leg(share.account, -share.amount, win.currency) for share in win.shares)
    lowered = {
        share.account: -share.amount
        for share in win.shares
        if share.account != PROMO and not is_grant(share.account)
    }
    return Decision(
        command=REVERSE,
        status=200,
        body=_body(win, "REVERSED"),
        pair=win.pair,
        starts_new=False,
        legs=(*taken, Leg("HOUSE", win.amount, win.currency)),
        win=WinReversed(win.win_id),
        locks=locks.relocked(state, lowered),
        events=(_event(request, WinTakenBack, win),),
    )


def _again(request: Request, command: Pay, win: Win, pair: ActivePair) -> Decision:
    paid = (win.player_id, win.amount, win.currency, win.campaign_code, win.bet_id, win.round_id)
    if paid != (
        str(request.player_id),
        command.amount,
        command.currency,
        command.campaign,
        command.bet_id,
        command.round_id,
    ):
        message = (
            f"transaction {command.transaction_id} of this provider was another win;"
            " nothing was paid"
        )
        return _refuse(pair, "WIN_ALREADY_EXISTS", message, starts_new=False)
    state = "REVERSED" if win.reversed else "PAID"
    return unchanged(PAY, win.pair, _body(win, state))


def _from_campaign(request: Request, command: Pay, state: State, pair: ActivePair) -> Decision:
    """Pay a win to the destination of the source that the policy names for campaigns."""
    campaign = state.campaign
    if campaign is None or campaign.provider_id != command.provider_id:
        raise CampaignNotFound
    source = pair.policy.wins.winnings_of.get(command.provider_type)
    refused = _refuse_campaign(campaign, command, state, pair, source)
    if refused is not None:
        return refused
    account = pair.topology.account(source or "")
    rule = pair.policy.destinations[source or ""]
    target = pair.topology.account(rule.before if state.has_active_rolling(account) else rule.after)
    shares = (Share(target, command.amount),)
    return _paid(
        request,
        command,
        pair.reference,
        shares,
        (Leg(target, command.amount, command.currency),),
        starts_new=True,
    )


def _on_a_bet(request: Request, command: Pay, state: State, pair: ActivePair) -> Decision:
    """Pay a further win to the destinations of the bet, in proportion to its sources.

    Settlement has already returned locked stakes, so no part of the win is held back for them.
    """
    bet = state.authorization
    if bet is None or bet.player_id != str(request.player_id):
        raise bets.AuthorizationNotFound
    if bet.state == "AUTHORIZED":
        raise BetNotSettled
    refused = _refuse_further(bet, command, pair)
    if refused is not None:
        return refused
    parts = funding.split_payout(command.amount, bet.funding)
    due = bet_parts.merge(
        Share(_destination(bet, share, state), part)
        for share, part in zip(bet.funding, parts, strict=True)
        if part
    )
    shares, legs = bet_parts.landed(due, bet, state)
    gone = [share.account for share in shares if not _is_open(pair, share.account)]
    if gone:
        message = (
            f"the active topology has no {', '.join(gone)} to pay a win on bet {bet.bet_id} to;"
            " nothing was paid"
        )
        return _refuse(pair, "DESTINATION_GONE", message, starts_new=False, accounts=gone)
    return _paid(
        request,
        command,
        bet_parts.pair_of(bet),
        shares,
        legs,
        starts_new=False,
        authorization_id=bet.authorization_id,
    )


def _destination(bet: Authorization, share: Share, state: State) -> str:
    before, after = bet.policy_snapshot.destinations[share.account]
    return before if state.has_active_rolling(share.account) else after


def _refuse_campaign(
    campaign: Campaign, command: Pay, state: State, pair: ActivePair, source: str | None
) -> Decision | None:
    named = f"campaign {campaign.campaign_code}"
    code = message = ""
    details: dict[str, object] = {}
    if state.player is not None and state.player.status == "blocked":
        code = "PLAYER_BLOCKED"
        message = "the player is blocked and wins nothing without a stake"
    elif campaign.currency != command.currency:
        code = "CAMPAIGN_CURRENCY"
        message = f"{named} is in {campaign.currency}, not in {command.currency}"
    elif campaign.expired:
        code, message = "CAMPAIGN_EXPIRED", f"{named} ended at {campaign.expires_at}"
    elif source is None:
        code = "WIN_NOT_OFFERED"
        message = "the policy names no source for wins without a stake at"
        message += f" {command.provider_type}"
    elif command.amount > campaign.cap_per_win:
        most = format_amount(campaign.cap_per_win, command.currency)
        code, details = "WIN_LIMIT", {"limit": most}
        message = f"a win of {named} is at most {most} {command.currency}"
    elif command.amount > campaign.cap - campaign.spent:
        left = format_amount(campaign.cap - campaign.spent, command.currency)
        code, details = "CAMPAIGN_SPENT", {"left": left}
        message = f"{named} has {left} {command.currency} left"
    return _refuse(pair, code, message, starts_new=True, **details) if code else None


def _refuse_further(bet: Authorization, command: Pay, pair: ActivePair) -> Decision | None:
    if bet.state != "SETTLED":
        message = f"bet {bet.bet_id} is {bet.state}; it wins nothing further"
        return _refuse(pair, "BET_NOT_OPEN", message, starts_new=False, state=bet.state)
    if bet.round_id != command.round_id:
        message = f"bet {bet.bet_id} belongs to another round than the win"
        return _refuse(pair, "ROUND_MISMATCH", message, starts_new=False)
    limit = pair.policy.wins.further_max.get(bet.currency)
    if limit is None:
        message = f"the policy offers no further wins in {bet.currency}"
        return _refuse(pair, "WIN_NOT_OFFERED", message, starts_new=False)
    if limit != NO_LIMIT and command.amount > parse_amount(limit, bet.currency):
        message = (
            f"a further win is at most {limit} {bet.currency};"
            " nothing was paid, a person has to look at it"
        )
        return _refuse(pair, "WIN_LIMIT", message, starts_new=False, limit=limit)
    return None


def _paid(  # noqa: PLR0913
    request: Request,
    command: Pay,
    pair: PairReference,
    shares: tuple[Share, ...],
    legs: tuple[Leg, ...],
    *,
    starts_new: bool,
    authorization_id: str | None = None,
) -> Decision:
    win = Win(
        win_id=str(request.transaction_id),
        player_id=str(request.player_id),
        provider_id=command.provider_id,
        provider_transaction_id=command.transaction_id,
        currency=command.currency,
        amount=command.amount,
        shares=shares,
        **asdict(pair),
        campaign_code=command.campaign,
        authorization_id=authorization_id,
        bet_id=command.bet_id,
        round_id=command.round_id,
    )
    record = WinPaid(
        provider_id=command.provider_id,
        provider_transaction_id=command.transaction_id,
        campaign_code=command.campaign,
        authorization_id=authorization_id,
        bet_id=command.bet_id,
        round_id=command.round_id,
        amount=command.amount,
        shares=shares,
    )
    return Decision(
        command=PAY,
        status=200,
        body=_body(win, "PAID"),
        pair=pair,
        starts_new=starts_new,
        legs=(Leg("HOUSE", -command.amount, command.currency), *legs),
        win=record,
        events=(_event(request, WinConfirmed, win),),
    )


def _event(request: Request, kind: type[WinConfirmed | WinTakenBack], win: Win) -> OutboxEvent:
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


def _body(win: Win, state: str) -> WinAnswer:
    return WinAnswer(
        win_id=win.win_id,
        transaction_id=win.provider_transaction_id,
        state=state,
        amount=format_amount(win.amount, win.currency),
        currency=win.currency,
        paid_to=shares_json(win.shares, win.currency),
    )


def _kept(account: str, win: Win, state: State) -> int:
    held = state.balance(account)
    return min(held, win.low_water.get(account, 0))


def _spent(win: Win, short: list[str]) -> Decision:
    message = (
        f"what win {win.provider_transaction_id} paid is no longer whole in {', '.join(short)};"
        " nothing was taken back"
    )
    refusal = refuse(
        REVERSE, win.pair, 409, "WINNINGS_SPENT", message, starts_new=False, accounts=short
    )
    details = SpentWin(
        win.provider_transaction_id, win.provider_id, str(win.amount), win.currency, short
    )
    finding = Finding("WIN_REVERSAL_REFUSED", win.win_id, details)
    return msgspec.structs.replace(refusal, findings=(finding,))


def _is_open(pair: ActivePair, account: str) -> bool:
    return account == PROMO or is_grant(account) or pair.has_bucket(account)


def _refuse(
    pair: ActivePair, code: str, message: str, *, starts_new: bool, **details: object
) -> Decision:
    return refuse(PAY, pair, 409, code, message, starts_new=starts_new, **details)
