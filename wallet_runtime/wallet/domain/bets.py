"""The bet commands. Settle and rollback follow the stored bet, not today's policy (SPEC 1.3)."""

import msgspec
from msgspec.structs import astuple

from wallet_runtime.contract.codes import INSUFFICIENT_FUNDS
from wallet_runtime.contract.providers import PROVIDERS
from wallet_runtime.plumbing.errors import NotFound
from wallet_runtime.plumbing.money import format_amount, parse_amount
from wallet_runtime.wallet.domain import bet_parts, coupons, funding, locks, turnover
from wallet_runtime.wallet.domain.answers import BetAnswer
from wallet_runtime.wallet.domain.bet_refusals import (
    AUTHORIZE,
    ROLLBACK,
    SETTLE,
    FurtherWins,
    refuse_at_once,
    refuse_gone,
    refuse_new,
    refuse_scope,
    refuse_settled,
    refuse_source,
    refuse_spent,
    refuse_unchosen,
)
from wallet_runtime.wallet.domain.decision import STAKE, Decision, event, shares_json, unchanged
from wallet_runtime.wallet.domain.documents import GRANT
from wallet_runtime.wallet.domain.events import BetRolledBack, BetSettled
from wallet_runtime.wallet.domain.obligations import PROMO
from wallet_runtime.wallet.domain.reads import ReadMore, Reads
from wallet_runtime.wallet.domain.records import (
    BetClosed,
    BetOpened,
    Leg,
)
from wallet_runtime.wallet.domain.state import (
    ActivePair,
    Authorization,
    Grant,
    PolicySnapshot,
    Request,
    Share,
    State,
    is_grant,
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
    if rule.mode == "selection" and choice is None:
        return refuse_unchosen(pair, command.provider_type)
    if choice in [grant.account for grant in others]:
        return refuse_scope(pair, command.provider_id, command.provider_type, others)
    accounts = tuple(grant.account for grant in fitting)
    paying = funding.Coupons(accounts, pair.policy.coupons.place == "first")
    try:
        shares = funding.fund(pair.topology, rule, state, command.stake, choice, paying)
    except funding.SourceNotAllowed as error:
        return refuse_source(pair, choice, str(error))
    except funding.NotEnough as short:
        return _short(pair, command, others if rule.mode == "combined" else (), short.available)
    return _refuse_limit(command, state, pair, shares) or _authorized(
        request, command, pair, shares
    )


def settle(request: Request, command: Settle, state: State, _pair: ActivePair) -> Decision:
    """Move the open stake to HOUSE, and pay the payout to the destinations fixed at authorize."""
    bet = _authorization(state, request)
    pair = bet_parts.pair_of(bet)
    payout = parse_amount(command.payout, bet.currency, zero_allowed=True)
    if bet.state == "SETTLED" and bet.payout == payout:
        return unchanged(SETTLE, pair, bet_parts.body(bet, bet.state, bet.payout))
    if bet.state != "AUTHORIZED":
        return refuse_settled(bet, pair)
    parts = funding.split_payout(payout, bet.funding)
    due = bet_parts.merge(
        each
        for share, part in zip(bet.funding, parts, strict=True)
        for each in _due(bet, share, part, state)
    )
    paid, legs_in = bet_parts.landed(due, bet, state)
    legs = (
        Leg(STAKE, -bet.stake, bet.currency),
        Leg("HOUSE", bet.stake - payout, bet.currency),
        *legs_in,
    )
    counts = turnover.counts(bet.policy_snapshot, bet.stake, payout)
    settled = BetSettled(*astuple(bet_parts.ended(bet, payout)), counts=counts)
    return Decision(
        command=SETTLE,
        status=200,
        body=bet_parts.body(bet, "SETTLED", payout),
        pair=pair,
        starts_new=False,
        legs=tuple(leg for leg in legs if leg.delta),
        authorization=BetClosed(bet.authorization_id, "AUTHORIZED", "SETTLED", payout, paid),
        locks=locks.relocked(state, bet_parts.changes((*bet_parts.negative(bet.funding), *paid))),
        events=(event(request, settled),),
    )


def rollback(request: Request, command: Rollback, state: State, pair: ActivePair) -> Decision:
    """Undo a whole bet, or refuse: return its stake, and take back its payout.

    An unknown bet leaves a tombstone.
    """
    if state.authorization is None:
        return _tombstone(request, command, state, pair)
    bet = _authorization(state, request)
    reference = bet_parts.pair_of(bet)
    if bet.state in ("ROLLED_BACK", "TOMBSTONE"):
        return unchanged(ROLLBACK, reference, bet_parts.body(bet, bet.state, bet.payout))
    if bet.state == "AUTHORIZED":
        resting, returned = bet_parts.landed(bet.funding, bet, state)
        # The locks of the sources still include the open stake. Only a share that returns to
        # another account changes locks.
        moved = locks.relocked(
            state, bet_parts.changes((*bet_parts.negative(bet.funding), *resting))
        )
        return _rolled_back(request, bet, (Leg(STAKE, -bet.stake, bet.currency), *returned), moved)
    return _take_back(request, bet, state, pair)


def _take_back(request: Request, bet: Authorization, state: State, pair: ActivePair) -> Decision:
    """Undo a settled bet whole, or refuse."""
    resting, returned = bet_parts.landed(bet.funding, bet, state)
    if state.further_wins:
        raise FurtherWins(details={"further_wins": format_amount(state.further_wins, bet.currency)})
    gone = _gone(resting, pair)
    if gone:
        return refuse_gone(bet, bet_parts.pair_of(bet), gone)
    paid = bet.payout_shares or ()
    # PROMO can always pay back. Any other account must still hold all that the bet paid to it.
    short = [
        share.account
        for share in paid
        if share.account != PROMO and _kept(share.account, state) < share.amount
    ]
    if short:
        return refuse_spent(bet, bet_parts.pair_of(bet), short)
    taken = tuple(Leg(share.account, -share.amount, bet.currency) for share in paid)
    house = Leg("HOUSE", (bet.payout or 0) - bet.stake, bet.currency)
    # A share returns locked if a rolling of its account was canceled or expired after the bet.
    back = bet_parts.changes(resting)
    again = {account: amount for account, amount in back.items() if account in state.lapsed}
    changed = bet_parts.changes((*bet_parts.negative(paid), *resting))
    locked = locks.relocked(state, changed, state.lifted | again)
    return _rolled_back(
        request, bet, tuple(leg for leg in (*taken, house, *returned) if leg.delta), locked
    )


def _gone(resting: tuple[Share, ...], pair: ActivePair) -> list[str]:
    """List the buckets that get a part of the stake back, but are not in the active topology."""
    buckets = [
        share.account for share in resting if share.account != PROMO and not is_grant(share.account)
    ]
    return [account for account in buckets if not pair.has_bucket(account)]


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
    counts = turnover.counting(pair.policy.turnover, command.price)
    snapshot = msgspec.structs.replace(
        _snapshot(pair, command.provider_type, shares), counts=counts, price=command.price
    )
    currency = command.currency
    record = BetOpened(
        authorization_id=str(request.transaction_id),
        provider_id=command.provider_id,
        provider_type=command.provider_type,
        bet_id=command.bet_id,
        round_id=command.round_id,
        stake=command.stake,
        state="AUTHORIZED",
        funding=shares,
        policy_snapshot=snapshot,
    )
    body = BetAnswer(
        authorization_id=str(request.transaction_id),
        bet_id=command.bet_id,
        state="AUTHORIZED",
        stake=format_amount(command.stake, currency),
        currency=currency,
        funding=shares_json(shares, currency),
    )
    return Decision(
        command=AUTHORIZE,
        status=200,
        body=body,
        pair=pair.reference,
        starts_new=True,
        legs=(
            *(Leg(share.account, -share.amount, currency) for share in shares),
            Leg(STAKE, command.stake, currency),
        ),
        authorization=record,
    )


def _rolled_back(
    request: Request, bet: Authorization, legs: tuple[Leg, ...], locked: locks.Locks
) -> Decision:
    taken_back = BetRolledBack(*astuple(bet_parts.ended(bet, bet.payout or 0)), was=bet.state)
    return Decision(
        command=ROLLBACK,
        status=200,
        body=bet_parts.body(bet, "ROLLED_BACK", bet.payout),
        pair=bet_parts.pair_of(bet),
        starts_new=False,
        legs=legs,
        locks=locked,
        authorization=BetClosed(bet.authorization_id, bet.state, "ROLLED_BACK"),
        events=(event(request, taken_back),),
    )


def _tombstone(request: Request, command: Rollback, state: State, pair: ActivePair) -> Decision:
    """Record a rollback that arrives before its bet, so that the late bet is refused."""
    currency = state.player.currency if state.player else ""
    record = BetOpened(
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
    body = BetAnswer(
        authorization_id=str(request.transaction_id),
        bet_id=command.bet_id,
        state="TOMBSTONE",
        currency=currency,
    )
    return Decision(
        command=ROLLBACK,
        status=200,
        body=body,
        pair=pair.reference,
        starts_new=False,
        authorization=record,
    )


def _snapshot(pair: ActivePair, provider_type: str, shares: tuple[Share, ...]) -> PolicySnapshot:
    destinations = {}
    for share in shares:
        if is_grant(share.account):
            rule = coupons.winnings(pair.policy.coupons, provider_type)
        else:
            rule = pair.policy.destinations[share.account.partition("/")[2]]
        before, after = (
            share.account if code == GRANT else pair.topology.account(code)
            for code in (rule.before, rule.after)
        )
        destinations[share.account] = (before, after)
    withdrawable = pair.topology.account(pair.topology.withdrawable.code)
    reaches = {account for pair_of in destinations.values() for account in pair_of} | set(
        destinations
    )
    buckets = {withdrawable if is_grant(account) else account for account in reaches}
    return PolicySnapshot(
        destinations=destinations, reaches=tuple(sorted(buckets)), withdrawable=withdrawable
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
    """Refuse for coupon scope if coupons of another scope could pay the rest, else for funds."""
    if held + sum(grant.balance for grant in others) >= command.stake:
        return refuse_scope(pair, command.provider_id, command.provider_type, others)
    available = format_amount(held, command.currency)
    message = f"the allowed sources hold {available} {command.currency}"
    return refuse_new(pair, INSUFFICIENT_FUNDS, message, available=available)


def _kept(account: str, state: State) -> int:
    """Return how much of the money that was paid to an account is still there.

    Money that came in later does not replace spent money.
    """
    held = state.balance(account)
    return min(held, state.low_water.get(account, held))
