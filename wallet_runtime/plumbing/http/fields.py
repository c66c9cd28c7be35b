"""Field types that request bodies share, and the times that they and queries name."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from wallet_runtime.contract.text import ACTING
from wallet_runtime.plumbing.errors import Invalid

# An id that another party chose: printable ASCII without spaces, so that it can stand in a log
# line, a path or a header.
ForeignId = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=r"\A[!-~]+\Z")]
# Text that a person wrote. Control characters and marks that turn the direction of writing would
# lie in a log or on a terminal.
_PRINTABLE = f"[^{ACTING}]"
Reason = Annotated[str, msgspec.Meta(max_length=500, pattern=rf"\A{_PRINTABLE}*\Z")]
Said = Annotated[
    str, msgspec.Meta(min_length=1, max_length=500, pattern=rf"\A(?=.*\S){_PRINTABLE}+\Z")
]


def in_utc(moment: datetime, where: str) -> datetime:
    """Return a time with a zone as UTC.

    Raises `Invalid` (422) for one without a zone, or outside of the calendar in UTC.
    """
    if moment.tzinfo is None:
        raise Invalid(
            f"{where} must be a time with a zone such as 2026-11-20T00:00:00Z, "
            f"found {moment.isoformat()}"
        )
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise Invalid(
            f"{where} must be within the years 1 to 9999 in UTC, found {moment.isoformat()}"
        ) from None
