"""Tries statements that a role must not be allowed to run, and rolls every one back."""

from collections.abc import Sequence
from contextlib import closing

import psycopg
from psycopg import sql as composed
from psycopg.types.json import Jsonb

import sql
from rubyops.adapters.connections import BoundConnection, Options, first_line, open_session
from rubyops.adapters.database import CALL_SECONDS
from rubyops.errors import Unreachable
from rubyops.model.secret import Secret
from rubyops.ports import Attempt, AttemptAnswer

WHERE = "the platform's database"
LOCK_TIMEOUT_MS = 500
STATEMENT_TIMEOUT_MS = 2_000
UNANSWERED_MAX = 3  # then the rest is skipped: a table is locked, or the server goes down
# One round trip rolls the last attempt back and begins the next transaction. READ WRITE overrides a
# role's read-only default, so PostgreSQL refuses a write only for a missing right.
UNDO_AND_BEGIN = "ROLLBACK; BEGIN READ WRITE; "
TOGETHER_MAX = 200
NOT_TRIED = AttemptAnswer("unanswered", "not tried after those before it")
DONE, INSUFFICIENT_PRIVILEGE = "00000", "42501"
# SQLSTATE classes of errors in data, and of errors that our functions raise. PostgreSQL checks the
# rights first, so a role that gets such an error has the right.
_PAST_THE_RIGHTS = ("22", "23", "P0", "RW", "RB")


def attempt_as(role: str, dsn: Secret, attempts: Sequence[Attempt]) -> list[AttemptAnswer]:
    """Try each statement in a transaction that is rolled back.

    Raises `Unreachable` when the role cannot log in.
    """
    # Closing the connection rolls the last attempt back. `with connection` would commit it.
    with closing(_log_in(role, dsn)) as connection:
        return _answers(connection, attempts)


def _log_in(role: str, dsn: Secret) -> BoundConnection:
    options: Options = {"autocommit": True, "prepare_threshold": None, "settings": _settings()}
    try:
        return open_session(dsn.reveal(), WHERE, seconds=CALL_SECONDS, **options)
    except psycopg.OperationalError as error:
        reason = first_line(error)
        raise Unreachable(f"{role} cannot log in to {WHERE}: {reason}") from error


def _settings() -> dict[str, object]:
    return {
        "lock_timeout": LOCK_TIMEOUT_MS,
        "statement_timeout": STATEMENT_TIMEOUT_MS,
        "application_name": "rubyops",
    }


def _answers(connection: BoundConnection, attempts: Sequence[Attempt]) -> list[AttemptAnswer]:
    answers = list[AttemptAnswer]()
    # A batch that fails as a whole, such as by a timeout, gives no answers. The rest is then tried
    # one by one, because the next batch would hang at the same statement.
    in_batches = True
    while len(answers) < len(attempts):
        rest = attempts[len(answers) :]
        if _is_hopeless(connection, answers):
            return answers + [NOT_TRIED] * len(rest)
        told = _together(connection, rest[:TOGETHER_MAX]) if in_batches else []
        in_batches = bool(told)
        answers += told or [_alone(connection, rest[0])]
    return answers


def _is_hopeless(connection: BoundConnection, answers: Sequence[AttemptAnswer]) -> bool:
    unanswered = sum(answer.outcome == "unanswered" for answer in answers)
    return unanswered >= UNANSWERED_MAX or connection.closed


def _together(connection: BoundConnection, attempts: Sequence[Attempt]) -> list[AttemptAnswer]:
    """Try statements in one round trip. Return an empty list when the batch itself failed."""
    texts = [_statement(attempt).as_string(connection) for attempt in attempts]
    try:
        return [_judged(state, message) for state, message in _tried(connection, texts)]
    except psycopg.Error:
        return []


def _tried(connection: BoundConnection, texts: list[str]) -> list[tuple[str, str]]:
    connection.execute(UNDO_AND_BEGIN)
    connection.execute(sql.query("attempts_given").encode(), {"statements": Jsonb(texts)})
    connection.execute(sql.query("attempts_tried").encode())
    row = connection.execute(sql.query("attempts_answers").encode()).fetchone()
    return row[0] if row else []


def _alone(connection: BoundConnection, attempt: Attempt) -> AttemptAnswer:
    try:
        connection.execute(composed.SQL(UNDO_AND_BEGIN) + _statement(attempt))
    except psycopg.Error as error:
        return _judged(error.sqlstate or "", first_line(error))
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
