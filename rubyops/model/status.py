"""The statuses of a finished check, effect or step (SPEC 2.4).

`unknown` means that it may or may not have been applied.
"""

from typing import Literal

Status = Literal["ok", "noop", "failed", "refused", "inconclusive", "unknown", "skipped"]
