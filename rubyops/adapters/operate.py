"""The engine's hands: the operators' role, the operator's token and the driver."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    retry_if_result,
    stop_after_attempt,
    stop_after_delay,
    wait_exponential,
    wait_fixed,
)

from rubyops.adapters import export as exporting
from rubyops.adapters.actor import CANARY_BRAND, CanaryActor, derived
from rubyops.adapters.database import Busy, Link
from rubyops.adapters.driver import Driver
from rubyops.adapters.http import CallClient, encode, not_overtaken
from rubyops.adapters.suites import PytestSuites
from rubyops.errors import LockLost, NotThere, OutcomeUnknown, Unreachable
from rubyops.ports import (
    Actor,
    BatchCount,
    CopyNames,
    EffectIdentity,
    HttpAnswer,
    MoveCount,
    Read,
    Row,
)
from wallet_runtime import contract

ROLE = "rubyops_ops"
SUPERUSER = "postgres"
GATE_SECONDS = 10.0
GATE_PAUSE_SECONDS = 0.05
CALL_ATTEMPTS = 4
_PASSING = (0, 502, 504)


class Operator:
    """Implements the `Operate` port."""

    def __init__(
        self, driver: Driver, platform: Link, read: Read, exports: Path, suites: PytestSuites
    ) -> None:
        """Act on this environment; nothing is connected before the first act."""
        self._driver = driver
        self._link = platform
        self._read = read
        self._exports = exports
        self._suites = suites
        self._client = CallClient(driver)

    def start_platform(
        self, mark: EffectIdentity, progress: Callable[[str], None], restart: CopyNames
    ) -> None:
        """Start everything that is not running, migrated to the newest schema."""
        self._driver.ensure_up(progress, mark.fence, restart)
        self._link.close()

    def stop(self, mark: EffectIdentity, processes: Sequence[str]) -> None:
        """Stop every copy of these processes."""
        self._driver.stop(processes, mark.fence)

    def start(self, mark: EffectIdentity, processes: Sequence[str]) -> None:
        """Start every copy of these processes."""
        self._driver.start(processes, mark.fence)

    def migrate(self, mark: EffectIdentity) -> dict[str, object]:
        """Bring both databases to the newest schema."""
        told: list[str] = []
        self._driver.migrate(told.append, mark.fence)
        return {"schema": told}

    def seed_players(self, mark: EffectIdentity, count: int) -> int:
        """Create legacy players where none exist."""
        return int(self._link.one("ops_seed_players", count=count, token=mark.token)["created"])

    def run_suites(
        self, suites: Mapping[str, Sequence[str]], while_waiting: Callable[[], None]
    ) -> dict[str, Row]:
        """Run the checkout's own tests."""
        return self._suites.run(suites, while_waiting)

    def has_money(self) -> bool:
        """Whether the database holds the wallet's tables; one that does not answer is no "no"."""
        try:
            return bool(self._link.one("ops_has_money")["ready"])
        except NotThere:
            return False

    def advance_fence(self, token: int) -> None:
        """Raise the fence, the supervisor's first: who migrates without a token looks there."""
        self._driver.advance_fence(token)
        if self.has_money():
            self._link.rows("ops_advance_fence", token=token)

    def raise_freeze(self, level: str, epoch: int, patience_ms: int) -> None:
        """Mirror a raised freeze into the fence row, then settle it. Raises `Busy` when held up."""
        self._link.rows("ops_raise_freeze", level=level, epoch=epoch)
        self._link.rows("ops_settle_freeze", epoch=epoch, patience_ms=patience_ms)

    def lower_freeze(
        self, mark: EffectIdentity, level: str, epoch: int, change_no: int | None
    ) -> None:
        """Mirror a lowered freeze; the gate is asked for again while it is held."""
        patient = Retrying(
            retry=retry_if_exception_type(Busy),
            stop=stop_after_delay(GATE_SECONDS),
            wait=wait_fixed(GATE_PAUSE_SECONDS),
            reraise=True,
        )
        wanted = {"token": mark.token, "level": level, "epoch": epoch, "change_no": change_no}
        patient(self._link.rows, "ops_lower_freeze", **wanted)

    def end_session(self, pid: int, started_at: str) -> bool:
        """End a session of the operated database, as the superuser: it may be a superuser's own."""
        link = Link(lambda: self._driver.dsn(SUPERUSER, "platform"), "the operated database")
        try:
            rows = link.rows("ops_end_session", pid=pid, started=started_at)
        finally:
            link.close()
        return any(row["ended"] for row in rows)

    def call(
        self,
        mark: EffectIdentity,
        process: str,
        method: str,
        path: str,
        body: Mapping[str, object],
        brand_id: str | None,
        before_each: Callable[[], None],
    ) -> HttpAnswer:
        """Call one route; an answer that never came is asked for again under the same request id, which replays."""
        request_id = str(uuid5(NAMESPACE_URL, mark.effect_id))
        headers = {
            **self._client.operator_headers(brand_id),
            contract.REQUEST_ID_HEADER: request_id,
            contract.FENCE_HEADER: str(mark.token),
        }
        patient = Retrying(
            retry=retry_if_result(_is_passing),
            stop=stop_after_attempt(CALL_ATTEMPTS),
            wait=wait_exponential(0.2, max=2),
            retry_error_callback=_last_answer,
        )

        unanswered: list[HttpAnswer] = []

        def attempt() -> HttpAnswer:
            try:
                before_each()
                answer = not_overtaken(
                    self._client.send(process, method, path, headers, encode(body)), mark
                )
            except LockLost as lost:
                if not unanswered:
                    raise
                raise _unknown(f"{method} {path} on {process}", lost) from lost
            unanswered.append(answer)
            return answer

        return patient(attempt)

    def actor(self, mark: EffectIdentity, flow: str) -> Actor:
        """Return the hands of one flow of this effect."""
        return CanaryActor(self._driver, self._client, self._link, self._read, mark, flow)

    def export(self, mark: EffectIdentity, tables: Sequence[str]) -> dict[str, object]:
        """Copy the tables in one snapshot."""
        return exporting.export_tables(self._link, self._exports, mark, tables)

    def count_unpublished(self, lock_timeout_ms: int) -> int | None:
        """Count unpublished events under a table lock; None when an open transaction kept the lock."""
        try:
            return int(
                self._link.one("ops_count_unpublished", lock_timeout_ms=lock_timeout_ms)[
                    "unpublished"
                ]
            )
        except Busy:
            return None

    def publish_canary(self, mark: EffectIdentity) -> str:
        """Write this effect's canary event once."""
        player = derived(mark.effect_id, "outbox", "player")
        named = {"effect_id": mark.effect_id, "brand_id": CANARY_BRAND, "player_id": player}
        return str(self._link.one("ops_publish_canary", token=mark.token, **named)["event_id"])

    def canary_arrived(self, event_id: str) -> bool:
        """Whether the canary event is in the consumer's inbox."""
        return bool(self._link.one("ops_canary_arrived", event_id=event_id)["arrived"])

    def backfill_batch(self, mark: EffectIdentity, tenant_id: str | None, limit: int) -> BatchCount:
        """Do the next batch after this run's checkpoint, up to the bound that its first batch fixed."""
        self._link.rows(
            "backfill_batch", run_id=mark.run_id, token=mark.token, tenant_id=tenant_id, limit=limit
        )
        row = self._link.one("backfill_progress", run_id=mark.run_id)
        return BatchCount(
            row["scanned"],
            row["created"],
            row["skipped_exists"],
            row["errors"],
            None if row["finished"] else str(row["last_key"]),
        )

    def topology_move_batch(
        self,
        mark: EffectIdentity,
        document: Mapping[str, object] | None,
        digest: str,
        undoes: str | None,
        limit: int,
    ) -> MoveCount:
        """Do the next batch of this run; the first one fixes what is moved and how far it reaches."""
        sent = None if document is None else json.dumps(document)
        self._link.rows(
            "topology_move_batch",
            run_id=mark.run_id,
            token=mark.token,
            by=mark.by,
            document=sent,
            digest=digest,
            undoes=undoes,
            limit=limit,
        )
        row = self._link.one("topology_move_run", run_id=mark.run_id)
        money = (
            tuple(self._link.rows("topology_move_money", run_id=undoes or mark.run_id))
            if row["finished"]
            else ()
        )
        return MoveCount(
            row["scanned"], row["players"], row["legs"], row["referring"], row["finished"], money
        )


def _unknown(call: str, lost: LockLost) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{call} was sent and not answered, and then {lost.message}. Whether the first try took effect is unknown; "
        "its request id makes a repeat safe.",
        next_command=lost.next_command,
    )


def _is_passing(answer: HttpAnswer) -> bool:
    return answer.status in _PASSING


def _last_answer(state: RetryCallState) -> HttpAnswer:
    if state.outcome is None:
        raise Unreachable("no call was made")
    answer: HttpAnswer = state.outcome.result()
    return answer
