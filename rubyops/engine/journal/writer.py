"""Writes the journal of one run: adds the envelope, masks secrets and chains the hashes.

The file adapter syncs each line to the disk before its `append` returns.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from rubyops.engine.journal.lines import FORMAT, GENESIS, Content, Line, Origin, line_hash
from rubyops.engine.journal.store import JournalFile
from rubyops.errors import JournalUnwritable, Refused
from rubyops.model.json_object import JsonObject
from wallet_runtime.contract.secrets import masked


class Journal:
    """The writer of one run's journal."""

    def __init__(
        self,
        file: JournalFile | None,
        origin: Origin,
        *,
        after: Sequence[Line] = (),
        lost: str | None = None,
        optional: bool = False,
    ) -> None:
        """Continue after the given lines; every new line carries `origin`.

        A brake run has an `optional` journal: a write error does not stop the run, and `lost`
        holds the error's message.
        """
        self.lost = lost
        self._optional = optional
        self._file = file
        self._origin = origin
        self._anchor: Callable[[int, str], None] | None = None
        self._hashes: dict[int, str] = {line.seq: line.hash for line in after}
        self.sequence, self.head = _end_of(after)

    def anchor_to(
        self, anchor: Callable[[int, str], None], seen: tuple[int, str] | None = None
    ) -> None:
        """Call `anchor` with number and hash of the newest line, now and after each new line.

        `seen` is the anchor that exists already. Raises `Refused` if this journal does not hold
        that line, because the journal was then changed or replaced.
        """
        if seen is not None and self._hashes.get(seen[0]) != seen[1]:
            raise Refused(
                f"control has seen line {seen[0]} of this run's journal, and this journal does not "
                "hold it: it was changed, cut off or replaced; nothing was done"
            )
        self._anchor = anchor
        anchor(self.sequence, self.head)

    def write(self, content: Content) -> None:
        """Append one line; return once it is on the disk. Raises `JournalUnwritable`."""
        line = self._line(content)
        digest = line_hash(line)
        if self._append(json.dumps({**line, "hash": digest}, separators=(",", ":"))):
            self._advance(digest)

    def _line(self, content: Content) -> JsonObject:
        return {
            "v": FORMAT,
            "seq": self.sequence + 1,
            "prev": self.head,
            "time": datetime.now(UTC).isoformat(),
            "type": type(content).__struct_config__.tag,
            **_clean(self._origin),
            **_clean(content),
        }

    def _advance(self, digest: str) -> None:
        self.sequence, self.head = self.sequence + 1, digest
        self._hashes[self.sequence] = digest
        if self._anchor is not None:
            self._anchor(self.sequence, digest)

    def _append(self, text: str) -> bool:
        """Append a line; return False if an optional journal cannot be written."""
        if self._file is None or self.lost is not None:
            return False
        try:
            self._file.append(text)
        except JournalUnwritable as fault:
            if not self._optional:
                raise
            self.lost = fault.message
            return False
        return True

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def _end_of(lines: Sequence[Line]) -> tuple[int, str]:
    return (lines[-1].seq, lines[-1].hash) if lines else (0, GENESIS)


def _clean(fields: msgspec.Struct) -> JsonObject:
    """Convert fields to masked JSON values, so that the hash covers exactly the file's content."""
    plain: JsonObject = json.loads(json.dumps(_by_name(fields), default=_plain))
    return {name: _masked(value) for name, value in plain.items()}


def _by_name(fields: msgspec.Struct) -> JsonObject:
    named = msgspec.structs.asdict(fields)
    return {name: value for name, value in named.items() if value is not msgspec.UNSET}


def _plain(value: object) -> object:
    return _by_name(value) if isinstance(value, msgspec.Struct) else str(value)


def _masked(value: object) -> object:
    """Mask secrets in text only: masking a number that equals a password would break the line."""
    if isinstance(value, dict):
        return {masked(name): _masked(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return masked(value) if isinstance(value, str) else value
