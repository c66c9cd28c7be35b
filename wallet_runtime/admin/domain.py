"""The back office's rules: checks of a command before it is sent to another service."""

from collections.abc import Mapping
from typing import Any

from wallet_runtime.plumbing.errors import BadRequest, Invalid, NotFound

REVIEW_PATHS = {
    "approve": "/internal/wallet/v2/withdrawals/approve",
    "reject": "/internal/wallet/v2/withdrawals/reject",
}


class InvalidAction(BadRequest):
    """A review's action is "approve" or "reject"."""

    code = "INVALID_ACTION"


class ReasonRequired(BadRequest):
    """Rejecting a withdrawal needs a reason."""

    code = "REASON_REQUIRED"


class TransactionNotFound(NotFound):
    """No transaction of this brand has that id."""

    code = "TX_NOT_FOUND"


class PolicyDocumentRequired(Invalid):
    """A new topology version is activated here together with its policy: send policy_document."""

    code = "POLICY_DOCUMENT_REQUIRED"


def review_path(action: str, reason: str) -> str:
    """Return the wallet's route for a review, or refuse it (400)."""
    if action not in REVIEW_PATHS:
        raise InvalidAction(details={"allowed": sorted(REVIEW_PATHS), "found": action[:40]})
    if action == "reject" and not reason.strip():
        raise ReasonRequired
    return REVIEW_PATHS[action]


def confirm_already_active(code: str, version: int, active: Mapping[str, Any] | None) -> None:
    """Refuse (422) an activation without a policy document (A7-12).

    A version that is already active needs no policy document (A7-10).
    """
    is_active = active is not None and (active["topology_code"], active["topology_version"]) == (
        code,
        version,
    )
    if not is_active:
        told = {"rule": "A7-12", "path": "policy_document"}
        raise PolicyDocumentRequired(
            details={
                **told,
                "violations": [{**told, "message": str(PolicyDocumentRequired.__doc__)}],
            }
        )
