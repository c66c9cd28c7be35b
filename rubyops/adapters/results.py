"""Recorded results of suites for one commit: files that test runs leave, and lines of the environment's own journals."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rubyops.adapters.journal_file import JournalFolder
from rubyops.ports import Row

JOURNALS_READ_MAX = 500
RECORDED = '"type":"recorded"'


class Results:
    """Reads and keeps results below `results/<commit>/`."""

    def __init__(self, folder: Path, journals: JournalFolder, commit: str) -> None:
        """Look at results of this commit."""
        self._folder = folder / commit
        self._journals = journals
        self._commit = commit

    def newest(self, suite: str) -> Row | None:
        """Return the newest result of a suite for this commit, or None."""
        found = [row for row in (self._from_file(suite), self._from_journals(suite)) if row is not None]
        return max(found, key=lambda row: str(row["recorded_at"]), default=None)

    def record(self, suite: str, result: Row) -> Path:
        """Keep a result; it replaces the file as a whole. `result` needs `passed` and `recorded_at`."""
        path = self._path(suite)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.write_text(json.dumps(result, indent=2, default=str) + "\n", encoding="utf-8")
        unfinished.replace(path)
        return path

    def _path(self, suite: str) -> Path:
        return self._folder / f"{quote(suite, safe='')}.json"

    def _from_file(self, suite: str) -> Row | None:
        try:
            row: Row = json.loads(self._path(suite).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            # A result that cannot be read was never recorded; its gate says so.
            return None
        return row if "recorded_at" in row else None

    def _from_journals(self, suite: str) -> Row | None:
        for run_id in reversed(self._journals.runs()[-JOURNALS_READ_MAX:]):
            lines, _ = self._journals.read(run_id)
            for text in reversed(lines):
                row = self._recorded(text, suite) if RECORDED in text else None
                if row is not None:
                    return row
        return None

    def _recorded(self, text: str, suite: str) -> Row | None:
        line: dict[str, Any] = json.loads(text)
        if line.get("suite") != suite or line.get("commit") != self._commit:
            return None
        return {**line["result"], "recorded_at": line["time"], "run": line["run"]}
