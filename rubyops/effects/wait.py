"""Wait until a check holds."""

import time
from dataclasses import dataclass

from rubyops.effects.base import Effect, EffectContext, Outcome, Traits
from rubyops.errors import TimedOut
from rubyops.model.finding import Finding


@dataclass(frozen=True)
class WaitFor(Effect[None]):
    """Run a check again and again until it passes, at most `timeout_seconds`; changes nothing."""

    check: str
    timeout_seconds: float
    interval_seconds: float = 0.2

    traits = Traits(read_only=True, mild=True)

    def describe(self) -> str:
        """Name the check and the longest wait."""
        return f"wait until {self.check} holds, at most {self.timeout_seconds:g} s"

    def carry_out(self, port: None, context: EffectContext) -> Outcome:
        """Poll until the check passes. Raises `TimedOut` with the last finding."""
        seen: list[Finding] = []

        def ask() -> Finding | None:
            seen[:] = [context.check(self.check)]
            return seen[0] if seen[0].ok else None

        began = time.monotonic()
        finding = context.poll(ask, self.timeout_seconds, self.interval_seconds)
        if finding is None:
            raise self._late(seen[0])
        return Outcome("ok", finding.summary, {"seconds": round(time.monotonic() - began, 3)})

    def _late(self, last: Finding) -> TimedOut:
        return TimedOut(
            f"{self.check} did not hold within {self.timeout_seconds:g} s: {last.summary}",
            details=last.details,
        )
