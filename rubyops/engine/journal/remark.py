"""Adds a line to the journal of another run, which has ended."""

from collections.abc import Callable
from dataclasses import dataclass

from rubyops.engine.journal.chain import Chain, Head, anchor_faults
from rubyops.engine.journal.lines import Content
from rubyops.engine.journal.reading import read_journal
from rubyops.engine.journal.store import JournalFile, Journals
from rubyops.engine.journal.writer import Journal
from rubyops.engine.report import Reporter
from rubyops.errors import Refused, RubyopsError
from rubyops.ports import Control


@dataclass(frozen=True)
class Remark:
    """Appends lines to the journals of other runs; `journal` makes the writer of one.

    The new line becomes the anchor in `control`. The journal must therefore match its present
    anchor to the last line: a new anchor would make forged lines look genuine.
    """

    journals: Journals
    control: Control
    journal: Callable[..., Journal]
    reporter: Reporter

    def add(self, run_id: str, content: Content) -> None:
        """Append the line; an error is only reported as a note."""
        try:
            file = self.journals.reopen(run_id)
            try:
                self._append(run_id, file, content)
            finally:
                file.close()
        except RubyopsError as fault:
            # The freeze was taken over already, and `control` has a record of the change, so the
            # run need not fail.
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
        """Return the journal if its last line is the one anchored in `control`.

        Raises `Refused` if it is not, and `Unreachable`.
        """
        reading, head = read_journal(self.journals, run_id), self.control.head(run_id)
        faults = [*reading.faults, *anchor_faults(reading.chain, head)]
        fault = faults[0] if faults else _unlike_anchor(reading.chain, head)
        if fault is not None:
            raise Refused(f"it is not the one that control knows ({fault}), so it was not touched")
        return reading.chain


def _unlike_anchor(chain: Chain, head: Head) -> str | None:
    """Return why the last line of the journal is not the anchored one, or None."""
    if head is None:
        return "control has no anchor of it"
    last = chain.lines[-1].seq
    if last != head[0]:
        return f"it ends at line {last}, and control has seen line {head[0]} last"
    return None
