"""Bring a database's functions, views, triggers and grants to the files of this checkout (ADR 26).

The caller has the transaction. What the files replace keeps its identity, so that prepared
statements and running commands go on; what left the files is dropped.
"""

from collections.abc import Sequence
from typing import Any

import psycopg

import sql
from rubyops.ports import Database
from sql import definitions
from sql.definitions import KINDS

# PostgreSQL refuses to replace or to change something while the definitions of before are there.
IN_THE_WAY = (
    psycopg.errors.DependentObjectsStillExist,
    psycopg.errors.FeatureNotSupported,
    psycopg.errors.InvalidFunctionDefinition,
    psycopg.errors.InvalidTableDefinition,
    psycopg.errors.WrongObjectType,
)
FUNCTIONS, RIGHTS = "functions", "grants"

Connection = psycopg.Connection[Any]


def apply(connection: Connection, which: Database, *, whole: bool) -> tuple[str, ...]:
    """Apply the kinds whose digest differs, or all of them; return which were applied.

    Rights are given anew with every other kind: a new function or view has none, or too many.
    """
    connection.execute(sql.query("definitions_begin"))
    wanted, found = definitions.digests(which), _applied(connection)
    stale = [kind for kind in KINDS if whole or found.get(kind) != wanted[kind]]
    if not stale:
        return ()

    _replace(connection, which, [kind for kind in stale if kind != RIGHTS])
    _give_rights(connection, which)
    for kind in stale:
        connection.execute(sql.query("definitions_record"), {"kind": kind, "digest": wanted[kind]})
    return tuple(stale)


def drop(connection: Connection, which: Database, kinds: Sequence[str] = KINDS) -> None:
    """Drop what a database has of these kinds, except what this transaction has written."""
    _run_each(
        connection, "definitions_to_drop", schemas=definitions.schemas(which), kinds=list(kinds)
    )


def forget(connection: Connection) -> None:
    """Have the next migration apply everything."""
    connection.execute(sql.query("definitions_forget"))


def _applied(connection: Connection) -> dict[str, str]:
    return dict(connection.execute(sql.query("facts_definitions")).fetchall())


def _replace(connection: Connection, which: Database, kinds: Sequence[str]) -> None:
    if FUNCTIONS in kinds:
        # Unseen for now: a function may call another of a later file, or read a view.
        _check_bodies(connection, "off")
        _run_files(connection, which, FUNCTIONS)
        _check_bodies(connection, "on")

    for kind in kinds:
        _run_files(connection, which, kind)
    drop(connection, which, kinds)


def _check_bodies(connection: Connection, check: str) -> None:
    connection.execute(sql.query("definitions_check_bodies"), {"check": check})


def _give_rights(connection: Connection, which: Database) -> None:
    _run_each(connection, "definitions_to_revoke", schemas=definitions.schemas(which))
    _run_files(connection, which, RIGHTS)


def _run_files(connection: Connection, which: Database, kind: str) -> None:
    for text in definitions.texts(which, kind):
        connection.execute(text.encode())


def _run_each(connection: Connection, name: str, **values: object) -> None:
    """Run every statement that a query makes."""
    for (statement,) in connection.execute(sql.query(name), values).fetchall():
        connection.execute(statement)
