"""Adds a line to the journal of another run that has ended, where it is kept here."""

from collections.abc import Callable
from dataclasses import dataclass

from rubyops.engine.journal.chain import Chain, anchor_faults
from rubyops.engine.journal.lines import Content
from rubyops.engine.journal.reading import read_journal
from rubyops.engine.journal.store import JournalFile, Journals
from rubyops.engine.journal.writer import Journal
from rubyops.engine.report import Reporter
from rubyops.errors import Refused, RubyopsError
from rubyops.ports import Control


@dataclass(frozen=True)
class Remark:
    """Writes into journals of other runs. `journal` opens one to go on with it.

    The line is anchored, so the journal must be the one that control knows, to its last line: an
    anchor that moves on over a forged journal would have everybody believe it.
    """

    journals: Journals
    control: Control
    journal: Callable[..., Journal]
    reporter: Reporter

    def add(self, run_id: str, content: Content) -> None:
        """Add the line; where that is impossible, the reporter says so."""
        try:
            file = self.journals.reopen(run_id)
            try:
                self._append(run_id, file, content)
            finally:
                file.close()
        except RubyopsError as fault:
            # The act itself is done, and control's own history tells of it.
            self.reporter.note(
                f"the journal of {run_id} was not told that this run took over its freeze: "
                f"{fault.message}; see: rubyops runs verify {run_id}"
            )

    def _append(self, run_id: str, file: JournalFile, content: Content) -> None:
        chain = self._as_anchored(run_id)
        file.drop_torn_end()
        journal = self.journal(run_id, file, after=chain.lines)
        journal.write(content)
        self.control.anchor(run_id, journal.sequence, journal.head)

    def _as_anchored(self, run_id: str) -> Chain:
        """Return a journal that is the very one that control knows.

        Raises `Refused` for another, `Unreachable`.
        """
        reading, head = read_journal(self.journals, run_id), self.control.head(run_id)
        faults = [*reading.faults, *anchor_faults(reading.chain, head)]
        kept = reading.chain.lines
        if not faults and head is None:
            faults = ["control has no anchor of it"]
        elif not faults and head is not None and kept[-1].seq != head[0]:
            faults = [f"it ends at line {kept[-1].seq}, and control has seen line {head[0]} last"]
        if faults:
            raise Refused(
                f"it is not the one that control knows ({faults[0]}), so it was not touched"
            )
        return reading.chain
