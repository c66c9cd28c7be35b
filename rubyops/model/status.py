"""The words for the end of a check or a step (SPEC 2.4); `unknown` is neither good nor bad."""

from typing import Literal

Status = Literal["ok", "noop", "failed", "refused", "inconclusive", "unknown", "skipped"]
