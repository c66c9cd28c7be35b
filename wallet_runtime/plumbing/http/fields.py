"""Field types that request bodies share, and the conversion of times to UTC."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from wallet_runtime.contract.text import ACTING
from wallet_runtime.plumbing.errors import Invalid

# An id that a provider or client chose. It is printable ASCII without spaces, so that it is safe in
# log lines, paths and headers.
ForeignId = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=r"\A[!-~]+\Z")]
# Text that a person wrote. Control characters and marks that change the writing direction are
# refused, because they could disguise text in a log or on a terminal.
_PRINTABLE = f"[^{ACTING}]"
Reason = Annotated[str, msgspec.Meta(max_length=500, pattern=rf"\A{_PRINTABLE}*\Z")]
Said = Annotated[
    str, msgspec.Meta(min_length=1, max_length=500, pattern=rf"\A(?=.*\S){_PRINTABLE}+\Z")
]


def in_utc(moment: datetime, where: str) -> datetime:
    """Convert a time to UTC.

    Raises `Invalid` (422) for a time without a zone, or one outside the years 1 to 9999 in UTC.
    `where` names the field in the message.
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
