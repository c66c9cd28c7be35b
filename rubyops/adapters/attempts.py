"""A session of one role that tries forbidden statements, and keeps nothing of them."""

from collections.abc import Sequence
from contextlib import closing

import psycopg
from psycopg import sql as composed

import sql
from rubyops.adapters.connections import BoundConnection, open_session
from rubyops.adapters.database import CALL_SECONDS
from rubyops.errors import Unreachable
from rubyops.model.secret import Secret
from rubyops.ports import Attempt, AttemptAnswer

LOCK_TIMEOUT_MS = 500
STATEMENT_TIMEOUT_MS = 2_000
UNANSWERED_MAX = 3  # then the rest is not tried: a table is locked, or the server goes down
# One trip undoes the attempt before, failed or not, and begins the transaction of the next. It is a
# writing one, so that a role which is read-only by default is refused for want of a right as well.
UNDO_AND_BEGIN = "ROLLBACK; BEGIN READ WRITE; "
# SQLSTATE classes of faults in data, found after the rights: 22, 23, and what functions raise.
_PAST_THE_RIGHTS = ("22", "23", "P0", "RW", "RB")


def attempt_as(role: str, dsn: Secret, attempts: Sequence[Attempt]) -> list[AttemptAnswer]:
    """Try each statement in a transaction that is rolled back; `Unreachable` without a login."""
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
    # Closing rolls the last attempt back. `with connection` would commit it.
    with closing(connection):
        return _answers(connection, attempts)


def _answers(connection: BoundConnection, attempts: Sequence[Attempt]) -> list[AttemptAnswer]:
    answers = list[AttemptAnswer]()
    unanswered = 0
    for attempt in attempts:
        if unanswered >= UNANSWERED_MAX or connection.closed:
            answers.append(AttemptAnswer("unanswered", "not tried after those before it"))
            continue
        answers.append(_answer(connection, attempt))
        unanswered += answers[-1].outcome == "unanswered"
    return answers


def _answer(connection: BoundConnection, attempt: Attempt) -> AttemptAnswer:
    names = {place: composed.Identifier(*parts) for place, parts in attempt.names.items()}
    statement = composed.SQL(sql.query(attempt.query)).format(**names)
    try:
        connection.execute(composed.SQL(UNDO_AND_BEGIN) + statement)
    except psycopg.errors.InsufficientPrivilege as error:
        return AttemptAnswer("refused", _first_line(error))
    except psycopg.Error as error:
        state = error.sqlstate or ""
        reason = f"{state or 'no answer'}: {_first_line(error)}"
        had_the_right = state.startswith(_PAST_THE_RIGHTS)
        return AttemptAnswer("allowed" if had_the_right else "unanswered", reason)
    return AttemptAnswer("allowed", "done, and rolled back")


def _first_line(error: psycopg.Error) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0]
