"""Routes of coupon grants, for promotion_service and the back office.

The routes that close a grant take only its coupon log id.
"""

from datetime import datetime
from functools import partial, wraps
from typing import Annotated, Any
from uuid import UUID

import msgspec
import structlog
from prometheus_client import Counter

from wallet_runtime.plumbing.errors import ApiError
from wallet_runtime.plumbing.http.app import Answer, Call, Route
from wallet_runtime.plumbing.http.body import Body
from wallet_runtime.plumbing.http.fields import in_utc
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.wallet.api.command import PREFIX, Rule, amount_of, perform
from wallet_runtime.wallet.domain import coupons
from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.reads import Reads
from wallet_runtime.wallet.domain.state import ActivePair, Obligation, Request, Scope, State

log = structlog.get_logger("wallet")
COMPLETIONS_FAILED = Counter(
    "wallet_coupon_completion_failed_total",
    "Rollings of coupons that completed without their grant (A8-3).",
)


class IssueBody(Body):
    """A coupon to issue: its log id, amount and scope.

    `expires_at` is RFC 3339 with an offset; without it the coupon never expires.
    """

    player_id: UUID
    coupon_log_id: UUID
    amount: str
    currency: str
    scope: Scope
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class CloseBody(Body):
    """A coupon to reverse or expire whole.

    The amount comes from the grant's row, so an amount in the body is a 422 (A8-5).
    """

    player_id: UUID
    coupon_log_id: UUID


def issue(context: Context, call: Call) -> Answer:
    """Issue a coupon grant (POST /internal/wallet/v2/coupon-grants/issue)."""
    body: IssueBody = call.body
    expires_at = None if body.expires_at is None else in_utc(body.expires_at, "expires_at")
    command = _coupon(body, expires_at)
    lapsed = expires_at is not None and expires_at.timestamp() <= context.clock()
    rule, reads = partial(coupons.issue, lapsed=lapsed), Reads(coupon_log_id=command.coupon_log_id)
    return perform(context, call, command, rule, reads)


def _coupon(body: IssueBody, expires_at: datetime | None) -> coupons.Issue:
    return coupons.Issue(
        coupon_log_id=str(body.coupon_log_id),
        amount=amount_of(body),
        currency=body.currency,
        scope=coupons.read_scope(body.scope),
        expires_at=None if expires_at is None else expires_at.isoformat(),
    )


def close(rule: Rule, context: Context, call: Call) -> Answer:
    """Reverse or expire a whole coupon grant."""
    body: CloseBody = call.body
    command = coupons.Close(str(body.coupon_log_id))
    reads = Reads(coupon_log_id=command.coupon_log_id, with_stakes=True)
    return perform(context, call, command, rule, reads)


def loud(rule: Rule) -> Rule:
    """Wrap the rule that completes rollings, to count and log failures of coupons (A8-3).

    A failure is a coupon's rolling that completes without the release of its grant.
    """

    @wraps(rule)
    def complete(request: Request, command: Any, state: State, pair: ActivePair) -> Decision:
        try:
            decision = rule(request, command, state, pair)
        except ApiError as error:
            _say_failed(state.rolling, error.message)
            raise
        if decision.refused:
            _say_failed(state.rolling, str(decision.body.get("message")))
        return decision

    return complete


def _say_failed(owed: Obligation | None, reason: str) -> None:
    if owed is None or owed.grant_id is None:
        return
    COMPLETIONS_FAILED.inc()
    log.error(
        "a coupon's rolling completed without its grant",
        rolling_id=owed.rolling_id,
        grant_id=owed.grant_id,
        reason=reason,
    )


ROUTES = (
    Route("POST", f"{PREFIX}/coupon-grants/issue", issue, IssueBody),
    Route("POST", f"{PREFIX}/coupon-grants/reverse", partial(close, coupons.reverse), CloseBody),
    Route("POST", f"{PREFIX}/coupon-grants/expire", partial(close, coupons.expire), CloseBody),
)
