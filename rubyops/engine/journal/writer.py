"""Appends the lines of one run: envelope, masking and chain.

A line is written when `append` has returned: the file adapter syncs it to the disk first.
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
    """Appends lines to one run's journal."""

    def __init__(
        self,
        file: JournalFile | None,
        origin: Origin,
        *,
        after: Sequence[Line] = (),
        lost: str | None = None,
        optional: bool = False,
    ) -> None:
        """Go on after these lines. `origin` stands on every new one.

        An `optional` journal is the brake's: it works on without one, and `lost` says why.
        """
        self.lost = lost
        self._optional = optional
        self._file = file
        self._origin = origin
        self._anchor: Callable[[int, str], None] | None = None
        self._hashes: dict[int, str] = {line.seq: line.hash for line in after}
        self.sequence: int = after[-1].seq if after else 0
        self.head: str = after[-1].hash if after else GENESIS

    def anchor_to(
        self, anchor: Callable[[int, str], None], seen: tuple[int, str] | None = None
    ) -> None:
        """From now on keep the newest line's number and hash outside of the file, too.

        Raises `Refused` where a line of this run was `seen` there that this journal does not hold:
        it is another one then.
        """
        if seen is not None and self._hashes.get(seen[0]) != seen[1]:
            raise Refused(
                f"control has seen line {seen[0]} of this run's journal, and this journal does not "
                "hold it: it was changed, cut off or replaced; nothing was done"
            )
        self._anchor = anchor
        anchor(self.sequence, self.head)

    def write(self, content: Content) -> None:
        """Add one line; returns when it is on the disk. Raises `JournalUnwritable`."""
        line = {
            "v": FORMAT,
            "seq": self.sequence + 1,
            "prev": self.head,
            "time": datetime.now(UTC).isoformat(),
            "type": type(content).__struct_config__.tag,
            **_clean(self._origin),
            **_clean(content),
        }
        digest = line_hash(line)
        if not self._append(json.dumps({**line, "hash": digest}, separators=(",", ":"))):
            return
        self.sequence, self.head = self.sequence + 1, digest
        self._hashes[self.sequence] = digest
        if self._anchor is not None:
            self._anchor(self.sequence, digest)

    def _append(self, text: str) -> bool:
        """Add a line; False where an optional journal is lost."""
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


def _clean(fields: msgspec.Struct) -> JsonObject:
    """Turn fields into JSON as the file is to hold it, so that the hash is over just that."""
    plain: JsonObject = json.loads(json.dumps(_by_name(fields), default=_plain))
    return {name: _masked(value) for name, value in plain.items()}


def _by_name(fields: msgspec.Struct) -> JsonObject:
    named = msgspec.structs.asdict(fields)
    return {name: value for name, value in named.items() if value is not msgspec.UNSET}


def _plain(value: object) -> object:
    return _by_name(value) if isinstance(value, msgspec.Struct) else str(value)


def _masked(value: object) -> object:
    """Mask text alone: a password of digits must not break a number of the line."""
    if isinstance(value, dict):
        return {masked(name): _masked(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return masked(value) if isinstance(value, str) else value
