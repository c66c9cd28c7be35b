"""Anchors: digests of closed ledger months (SPEC 1.3).

They are kept out of reach of a person who can rewrite the wallet's database.

One copy lies in `control`, one in a file that lines are only appended to; a seal that disagrees
with either is a finding.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from wallet_runtime.plumbing.runtime.database import Database, DatabaseSession, Row


class Anchor(msgspec.Struct, frozen=True):
    """The anchor of a month: its number of rows, and the digest (hex) over all of them."""

    partition: str
    row_count: int
    digest: str


class Anchors:
    """The anchors of one environment.

    `control_url` names the database, `file` the export (None: `control` alone).
    """

    def __init__(self, control_url: str, file: str | None) -> None:
        """Know where anchors are kept; nothing is opened before it is used."""
        self._control_url = control_url
        self._file = Path(file) if file else None

    def keep(self, seal: Row) -> None:
        """Keep a new seal in both places; what is kept already stays as it is."""
        with self._control() as session:
            session.run(
                "anchor_keep",
                **{name: seal[name] for name in ("partition", "row_count", "digest", "sealed_at")},
            )
        if self._file is not None and seal["partition"] not in {
            anchor.partition for anchor in self._exported()
        }:
            self._append(seal)

    def all(self) -> dict[str, list[Anchor]]:
        """Return each month's anchor by place: "control", and "file" where one is configured."""
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

    def _append(self, seal: dict[str, Any]) -> None:
        assert self._file is not None
        line = (
            msgspec.json.encode(
                {name: seal[name] for name in ("partition", "row_count", "digest", "sealed_at")}
            )
            + b"\n"
        )
        descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
