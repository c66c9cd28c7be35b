"""Doubles of the engine's ports for tests of the engine itself. They remember what was asked of them and do nothing else.

The lock, the freeze and the journal have no double here: their tests use the real control database and real files.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rubyops.errors import Unreachable
from rubyops.model.finding import Finding, passed
from rubyops.model.freeze import FreezeTruth
from rubyops.model.recorded import Evidence
from rubyops.ports import (
    Actor,
    BatchCount,
    Control,
    Copy,
    CopyNames,
    Database,
    EffectIdentity,
    EnvironmentFacts,
    HttpAnswer,
    MoveCount,
    Row,
)
from wallet_runtime.contract.freeze import CopySeen, Fence, Wanted, judge

FACTS = EnvironmentFacts("test", "RUBY_SPLIT_V1", 1, 0, "c0ffee")


class StillRead:
    """A reader that answers from a table of query names; a name that is not in it is `Unreachable`, as on a platform that is down."""

    def __init__(self, rows: Mapping[str, list[Row]] | None = None) -> None:
        """Answer from this table."""
        self.table = dict(rows or {})
        self.running: list[Copy] = []

    @property
    def environment(self) -> EnvironmentFacts:
        """The facts of an environment named test."""
        return FACTS

    def rows(
        self, query: str, /, *, database: Database = "platform", **values: object
    ) -> list[Row]:
        """Return the table's rows."""
        if query not in self.table:
            raise Unreachable(f"the test's {database} database does not answer {query}")
        return self.table[query]

    def one(self, query: str, /, *, database: Database = "platform", **values: object) -> Row:
        """Return the table's only row."""
        (row,) = self.rows(query, database=database, **values)
        return row

    def get(
        self, process: str, path: str, *, copy: int = 1, brand_id: str | None = None
    ) -> HttpAnswer:
        """Answer that nobody is there."""
        return HttpAnswer(0, None, "a double")

    def copies(self) -> Sequence[Copy]:
        """Return the running copies."""
        return self.running

    def groups(self) -> list[Row]:
        """Return no group."""
        return []

    def results(self, suite: str) -> Evidence:
        """Return no result."""
        return Evidence()


class RecordingOperate:
    """EffectContext that note each act as (verb, effect id or subject) and call `on_act`, where a test may break things."""

    def __init__(self, on_act: Callable[[str, str], None] = lambda verb, subject: None) -> None:
        """Remember nothing yet; money exists."""
        self.acts: list[tuple[str, str]] = []
        self.money = True
        self.answer = HttpAnswer(200, {})
        self.figures: dict[str, Row] = {}
        self._on_act = on_act

    def _act(self, verb: str, subject: str) -> None:
        self._on_act(verb, subject)
        self.acts.append((verb, subject))

    def start_platform(
        self, mark: EffectIdentity, progress: Callable[[str], None], restart: CopyNames
    ) -> None:
        """Note it."""
        self._act("start_platform", "")

    def stop(self, mark: EffectIdentity, processes: Sequence[str]) -> None:
        """Note it."""
        self._act("stop", ",".join(processes))

    def start(self, mark: EffectIdentity, processes: Sequence[str]) -> None:
        """Note it."""
        self._act("start", ",".join(processes))

    def migrate(self, mark: EffectIdentity) -> dict[str, object]:
        """Note it."""
        self._act("migrate", "")
        return {}

    def seed_players(self, mark: EffectIdentity, count: int) -> int:
        """Note it."""
        self._act("seed", str(count))
        return count

    def has_money(self) -> bool:
        """Say what the test wants."""
        return self.money

    def advance_fence(self, token: int) -> None:
        """Note it."""
        self._act("fence", str(token))

    def raise_freeze(self, level: str, epoch: int, patience_ms: int) -> None:
        """Note it."""
        self._act("raise", level)

    def lower_freeze(
        self, mark: EffectIdentity, level: str, epoch: int, change_no: int | None
    ) -> None:
        """Note it."""
        self._act("lower", level)

    def end_session(self, pid: int, started_at: str) -> bool:
        """Note it; the session was there."""
        self._act("end_session", str(pid))
        return True

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
        """Ask, note it and give the test's answer."""
        before_each()
        self._act("call", mark.effect_id)
        return self.answer

    def actor(self, mark: EffectIdentity, flow: str) -> Actor:
        """Refuse: a flow needs a platform."""
        raise Unreachable("there is no actor in a test of the engine")

    def run_suites(
        self, suites: Mapping[str, Sequence[str]], while_waiting: Callable[[], None]
    ) -> dict[str, Row]:
        """Note it and give the test's figures."""
        while_waiting()
        self._act("suites", ",".join(suites))
        return self.figures

    def export(self, mark: EffectIdentity, tables: Sequence[str]) -> dict[str, object]:
        """Note it."""
        self._act("export", mark.effect_id)
        return {"folder": "nowhere"}

    def count_unpublished(self, lock_timeout_ms: int) -> int | None:
        """Count none."""
        return 0

    def publish_canary(self, mark: EffectIdentity) -> str:
        """Note it."""
        self._act("canary", mark.effect_id)
        return mark.effect_id

    def canary_arrived(self, event_id: str) -> bool:
        """Say that it arrived."""
        return True

    def backfill_batch(self, mark: EffectIdentity, tenant_id: str | None, limit: int) -> BatchCount:
        """Note it and be done."""
        self._act("batch", mark.effect_id)
        return BatchCount(0, 0, 0, 0, None)

    def topology_move_batch(
        self,
        mark: EffectIdentity,
        document: Mapping[str, object] | None,
        digest: str,
        undoes: str | None,
        limit: int,
    ) -> MoveCount:
        """Note it; there is nobody to move."""
        self._act("topology_move_batch", mark.effect_id)
        return MoveCount(0, 0, 0, 0, True)


def in_force(control: Control) -> Callable[[], FreezeTruth]:
    """Tell that whatever `control` wants is in force, with one copy that has confirmed it."""

    def look() -> FreezeTruth:
        state = control.freeze()
        fence = Fence(state.level, state.epoch, state.epoch)
        copy = CopySeen("gateway copy 1", 0, state.epoch, runs=True)
        return FreezeTruth(judge(Wanted(state.level, state.epoch), fence, [copy]))

    return look


def nobody(found: FreezeTruth) -> list[str]:
    """Name nobody."""
    return []


def always_ok(name: str) -> Finding:
    """Find every check in order."""
    return passed(f"{name} holds")


def nothing_written() -> dict[str, Any]:
    """Give the proof of a reader that touched no database."""
    return {"read_only_transactions": 0, "transaction_ids_assigned": 0}
