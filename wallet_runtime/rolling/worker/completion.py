"""The completion retry loop: reports each ended rolling until the wallet confirms it (RS-1).

The wallet then releases the money of a completed rolling. For a canceled or expired rolling it ends
the obligation of the account. A retry after a lost answer uses the same request id, so the wallet
returns its first answer.
"""

import structlog
from prometheus_client import Counter

from wallet_runtime.contract.codes import MAINTENANCE, OPEN_STAKES
from wallet_runtime.contract.processes import WALLET_SERVICE
from wallet_runtime.plumbing.errors import ApiError
from wallet_runtime.plumbing.http.service_client import ServiceClient
from wallet_runtime.plumbing.runtime import failpoint, seal
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.plumbing.runtime.loop import Loop
from wallet_runtime.plumbing.runtime.window import SlidingWindow
from wallet_runtime.rolling import domain, store
from wallet_runtime.rolling.store import Completion, PutOff

COMPLETE_PATH = "/internal/wallet/v2/rollings/complete"
CLOSE_PATH = "/internal/wallet/v2/rollings/close"
TRY_SECONDS_MAX = 30.0  # longer than the HTTP client's timeout including its one retry
FAILURES_BOUND = 10
INTERVAL_SECONDS = 0.1
IDLE_SECONDS = 0.25
STALLED_SECONDS = 20.0  # a try is at most two HTTP calls, each with a timeout
REFUSED_STATUS = 409
SLOW_RETRY_SECONDS = 300.0
FROZEN_RETRY_SECONDS = 1.0
STAKED_RETRY_SECONDS = 15.0
HEALTH_WINDOW_SECONDS = 60.0
HEALTH_FAILURES_MIN = 3

COMPLETIONS = Counter(
    "rolling_completions_total", "Tries to complete a rolling at the wallet.", ["outcome"]
)

log = structlog.get_logger("rolling")


class CompletionRetry:
    """Reports ended rollings to the wallet, one per turn."""

    def __init__(self, database: Database, client: ServiceClient) -> None:
        """Store the dependencies."""
        self._database = database
        self._client = client
        self._window = SlidingWindow(
            "completing a rolling", HEALTH_WINDOW_SECONDS, failures_min=HEALTH_FAILURES_MIN
        )

    def turn(self) -> int:
        """Try the completion that has been due longest; return 0 if none is due, else 1.

        A failed try is stored and retried later. Raises `Maintenance` if a completion is due while
        money is sealed.
        """
        completion = self._take_due()
        if completion is None:
            return 0
        try:
            self._ask_wallet(completion)
        except ApiError as error:
            self._put_off(completion, error)
        else:
            failpoint.reach("rolling.after_completion")
            with self._database.session() as session:
                if completion.closed:
                    store.confirm_closed(session, completion.rolling_id)
                else:
                    store.complete(session, completion.rolling_id)
            self._window.add(True)
            COMPLETIONS.labels("closed" if completion.closed else "completed").inc()
        return 1

    def health(self) -> str:
        """Return "ok", `Degraded` if some tries of the last minute failed, or why all failed."""
        return self._window.verdict()

    def _take_due(self) -> Completion | None:
        with self._database.session() as session:
            if not store.completion_is_due(session):
                return None
        with self._database.transaction() as session:
            seal.hold(session)
            return store.take_due_completion(session, TRY_SECONDS_MAX)

    def _ask_wallet(self, completion: Completion) -> None:
        named = {"player_id": str(completion.player_id), "rolling_id": str(completion.rolling_id)}
        self._client.call(
            WALLET_SERVICE,
            "POST",
            CLOSE_PATH if completion.closed else COMPLETE_PATH,
            named | {"state": completion.closed} if completion.closed else named,
            brand_id=completion.brand_id,
            request_id=completion.request_id,
        )

    def _put_off(self, completion: Completion, error: ApiError) -> None:
        reason = f"{error.code}: {error.message}"
        waits = {
            MAINTENANCE: ("frozen", FROZEN_RETRY_SECONDS),
            OPEN_STAKES: ("staked", STAKED_RETRY_SECONDS),
        }
        if error.code in waits:
            outcome, delay_seconds = waits[error.code]
            with self._database.session() as session:
                store.put_off(
                    session,
                    completion,
                    PutOff(reason, error.status == REFUSED_STATUS, delay_seconds),
                )
            COMPLETIONS.labels(outcome).inc()
            return
        failures = completion.failures + 1
        delay_seconds = domain.retry_delay_seconds(
            failures, bound=FAILURES_BOUND, slow_seconds=SLOW_RETRY_SECONDS
        )
        with self._database.session() as session:
            put_off = PutOff(reason, error.status == REFUSED_STATUS, delay_seconds)
            store.put_off_failed(session, completion, put_off, FAILURES_BOUND)
        self._window.add(False)
        COMPLETIONS.labels("failed").inc()
        log.error(
            "rolling completion failed and is tried again",
            rolling_id=str(completion.rolling_id),
            failures=failures,
            next_try_seconds=delay_seconds,
            error=reason,
        )


def completion_loop(database: Database, client: ServiceClient) -> Loop:
    """Make the loop `completion_retry`."""
    completion = CompletionRetry(database, client)
    return Loop(
        "completion_retry",
        completion.turn,
        INTERVAL_SECONDS,
        STALLED_SECONDS,
        idle_seconds=IDLE_SECONDS,
        checks={"completion": completion.health},
    )
