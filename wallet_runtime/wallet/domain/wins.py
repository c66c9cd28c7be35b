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
from wallet_runtime.wallet.domain import bet_parts, bets, funding, locks, win_records
from wallet_runtime.wallet.domain.decision import Decision, refuse, unchanged
from wallet_runtime.wallet.domain.documents import NO_LIMIT
from wallet_runtime.wallet.domain.events import WinTakenBack
from wallet_runtime.wallet.domain.obligations import PROMO
from wallet_runtime.wallet.domain.player import is_blocked
from wallet_runtime.wallet.domain.reads import Reads
from wallet_runtime.wallet.domain.records import Leg, WinReversed
from wallet_runtime.wallet.domain.state import (
    ActivePair,
    Authorization,
    Campaign,
    PairReference,
    Request,
    Share,
    State,
    Win,
)
from wallet_runtime.wallet.domain.win_records import PAY, REVERSE


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
    rule = _on_a_bet if command.campaign is None else _from_campaign
    return rule(request, command, state, pair)


def reverse(request: Request, command: Reverse, state: State, pair: ActivePair) -> Decision:
    """Reverse a whole win, or refuse if an account no longer holds its share of the win."""
    win = state.win
    if win is None or win.player_id != str(request.player_id):
        raise WinNotFound
    if win.reversed:
        return unchanged(REVERSE, win.pair, win_records.body(win, "REVERSED"))
    short = _short(win, state)
    if short:
        return win_records.refuse_spent(win, short)
    taken = bet_parts.negative(win.shares)
    return Decision(
        command=REVERSE,
        status=200,
        body=win_records.body(win, "REVERSED"),
        pair=win.pair,
        starts_new=False,
        legs=(
            *bet_parts.legs_of(taken, win.currency),
            Leg("HOUSE", win.amount, win.currency),
        ),
        win=WinReversed(win.win_id),
        locks=locks.relocked(state, bet_parts.changes(taken)),
        events=(win_records.win_event(request, WinTakenBack, win),),
    )


def _short(win: Win, state: State) -> list[str]:
    """List the accounts that no longer hold their share of the win; PROMO is never one of them."""
    return [
        share.account
        for share in win.shares
        if share.account != PROMO and _kept(share.account, win, state) < share.amount
    ]


def _again(request: Request, command: Pay, win: Win, pair: ActivePair) -> Decision:
    player_id, state = str(request.player_id), "REVERSED" if win.reversed else "PAID"
    if win.player_id == player_id and _terms(command) == _stored_terms(win):
        return unchanged(PAY, win.pair, win_records.body(win, state))
    message = (
        f"transaction {command.transaction_id} of this provider was another win; nothing was paid"
    )
    return _refuse(pair, "WIN_ALREADY_EXISTS", message, starts_new=False)


def _terms(command: Pay) -> tuple[object, ...]:
    return (
        command.amount,
        command.currency,
        command.campaign,
        command.bet_id,
        command.round_id,
    )


def _stored_terms(win: Win) -> tuple[object, ...]:
    return (win.amount, win.currency, win.campaign_code, win.bet_id, win.round_id)


def _from_campaign(request: Request, command: Pay, state: State, pair: ActivePair) -> Decision:
    """Pay a win to the destination of the source that the policy names for campaigns."""
    campaign = state.campaign
    if campaign is None or campaign.provider_id != command.provider_id:
        raise CampaignNotFound
    source = pair.policy.wins.winnings_of.get(command.provider_type)
    refused = _refuse_campaign(campaign, command, state, pair, source)
    if refused is not None:
        return refused
    shares = (Share(_campaign_account(source or "", state, pair), command.amount),)
    win = _win(request, command, pair.reference, shares)
    legs = bet_parts.legs_of(shares, command.currency)
    return win_records.paid(request, win, legs, starts_new=True)


def _campaign_account(source: str, state: State, pair: ActivePair) -> str:
    rule = pair.policy.destinations[source]
    is_under_rolling = state.has_active_rolling(pair.topology.account(source))
    return pair.topology.account(rule.before if is_under_rolling else rule.after)


def _on_a_bet(request: Request, command: Pay, state: State, pair: ActivePair) -> Decision:
    """Pay a further win to the destinations of the bet, in proportion to its sources.

    Settlement has already returned locked stakes, so no part of the win is held back for them.
    """
    bet = _closed_bet(request, state)
    refused = _refuse_further(bet, command, pair)
    if refused is not None:
        return refused
    shares, legs = bet_parts.landed(_due(bet, command.amount, state), bet, state)
    gone = [share.account for share in shares if not _is_open(pair, share.account)]
    if gone:
        return _refuse_gone(bet, gone, pair)
    win = _win(request, command, bet_parts.pair_of(bet), shares, bet.authorization_id)
    return win_records.paid(request, win, legs, starts_new=False)


def _closed_bet(request: Request, state: State) -> Authorization:
    bet = state.authorization
    if bet is None or bet.player_id != str(request.player_id):
        raise bets.AuthorizationNotFound
    if bet.state == "AUTHORIZED":
        raise BetNotSettled
    return bet


def _due(bet: Authorization, amount: int, state: State) -> tuple[Share, ...]:
    parts = funding.split_payout(amount, bet.funding)
    return bet_parts.merge(
        Share(_destination(bet, share, state), part)
        for share, part in zip(bet.funding, parts, strict=True)
        if part
    )


def _refuse_gone(bet: Authorization, gone: list[str], pair: ActivePair) -> Decision:
    message = (
        f"the active topology has no {', '.join(gone)} to pay a win on bet {bet.bet_id} to;"
        " nothing was paid"
    )
    return _refuse(pair, "DESTINATION_GONE", message, starts_new=False, accounts=gone)


def _destination(bet: Authorization, share: Share, state: State) -> str:
    before, after = bet.policy_snapshot.destinations[share.account]
    return before if state.has_active_rolling(share.account) else after


def _refuse_campaign(
    campaign: Campaign, command: Pay, state: State, pair: ActivePair, source: str | None
) -> Decision | None:
    refused = _refuse_blocked(state, pair) or _refuse_closed(campaign, command, pair)
    if refused is None and source is None:
        message = f"the policy names no source for wins without a stake at {command.provider_type}"
        return _refuse(pair, "WIN_NOT_OFFERED", message, starts_new=True)
    return refused or _refuse_over(campaign, command, pair)


def _refuse_blocked(state: State, pair: ActivePair) -> Decision | None:
    if not is_blocked(state):
        return None
    message = "the player is blocked and wins nothing without a stake"
    return _refuse(pair, "PLAYER_BLOCKED", message, starts_new=True)


def _refuse_closed(campaign: Campaign, command: Pay, pair: ActivePair) -> Decision | None:
    """Refuse a campaign of another currency, or one that has ended."""
    named = f"campaign {campaign.campaign_code}"
    if campaign.currency != command.currency:
        message = f"{named} is in {campaign.currency}, not in {command.currency}"
        return _refuse(pair, "CAMPAIGN_CURRENCY", message, starts_new=True)
    if campaign.expired:
        message = f"{named} ended at {campaign.expires_at}"
        return _refuse(pair, "CAMPAIGN_EXPIRED", message, starts_new=True)
    return None


def _refuse_over(campaign: Campaign, command: Pay, pair: ActivePair) -> Decision | None:
    """Refuse a win above the campaign's cap per win, or above the rest of its cap."""
    if command.amount > campaign.cap_per_win:
        return _refuse_big(campaign, pair)
    if command.amount > campaign.cap - campaign.spent:
        return _refuse_exhausted(campaign, pair)
    return None


def _refuse_big(campaign: Campaign, pair: ActivePair) -> Decision:
    most = format_amount(campaign.cap_per_win, campaign.currency)
    message = f"a win of campaign {campaign.campaign_code} is at most {most} {campaign.currency}"
    return _refuse(pair, "WIN_LIMIT", message, starts_new=True, limit=most)


def _refuse_exhausted(campaign: Campaign, pair: ActivePair) -> Decision:
    left = format_amount(campaign.cap - campaign.spent, campaign.currency)
    message = f"campaign {campaign.campaign_code} has {left} {campaign.currency} left"
    return _refuse(pair, "CAMPAIGN_SPENT", message, starts_new=True, left=left)


def _refuse_further(bet: Authorization, command: Pay, pair: ActivePair) -> Decision | None:
    if bet.state != "SETTLED":
        message = f"bet {bet.bet_id} is {bet.state}; it wins nothing further"
        return _refuse(pair, "BET_NOT_OPEN", message, starts_new=False, state=bet.state)
    if bet.round_id != command.round_id:
        message = f"bet {bet.bet_id} belongs to another round than the win"
        return _refuse(pair, "ROUND_MISMATCH", message, starts_new=False)
    return _refuse_amount(command.amount, bet.currency, pair)


def _refuse_amount(amount: int, currency: str, pair: ActivePair) -> Decision | None:
    """Refuse a further win that the policy does not offer, or that is above its limit."""
    limit = pair.policy.wins.further_max.get(currency)
    if limit is None:
        message = f"the policy offers no further wins in {currency}"
        return _refuse(pair, "WIN_NOT_OFFERED", message, starts_new=False)
    if limit == NO_LIMIT or amount <= parse_amount(limit, currency):
        return None
    message = (
        f"a further win is at most {limit} {currency}; nothing was paid, a person has to look at it"
    )
    return _refuse(pair, "WIN_LIMIT", message, starts_new=False, limit=limit)


def _win(
    request: Request,
    command: Pay,
    pair: PairReference,
    shares: tuple[Share, ...],
    authorization_id: str | None = None,
) -> Win:
    return Win(
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


def _kept(account: str, win: Win, state: State) -> int:
    held = state.balance(account)
    return min(held, win.low_water.get(account, 0))


def _is_open(pair: ActivePair, account: str) -> bool:
    return pair.has_bucket(account) or not bet_parts.is_bucket(account)


def _refuse(
    pair: ActivePair, code: str, message: str, *, starts_new: bool, **details: object
) -> Decision:
    return refuse(PAY, pair, 409, code, message, starts_new=starts_new, **details)
