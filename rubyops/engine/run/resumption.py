"""Decides whether a run may be resumed from its journal, and rebuilds its playbook."""

from collections.abc import Sequence

import msgspec

from rubyops.engine.engine_ports import EnginePorts
from rubyops.engine.journal.chain import Chain, Head, anchor_faults, needs_anchor
from rubyops.engine.journal.history import History
from rubyops.engine.journal.reading import Reading
from rubyops.errors import Refused, Unreachable
from rubyops.model.step import Playbook


def resumable(reading: Reading, ports: EnginePorts) -> tuple[Chain, int]:
    """Return the journal and the number of its anchored line, 0 without an anchor.

    Raises `Refused` if the journal is damaged, belongs to another environment, or contradicts its
    anchor in `control`.
    """
    run_id, chain = reading.run_id, reading.chain
    _refuse_faults(run_id, reading.faults)
    _refuse_newer(run_id, chain)
    _refuse_elsewhere(run_id, chain, ports.read.environment.name)
    head = _head(chain, run_id, ports)
    _refuse_faults(run_id, anchor_faults(chain, head))
    return chain, head[0] if head is not None else 0


def refuse_ended(history: History) -> None:
    """Raise `Refused` for a dry-run and for a run that has finished."""
    if history.dry_run:
        raise Refused(f"{history.run_id} was a dry-run; there is nothing to resume")
    if history.state == "finished":
        raise Refused(
            f"{history.run_id} has finished; there is nothing to resume",
            next_command=f"rubyops runs show {history.run_id}",
        )


def restored(history: History, ports: EnginePorts) -> Playbook:
    """Rebuild the playbook; raise `Refused` if this version cannot read its steps or effects."""
    try:
        for record in history.steps.values():
            record.remaining()
        return history.playbook.restore(ports.command)
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise Refused(
            f"the steps of {history.run_id} cannot be read by this version ({error}); "
            "nothing was changed"
        ) from error


def _refuse_faults(run_id: str, faults: Sequence[str]) -> None:
    if faults:
        raise _unsound(run_id, faults[0])


def _refuse_newer(run_id: str, chain: Chain) -> None:
    if chain.newer:
        raise Refused(
            f"{run_id} is not resumed by this version: {chain.newer}; nothing was changed",
            next_command=f"rubyops runs verify {run_id}",
        )


def _refuse_elsewhere(run_id: str, chain: Chain, here: str) -> None:
    for line in chain.lines:
        if line.environment != here:
            there = line.environment
            fault = f"a line of it is of the environment {there!r}, and this is {here!r}"
            raise _unsound(run_id, fault)


def _head(chain: Chain, run_id: str, ports: EnginePorts) -> Head:
    try:
        return ports.control.head(run_id)
    except Unreachable as error:
        if not needs_anchor(chain):
            return None
        raise Unreachable(
            f"the journal of {run_id} cannot be compared with its anchor, so nothing was "
            f"resumed: {error.message}",
            next_command=f"rubyops up -e {ports.read.environment.name}",
        ) from error


def _unsound(run_id: str, fault: str) -> Refused:
    return Refused(
        f"the journal of {run_id} is not sound ({fault}); it is not resumed, and nothing was "
        "changed",
        next_command=f"rubyops runs verify {run_id}",
    )
