"""Verifications, kept in `control` with the state of the platform that they stand for."""

from dataclasses import dataclass

from rubyops.adapters.access import Access, WalletRules
from rubyops.adapters.control import ControlDatabase
from rubyops.effects.verification import VerificationPort
from rubyops.ports import EffectIdentity


@dataclass(frozen=True)
class Verifications:
    """Implements `VerificationPort`."""

    control: ControlDatabase
    rules: WalletRules

    def begin(self, identity: EffectIdentity, kind: str) -> None:
        """Begin a part on the present state."""
        self.control.begin_verification(identity, kind, self.rules.state())

    def record(self, identity: EffectIdentity, kind: str) -> None:
        """Let it pass, if the state is the one that it began on."""
        self.control.pass_verification(identity, kind, self.rules.state())


def connect(access: Access) -> VerificationPort:
    """Make the port."""
    return Verifications(access.control, access.rules)
