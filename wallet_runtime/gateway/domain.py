"""The gateway's rules: what passes at which freeze level, and under maintenance (SPEC 1.6)."""

from wallet_runtime.contract.freeze import INGRESS, SEALED
from wallet_runtime.plumbing.errors import Maintenance

FROZEN_RETRY_SECONDS = 30


def confirm_open(level: str, *, starts_new: bool, is_canary: bool) -> None:
    """Refuse (503 MAINTENANCE) what the freeze level stops here.

    Ingress stops what starts something new; sealed stops all money. A request with a canary token
    is let through to the wallet, which alone can tell whether the token is good, and refuses one
    that is not at every level, also when open.
    """
    stopped = level == SEALED or (level == INGRESS and starts_new)
    if stopped and not is_canary:
        raise Maintenance(details={"freeze_level": level}, retry_after=FROZEN_RETRY_SECONDS)


def confirm_no_maintenance(is_active: bool, message: str) -> None:
    """Refuse new business (503 MAINTENANCE) while the back office keeps the door closed.

    The message is the back office's own.
    """
    if is_active:
        raise Maintenance(
            message or None, details={"maintenance": True}, retry_after=FROZEN_RETRY_SECONDS
        )
