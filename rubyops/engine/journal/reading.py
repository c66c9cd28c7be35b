"""Reads a run's journal, whatever is in it, and says what is wrong with it."""

from dataclasses import dataclass

from rubyops.engine.journal.chain import Chain, read_chain
from rubyops.engine.journal.history import History, read_history
from rubyops.engine.journal.store import Journals
from rubyops.errors import JournalUnreadable, Refused


@dataclass(frozen=True)
class Reading:
    """A run's journal as its file tells it.

    `history` is None where the journal does not begin as one, or a later version wrote in it.
    """

    run_id: str
    chain: Chain
    history: History | None
    faults: tuple[str, ...]

    @property
    def trouble(self) -> str:
        """Say why not all of it can be told; empty where it can."""
        return f"damaged: {self.faults[0]}" if self.faults else self.chain.newer


def read_journal(journals: Journals, run_id: str) -> Reading:
    """Read a run's journal, whatever is in it. Raises `UsageError` for a run that is not there."""
    try:
        raw, whole = journals.read(run_id)
    except JournalUnreadable as error:
        return Reading(run_id, Chain((), (error.message,), torn=False), None, (error.message,))
    chain = read_chain(raw, ends_whole=whole, run_id=run_id)
    if chain.newer:
        return Reading(run_id, chain, None, chain.faults)
    try:
        return Reading(run_id, chain, read_history(chain.lines), chain.faults)
    except Refused as error:
        return Reading(run_id, chain, None, (*chain.faults, error.message))
