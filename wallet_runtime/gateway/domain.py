"""The gateway's rules: which requests a freeze or maintenance stops (SPEC 1.6)."""

from wallet_runtime.contract.freeze import INGRESS, SEALED
from wallet_runtime.plumbing.errors import Maintenance

FROZEN_RETRY_SECONDS = 30


def confirm_open(level: str, *, starts_new: bool, is_canary: bool) -> None:
    """Raise `Maintenance` (503) if the freeze level stops the request.

    `ingress` stops new business, `sealed` stops everything. A request with a canary token passes:
    the wallet verifies the token, and refuses an invalid one at every level, also at `open`.
    """
    stopped = level == SEALED or (level == INGRESS and starts_new)
    if stopped and not is_canary:
        raise Maintenance(details={"freeze_level": level}, retry_after=FROZEN_RETRY_SECONDS)


def confirm_no_maintenance(is_active: bool, message: str) -> None:
    """Raise `Maintenance` (503) with the back office's message while the switch is active."""
    if is_active:
        raise Maintenance(
            message or None, details={"maintenance": True}, retry_after=FROZEN_RETRY_SECONDS
        )
