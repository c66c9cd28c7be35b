"""Exports tables from one database snapshot into a folder.

The folder gets its final name only when all of its files are on the disk.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg import sql as composed
from psycopg.abc import Buffer

import sql
from rubyops.adapters.access import Access
from rubyops.adapters.database import Link
from rubyops.adapters.durable import sync_folder, write_new
from rubyops.effects.export import ExportPort
from rubyops.errors import RubyopsError, overtaken
from rubyops.ports import EffectIdentity

SCHEMA = "wallet"
MANIFEST = "manifest.json"


def export_tables(
    link: Link, exports: Path, identity: EffectIdentity, tables: Sequence[str]
) -> dict[str, object]:
    """Copy the tables as CSV into a folder named after the effect; return its manifest.

    The manifest has rows, bytes and sha256 of each table. A repeat of the effect returns the
    manifest of the finished folder. Raises `LockLost` and removes the files when the effect's token
    is overtaken before the folder has its final name.
    """
    final = exports / identity.effect_id.replace("/", "-")
    if final.exists():
        return _read_manifest(final)
    # A run and its resumed run have the same effect. The token gives each a folder of its own, so
    # that a run that lost its lock does not touch the files of the resumed run.
    unfinished = final.with_name(f".{final.name}.{identity.token}.unfinished")
    try:
        return _write(link, unfinished, final, identity, tables)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        link.rows("fence_hold", token=identity.token)
        raise _failure(error, unfinished, final) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _read_manifest(folder: Path) -> dict[str, object]:
    manifest: dict[str, object] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return manifest


def _failure(error: OSError, unfinished: Path, final: Path) -> RubyopsError:
    left = [str(folder) for folder in (unfinished, final) if folder.exists()]
    told = "no file of it was left. Make room and repeat."
    if left:
        told = f"{' and '.join(left)} could not be removed. Remove that, then repeat."
    return RubyopsError(f"the export to {final} failed ({error.strerror or error}); {told}")


def _write(
    link: Link, unfinished: Path, final: Path, identity: EffectIdentity, tables: Sequence[str]
) -> dict[str, object]:
    unfinished.mkdir(mode=0o700, parents=True)
    manifest: dict[str, object] = {
        "effect": identity.effect_id,
        "folder": str(final),
        "taken_at": datetime.now(UTC).isoformat(),
        "tables": _copy_all(link, unfinished, identity, tables),
    }
    write_new(unfinished / MANIFEST, json.dumps(manifest, indent=2) + "\n")
    sync_folder(unfinished)
    _publish(link, unfinished, final, identity)
    return manifest


def _publish(link: Link, unfinished: Path, final: Path, identity: EffectIdentity) -> None:
    """Rename the folder to its final name while a transaction holds the fence.

    A lost fence or a disk error removes the folder again.
    """
    named = False
    try:
        with link.blocks("fence_hold_briefly") as connection, connection.transaction():
            _hold(connection, identity)
            unfinished.rename(final)
            named = True
            sync_folder(final.parent)
            # Check the fence again: the commit raises no error when the connection is already
            # closed.
            _hold(connection, identity)
    except (RubyopsError, OSError):
        if named:
            shutil.rmtree(final, ignore_errors=True)
        link.rows("fence_hold", token=identity.token)
        raise


def _hold(connection: psycopg.Connection[dict[str, object]], identity: EffectIdentity) -> None:
    connection.execute(sql.query("fence_hold_briefly"), {"token": identity.token})


def _copy_all(
    link: Link, folder: Path, identity: EffectIdentity, tables: Sequence[str]
) -> dict[str, dict[str, object]]:
    with _snapshot(link) as connection:
        _confirm(connection, identity)
        return {table: _copy(connection, folder / f"{table}.csv", table) for table in tables}


@contextmanager
def _snapshot(link: Link) -> Iterator[psycopg.Connection[dict[str, object]]]:
    """Open a read-only transaction in which every query sees the same state."""
    with link.blocks("ops_export_table") as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        try:
            with connection.transaction():
                yield connection
        finally:
            if not connection.closed:
                connection.isolation_level, connection.read_only = None, None


def _confirm(connection: psycopg.Connection[dict[str, object]], identity: EffectIdentity) -> None:
    """Raise `LockLost` unless the effect's token is the newest.

    A read-only transaction cannot lock the fence row, so this only compares tokens.
    """
    present = connection.execute(sql.query("fence_present")).fetchone()
    if present is None or present["token"] != identity.token:
        raise overtaken(f"fencing token {identity.token} was overtaken, so nothing was exported")


def _copy(
    connection: psycopg.Connection[dict[str, object]], path: Path, table: str
) -> dict[str, object]:
    statement = composed.SQL(sql.query("ops_export_table").rstrip(";")).format(
        table=composed.Identifier(SCHEMA, table)
    )
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            written = _write_blocks(path, copy)
        return {"rows": cursor.rowcount, **written}


def _write_blocks(path: Path, blocks: Iterable[Buffer]) -> dict[str, object]:
    """Write a new file and wait until it is on the disk; return its bytes and sha256."""
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as file:
        for block in blocks:
            file.write(block)
            digest.update(block)
            size += len(block)
        file.flush()
        os.fsync(file.fileno())
    return {"bytes": size, "sha256": digest.hexdigest()}


@dataclass(frozen=True)
class Exports:
    """Implements `ExportPort`."""

    platform: Link
    folder: Path

    def export(self, identity: EffectIdentity, tables: Sequence[str]) -> dict[str, object]:
        """Copy the tables in one snapshot."""
        return export_tables(self.platform, self.folder, identity, tables)


def connect(access: Access) -> ExportPort:
    """Build the export port on the platform's database."""
    return Exports(access.platform, access.exports)
