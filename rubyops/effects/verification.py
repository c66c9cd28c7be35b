"""Begin and record the parts of a verification, each on a state of the platform (K18)."""

from dataclasses import dataclass
from typing import Literal, Protocol

from rubyops.effects.base import Effect, EffectContext, Outcome, Traits
from rubyops.ports import EffectIdentity

VerificationKind = Literal["health", "smoke", "reconciliation", "canary"]


class VerificationPort(Protocol):
    """Keeps verifications in `control`, with the present state of the platform."""

    def begin(self, identity: EffectIdentity, kind: str) -> None:
        """Begin a part on the present state. Raises `LockLost`."""

    def record(self, identity: EffectIdentity, kind: str) -> None:
        """Let it pass. Raises `LockLost`, or `CheckFailed` when the state is another by now."""


@dataclass(frozen=True)
class BeginVerification(Effect[VerificationPort]):
    """Begin this part of the verification on the present state of the platform."""

    kind: VerificationKind

    traits = Traits(mild=True)

    def describe(self) -> str:
        """Name the part."""
        return f"begin the verification of {self.kind} on the present state"

    def carry_out(self, port: VerificationPort, context: EffectContext) -> Outcome:
        """Begin it."""
        port.begin(context.identity, self.kind)
        return Outcome("ok", f"{self.kind} begun")


@dataclass(frozen=True)
class RecordVerification(Effect[VerificationPort]):
    """Record that this part passed, if the platform is still in the state that it began on."""

    kind: VerificationKind

    traits = Traits(mild=True)

    def describe(self) -> str:
        """Name the part."""
        return f"record that {self.kind} passed on this very state"

    def carry_out(self, port: VerificationPort, context: EffectContext) -> Outcome:
        """Record it."""
        port.record(context.identity, self.kind)
        return Outcome("ok", f"{self.kind} recorded for this state")
