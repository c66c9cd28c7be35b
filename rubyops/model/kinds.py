"""The rules of each kind of playbook, as a table: the engine asks a rule, never for a kind."""

from dataclasses import dataclass
from typing import Literal

PlaybookKind = Literal["rollout", "rollback", "verification", "task"]
TAKE_OVER = "take-over"  # the parameter by which a playbook adopts the freeze of a run


@dataclass(frozen=True)
class KindRules:
    """How a run of one kind of playbook begins, fails, goes on and counts.

    `first_command`: the command that has to be its first step, or None.
    `confirming_checks`: checks that confirm the first step; a run that fails there was refused.
    `goes_on_after_failure`: every step is looked at before the run fails.
    `decides_in_dry_run`: a dry-run asks its checks, because no step of it changes their answers.
    `records_suites`: a run keeps per suite whether its steps passed.
    `resumable`: a run that failed is resumed; another kind is begun again.
    """

    first_command: str | None = None
    confirming_checks: tuple[str, ...] = ()
    goes_on_after_failure: bool = False
    decides_in_dry_run: bool = False
    records_suites: bool = False
    resumable: bool = True


KINDS: dict[PlaybookKind, KindRules] = {
    "rollout": KindRules(records_suites=True),
    "rollback": KindRules(first_command="freeze", confirming_checks=("freeze-acknowledged",)),
    "verification": KindRules(goes_on_after_failure=True, decides_in_dry_run=True, resumable=False),
    "task": KindRules(decides_in_dry_run=True),
}
