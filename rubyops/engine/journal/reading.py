"""Reads a run's journal, even a damaged one, and reports its faults."""

from dataclasses import dataclass

from rubyops.engine.journal.chain import Chain, read_chain
from rubyops.engine.journal.history import History, read_history
from rubyops.engine.journal.store import Journals
from rubyops.errors import JournalUnreadable, Refused


@dataclass(frozen=True)
class Reading:
    """The content of a journal file, and its faults.

    `history` is None if the file is unreadable, does not begin with the start of a run, or has
    lines of a newer version of rubyops.
    """

    run_id: str
    chain: Chain
    history: History | None
    faults: tuple[str, ...]

    @property
    def trouble(self) -> str:
        """Return why the journal could not be read completely; empty if it could."""
        return f"damaged: {self.faults[0]}" if self.faults else self.chain.newer


def read_journal(journals: Journals, run_id: str) -> Reading:
    """Read a run's journal, even a damaged one. Raises `UsageError` for an unknown run."""
    try:
        raw, whole = journals.read(run_id)
    except JournalUnreadable as error:
        return Reading(run_id, Chain((), (error.message,), torn=False), None, (error.message,))
    return _reading(run_id, read_chain(raw, ends_whole=whole, run_id=run_id))


def _reading(run_id: str, chain: Chain) -> Reading:
    if chain.newer:
        return Reading(run_id, chain, None, chain.faults)
    try:
        return Reading(run_id, chain, read_history(chain.lines), chain.faults)
    except Refused as error:
        return Reading(run_id, chain, None, (*chain.faults, error.message))
