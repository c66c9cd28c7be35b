"""The life of a bet: authorize, settle, rollback (SPEC 1.3). Settle and rollback look at the stored authorization alone."""

from collections.abc import Iterable

import msgspec
from msgspec.structs import astuple

from wallet_runtime.contract.codes import BET_ALREADY_EXISTS, INSUFFICIENT_FUNDS
from wallet_runtime.contract.providers import PROVIDERS
from wallet_runtime.plumbing.errors import Conflict, NotFound
from wallet_runtime.plumbing.money import format_amount, parse_amount
from wallet_runtime.wallet.domain import coupons, funding, locks, turnover
from wallet_runtime.wallet.domain.decision import (
    STAKE,
    Decision,
    event,
    funding_parts,
    refuse,
    shares_json,
)
from wallet_runtime.wallet.domain.documents import GRANT
from wallet_runtime.wallet.domain.events import BetEnded, BetRolledBack, BetSettled
from wallet_runtime.wallet.domain.obligations import PROMO
from wallet_runtime.wallet.domain.reads import ReadMore, Reads
from wallet_runtime.wallet.domain.records import (
    BetClosed,
    BetOpened,
    Finding,
    Leg,
    SpentWinnings,
)
from wallet_runtime.wallet.domain.state import (
    ActivePair,
    Authorization,
    Grant,
    PairReference,
    PolicySnapshot,
    Request,
    Share,
    State,
    is_grant,
)

AUTHORIZE, SETTLE, ROLLBACK = "BET_AUTHORIZE", "BET_SETTLE", "BET_ROLLBACK"


class AuthorizationNotFound(NotFound):
    """No bet was authorized under this id."""

    code = "AUTHORIZATION_NOT_FOUND"


class FurtherWins(Conflict):
    """Further wins were paid on this bet: take them back first, then repeat the rollback."""

    code = "FURTHER_WINS"


class Authorize(msgspec.Struct, frozen=True):
    """A provider asks to take a stake (minor units), at a price where it has one. What pays for it is no provider's business."""

    provider_id: str
    provider_type: str
    bet_id: str
    round_id: str
    stake: int
    currency: str
    price: str | None = None


class Settle(msgspec.Struct, frozen=True):
    """A provider reports the result: `payout` in major units of the bet's own currency ("0" for a lost bet)."""

    provider_id: str
    bet_id: str
    payout: str


class Rollback(msgspec.Struct, frozen=True):
    """A provider takes a bet back."""

    provider_id: str
    bet_id: str


def authorize_reads(command: Authorize) -> Reads:
    """Read buckets and grants only. Cash and rollings are skipped to keep bets cheap."""
    return Reads(provider_id=command.provider_id, bet_id=command.bet_id, without_debts=True)


def settle_reads(command: Settle) -> Reads:
    """Read the bet, and what is locked of the accounts that its payout may pass."""
    return Reads(provider_id=command.provider_id, bet_id=command.bet_id, with_locks=True)


def rollback_reads(command: Rollback) -> Reads:
    """Read the bet, what is left of its winnings, and what is locked."""
    return Reads(
        provider_id=command.provider_id, bet_id=command.bet_id, with_winnings=True, with_locks=True
    )


def authorize(request: Request, command: Authorize, state: State, pair: ActivePair) -> Decision:
    """Fix the funding breakdown by the active policy and move it from its sources to the open stake."""
    refused = _refuse_at_once(command, state, pair)
    if refused is not None:
        return refused
    rule = pair.policy.funding[command.provider_type]
    fitting, others = _split_by_scope(command, state)
    choice = _choice(command, state) if rule.mode == "selection" else None
    if rule.mode == "selection" and (
        choice is None or choice in [grant.account for grant in others]
    ):
        return _refuse_choice(pair, command, choice, others)
    paying = funding.Coupons(
        tuple(grant.account for grant in fitting), pair.policy.coupons.place == "first"
    )
    try:
        shares = funding.fund(pair.topology, rule, state, command.stake, choice, paying)
    except funding.SourceNotAllowed as error:
        return _refuse_new(
            pair,
            "FUNDING_CHOICE_NOT_ALLOWED",
            f"the player's choice cannot pay this bet: {error}",
            choice=choice,
        )
    except funding.NotEnough as short:
        return _short(pair, command, others if rule.mode == "combined" else (), short.available)
    limit = funding.over_round_limit(
        pair.topology, rule, state, shares, command.round_id, command.currency
    )
    if limit is not None:
        most = format_amount(limit, command.currency)
        message = f"the open bets of a round of which bonus money pays a part are together at most {most} {command.currency}"
        return _refuse_new(pair, "MAX_BET_UNDER_BONUS", message, limit=most)
    return _authorized(request, command, pair, shares)


def settle(request: Request, command: Settle, state: State, _pair: ActivePair) -> Decision:
    """Close an open stake to HOUSE and pay winnings to the destinations that were fixed when the bet was authorized."""
    bet = _authorization(state, request)
    pair = pair_of(bet)
    payout = parse_amount(command.payout, bet.currency, zero_allowed=True)
    if bet.state == "SETTLED" and bet.payout == payout:
        return Decision(
            command=SETTLE,
            status=200,
            body=_body(bet, bet.state, bet.payout),
            pair=pair,
            starts_new=False,
        )
    if bet.state != "AUTHORIZED":
        return _not_open(bet, pair)
    parts = funding.split_payout(payout, bet.funding)
    due = merge(
        each
        for share, part in zip(bet.funding, parts, strict=True)
        for each in _due(bet, share, part, state)
    )
    paid, legs_in = landed(due, bet, state)
    legs = (
        Leg(STAKE, -bet.stake, bet.currency),
        Leg("HOUSE", bet.stake - payout, bet.currency),
        *legs_in,
    )
    counts = turnover.counts(bet.policy_snapshot, bet.stake, payout)
    settled = BetSettled(*astuple(_ended(bet, payout)), counts=counts)
    return Decision(
        command=SETTLE,
        status=200,
        body=_body(bet, "SETTLED", payout),
        pair=pair,
        starts_new=False,
        legs=tuple(leg for leg in legs if leg.delta),
        authorization=BetClosed(bet.authorization_id, "AUTHORIZED", "SETTLED", payout, paid),
        locks=locks.relocked(state, _changes((*_negative(bet.funding), *paid))),
        events=(event(request, settled),),
    )


def rollback(request: Request, command: Rollback, state: State, pair: ActivePair) -> Decision:
    """Give a stake back to exactly its sources; take a settled bet back whole, or refuse; leave a tombstone for an unknown one."""
    if state.authorization is None:
        return _tombstone(request, command, state, pair)
    bet = _authorization(state, request)
    reference = pair_of(bet)
    if bet.state in ("ROLLED_BACK", "TOMBSTONE"):
        return Decision(
            command=ROLLBACK,
            status=200,
            body=_body(bet, bet.state, bet.payout),
            pair=reference,
            starts_new=False,
        )
    resting, returned = landed(bet.funding, bet, state)
    if bet.state == "AUTHORIZED":
        # The stake counted where it came from. Only what comes to rest elsewhere changes anything there.
        moved = locks.relocked(state, _changes((*_negative(bet.funding), *resting)))
        return _rolled_back(request, bet, (Leg(STAKE, -bet.stake, bet.currency), *returned), moved)
    if state.further_wins:
        raise FurtherWins(details={"further_wins": format_amount(state.further_wins, bet.currency)})
    # Where shares come to rest, not where they came from: that of a completed grant goes to WITHDRAWABLE.
    buckets = [
        share.account for share in resting if share.account != PROMO and not is_grant(share.account)
    ]
    gone = [account for account in buckets if not _is_open(pair, account)]
    if gone:
        message = f"the active topology has no {', '.join(gone)} to give the stake of bet {bet.bet_id} back to; nothing was taken back"
        return refuse(
            ROLLBACK, reference, 409, "SOURCE_GONE", message, starts_new=False, accounts=gone
        )
    # What went on to PROMO can always be had back from there; everything else has to lie where it was paid to.
    shares = [share for share in bet.payout_shares or () if share.account != PROMO]
    short = [share.account for share in shares if _kept(share.account, state) < share.amount]
    if short:
        return _winnings_spent(bet, reference, short)
    taken = tuple(
        Leg(share.account, -share.amount, bet.currency) for share in bet.payout_shares or ()
    )
    house = Leg("HOUSE", (bet.payout or 0) - bet.stake, bet.currency)
    # A stake whose rolling has lapsed since comes back locked.
    again = {
        account: amount for account, amount in _changes(resting).items() if account in state.lapsed
    }
    locked = locks.relocked(
        state, _changes((*_negative(bet.payout_shares or ()), *resting)), state.lifted | again
    )
    return _rolled_back(
        request, bet, tuple(leg for leg in (*taken, house, *returned) if leg.delta), locked
    )


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
    body = {
        "authorization_id": str(request.transaction_id),
        "bet_id": command.bet_id,
        "state": "AUTHORIZED",
        "stake": format_amount(command.stake, currency),
        "currency": currency,
        "funding": shares_json(shares, currency),
    }
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
    taken_back = BetRolledBack(*astuple(_ended(bet, bet.payout or 0)), was=bet.state)
    return Decision(
        command=ROLLBACK,
        status=200,
        body=_body(bet, "ROLLED_BACK", bet.payout),
        pair=pair_of(bet),
        starts_new=False,
        legs=legs,
        locks=locked,
        authorization=BetClosed(bet.authorization_id, bet.state, "ROLLED_BACK"),
        events=(event(request, taken_back),),
    )


def _tombstone(request: Request, command: Rollback, state: State, pair: ActivePair) -> Decision:
    """Remember a rollback that came before its bet, so that the bet is refused when it comes."""
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
    body = {
        "authorization_id": str(request.transaction_id),
        "bet_id": command.bet_id,
        "state": "TOMBSTONE",
        "currency": currency,
    }
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


def landed(
    due: tuple[Share, ...], bet: Authorization, state: State
) -> tuple[tuple[Share, ...], tuple[Leg, ...]]:
    """Return where shares come to rest, and the legs that bring them there, those through a closed grant among them."""
    resting: list[Share] = []
    passing: list[Leg] = []
    for share in due:
        *through, last = coupons.landing(share.account, state, bet.policy_snapshot.withdrawable)
        passing += [
            Leg(account, delta, bet.currency)
            for account in through
            for delta in (share.amount, -share.amount)
        ]
        resting.append(Share(last, share.amount))
    merged = merge(resting)
    return merged, (*passing, *(Leg(share.account, share.amount, bet.currency) for share in merged))


def _due(bet: Authorization, share: Share, part: int, state: State) -> tuple[Share, ...]:
    """Return where a share's part of the payout goes. Of a locked stake only the surplus leaves its account."""
    before, after = bet.policy_snapshot.destinations[share.account]
    if state.has_active_rolling(share.account):
        return (Share(before, part),) if part else ()
    back = min(part, share.amount, state.locked_on(share.account))
    return tuple(
        each for each in (Share(share.account, back), Share(after, part - back)) if each.amount
    )


def _changes(shares: Iterable[Share]) -> dict[str, int]:
    """Add up what buckets hold and have staked more or less; grants and PROMO have no locks."""
    merged = {share.account: share.amount for share in merge(shares)}
    return {
        account: amount
        for account, amount in merged.items()
        if account != PROMO and not is_grant(account)
    }


def _negative(shares: Iterable[Share]) -> tuple[Share, ...]:
    return tuple(Share(share.account, -share.amount) for share in shares)


def _is_open(pair: ActivePair, account: str) -> bool:
    code, _, bucket = account.partition("/")
    return code == pair.topology.code and pair.topology.bucket(bucket) is not None


def _authorization(state: State, request: Request) -> Authorization:
    if state.authorization is None or state.authorization.player_id != str(request.player_id):
        raise AuthorizationNotFound
    return state.authorization


def pair_of(bet: Authorization) -> PairReference:
    """Name the pair that a bet was authorized under."""
    return PairReference(
        bet.topology_code, bet.topology_version, bet.policy_key, bet.policy_version
    )


def merge(shares: Iterable[Share]) -> tuple[Share, ...]:
    """Add up shares of one account: it is moved once, in the order it first came."""
    merged: dict[str, int] = {}
    for share in shares:
        merged[share.account] = merged.get(share.account, 0) + share.amount
    return tuple(Share(account, amount) for account, amount in merged.items())


def _body(bet: Authorization, state: str, payout: int | None) -> dict[str, object]:
    return {
        "authorization_id": bet.authorization_id,
        "bet_id": bet.bet_id,
        "state": state,
        "stake": format_amount(bet.stake, bet.currency),
        "payout": None if payout is None else format_amount(payout, bet.currency),
        "currency": bet.currency,
        "funding": shares_json(bet.funding, bet.currency),
    }


def _ended(bet: Authorization, payout: int) -> BetEnded:
    return BetEnded(
        authorization_id=bet.authorization_id,
        bet_id=bet.bet_id,
        provider_id=bet.provider_id,
        provider_type=bet.provider_type,
        currency=bet.currency,
        stake=str(bet.stake),
        payout=str(payout),
        funding=funding_parts(bet.funding),
    )


def _refuse_new(pair: ActivePair, code: str, message: str, **details: object) -> Decision:
    return refuse(AUTHORIZE, pair, 409, code, message, starts_new=True, **details)


def _split_by_scope(
    command: Authorize, state: State
) -> tuple[tuple[Grant, ...], tuple[Grant, ...]]:
    """Part the grants that may be staked at all into those whose scope covers this bet, and the others."""
    grants = coupons.usable(state.grants)
    fitting = tuple(
        grant
        for grant in grants
        if coupons.covers(grant.scope, command.provider_id, command.provider_type)
    )
    return fitting, tuple(grant for grant in grants if grant not in fitting)


def _choice(command: Authorize, state: State) -> str | None:
    """Return what the player picked for this provider type; only a selection rule looks, so only its bets pay for the look."""
    if state.choice is msgspec.UNSET:
        raise ReadMore(Reads(choice_for=command.provider_type))
    return state.choice


def _refuse_at_once(command: Authorize, state: State, pair: ActivePair) -> Decision | None:
    """Refuse a bet that is there already, or that its player may not make at all."""
    held = state.authorization
    if held is not None:
        code = "BET_ALREADY_ROLLED_BACK" if held.state == "TOMBSTONE" else BET_ALREADY_EXISTS
        return _refuse_new(
            pair,
            code,
            f"bet {command.bet_id} of this provider is already {held.state}",
            state=held.state,
        )
    if state.player is not None and state.player.status == "blocked":
        return _refuse_new(
            pair, "PLAYER_BLOCKED", "the player is blocked; open bets can still be settled"
        )
    return None


def _refuse_choice(
    pair: ActivePair, command: Authorize, choice: str | None, others: tuple[Grant, ...]
) -> Decision:
    """Refuse a bet whose player has picked nothing, or a coupon that may not be staked here."""
    if choice is not None:
        return _out_of_scope(pair, command, others)
    message = f"bets of {command.provider_type} are paid from one source that the player picks, and he has picked none"
    return _refuse_new(pair, "FUNDING_CHOICE_REQUIRED", message)


def _short(pair: ActivePair, command: Authorize, others: tuple[Grant, ...], held: int) -> Decision:
    """Refuse a bet for its coupons' scope where that alone is the reason, and else for lack of funds."""
    if held + sum(grant.balance for grant in others) >= command.stake:
        return _out_of_scope(pair, command, others)
    available = format_amount(held, command.currency)
    return _refuse_new(
        pair,
        INSUFFICIENT_FUNDS,
        f"the allowed sources hold {available} {command.currency}",
        available=available,
    )


def _out_of_scope(pair: ActivePair, command: Authorize, others: tuple[Grant, ...]) -> Decision:
    """Refuse a bet that only coupons of another scope could pay: they say where they may be staked."""
    scopes = [
        {"grant_id": grant.grant_id, "scope": msgspec.to_builtins(grant.scope)} for grant in others
    ]
    message = (
        f"the player's coupons may not be staked at {command.provider_id} ({command.provider_type})"
    )
    return _refuse_new(pair, "COUPON_SCOPE", message, coupons=scopes)


def _not_open(bet: Authorization, pair: PairReference) -> Decision:
    """Refuse to settle a bet that is settled with another payout, rolled back, or was rolled back before it came."""
    if bet.state == "SETTLED":
        paid = format_amount(bet.payout or 0, bet.currency)
        message = f"bet {bet.bet_id} is settled with a payout of {paid} {bet.currency}; a settlement is whole and final"
        return refuse(
            SETTLE,
            pair,
            409,
            "BET_ALREADY_SETTLED",
            message,
            starts_new=False,
            state=bet.state,
            payout=paid,
        )
    return refuse(
        SETTLE,
        pair,
        409,
        "BET_NOT_OPEN",
        f"bet {bet.bet_id} is {bet.state}",
        starts_new=False,
        state=bet.state,
    )


def _kept(account: str, state: State) -> int:
    """Return how much of what was paid to an account still lies there: what came in later does not replace what has gone."""
    held = state.balance(account)
    return min(held, state.low_water.get(account, held))


def _winnings_spent(bet: Authorization, pair: PairReference, short: list[str]) -> Decision:
    """Refuse to take a settled bet back in part, and leave a finding for a person."""
    message = f"winnings of bet {bet.bet_id} are no longer whole in {', '.join(short)}; nothing was taken back"
    refusal = refuse(
        ROLLBACK, pair, 409, "WINNINGS_SPENT", message, starts_new=False, accounts=short
    )
    details = SpentWinnings(bet.bet_id, bet.provider_id, str(bet.payout), bet.currency, short)
    finding = Finding("ROLLBACK_REFUSED", bet.authorization_id, details)
    return msgspec.structs.replace(refusal, findings=(finding,))
