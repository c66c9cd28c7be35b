"""The rules of each kind of playbook. The engine reads a rule and never compares kinds."""

from dataclasses import dataclass
from typing import Literal

PlaybookKind = Literal["rollout", "rollback", "verification", "task"]
TAKE_OVER = "take-over"  # the playbook parameter that names a run whose freeze is taken over


@dataclass(frozen=True)
class KindRules:
    """The rules for runs of one kind of playbook.

    `first_command`: the command that must be the first step, or None.
    `confirming_checks`: checks that confirm the first step; if one fails, the run is refused.
    `goes_on_after_failure`: after a failed step the run continues, and fails at its end.
    `decides_in_dry_run`: a dry-run runs the checks, because no step changes their answers.
    `records_suites`: the journal records for each suite whether its steps passed.
    `resumable`: a failed run can be resumed; otherwise the user starts a new run.
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
