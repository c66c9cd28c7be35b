"""The money invariants, checked around every changing step. A broken invariant freezes ingress."""

from collections.abc import Callable
from dataclasses import dataclass

from rubyops.effects.base import AnyEffect
from rubyops.effects.freeze import RaiseFreeze
from rubyops.model.finding import Finding
from rubyops.ports import CheckRunner
from wallet_runtime.contract.freeze import INGRESS, strictness

MONEY_CHECKS = ("ledger-tips", "conservation", "outbox-age")
REASON_LENGTH_MAX = 300


@dataclass(frozen=True)
class MoneyGuard:
    """Checks the money invariants on a platform that has money.

    `level` returns the freeze level that `control` wants now.
    """

    has_money: Callable[[], bool]
    check: CheckRunner
    level: Callable[[], str]

    def first_broken(self) -> tuple[str, Finding] | None:
        """Return the first invariant that does not hold, with its finding. Raises `Unreachable`."""
        if not self.has_money():
            return None
        for name in MONEY_CHECKS:
            finding = self.check(name)
            if not finding.ok:
                return name, finding
        return None

    def brake(self, name: str, finding: Finding) -> AnyEffect | None:
        """Return the effect that freezes ingress because of a broken invariant.

        Returns None when ingress is frozen already, or when the check was inconclusive.
        """
        if finding.status != "failed" or strictness(self.level()) >= strictness(INGRESS):
            return None
        return RaiseFreeze("ingress", f"{name}: {finding.summary}"[:REASON_LENGTH_MAX])
