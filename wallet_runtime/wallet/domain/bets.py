"""The life of a bet: authorize, settle, rollback (SPEC 1.3). Settle and rollback look at the stored authorization alone."""

from collections.abc import Iterable

import msgspec

from wallet_runtime.contract import BET_ALREADY_EXISTS, BET_ROLLED_BACK_CONFIRMED, BET_SETTLED_CONFIRMED, INSUFFICIENT_FUNDS, PROVIDERS
from wallet_runtime.plumbing.errors import Invalid, NotFound
from wallet_runtime.plumbing.money import format_amount, parse_amount
from wallet_runtime.wallet.domain import funding
from wallet_runtime.wallet.domain.decision import STAKE, Decision, Leg, event, refuse, shares_event, shares_json
from wallet_runtime.wallet.domain.state import ActivePair, Authorization, PairReference, PolicySnapshot, Request, Share, State

AUTHORIZE, SETTLE, ROLLBACK = "BET_AUTHORIZE", "BET_SETTLE", "BET_ROLLBACK"


class SourceInvalid(Invalid):
    """The named source cannot pay this bet."""

    code = "SOURCE_INVALID"


class AuthorizationNotFound(NotFound):
    """No bet was authorized under this id."""

    code = "AUTHORIZATION_NOT_FOUND"


class Authorize(msgspec.Struct, frozen=True):
    """A provider asks to take a stake (minor units); `source` only under a selection rule."""

    provider_id: str
    provider_type: str
    bet_id: str
    round_id: str
    stake: int
    currency: str
    source: str | None = None


class Settle(msgspec.Struct, frozen=True):
    """A provider reports the result: `payout` in major units of the bet's own currency ("0" for a lost bet)."""

    provider_id: str
    bet_id: str
    payout: str


class Rollback(msgspec.Struct, frozen=True):
    """A provider takes a bet back."""

    provider_id: str
    bet_id: str


def authorize(request: Request, command: Authorize, state: State, pair: ActivePair) -> Decision:
    """Fix the funding breakdown by the active policy and move it from its sources to the open stake."""
    held = state.authorization
    if held is not None:
        code = "BET_ALREADY_ROLLED_BACK" if held.state == "TOMBSTONE" else BET_ALREADY_EXISTS
        return _refuse_new(pair, code, f"bet {command.bet_id} of this provider is already {held.state}", state=held.state)
    if state.player is not None and state.player.status == "blocked":
        return _refuse_new(pair, "PLAYER_BLOCKED", "the player is blocked; open bets can still be settled")
    rule = pair.policy.funding[command.provider_type]
    try:
        shares = funding.fund(pair.topology, rule, state, command.stake, command.source)
    except funding.SourceNotAllowed as error:
        raise SourceInvalid(str(error)) from None
    except funding.NotEnough as short:
        available = format_amount(short.available, command.currency)
        return _refuse_new(pair, INSUFFICIENT_FUNDS, f"the allowed sources hold {available} {command.currency}", available=available)
    limit = funding.over_bonus_limit(pair.topology, rule, shares, command.stake, command.currency)
    if limit is not None:
        most = format_amount(limit, command.currency)
        return _refuse_new(pair, "MAX_BET_UNDER_BONUS", f"a bet paid with bonus money is at most {most} {command.currency}", limit=most)
    return _authorized(request, command, pair, shares)


def settle(request: Request, command: Settle, state: State, _pair: ActivePair) -> Decision:
    """Close an open stake to HOUSE and pay winnings to the destinations that were fixed when the bet was authorized."""
    bet = _authorization(state, request)
    pair = _pair_of(bet)
    payout = parse_amount(command.payout, bet.currency, zero_allowed=True)
    if bet.state == "SETTLED" and bet.payout == payout:
        return Decision(command=SETTLE, status=200, body=_body(bet, bet.state, bet.payout), pair=pair, starts_new=False)
    if bet.state != "AUTHORIZED":
        return refuse(SETTLE, pair, 409, "BET_NOT_OPEN", f"bet {bet.bet_id} is {bet.state}", starts_new=False, state=bet.state)
    parts = funding.split_payout(payout, bet.funding)
    paid = _merge(Share(_destination(bet, share.account, state), part) for share, part in zip(bet.funding, parts, strict=True) if part)
    legs = (
        Leg(STAKE, -bet.stake, bet.currency),
        Leg("HOUSE", bet.stake - payout, bet.currency),
        *(Leg(share.account, share.amount, bet.currency) for share in paid),
    )
    return Decision(
        command=SETTLE,
        status=200,
        body=_body(bet, "SETTLED", payout),
        pair=pair,
        starts_new=False,
        legs=tuple(leg for leg in legs if leg.delta),
        authorization={
            "authorization_id": bet.authorization_id,
            "from_state": "AUTHORIZED",
            "state": "SETTLED",
            "payout": payout,
            "payout_shares": paid,
        },
        events=(event(request.transaction_id, request.player_id, BET_SETTLED_CONFIRMED, _event_payload(bet, payout)),),
    )


def rollback(request: Request, command: Rollback, state: State, pair: ActivePair) -> Decision:
    """Give a stake back to exactly its sources; take a settled bet back whole, or refuse; leave a tombstone for an unknown one."""
    if state.authorization is None:
        return _tombstone(request, command, state, pair)
    bet = _authorization(state, request)
    reference = _pair_of(bet)
    if bet.state in ("ROLLED_BACK", "TOMBSTONE"):
        return Decision(command=ROLLBACK, status=200, body=_body(bet, bet.state, bet.payout), pair=reference, starts_new=False)
    returned = tuple(Leg(share.account, share.amount, bet.currency) for share in bet.funding)
    if bet.state == "AUTHORIZED":
        return _rolled_back(request, bet, (Leg(STAKE, -bet.stake, bet.currency), *returned))
    gone = [share.account for share in bet.funding if not _is_open(pair, share.account)]
    if gone:
        message = f"the active topology has no {', '.join(gone)} to give the stake of bet {bet.bet_id} back to; nothing was taken back"
        return refuse(ROLLBACK, reference, 409, "SOURCE_GONE", message, starts_new=False, accounts=gone)
    shares = bet.payout_shares or ()
    short = [share.account for share in shares if state.balance(share.account) < share.amount]
    if short:
        message = f"winnings of bet {bet.bet_id} are no longer whole in {', '.join(short)}; nothing was taken back"
        return refuse(ROLLBACK, reference, 409, "WINNINGS_SPENT", message, starts_new=False, accounts=short)
    taken = tuple(Leg(share.account, -share.amount, bet.currency) for share in shares)
    house = Leg("HOUSE", (bet.payout or 0) - bet.stake, bet.currency)
    return _rolled_back(request, bet, tuple(leg for leg in (*taken, house, *returned) if leg.delta))


def _authorized(request: Request, command: Authorize, pair: ActivePair, shares: tuple[Share, ...]) -> Decision:
    snapshot = _snapshot(pair, shares)
    currency = command.currency
    record = {
        "authorization_id": request.transaction_id,
        "provider_id": command.provider_id,
        "provider_type": command.provider_type,
        "bet_id": command.bet_id,
        "round_id": command.round_id,
        "stake": command.stake,
        "state": "AUTHORIZED",
        "funding": shares,
        "policy_snapshot": snapshot,
    }
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
        legs=(*(Leg(share.account, -share.amount, currency) for share in shares), Leg(STAKE, command.stake, currency)),
        authorization=record,
    )


def _rolled_back(request: Request, bet: Authorization, legs: tuple[Leg, ...]) -> Decision:
    payload = _event_payload(bet, bet.payout or 0) | {"was": bet.state}
    return Decision(
        command=ROLLBACK,
        status=200,
        body=_body(bet, "ROLLED_BACK", bet.payout),
        pair=_pair_of(bet),
        starts_new=False,
        legs=legs,
        authorization={"authorization_id": bet.authorization_id, "from_state": bet.state, "state": "ROLLED_BACK"},
        events=(event(request.transaction_id, request.player_id, BET_ROLLED_BACK_CONFIRMED, payload),),
    )


def _tombstone(request: Request, command: Rollback, state: State, pair: ActivePair) -> Decision:
    """Remember a rollback that came before its bet, so that the bet is refused when it comes."""
    currency = state.player.currency if state.player else ""
    record = {
        "authorization_id": request.transaction_id,
        "provider_id": command.provider_id,
        "provider_type": PROVIDERS.get(command.provider_id, ""),
        "bet_id": command.bet_id,
        "round_id": "",
        "stake": 0,
        "state": "TOMBSTONE",
        "funding": (),
        "policy_snapshot": PolicySnapshot(),
    }
    body = {"authorization_id": str(request.transaction_id), "bet_id": command.bet_id, "state": "TOMBSTONE", "currency": currency}
    return Decision(command=ROLLBACK, status=200, body=body, pair=pair.reference, starts_new=False, authorization=record)


def _snapshot(pair: ActivePair, shares: tuple[Share, ...]) -> PolicySnapshot:
    destinations = {}
    for share in shares:
        rule = pair.policy.destinations[share.account.partition("/")[2]]
        destinations[share.account] = (pair.topology.account(rule.before), pair.topology.account(rule.after))
    reaches = {account for pair_of in destinations.values() for account in pair_of} | set(destinations)
    return PolicySnapshot(destinations=destinations, reaches=tuple(sorted(reaches)))


def _destination(bet: Authorization, account: str, state: State) -> str:
    before, after = bet.policy_snapshot.destinations[account]
    return before if state.has_active_rolling(account) else after


def _is_open(pair: ActivePair, account: str) -> bool:
    code, _, bucket = account.partition("/")
    return code == pair.topology.code and pair.topology.bucket(bucket) is not None


def _authorization(state: State, request: Request) -> Authorization:
    if state.authorization is None or state.authorization.player_id != str(request.player_id):
        raise AuthorizationNotFound
    return state.authorization


def _pair_of(bet: Authorization) -> PairReference:
    return PairReference(bet.topology_code, bet.topology_version, bet.policy_key, bet.policy_version)


def _merge(shares: Iterable[Share]) -> tuple[Share, ...]:
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


def _event_payload(bet: Authorization, payout: int) -> dict[str, object]:
    return {
        "authorization_id": bet.authorization_id,
        "bet_id": bet.bet_id,
        "provider_id": bet.provider_id,
        "provider_type": bet.provider_type,
        "currency": bet.currency,
        "stake": str(bet.stake),
        "payout": str(payout),
        "funding": shares_event(bet.funding),
    }


def _refuse_new(pair: ActivePair, code: str, message: str, **details: object) -> Decision:
    return refuse(AUTHORIZE, pair, 409, code, message, starts_new=True, **details)
