"""The bet commands. Settle and rollback follow the stored bet, not today's policy (SPEC 1.3)."""

import msgspec
from msgspec.structs import astuple, replace

from wallet_runtime.contract.codes import INSUFFICIENT_FUNDS
from wallet_runtime.contract.providers import PROVIDERS
from wallet_runtime.plumbing.errors import NotFound
from wallet_runtime.plumbing.money import format_amount, parse_amount
from wallet_runtime.wallet.domain import bet_parts, bet_undo, coupons, funding, locks, turnover
from wallet_runtime.wallet.domain.answers import BetAnswer
from wallet_runtime.wallet.domain.bet_refusals import (
    AUTHORIZE,
    ROLLBACK,
    SETTLE,
    refuse_at_once,
    refuse_new,
    refuse_scope,
    refuse_settled,
    refuse_source,
    refuse_unchosen,
)
from wallet_runtime.wallet.domain.decision import STAKE, Decision, event, shares_json, unchanged
from wallet_runtime.wallet.domain.events import BetSettled
from wallet_runtime.wallet.domain.policy_snapshot import policy_snapshot
from wallet_runtime.wallet.domain.reads import ReadMore, Reads
from wallet_runtime.wallet.domain.records import (
    BetClosed,
    BetOpened,
    Leg,
    OutboxEvent,
    nonzero,
)
from wallet_runtime.wallet.domain.state import (
    ActivePair,
    Authorization,
    Grant,
    PolicySnapshot,
    Request,
    Share,
    State,
)


class AuthorizationNotFound(NotFound):
    """No bet was authorized under this id."""

    code = "AUTHORIZATION_NOT_FOUND"


class Authorize(msgspec.Struct, frozen=True):
    """A provider's request to take a stake in minor units, at a price if the game has one.

    It names no funding source. The policy and the player's choice decide which accounts pay.
    """

    provider_id: str
    provider_type: str
    bet_id: str
    round_id: str
    stake: int
    currency: str
    price: str | None = None


class Settle(msgspec.Struct, frozen=True):
    """A result from a provider: `payout` in major units of the bet's currency, "0" if lost."""

    provider_id: str
    bet_id: str
    payout: str


class Rollback(msgspec.Struct, frozen=True):
    """A provider's request to undo a bet."""

    provider_id: str
    bet_id: str


def authorize_reads(command: Authorize) -> Reads:
    """Read buckets and grants only. Cash and rollings are skipped to keep bets cheap."""
    return Reads(provider_id=command.provider_id, bet_id=command.bet_id, without_debts=True)


def settle_reads(command: Settle) -> Reads:
    """Read the bet, and the locked amounts of the player's accounts."""
    return Reads(provider_id=command.provider_id, bet_id=command.bet_id, with_locks=True)


def rollback_reads(command: Rollback) -> Reads:
    """Read the bet, the rest of its winnings, and the locked amounts of accounts."""
    return Reads(
        provider_id=command.provider_id, bet_id=command.bet_id, with_winnings=True, with_locks=True
    )


def authorize(request: Request, command: Authorize, state: State, pair: ActivePair) -> Decision:
    """Choose the accounts that pay by the active policy, and move the stake out of them."""
    refused = refuse_at_once(pair, command.bet_id, state)
    if refused is not None:
        return refused
    rule = pair.policy.funding[command.provider_type]
    fitting, others = coupons.split_by_scope(
        state.grants, command.provider_id, command.provider_type
    )
    choice = _choice(command, state) if rule.mode == "selection" else None
    refused = _refuse_choice(command, pair, choice, others)
    if refused is not None:
        return refused
    paying = _paying(fitting, pair)
    try:
        shares = funding.fund(pair.topology, rule, state, command.stake, choice, paying)
    except funding.SourceNotAllowed as error:
        return refuse_source(pair, choice, str(error))
    except funding.NotEnough as short:
        return _short(pair, command, others, short.available)
    refused = _refuse_limit(command, state, pair, shares)
    return refused or _authorized(request, command, pair, shares)


def _refuse_choice(
    command: Authorize, pair: ActivePair, choice: str | None, others: tuple[Grant, ...]
) -> Decision | None:
    """Refuse if a required choice is missing, or is a coupon of another scope."""
    is_required = pair.policy.funding[command.provider_type].mode == "selection"
    if is_required and choice is None:
        return refuse_unchosen(pair, command.provider_type)
    if choice in [grant.account for grant in others]:
        return refuse_scope(pair, command.provider_id, command.provider_type, others)
    return None


def _paying(grants: tuple[Grant, ...], pair: ActivePair) -> funding.Coupons:
    accounts = tuple(grant.account for grant in grants)
    return funding.Coupons(accounts, pair.policy.coupons.place == "first")


def settle(request: Request, command: Settle, state: State, _pair: ActivePair) -> Decision:
    """Move the open stake to HOUSE, and pay the payout to the destinations fixed at authorize."""
    bet = _authorization(state, request)
    payout = parse_amount(command.payout, bet.currency, zero_allowed=True)
    if bet.state == "SETTLED" and bet.payout == payout:
        return unchanged(SETTLE, bet_parts.pair_of(bet), bet_parts.body(bet, bet.state, payout))
    if bet.state != "AUTHORIZED":
        return refuse_settled(bet, bet_parts.pair_of(bet))
    return _settled(request, bet, payout, state)


def _settled(request: Request, bet: Authorization, payout: int, state: State) -> Decision:
    paid, legs_in = bet_parts.landed(_payouts(bet, payout, state), bet, state)
    stake = Leg(STAKE, -bet.stake, bet.currency)
    house = Leg("HOUSE", bet.stake - payout, bet.currency)
    changed = bet_parts.changes((*bet_parts.negative(bet.funding), *paid))
    return Decision(
        command=SETTLE,
        status=200,
        body=bet_parts.body(bet, "SETTLED", payout),
        pair=bet_parts.pair_of(bet),
        starts_new=False,
        legs=nonzero((stake, house, *legs_in)),
        authorization=BetClosed(bet.authorization_id, "AUTHORIZED", "SETTLED", payout, paid),
        locks=locks.relocked(state, changed),
        events=(_settled_event(request, bet, payout),),
    )


def _payouts(bet: Authorization, payout: int, state: State) -> tuple[Share, ...]:
    """Split a payout over the destinations of the bet's sources."""
    parts = funding.split_payout(payout, bet.funding)
    return bet_parts.merge(
        each
        for share, part in zip(bet.funding, parts, strict=True)
        for each in _due(bet, share, part, state)
    )


def _settled_event(request: Request, bet: Authorization, payout: int) -> OutboxEvent:
    counts = turnover.counts(bet.policy_snapshot, bet.stake, payout)
    return event(request, BetSettled(*astuple(bet_parts.ended(bet, payout)), counts=counts))


def rollback(request: Request, command: Rollback, state: State, pair: ActivePair) -> Decision:
    """Undo a whole bet, or refuse: return its stake, and take back its payout.

    An unknown bet leaves a tombstone.
    """
    if state.authorization is None:
        return _tombstone(request, command, state, pair)
    bet = _authorization(state, request)
    if bet.state in ("ROLLED_BACK", "TOMBSTONE"):
        body = bet_parts.body(bet, bet.state, bet.payout)
        return unchanged(ROLLBACK, bet_parts.pair_of(bet), body)
    if bet.state == "AUTHORIZED":
        return bet_undo.return_stake(request, bet, state)
    return bet_undo.take_back(request, bet, state, pair)


def _refuse_limit(
    command: Authorize, state: State, pair: ActivePair, shares: tuple[Share, ...]
) -> Decision | None:
    """Refuse a bet that raises the stakes of its round above `max_bet_under_bonus`."""
    rule = pair.policy.funding[command.provider_type]
    limit = funding.over_round_limit(
        pair.topology, rule, state, shares, command.round_id, command.currency
    )
    if limit is None:
        return None
    most = format_amount(limit, command.currency)
    message = (
        "the open bets of a round of which bonus money pays a part are together"
        f" at most {most} {command.currency}"
    )
    return refuse_new(pair, "MAX_BET_UNDER_BONUS", message, limit=most)


def _authorized(
    request: Request, command: Authorize, pair: ActivePair, shares: tuple[Share, ...]
) -> Decision:
    currency, record = command.currency, _opened(request, command, pair, shares)
    return Decision(
        command=AUTHORIZE,
        status=200,
        body=_opened_body(record, currency),
        pair=pair.reference,
        starts_new=True,
        legs=(
            *(Leg(share.account, -share.amount, currency) for share in shares),
            Leg(STAKE, command.stake, currency),
        ),
        authorization=record,
    )


def _opened(
    request: Request, command: Authorize, pair: ActivePair, shares: tuple[Share, ...]
) -> BetOpened:
    counts = turnover.counting(pair.policy.turnover, command.price)
    snapshot = policy_snapshot(pair, command.provider_type, shares)
    return BetOpened(
        authorization_id=str(request.transaction_id),
        provider_id=command.provider_id,
        provider_type=command.provider_type,
        bet_id=command.bet_id,
        round_id=command.round_id,
        stake=command.stake,
        state="AUTHORIZED",
        funding=shares,
        policy_snapshot=replace(snapshot, counts=counts, price=command.price),
    )


def _opened_body(record: BetOpened, currency: str) -> BetAnswer:
    return BetAnswer(
        authorization_id=record.authorization_id,
        bet_id=record.bet_id,
        state=record.state,
        stake=format_amount(record.stake, currency),
        currency=currency,
        funding=shares_json(record.funding, currency),
    )


def _tombstone(request: Request, command: Rollback, state: State, pair: ActivePair) -> Decision:
    """Record a rollback that arrives before its bet, so that the late bet is refused."""
    record = _tombstone_record(request, command)
    body = BetAnswer(
        authorization_id=record.authorization_id,
        bet_id=record.bet_id,
        state=record.state,
        currency=state.player.currency if state.player else "",
    )
    return Decision(
        command=ROLLBACK,
        status=200,
        body=body,
        pair=pair.reference,
        starts_new=False,
        authorization=record,
    )


def _tombstone_record(request: Request, command: Rollback) -> BetOpened:
    return BetOpened(
        authorization_id=str(request.transaction_id),
        provider_id=command.provider_id,
        provider_type=PROVIDERS.get(command.provider_id, ""),
        bet_id=command.bet_id,
        round_id="",
        stake=0,
        state="TOMBSTONE",
        funding=(),
        policy_snapshot=PolicySnapshot(),
    )


def _due(bet: Authorization, share: Share, part: int, state: State) -> tuple[Share, ...]:
    """Return the accounts that receive the payout of one share of the stake.

    Without an active rolling, locked money returns to its account first. Only the rest of the
    payout goes to the destination `after`.
    """
    before, after = bet.policy_snapshot.destinations[share.account]
    if state.has_active_rolling(share.account):
        return (Share(before, part),) if part else ()
    back = min(part, share.amount, state.locked_on(share.account))
    return tuple(
        each for each in (Share(share.account, back), Share(after, part - back)) if each.amount
    )


def _authorization(state: State, request: Request) -> Authorization:
    if state.authorization is None or state.authorization.player_id != str(request.player_id):
        raise AuthorizationNotFound
    return state.authorization


def _choice(command: Authorize, state: State) -> str | None:
    """Return the source that the player picked; only selection rules need to read it."""
    if state.choice is msgspec.UNSET:
        raise ReadMore(Reads(choice_for=command.provider_type))
    return state.choice


def _short(pair: ActivePair, command: Authorize, others: tuple[Grant, ...], held: int) -> Decision:
    """Refuse for coupon scope if coupons of another scope could pay the rest, else for funds.

    Under a selection rule the player picks one source, so other coupons could not pay the rest.
    """
    is_combined = pair.policy.funding[command.provider_type].mode == "combined"
    if is_combined and held + sum(grant.balance for grant in others) >= command.stake:
        return refuse_scope(pair, command.provider_id, command.provider_type, others)
    available = format_amount(held, command.currency)
    message = f"the allowed sources hold {available} {command.currency}"
    return refuse_new(pair, INSUFFICIENT_FUNDS, message, available=available)
