"""The gateway's rules: what passes at which freeze level (SPEC 1.6), and how a player's key becomes a request id."""

from uuid import UUID

from wallet_runtime import contract
from wallet_runtime.plumbing.errors import Invalid, Maintenance

FROZEN_RETRY_SECONDS = 30
IDEMPOTENCY_KEY_LENGTH_MAX = 200


def confirm_open(level: str, *, starts_new: bool, is_canary: bool) -> None:
    """Refuse (503 MAINTENANCE) what the freeze level stops here.

    Ingress stops what starts something new; sealed stops all money. A request with a canary token is let through to the
    wallet, which alone can tell whether the token is good.
    """
    stopped = level == contract.SEALED or (level == contract.INGRESS and starts_new)
    if stopped and not is_canary:
        raise Maintenance(details={"freeze_level": level}, retry_after=FROZEN_RETRY_SECONDS)


def confirm_no_maintenance(is_active: bool, message: str) -> None:
    """Refuse (503 MAINTENANCE) new business while the back office has closed the door, in its own words."""
    if is_active:
        raise Maintenance(message or None, details={"maintenance": True}, retry_after=FROZEN_RETRY_SECONDS)


def player_request_id(player_id: UUID, idempotency_key: str) -> str:
    """Make the request id of a player's command: keys of two players never meet."""
    if len(idempotency_key) > IDEMPOTENCY_KEY_LENGTH_MAX:
        raise Invalid(f"header Idempotency-Key may have {IDEMPOTENCY_KEY_LENGTH_MAX} characters, found {len(idempotency_key)}")
    return f"{player_id}.{idempotency_key}"
