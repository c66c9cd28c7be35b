"""The verification port: records in `control` which parts passed on which platform state."""

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
        """Record that this part begins on the present state of the platform."""
        self.control.begin_verification(identity, kind, self.rules.state())

    def record(self, identity: EffectIdentity, kind: str) -> None:
        """Record that this part passed. Raises `CheckFailed` when the state has changed since."""
        self.control.pass_verification(identity, kind, self.rules.state())


def connect(access: Access) -> VerificationPort:
    """Build the verification port."""
    return Verifications(access.control, access.rules)
