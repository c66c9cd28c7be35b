"""Routes of the back office.

Each route that changes something writes an audit row, sends one command to another service and
returns that service's answer.
"""

from functools import partial
from typing import Any
from urllib.parse import quote

import msgspec

from wallet_runtime.admin.command import Audit, send
from wallet_runtime.admin.domain import TransactionNotFound, confirm_already_active, review_path
from wallet_runtime.contract.consumers import WALLET_CONSUMERS, Consumer
from wallet_runtime.contract.processes import ADMIN_SERVICE, WALLET_SERVICE
from wallet_runtime.contract.routes import dead_letter_path
from wallet_runtime.plumbing.errors import Invalid, NotFound, PassedThrough
from wallet_runtime.plumbing.http import auth
from wallet_runtime.plumbing.http.app import Answer, Call, Route, Service
from wallet_runtime.plumbing.http.body import Body
from wallet_runtime.plumbing.http.fields import Reason, Said
from wallet_runtime.plumbing.http.service_client import ServiceClient
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.plumbing.runtime.identifiers import UUID_LENGTH, parse_uuid

TOPOLOGY = "/internal/wallet/topology"
POLICY = "/internal/wallet/policy"
ACTIVATIONS = "/internal/wallet/activations"
COUPON_GRANTS = "/internal/wallet/v2/coupon-grants"
CAMPAIGNS = "/internal/wallet/v2/campaigns"

# Commands for a player's wallet. The path is the same behind `/api/v1/` and `/internal/wallet/v2/`.
MOVEMENTS = (
    "bonuses/issue",
    "bonuses/reverse",
    "bonuses/expire",
    "points/award",
    "points/expire",
)
# An adjustment takes two persons. Each value is the field of the answer that names the person. The
# token identifies this person, so the request body may not have the field.
ADJUSTMENTS = {
    "adjustments/request": "requested_by",
    "adjustments/approve": "decided_by",
    "adjustments/reject": "decided_by",
}
REASON_LENGTH = 500
ROLLING = "rolling"


class PairStart(Body, omit_defaults=True):
    """The pair that an activation starts from; its policy may be left out."""

    topology_code: str
    topology_version: int
    policy_key: str | None = None
    policy_version: int | None = None


class Activation(Body, omit_defaults=True):
    """Which version to activate, its policy, and the pair that is active now (null: none)."""

    version: int
    policy_document: dict[str, Any] | None = None
    from_pair: PairStart | None = msgspec.field(name="from", default=None)


class Review(Body):
    """The decision on a requested withdrawal."""

    action: str
    reason: Reason = ""


class Discard(Body):
    """The reason for discarding a dead letter."""

    reason: Said


class Payment(Body, omit_defaults=True):
    """An optional reason for a change of an approved withdrawal."""

    reason: Reason | None = None


def show_topology(context: Context, call: Call) -> Answer:
    """Return the versions of a topology."""
    return _read(context, call, f"{TOPOLOGY}/{_segment(call, 'code')}")


def save_topology(context: Context, call: Call) -> Answer:
    """Save a topology draft (A7-9: never over an ACTIVE or SUPERSEDED version)."""
    return _command(
        context, call, "topology.save", "PUT", f"{TOPOLOGY}/{_segment(call, 'code')}", call.body
    )


def validate_documents(context: Context, call: Call) -> Answer:
    """Validate a topology and a policy document against every rule.

    This changes nothing, so it writes no audit row.
    """
    return ServiceClient(context).forward(
        call, WALLET_SERVICE, "POST", f"{TOPOLOGY}/validate", call.body
    )


def diff(prefix: str, name: str, context: Context, call: Call) -> Answer:
    """Return the differences between two versions of a topology or policy."""
    return _read(
        context,
        call,
        f"{prefix}/{_segment(call, name)}/diff/{_segment(call, 'old')}/{_segment(call, 'new')}",
    )


def activate_topology(context: Context, call: Call) -> Answer:
    """Activate a topology together with its policy document (A7-12)."""
    wanted: Activation = call.body
    code = _segment(call, "code")

    def check() -> None:
        if wanted.policy_document is None:
            confirm_already_active(code, wanted.version, _active_topology(context, call))

    path = f"{TOPOLOGY}/{code}/activate"
    return send(context, call, "topology.activate", "PUT", path, wanted, (path, None), check)


def list_documents(path: str, context: Context, call: Call) -> Answer:
    """Return every saved version, or the history of activations."""
    return _read(context, call, path)


def activate_policy(context: Context, call: Call) -> Answer:
    """Activate a policy version alone; wallet_service refuses one for another topology (A7-11)."""
    return _command(
        context,
        call,
        "policy.activate",
        "PUT",
        f"{POLICY}/{_segment(call, 'policy_key')}/activate",
        call.body,
    )


def show_policy(context: Context, call: Call) -> Answer:
    """Return the versions of a policy."""
    return _read(context, call, f"{POLICY}/{_segment(call, 'policy_key')}")


def save_policy(context: Context, call: Call) -> Answer:
    """Save a policy draft."""
    return _command(
        context, call, "policy.save", "PUT", f"{POLICY}/{_segment(call, 'policy_key')}", call.body
    )


def review_withdrawal(context: Context, call: Call) -> Answer:
    """Approve or reject a requested withdrawal."""
    wanted: Review = call.body
    path = review_path(wanted.action, wanted.reason)
    return _withdrawal_command(
        context, call, f"withdrawal.{wanted.action}", path, wanted.reason or None
    )


def mark_paid(context: Context, call: Call) -> Answer:
    """Record that an approved withdrawal was paid by hand; a repeat changes nothing."""
    wanted: Payment = call.body
    return _withdrawal_command(
        context,
        call,
        "withdrawal.mark-paid",
        "/internal/wallet/v2/withdrawals/mark-paid",
        wanted.reason,
    )


def coupon(action: str, context: Context, call: Call) -> Answer:
    """Issue, reverse or expire a coupon grant.

    The wallet validates the body, and refuses an amount if the action takes none (A8-5).
    """
    call.brand()
    about = str(call.body.get("coupon_log_id"))[:UUID_LENGTH]
    return _command(
        context,
        call,
        f"coupon.{action}",
        "POST",
        f"{COUPON_GRANTS}/{action}",
        call.body,
        audit=(about, None),
    )


def create_campaign(context: Context, call: Call) -> Answer:
    """Create a campaign, from which wins without a stake are paid; signed for the token's person.

    The wallet validates the body.
    """
    call.brand()
    about = str(call.body.get("code"))[:UUID_LENGTH]
    return _command(
        context, call, "campaign.create", "POST", CAMPAIGNS, call.body, audit=(about, None)
    )


def payout_failed(context: Context, call: Call) -> Answer:
    """Record that the PSP could not pay a withdrawal out; the player gets the money back."""
    wanted: Payment = call.body
    return _withdrawal_command(
        context,
        call,
        "withdrawal.payout-failed",
        "/internal/wallet/v2/withdrawals/payout-failed",
        wanted.reason,
    )


def movement(path: str, context: Context, call: Call) -> Answer:
    """Forward a bonus or points command; the wallet validates the body.

    The audit row stores the id that the command is about, and the reason.
    """
    return _movement(context, call, path, call.body)


def adjustment(path: str, person_field: str, context: Context, call: Call) -> Answer:
    """Forward an adjustment or a decision on one, signed for the token's person (SPEC 1.3)."""
    if person_field in call.body:
        message = f"{person_field} is the person who sends this; leave it out"
        raise Invalid(message, details={"field": person_field})
    return _movement(context, call, path, call.body)


def discard(consumer: Consumer, step: str, context: Context, call: Call) -> Answer:
    """Forward a discard of a dead letter or its confirmation, signed for the token's person."""
    path = f"{dead_letter_path(consumer.schema, _segment(call, 'dead_letter_id'))}/{step}"
    audit = (call.path["dead_letter_id"][:UUID_LENGTH], call.body.reason if call.body else None)
    command = "dead-letter." + step.replace("/", ".")
    body = call.body or {}
    return send(context, call, command, "POST", path, body, audit, process=consumer.service)


def _read(context: Context, call: Call, path: str) -> Answer:
    return ServiceClient(context).forward(call, WALLET_SERVICE, "GET", path)


def _movement(context: Context, call: Call, path: str, body: dict[str, Any]) -> Answer:
    call.brand()
    about = next(
        (
            str(body[name])[:UUID_LENGTH]
            for name in ("adjustment_id", "bonus_id", "player_id")
            if name in body
        ),
        path,
    )
    reason = body.get("reason") or body.get("reference")
    audit = (about, None if reason is None else str(reason)[:REASON_LENGTH])
    return _command(
        context,
        call,
        path.replace("/", "."),
        "POST",
        f"/internal/wallet/v2/{path}",
        body,
        audit=audit,
    )


def _withdrawal_command(
    context: Context, call: Call, command: str, path: str, reason: str | None
) -> Answer:
    call.brand()
    transaction_id = parse_uuid(call.path["transaction_id"])
    if transaction_id is None:
        raise TransactionNotFound
    body = {"transaction_id": str(transaction_id)} | ({} if reason is None else {"reason": reason})
    return _command(context, call, command, "POST", path, body, audit=(str(transaction_id), reason))


def _command(
    context: Context,
    call: Call,
    command: str,
    method: str,
    path: str,
    body: object,
    *,
    audit: Audit | None = None,
) -> Answer:
    return send(context, call, command, method, path, body, audit or (path, None))


def _active_topology(context: Context, call: Call) -> dict[str, Any] | None:
    """Return the active topology from the wallet, or None."""
    try:
        answer = ServiceClient(context).call(
            WALLET_SERVICE, "GET", f"{TOPOLOGY}/active", request_id=call.request_id
        )
    except PassedThrough as error:
        if error.status == NotFound.status:
            return None
        raise
    active: dict[str, Any] = answer.body
    return active


def _segment(call: Call, name: str) -> str:
    """Return a path parameter, escaped so that it stays one segment of the next path."""
    return quote(call.path[name], safe="")


def discard_routes(consumer: Consumer) -> tuple[Route, Route]:
    """Make the routes through which persons discard a consumer's dead letters.

    The paths for rolling name no consumer, because clients already use these paths.
    """
    owner = "" if consumer.schema == ROLLING else f"{consumer.schema}/"
    path = f"/api/v1/{owner}dead-letters/{{dead_letter_id}}/discard"
    ask, confirm = (partial(discard, consumer, step) for step in ("discard", "discard/confirm"))
    return (
        Route("POST", path, ask, Discard, auth.admin),
        Route("POST", f"{path}/confirm", confirm, access=auth.admin),
    )


SERVICE = Service(
    ADMIN_SERVICE,
    routes=(
        Route("GET", "/api/v1/topology", partial(list_documents, TOPOLOGY), access=auth.admin),
        Route("GET", "/api/v1/policy", partial(list_documents, POLICY), access=auth.admin),
        Route(
            "GET", "/api/v1/activations", partial(list_documents, ACTIVATIONS), access=auth.admin
        ),
        Route("POST", "/api/v1/topology/validate", validate_documents, dict, auth.admin),
        Route(
            "GET",
            "/api/v1/topology/{code}/diff/{old}/{new}",
            partial(diff, TOPOLOGY, "code"),
            access=auth.admin,
        ),
        Route(
            "GET",
            "/api/v1/policy/{policy_key}/diff/{old}/{new}",
            partial(diff, POLICY, "policy_key"),
            access=auth.admin,
        ),
        Route("PUT", "/api/v1/policy/{policy_key}/activate", activate_policy, dict, auth.admin),
        Route("GET", "/api/v1/topology/{code}", show_topology, access=auth.admin),
        Route("PUT", "/api/v1/topology/{code}", save_topology, dict, auth.admin),
        Route("PUT", "/api/v1/topology/{code}/activate", activate_topology, Activation, auth.admin),
        Route("GET", "/api/v1/policy/{policy_key}", show_policy, access=auth.admin),
        Route("PUT", "/api/v1/policy/{policy_key}", save_policy, dict, auth.admin),
        Route(
            "POST",
            "/api/v1/finance/withdrawals/{transaction_id}/review",
            review_withdrawal,
            Review,
            auth.admin,
        ),
        Route(
            "POST",
            "/api/v1/finance/withdrawals/{transaction_id}/mark-paid",
            mark_paid,
            Payment,
            auth.admin,
        ),
        Route(
            "POST",
            "/api/v1/finance/withdrawals/{transaction_id}/payout-failed",
            payout_failed,
            Payment,
            auth.admin,
        ),
        *(
            Route("POST", f"/api/v1/{path}", partial(movement, path), dict, auth.admin)
            for path in MOVEMENTS
        ),
        *(
            Route("POST", f"/api/v1/{path}", partial(adjustment, path, field), dict, auth.admin)
            for path, field in ADJUSTMENTS.items()
        ),
        *(route for consumer in WALLET_CONSUMERS.values() for route in discard_routes(consumer)),
        Route("POST", "/api/v1/campaigns", create_campaign, dict, auth.admin),
        Route("POST", "/api/v1/coupon-grants/issue", partial(coupon, "issue"), dict, auth.admin),
        Route(
            "POST", "/api/v1/coupon-grants/reverse", partial(coupon, "reverse"), dict, auth.admin
        ),
        Route("POST", "/api/v1/coupon-grants/expire", partial(coupon, "expire"), dict, auth.admin),
    ),
)
