"""Anchors: digests of closed ledger months, kept outside the wallet's database (SPEC 1.3).

A person who can rewrite the wallet's database cannot reach them. One copy is in the database
`control`, one in an append-only file. Reconciliation reports a seal that differs from either copy.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from wallet_runtime.plumbing.runtime.database import Database, DatabaseSession, Row


class Anchor(msgspec.Struct, frozen=True):
    """The anchor of one month's partition: its number of rows and the hex digest of all rows."""

    partition: str
    row_count: int
    digest: str


class Anchors:
    """The anchors of one environment, in `control` and in a file.

    `file` is the path of the file; with None anchors are kept in `control` only.
    """

    def __init__(self, control_url: str, file: str | None) -> None:
        """Remember both places; nothing is opened yet."""
        self._control_url = control_url
        self._file = Path(file) if file else None

    def keep(self, seal: Row) -> None:
        """Write a month's anchor to both places; an anchor that exists stays unchanged."""
        with self._control() as session:
            session.run("anchor_keep", **_anchored(seal))
        if self._file is not None and not self._is_exported(seal["partition"]):
            _append(self._file, msgspec.json.encode(_anchored(seal)) + b"\n")

    def all(self) -> dict[str, list[Anchor]]:
        """Return the anchors of all months by place: "control", and "file" if configured."""
        with self._control() as session:
            kept = {"control": msgspec.convert(session.all("anchor_all"), list[Anchor])}
        return kept | ({"file": self._exported()} if self._file is not None else {})

    @contextmanager
    def _control(self) -> Iterator[DatabaseSession]:
        database = Database(self._control_url, "wallet-anchors", pool_min=0, pool_max=1).open()
        try:
            with database.session() as session:
                yield session
        finally:
            database.close()

    def _exported(self) -> list[Anchor]:
        if self._file is None or not self._file.exists():
            return []
        return [
            msgspec.json.decode(line, type=Anchor)
            for line in self._file.read_bytes().splitlines()
            if line.strip()
        ]

    def _is_exported(self, partition: str) -> bool:
        return any(anchor.partition == partition for anchor in self._exported())


def _append(file: Path, line: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _anchored(seal: Row) -> Row:
    return {name: seal[name] for name in ("partition", "row_count", "digest", "sealed_at")}
