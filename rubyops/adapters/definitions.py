"""Replaces a database's functions, views, triggers and grants by those of this checkout (ADR 26).

The caller opens the transaction. Definitions are replaced in place, so that prepared statements and
running commands keep working. Definitions that the checkout does not have are dropped.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

import sql
from rubyops.ports import Database
from sql import definitions
from sql.definitions import KINDS

# The errors of PostgreSQL when an existing definition blocks a change. The caller then drops all
# definitions and tries again.
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
    """Apply the kinds of definitions whose digest differs, or all kinds; return those kinds.

    Every change also renews all grants, because a new function or view starts with PostgreSQL's
    default rights.
    """
    connection.execute(sql.query("definitions_begin"))
    wanted = definitions.digests(which)
    stale = KINDS if whole else _stale(connection, wanted)
    if not stale:
        return ()

    _replace(connection, which, [kind for kind in stale if kind != RIGHTS])
    _give_rights(connection, which)
    for kind in stale:
        _record(connection, kind, wanted[kind])
    return tuple(stale)


def drop(connection: Connection, which: Database, kinds: Sequence[str] = KINDS) -> None:
    """Drop the database's definitions of these kinds, unless this transaction has written them."""
    _run_each(
        connection, "definitions_to_drop", schemas=definitions.schemas(which), kinds=list(kinds)
    )


def forget(connection: Connection) -> None:
    """Delete the recorded digests, so that the next migration applies every definition."""
    connection.execute(sql.query("definitions_forget"))


def _stale(connection: Connection, wanted: Mapping[str, str]) -> Sequence[str]:
    applied = dict(connection.execute(sql.query("facts_definitions")).fetchall())
    return [kind for kind in KINDS if applied.get(kind) != wanted[kind]]


def _record(connection: Connection, kind: str, digest: str) -> None:
    connection.execute(sql.query("definitions_record"), {"kind": kind, "digest": digest})


def _replace(connection: Connection, which: Database, kinds: Sequence[str]) -> None:
    if FUNCTIONS in kinds:
        # The first pass does not check function bodies: a function may call a function of a later
        # file, or read a view. The second pass below checks them.
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
    """Run every SQL statement that the named query returns as a row."""
    for (statement,) in connection.execute(sql.query(name), values).fetchall():
        connection.execute(statement)
