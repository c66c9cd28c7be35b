"""Errors for statements that the database refuses, with their metrics."""

import structlog
from prometheus_client import Counter

from wallet_runtime.contract import sqlstates
from wallet_runtime.contract.codes import BALANCE_LIMIT
from wallet_runtime.plumbing.errors import AnswerPruned, ApiError, Conflict

NEGATIVE = "23514"
OUT_OF_RANGE = "22003"

log = structlog.get_logger("wallet")
REFUSED_BY_DATABASE = Counter(
    "wallet_invariant_refused_total", "Commands that the database refused.", ["sqlstate"]
)
NEGATIVE_PREVENTED = Counter(
    "wallet_negative_balance_prevented_total",
    "Commands stopped by a balance that would turn negative.",
)


class InvariantRefused(ApiError):
    """The database refused the command, because it would break an invariant of money.

    Nothing was changed.
    """

    code = "INVARIANT_REFUSED"


class RecordAltered(Conflict):
    """A stored record of this command is not as the wallet left it, so nothing was done.

    Reconciliation names it, and a person looks.
    """

    code = "RECORD_ALTERED"


class BalanceLimit(Conflict):
    """The account would hold more than the platform can count; nothing was changed."""

    code = BALANCE_LIMIT


def refusal(sqlstate: str, message: str) -> ApiError:
    """Turn an SQLSTATE of a write into the error for the client.

    A state that only a bug in the rules or an edited record can cause is counted and logged.
    """
    if sqlstate == sqlstates.ANSWER_PRUNED:
        return AnswerPruned()
    if sqlstate == OUT_OF_RANGE:
        return BalanceLimit()
    REFUSED_BY_DATABASE.labels(sqlstate).inc()
    if sqlstate == sqlstates.RECORD_ALTERED:
        return _altered(message)
    if sqlstate == NEGATIVE:
        NEGATIVE_PREVENTED.inc()
    log.error("the database refused a decided command", sqlstate=sqlstate, reason=message)
    return InvariantRefused(details={"sqlstate": sqlstate})


def _altered(message: str) -> RecordAltered:
    log.error("a stored record was changed past the wallet", reason=message)
    return RecordAltered(
        f"{message}; nothing was done, and the next reconciliation cycle names what differs"
    )
