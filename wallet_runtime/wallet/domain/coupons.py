"""Coupon grants: each is a row with its own balance and scope, never added up (SPEC 1.3, A8).

Commands name a grant by its coupon log id. After issue, amounts come from the grant's row alone.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Literal
from uuid import uuid5

import msgspec

from wallet_runtime.contract.providers import LIVE, PROVIDER_TYPES, PROVIDERS, SLOTS, SPORTS
from wallet_runtime.plumbing.errors import Invalid, NotFound
from wallet_runtime.plumbing.money import format_amount
from wallet_runtime.wallet.domain.answers import CouponAnswer, CouponEndAnswer
from wallet_runtime.wallet.domain.decision import Decision, event, refuse, unchanged
from wallet_runtime.wallet.domain.documents import GRANT, CouponRule, Destination, ScopeKind
from wallet_runtime.wallet.domain.events import RollingRequired
from wallet_runtime.wallet.domain.obligations import (
    PROMO,
    Ended,
    revoked,
)
from wallet_runtime.wallet.domain.player import is_blocked, rollings_of
from wallet_runtime.wallet.domain.records import (
    GrantClosed,
    GrantOpened,
    ObligationClosed,
    ObligationOpened,
    OutboxEvent,
    move,
)
from wallet_runtime.wallet.domain.state import (
    ActivePair,
    Grant,
    Request,
    Scope,
    State,
    is_grant,
)

ISSUE, REVERSE = "COUPON_ISSUE", "COUPON_REVERSE"
EXPIRE, COMPLETE = "COUPON_EXPIRE", "COUPON_COMPLETE"
TYPES_OF_SCOPE: dict[ScopeKind, tuple[str, ...]] = {
    "sports": (SPORTS,),
    "casino": (LIVE, SLOTS),
    "all_games": PROVIDER_TYPES,
}
ITSELF = Destination(GRANT, GRANT)


class ScopeInvalid(Invalid):
    """A scope is sports, casino or all_games, or provider with the ids of known providers."""

    code = "COUPON_SCOPE_INVALID"


class GrantNotFound(NotFound):
    """This player has no coupon grant by that id; no other is taken in its place (A8-3, A8-4)."""

    code = "COUPON_GRANT_NOT_FOUND"


class Issue(msgspec.Struct, frozen=True):
    """A coupon to issue: an amount in minor units, its scope, and when it expires.

    `expires_at` is ISO 8601 with an offset; None never expires.
    """

    coupon_log_id: str
    amount: int
    currency: str
    scope: Scope
    expires_at: str | None = None


class Close(msgspec.Struct, frozen=True):
    """A coupon to reverse or expire whole. The amount comes from the grant's row (A8-5)."""

    coupon_log_id: str


def read_scope(scope: Scope) -> Scope:
    """Return the scope with sorted and unique provider ids.

    Raises `ScopeInvalid` for unknown providers, and if provider ids are missing or out of place.
    """
    is_known = all(provider in PROVIDERS for provider in scope.provider_ids)
    if not is_known or (scope.kind == "provider") != bool(scope.provider_ids):
        found = f"{scope.kind} with {', '.join(scope.provider_ids)[:80] or 'no providers'}"
        raise ScopeInvalid(
            f"only the scope provider takes provider_ids, of {', '.join(PROVIDERS)}; found {found}"
        )
    return Scope(scope.kind, tuple(sorted(set(scope.provider_ids))))


def covers(scope: Scope, provider_id: str, provider_type: str) -> bool:
    """Tell whether a coupon of this scope may be staked at this provider."""
    return (
        provider_id in scope.provider_ids
        if scope.kind == "provider"
        else provider_type in TYPES_OF_SCOPE[scope.kind]
    )


def usable(grants: tuple[Grant, ...]) -> tuple[Grant, ...]:
    """Return the grants that may be staked: active, and not past their expiry."""
    return tuple(grant for grant in grants if grant.state == "ACTIVE" and not grant.lapsed)


def split_by_scope(
    grants: tuple[Grant, ...], provider_id: str, provider_type: str
) -> tuple[tuple[Grant, ...], tuple[Grant, ...]]:
    """Split the usable grants into those whose scope covers the bet, and the others."""
    fitting = tuple(g for g in usable(grants) if covers(g.scope, provider_id, provider_type))
    return fitting, tuple(grant for grant in usable(grants) if grant not in fitting)


def winnings(rule: CouponRule, provider_type: str) -> Destination:
    """Return the destination of a grant's winnings; the default is the grant itself."""
    return rule.winnings.get(provider_type, ITSELF)


def issue(
    request: Request, command: Issue, state: State, pair: ActivePair, *, lapsed: bool = False
) -> Decision:
    """Pay a coupon from PROMO into a new grant, and open the rolling of the policy (A8-2).

    With `lapsed` the expiry has passed, and the coupon is refused. A repeated request gets its
    stored answer without this check.
    """
    refused = _refuse_issue(command, state, pair, lapsed=lapsed)
    if refused is not None:
        return refused
    grant = _opened(request, command)
    owed = _obligation(request, command, grant, pair)
    return Decision(
        command=ISSUE,
        status=200,
        body=_issued_body(command, grant.grant_id, owed.rolling_id),
        pair=pair.reference,
        starts_new=True,
        legs=move(PROMO, f"{GRANT}/{grant.grant_id}", command.amount, command.currency),
        grants_opened=(grant,),
        obligations_opened=(owed,),
        events=(_required(request, command, owed, pair),),
    )


def _opened(request: Request, command: Issue) -> GrantOpened:
    grant_id = str(uuid5(request.transaction_id, "grant"))
    return GrantOpened(
        grant_id, command.coupon_log_id, command.scope, command.amount, command.expires_at
    )


def _obligation(
    request: Request, command: Issue, grant: GrantOpened, pair: ActivePair
) -> ObligationOpened:
    multiplier = Decimal(pair.policy.coupons.rolling[command.scope.kind])
    return ObligationOpened(
        rolling_id=str(uuid5(request.transaction_id, "rolling")),
        topology_code=pair.topology.code,
        bucket_type_code="",
        amount=command.amount,
        required=int((command.amount * multiplier).to_integral_value(ROUND_CEILING)),
        cap=_cap(command, pair.policy.coupons),
        grant_id=grant.grant_id,
    )


def _refuse_issue(
    command: Issue, state: State, pair: ActivePair, *, lapsed: bool
) -> Decision | None:
    if state.coupon is not None:
        return _refuse_issued(command, state.coupon, pair)
    if lapsed:
        return _refuse_lapsed(command, pair)
    if is_blocked(state):
        message = "the player is blocked; no coupon is issued"
        return _refuse(ISSUE, pair, "PLAYER_BLOCKED", message, starts_new=True)
    if command.scope.kind not in pair.policy.coupons.rolling:
        return _refuse_unoffered(command, pair)
    return None


def _refuse_issued(command: Issue, coupon: Grant, pair: ActivePair) -> Decision:
    message = f"coupon log {command.coupon_log_id} has its grant already, and it is {coupon.state}"
    code = "COUPON_ALREADY_ISSUED"
    return _refuse(ISSUE, pair, code, message, starts_new=True, state=coupon.state)


def _refuse_lapsed(command: Issue, pair: ActivePair) -> Decision:
    expires_at = command.expires_at
    message = f"the coupon would have lapsed at {expires_at}; nothing was issued"
    return _refuse(ISSUE, pair, "COUPON_LAPSED", message, starts_new=True, expires_at=expires_at)


def _refuse_unoffered(command: Issue, pair: ActivePair) -> Decision:
    offered = sorted(pair.policy.coupons.rolling)
    message = (
        f"the active policy offers no coupon of scope {command.scope.kind};"
        f" it offers {', '.join(offered) or 'none'}"
    )
    return _refuse(ISSUE, pair, "COUPON_NOT_OFFERED", message, starts_new=True, offered=offered)


def _issued_body(command: Issue, grant_id: str, rolling_id: str) -> CouponAnswer:
    return CouponAnswer(
        grant_id=grant_id,
        coupon_log_id=command.coupon_log_id,
        state="ACTIVE",
        amount=format_amount(command.amount, command.currency),
        currency=command.currency,
        scope=msgspec.to_builtins(command.scope),
        expires_at=command.expires_at,
        rolling_id=rolling_id,
    )


def reverse(request: Request, command: Close, state: State, pair: ActivePair) -> Decision:
    """Return a whole grant to PROMO. Refused while open bets hold a part of it."""
    grant = _named(request, state)
    staked = state.staked_on(grant.account)
    if grant.state == "ACTIVE" and staked:
        return _refuse_staked(grant, staked, pair)
    return _take_back(request, REVERSE, grant, state, pair, "REVERSED")


def _refuse_staked(grant: Grant, staked: int, pair: ActivePair) -> Decision:
    stake = format_amount(staked, grant.currency)
    message = (
        f"open bets hold {stake} {grant.currency} of coupon log {grant.coupon_log_id};"
        " settle or roll them back first"
    )
    return _refuse(REVERSE, pair, "COUPON_STAKED", message, open_stake=stake)


def expire(request: Request, command: Close, state: State, pair: ActivePair) -> Decision:
    """Return a lapsed grant to PROMO. The part in open bets follows when these bets close."""
    grant = _named(request, state)
    if grant.state == "ACTIVE" and not grant.lapsed:
        message = (
            f"coupon log {grant.coupon_log_id} lapses at {grant.expires_at or 'no time at all'};"
            " before that it can be reversed"
        )
        return _refuse(EXPIRE, pair, "COUPON_NOT_LAPSED", message, expires_at=grant.expires_at)
    return _take_back(request, EXPIRE, grant, state, pair, "EXPIRED")


def landing(account: str, state: State, withdrawable: str) -> tuple[str, ...]:
    """Return the accounts that money for `account` passes through; the last one keeps the money.

    A bucket or an active grant keeps it. An expired or reversed grant passes it on to PROMO. For a
    completed grant `withdrawable` receives it. Raises `GrantNotFound`.
    """
    if not is_grant(account):
        return (account,)
    grant = state.grant(account)
    if grant is None:
        raise GrantNotFound(f"account {account} of this bet has no grant; nothing was moved")
    if grant.state == "COMPLETED":
        return (withdrawable,)
    return (account,) if grant.state == "ACTIVE" else (account, PROMO)


def _named(request: Request, state: State) -> Grant:
    if state.coupon is None or state.coupon.player_id != str(request.player_id):
        raise GrantNotFound
    return state.coupon


def _take_back(
    request: Request,
    command: str,
    grant: Grant,
    state: State,
    pair: ActivePair,
    target: Literal["REVERSED", "EXPIRED"],
) -> Decision:
    """Close a grant and its rollings. A grant that was closed this way before stays as it is."""
    if grant.state == target:
        return unchanged(command, pair.reference, _end_body(grant, target, 0))
    if grant.state != "ACTIVE":
        return _refuse_closed(command, grant, pair, target)
    ended: Ended = "CANCELED" if target == "REVERSED" else "EXPIRED"
    rollings = [owed.rolling_id for owed in rollings_of(state, grant.account)]
    return Decision(
        command=command,
        status=200,
        body=_end_body(grant, target, grant.balance),
        pair=pair.reference,
        starts_new=False,
        legs=move(grant.account, PROMO, grant.balance, grant.currency),
        grants_closed=(GrantClosed(grant.grant_id, target),),
        obligations_closed=tuple(ObligationClosed(rolling_id, ended) for rolling_id in rollings),
        events=tuple(
            revoked(request, rolling_id, ended, index) for index, rolling_id in enumerate(rollings)
        ),
    )


def _end_body(grant: Grant, state: str, taken: int) -> CouponEndAnswer:
    return CouponEndAnswer(
        grant_id=grant.grant_id,
        coupon_log_id=grant.coupon_log_id,
        state=state,
        taken_back=format_amount(taken, grant.currency),
        currency=grant.currency,
    )


def _refuse_closed(command: str, grant: Grant, pair: ActivePair, target: str) -> Decision:
    message = (
        f"coupon log {grant.coupon_log_id} is {grant.state};"
        f" only an active coupon can be {target.lower()}"
    )
    return _refuse(command, pair, "COUPON_NOT_ACTIVE", message, state=grant.state)


def _required(
    request: Request, command: Issue, owed: ObligationOpened, pair: ActivePair
) -> OutboxEvent:
    """Build the event that requires turnover for a new grant.

    The event names the grant as funding source, so that only stakes from this grant count.
    """
    token = f"coupon_log:{command.coupon_log_id}"
    payload = RollingRequired(
        rolling_id=owed.rolling_id,
        topology_code=GRANT,
        bucket_type_code=owed.grant_id or "",
        provider_types=_types_of(command.scope),
        currency=command.currency,
        amount=str(command.amount),
        multiplier=pair.policy.coupons.rolling[command.scope.kind],
        required_turnover=str(owed.required),
        reference_id=token,
        reason="coupon",
        remarks=token,
    )
    return event(request, payload)


def _types_of(scope: Scope) -> tuple[str, ...]:
    """Return the provider types at which a coupon of this scope may be staked."""
    types = {PROVIDERS[provider] for provider in scope.provider_ids}
    return tuple(sorted(types or TYPES_OF_SCOPE.get(scope.kind, ())))


def _cap(command: Issue, rule: CouponRule) -> int | None:
    """Return the most that completion releases, in minor units, rounded down; None is no limit."""
    multiple = rule.release_cap.get(command.scope.kind)
    if multiple is None:
        return None
    return int((command.amount * Decimal(multiple)).to_integral_value(ROUND_FLOOR))


def _refuse(
    command: str,
    pair: ActivePair,
    code: str,
    message: str,
    *,
    starts_new: bool = False,
    **details: object,
) -> Decision:
    return refuse(command, pair, 409, code, message, starts_new=starts_new, **details)
