"""Tries statements that a role must not be allowed to run, and rolls every one back."""

from collections.abc import Sequence
from contextlib import closing

import psycopg
from psycopg import sql as composed
from psycopg.types.json import Jsonb

import sql
from rubyops.adapters.connections import BoundConnection, open_session
from rubyops.adapters.database import CALL_SECONDS
from rubyops.errors import Unreachable
from rubyops.model.secret import Secret
from rubyops.ports import Attempt, AttemptAnswer

LOCK_TIMEOUT_MS = 500
STATEMENT_TIMEOUT_MS = 2_000
UNANSWERED_MAX = 3  # then the rest is skipped: a table is locked, or the server goes down
# One round trip rolls the last attempt back and begins the next transaction. READ WRITE overrides a
# role's read-only default, so PostgreSQL refuses a write only for a missing right.
UNDO_AND_BEGIN = "ROLLBACK; BEGIN READ WRITE; "
TOGETHER_MAX = 200
DONE, INSUFFICIENT_PRIVILEGE = "00000", "42501"
# SQLSTATE classes of errors in data, and of errors that our functions raise. PostgreSQL checks the
# rights first, so a role that gets such an error has the right.
_PAST_THE_RIGHTS = ("22", "23", "P0", "RW", "RB")


def attempt_as(role: str, dsn: Secret, attempts: Sequence[Attempt]) -> list[AttemptAnswer]:
    """Try each statement in a transaction that is rolled back.

    Raises `Unreachable` when the role cannot log in.
    """
    where = "the platform's database"
    settings = {
        "lock_timeout": LOCK_TIMEOUT_MS,
        "statement_timeout": STATEMENT_TIMEOUT_MS,
        "application_name": "rubyops",
    }
    try:
        connection = open_session(
            dsn.reveal(),
            where,
            seconds=CALL_SECONDS,
            autocommit=True,
            prepare_threshold=None,
            settings=settings,
        )
    except psycopg.OperationalError as error:
        reason = _first_line(error)
        raise Unreachable(f"{role} cannot log in to {where}: {reason}") from error
    # Closing the connection rolls the last attempt back. `with connection` would commit it.
    with closing(connection):
        return _answers(connection, attempts)


def _answers(connection: BoundConnection, attempts: Sequence[Attempt]) -> list[AttemptAnswer]:
    answers = list[AttemptAnswer]()
    # A batch that fails as a whole, such as by a timeout, gives no answers. The rest is then tried
    # one by one, because the next batch would hang at the same statement.
    in_batches = True
    while len(answers) < len(attempts):
        if _unanswered(answers) >= UNANSWERED_MAX or connection.closed:
            rest = len(attempts) - len(answers)
            return answers + [AttemptAnswer("unanswered", "not tried after those before it")] * rest
        part = attempts[len(answers) : len(answers) + TOGETHER_MAX]
        told = _together(connection, part) if in_batches else []
        in_batches = bool(told)
        answers += told or [_alone(connection, part[0])]
    return answers


def _unanswered(answers: Sequence[AttemptAnswer]) -> int:
    return sum(answer.outcome == "unanswered" for answer in answers)


def _together(connection: BoundConnection, attempts: Sequence[Attempt]) -> list[AttemptAnswer]:
    """Try statements in one round trip. Return an empty list when the batch itself failed."""
    texts = [_statement(attempt).as_string(connection) for attempt in attempts]
    try:
        connection.execute(UNDO_AND_BEGIN)
        connection.execute(sql.query("attempts_given").encode(), {"statements": Jsonb(texts)})
        connection.execute(sql.query("attempts_tried").encode())
        row = connection.execute(sql.query("attempts_answers").encode()).fetchone()
    except psycopg.Error:
        return []
    return [_judged(state, message) for state, message in row[0]] if row else []


def _alone(connection: BoundConnection, attempt: Attempt) -> AttemptAnswer:
    try:
        connection.execute(composed.SQL(UNDO_AND_BEGIN) + _statement(attempt))
    except psycopg.Error as error:
        return _judged(error.sqlstate or "", _first_line(error))
    return _judged(DONE, "done, and rolled back")


def _statement(attempt: Attempt) -> composed.Composed:
    names = {place: composed.Identifier(*parts) for place, parts in attempt.names.items()}
    return composed.SQL(sql.query(attempt.query)).format(**names)


def _judged(state: str, reason: str) -> AttemptAnswer:
    if state == DONE:
        return AttemptAnswer("allowed", reason)
    if state == INSUFFICIENT_PRIVILEGE:
        return AttemptAnswer("refused", reason)
    had_the_right = state.startswith(_PAST_THE_RIGHTS)
    told = f"{state or 'no answer'}: {reason}"
    return AttemptAnswer("allowed" if had_the_right else "unanswered", told)


def _first_line(error: psycopg.Error) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0]
