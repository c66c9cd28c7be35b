"""Where the command line says things: data on stdout, everything else on stderr, and nothing at all into a closed pipe."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TextIO

Output = Literal["text", "json", "ndjson"]
EVENTS_SCHEMA = "rubyops.events/v1"
_COLOURS = {"ok": "32", "noop": "36", "failed": "31", "refused": "31", "inconclusive": "33", "unknown": "35", "skipped": "2"}
MARKS = {"ok": "✔", "noop": "○", "failed": "✖", "refused": "✖", "inconclusive": "?", "unknown": "?", "skipped": "·"}


class Console:
    """One command's way to speak. A reader that has gone away never stops a run."""

    def __init__(self, output: Output) -> None:
        """Speak in this form."""
        self.output = output
        self.colour = output == "text" and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        if output == "ndjson":
            self.event("version", schema=EVENTS_SCHEMA)

    def data(self, text: str) -> None:
        """Write a line of data for a person."""
        if self.output == "text":
            _write(sys.stdout, text)

    def say(self, text: str) -> None:
        """Write a line about what is going on."""
        _write(sys.stderr, text)

    def event(self, kind: str, **content: Any) -> None:
        """Write one line of a stream of events."""
        if self.output == "ndjson":
            _write(sys.stdout, json.dumps({"type": kind, **content}, default=str, ensure_ascii=False))

    def answer(self, envelope: Mapping[str, Any]) -> None:
        """Write the one answer of a command for a program; a person has been told in words."""
        if self.output == "json":
            _write(sys.stdout, json.dumps(envelope, indent=2, default=str, ensure_ascii=False))
        elif self.output == "ndjson":
            self.event("summary", **envelope)

    def table(self, rows: Sequence[Sequence[object]], headers: Sequence[str]) -> None:
        """Write a table for a person; numbers stay as they are."""
        from tabulate import tabulate

        self.data(tabulate([[_cell(cell) for cell in row] for row in rows], headers=headers, tablefmt="plain", disable_numparse=True))

    def mark(self, status: str) -> str:
        """Return the sign of a status, coloured on a terminal."""
        return self.paint(MARKS.get(status, "?"), status)

    def paint(self, text: str, status: str) -> str:
        """Colour a text by its status, on a terminal that wants it."""
        return f"\033[{_COLOURS.get(status, '0')}m{text}\033[0m" if self.colour else text


def _cell(value: object) -> str:
    return "-" if value is None else str(value)


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text + "\n")
        stream.flush()
    except BrokenPipeError:
        # Whoever read this has left. The work goes on, and the journal tells how it ended.
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, stream.fileno())
        os.close(descriptor)


def envelope(
    schema: str, environment: str | None, results: Sequence[Mapping[str, Any]], *, exit_code: int = 0, ok: bool | None = None, **more: Any
) -> dict[str, Any]:
    """Build the answer that every command gives to a program (SPEC section 4)."""
    return {
        "schema": schema,
        "ok": exit_code in (0, 10) if ok is None else ok,
        "exit_code": exit_code,
        "environment": environment,
        "results": list(results),
        **more,
    }


def row(identity: str, title: str, summary: str, details: Mapping[str, Any] | None = None, *, status: str = "ok") -> dict[str, Any]:
    """Build one line of `results`."""
    return {"id": identity, "title": title, "status": status, "summary": summary, "details": dict(details or {})}
