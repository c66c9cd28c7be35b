"""Field types that request bodies share."""

from typing import Annotated

import msgspec

# An id that another party chose: printable ASCII without spaces, so that it can stand in a log line, a path or a header.
ForeignId = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=r"\A[!-~]+\Z")]
Reason = Annotated[str, msgspec.Meta(max_length=500)]
