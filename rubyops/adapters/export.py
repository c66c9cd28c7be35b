"""Exports tables in one snapshot; nothing bears its final name before all of it is on the disk."""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from psycopg import sql as composed

import sql
from rubyops.adapters.database import Link
from rubyops.adapters.durable import sync_folder, write_new
from rubyops.errors import RubyopsError

SCHEMA = "wallet"
MANIFEST = "manifest.json"


def export_tables(link: Link, exports: Path, effect_id: str, tables: Sequence[str]) -> dict[str, object]:
    """Copy the tables as CSV into a folder named after the effect, with rows, bytes and sha256 of each in its manifest.

    A repeat of the same effect finds the complete folder and returns its manifest.
    """
    final = exports / effect_id.replace("/", "-")
    if final.exists():
        done: dict[str, object] = json.loads((final / MANIFEST).read_text(encoding="utf-8"))
        return done
    unfinished = final.with_name(f".{final.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(mode=0o700, parents=True)
        manifest: dict[str, object] = {
            "effect": effect_id,
            "folder": str(final),
            "taken_at": datetime.now(UTC).isoformat(),
            "tables": _copy_all(link, unfinished, tables),
        }
        write_new(unfinished / MANIFEST, json.dumps(manifest, indent=2) + "\n")
        sync_folder(unfinished)
        unfinished.rename(final)
        sync_folder(exports)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise RubyopsError(
            f"the export to {final} failed ({error.strerror or error}); no file of it was left. Make room and repeat."
        ) from error
    return manifest


def _copy_all(link: Link, folder: Path, tables: Sequence[str]) -> dict[str, dict[str, object]]:
    with link.blocks("ops_export_table") as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        try:
            with connection.transaction():
                return {table: _copy(connection, folder / f"{table}.csv", table) for table in tables}
        finally:
            if not connection.closed:
                connection.isolation_level, connection.read_only = None, None


def _copy(connection: psycopg.Connection[dict[str, object]], path: Path, table: str) -> dict[str, object]:
    statement = composed.SQL(sql.query("ops_export_table").rstrip(";")).format(table=composed.Identifier(SCHEMA, table))
    digest, size = hashlib.sha256(), 0
    with connection.cursor() as cursor:
        with path.open("xb") as file, cursor.copy(statement) as copy:
            for block in copy:
                file.write(block)
                digest.update(block)
                size += len(block)
            file.flush()
            os.fsync(file.fileno())
        return {"rows": cursor.rowcount, "bytes": size, "sha256": digest.hexdigest()}
