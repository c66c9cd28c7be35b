"""Where the command line says things: data on stdout, everything else on stderr."""

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
    """One command's way to speak. No stream ever stops a run: neither a closed nor a full one."""

    def __init__(self, output: Output) -> None:
        """Speak in this form."""
        self.output = output
        self._runs_steps = False
        self._announced = False
        self._out = Channel("stdout", self._gap if output == "text" else self._gap_event)
        self._err = Channel("stderr", self._gap)
        wants_colour = output == "text" and not os.environ.get("NO_COLOR")
        self.colour = wants_colour and is_terminal(self._out.stream)

    def data(self, text: str) -> None:
        """Write a line of data for a person."""
        if self.output == "text":
            self._out.write(text)

    def say(self, text: str) -> None:
        """Write a line about what is going on."""
        self._err.write(text)

    def event(self, kind: str, **content: Any) -> None:
        """Write one line of a stream of events."""
        if self.output != "ndjson":
            return
        if not self._announced:
            # Not before there is something to tell: a run has to have begun to follow its steps.
            self._announced = True
            self.event("version", schema=EVENTS_SCHEMA)
        self._out.write(self._json({"type": kind, **content}))

    def answer(self, envelope: Mapping[str, Any]) -> None:
        """Write the one answer of a command for a program; a person has been told in words."""
        if self.output == "json":
            self._out.write(self._json(envelope, indent=2))
        elif self.output == "ndjson":
            self.event("summary", **envelope)

    def table(self, rows: Sequence[Sequence[object]], headers: Sequence[str]) -> None:
        """Write a table for a person; numbers stay as they are."""
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
        """Say everything from now on without ever waiting for long: steps are being done."""
        self._runs_steps = True
        for channel in (self._out, self._err):
            channel.follow()

    def finish(self, code: int) -> int:
        """Flush, tell on stderr when stdout was lost, and return the exit code of the process.

        A run keeps its own code. Data that could not be written is a failure.
        """
        flush_all((self._out, self._err))
        lost = self._out.lost
        if lost is None or self._out.reader_left:
            return code
        reason = lost.strerror if isinstance(lost, OSError) else None
        self.say(f"stdout cannot be written ({reason or lost}); what was printed there is lost")
        flush_all((self._err,))
        return int(ExitCode.FAILED) if code == ExitCode.DONE and not self._runs_steps else code

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
        """Return the sign of a status, coloured on a terminal."""
        return self.paint(MARKS.get(status, "?"), status)

    def paint(self, text: str, status: str) -> str:
        """Colour a text by its status, on a terminal that wants it."""
        return f"\033[{_COLOURS.get(status, '0')}m{text}\033[0m" if self.colour else text


def _cell(value: object) -> str:
    return "-" if value is None else str(value)
