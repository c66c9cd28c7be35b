"""The output of a command: data on stdout, everything else on stderr."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from rubyops.cli.channel import Channel, encodes, flush_all, is_terminal
from rubyops.model.exit_code import ExitCode
from wallet_runtime.contract.text import shown_in_json

Output = Literal["text", "json", "ndjson"]
EVENTS_SCHEMA = "rubyops.events/v1"
_COLOURS = {
    "ok": "32",
    "noop": "36",
    "failed": "31",
    "refused": "31",
    "inconclusive": "33",
    "unknown": "35",
    "skipped": "2",
}
MARKS = {
    "ok": "✔",
    "noop": "○",
    "failed": "✖",
    "refused": "✖",
    "inconclusive": "?",
    "unknown": "?",
    "skipped": "·",
}


class Console:
    """The output of one command. A closed or full stream never stops a run."""

    def __init__(self, output: Output) -> None:
        """Write text for a person, or JSON or NDJSON for a program."""
        self.output = output
        self._runs_steps = False
        self._announced = False
        self._out = Channel("stdout", self._gap if output == "text" else self._gap_event)
        self._err = Channel("stderr", self._gap)
        wants_colour = output == "text" and not os.environ.get("NO_COLOR")
        self.colour = wants_colour and is_terminal(self._out.stream)

    def data(self, text: str) -> None:
        """Write a line of data to stdout, in text output only."""
        if self.output == "text":
            self._out.write(text)

    def say(self, text: str) -> None:
        """Write a line about the progress to stderr."""
        self._err.write(text)

    def event(self, kind: str, **content: Any) -> None:
        """Write one event as a line of NDJSON, in NDJSON output only."""
        if self.output != "ndjson":
            return
        if not self._announced:
            # The version event comes with the first event, not earlier: `follow_steps` has to be
            # called before the first write of a run.
            self._announced = True
            self.event("version", schema=EVENTS_SCHEMA)
        self._out.write(self._json({"type": kind, **content}))

    def answer(self, envelope: Mapping[str, Any]) -> None:
        """Write the answer of a command as JSON. Text output has shown it already."""
        if self.output == "json":
            self._out.write(self._json(envelope, indent=2))
        elif self.output == "ndjson":
            self.event("summary", **envelope)

    def table(self, rows: Sequence[Sequence[object]], headers: Sequence[str]) -> None:
        """Write a table in text output. Numbers are shown as they are."""
        from tabulate import tabulate

        self.data(
            tabulate(
                [[_cell(cell) for cell in row] for row in rows],
                headers=headers,
                tablefmt="plain",
                disable_numparse=True,
            )
        )

    def follow_steps(self) -> None:
        """Never wait long for a reader from now on, because steps are being run."""
        self._runs_steps = True
        for channel in (self._out, self._err):
            channel.follow()

    def finish(self, code: int) -> int:
        """Flush, report a lost stdout on stderr, and return the exit code of the process.

        A run keeps its own exit code. A command that could not write its data fails.
        """
        flush_all((self._out, self._err))
        lost = self._out.lost
        if lost is None or self._out.reader_left:
            return code
        self._tell_lost(lost)
        return int(ExitCode.FAILED) if code == ExitCode.DONE and not self._runs_steps else code

    def _tell_lost(self, error: Exception) -> None:
        reason = error.strerror if isinstance(error, OSError) else None
        self.say(f"stdout cannot be written ({reason or error}); what was printed there is lost")
        flush_all((self._err,))

    def _json(self, content: Mapping[str, Any], indent: int | None = None) -> str:
        text = shown_in_json(json.dumps(content, indent=indent, default=str, ensure_ascii=False))
        if encodes(text, self._out.stream):
            return text
        return json.dumps(content, indent=indent, default=str)

    def _gap(self, lines: int) -> str:
        return f"... {lines:,} lines are not shown: they were not read in time"

    def _gap_event(self, lines: int) -> str:
        return json.dumps({"type": "gap", "lines": lines})

    def mark(self, status: str) -> str:
        """Return the symbol of a status, in colour on a terminal."""
        return self.paint(MARKS.get(status, "?"), status)

    def paint(self, text: str, status: str) -> str:
        """Return a text in the colour of a status; without colour, the text itself."""
        return f"\033[{_COLOURS.get(status, '0')}m{text}\033[0m" if self.colour else text


def _cell(value: object) -> str:
    return "-" if value is None else str(value)
