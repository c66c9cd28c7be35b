"""Begin and record the parts of a verification, each with the state of the platform (K18)."""

from dataclasses import dataclass
from typing import Literal, Protocol

from rubyops.effects.base import Effect, EffectContext, Outcome, Traits
from rubyops.ports import EffectIdentity

VerificationKind = Literal["health", "smoke", "reconciliation", "canary"]


class VerificationPort(Protocol):
    """Stores the parts of verifications in `control`, with the state of the platform."""

    def begin(self, identity: EffectIdentity, kind: str) -> None:
        """Store the start of a part and the present state. Raises `LockLost`."""

    def record(self, identity: EffectIdentity, kind: str) -> None:
        """Store that a part passed. Raises `LockLost`, and `CheckFailed` if the state changed."""


@dataclass(frozen=True)
class BeginVerification(Effect[VerificationPort]):
    """Begin a part of the verification, with the present state of the platform."""

    kind: VerificationKind

    traits = Traits(mild=True)

    def describe(self) -> str:
        """Say which part of the verification begins."""
        return f"begin the verification of {self.kind} on the present state"

    def carry_out(self, port: VerificationPort, context: EffectContext) -> Outcome:
        """Store the start of the part."""
        port.begin(context.identity, self.kind)
        return Outcome("ok", f"{self.kind} begun")


@dataclass(frozen=True)
class RecordVerification(Effect[VerificationPort]):
    """Record that a part passed, if the state of the platform is the same as at its beginning."""

    kind: VerificationKind

    traits = Traits(mild=True)

    def describe(self) -> str:
        """Say which part of the verification passed."""
        return f"record that {self.kind} passed on this very state"

    def carry_out(self, port: VerificationPort, context: EffectContext) -> Outcome:
        """Store that the part passed."""
        port.record(context.identity, self.kind)
        return Outcome("ok", f"{self.kind} recorded for this state")
