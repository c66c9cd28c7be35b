"""What must hold for a run to go on: the money invariants around every changing step, and the freeze that it left."""

from rubyops.errors import Refused
from rubyops.model.finding import Finding
from rubyops.ports import CheckRunner, Control

MONEY_CHECKS = ("ledger-tips", "conservation", "outbox-age")


def first_broken(check: CheckRunner) -> tuple[str, Finding] | None:
    """Return the first invariant that does not hold, with what was found, or None."""
    for name in MONEY_CHECKS:
        finding = check(name)
        if not finding.ok:
            return name, finding
    return None


def refuse_other_freeze(run_id: str, epoch: int | None, control: Control, *, next_command: str) -> None:
    """Raise `Refused` when a resumed run would go on in another freeze than the one it left: somebody may have thawed meanwhile."""
    if epoch is None:
        return
    state = control.freeze()
    if state.epoch != epoch and state.run_id != run_id:
        raise Refused(
            f"the freeze was changed since by run {state.run_id} (now {state.level}, epoch {state.epoch}); "
            f"this run left it at epoch {epoch}",
            next_command=next_command,
        )
