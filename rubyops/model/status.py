"""The words for how a check or a step ended (SPEC 2.4); `unknown` is never painted as success or failure."""

from typing import Literal

Status = Literal["ok", "noop", "failed", "refused", "inconclusive", "unknown", "skipped"]
