"""A live platform on which a run acts although another run has taken over."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rubyops import bootstrap, config
from rubyops.adapters import migrations
from rubyops.adapters.effects.flow import Flows
from rubyops.adapters.host import this_process
from rubyops.adapters.local.servers import SUPERUSER
from rubyops.effects.base import EffectContext, Outcome
from rubyops.effects.flow import Flow
from rubyops.errors import LockLost, RubyopsError
from rubyops.ports import Database, EffectIdentity
from rubyops.stop_signal import StopSignal
from rubyops.wiring import EnvironmentServices
from tests import effects as e
from tests.acceptance.home import Home
from tests.acceptance.platform import Live
from wallet_runtime.contract.documents import RUBY_SPLIT_V1
from wallet_runtime.contract.processes import WALLET_SERVICE

# Tables that an operator's act can change, without the tables that loops and leases write
# continuously.
TABLES = (
    "wallet.wallet_player",
    "wallet.wallet_bucket",
    "wallet.wallet_balances",
    "wallet.wallet_ledger",
    "wallet.wallet_bet_authorization",
    "wallet.wallet_topology",
    "wallet.wallet_policy",
    "wallet.wallet_activation",
    "wallet.wallet_canary_pass",
    "wallet.wallet_idempotency",
    "wallet.wallet_reference",
    "wallet.wallet_lock",
    "wallet.backfill_run",
    "player.player",
    # Without the columns that the worker writes when it carries out the replay.
    "(SELECT dead_letter_id, replay_requested_by FROM rolling.rolling_dead_letter)",
)
DIGEST = (
    "SELECT md5(coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')) AS digest FROM {} t"
)
DATABASES: tuple[Database, ...] = ("platform", "control")


@dataclass
class Stage:
    """A platform, its services as the command line makes them, and the run in charge.

    `other` holds the services of the run that takes over.
    """

    live: Live
    services: EnvironmentServices
    other: EnvironmentServices
    token: int = 0
    runs: int = 0

    def take_over(self) -> None:
        """Let the lease expire, and let another run take the lock and raise the fencing token."""
        self.live.rows(
            "UPDATE control.run_lock SET expires_at = clock_timestamp() RETURNING 1",
            database="control",
        )
        self.runs += 1
        self.token = self.other.control.acquire(f"r-{self.runs}", this_process())
        self.other.ports.fence.advance(self.token)

    def identity(self, step: str = "step") -> EffectIdentity:
        """The identity of an effect of the run in charge."""
        return EffectIdentity(f"r-{self.runs}/{step}/1", f"r-{self.runs}", self.token, "ann")

    def act(
        self,
        effect: e.AnyEffect,
        identity: EffectIdentity,
        hold: Callable[[], None] = lambda: None,
    ) -> Outcome:
        """Carry out an effect under this identity.

        `hold` does nothing by default, like a run that was delayed after it checked its lease.
        """
        return self.services.ports.carry_out(effect, self.context(identity, hold))

    def context(self, identity: EffectIdentity, hold: Callable[[], None]) -> EffectContext:
        """The context of an effect that gets no stop request."""
        ports = self.services.ports
        return EffectContext(identity, ports.read, ports.check, StopSignal(), print, hold, print)

    def play(self, flow: Flow) -> Outcome:
        """Play `flow` as an effect of the run in charge."""

        @dataclass(frozen=True)
        class Planted(Flows):
            def script(self, name: str) -> Flow:
                return flow

        context = self.context(self.identity("flow"), lambda: None)
        return e.RunFlow("planted").carry_out(Planted(self.services.access), context)

    def do(self, effect: e.AnyEffect, step: str) -> Outcome:
        """Carry out an effect of the run in charge."""
        return self.act(effect, self.identity(step))

    def world(self) -> dict[str, object]:
        """Everything that an act can change: rows, processes, files, schemas."""
        seen: dict[str, object] = {
            name: self.live.one(DIGEST.format(name))["digest"] for name in self._tables()
        }
        seen["changes"] = self.live.one("SELECT change_no FROM wallet.wallet_fence")["change_no"]
        seen["gate"] = self.live.one(
            "SELECT to_jsonb(g) - 'fence_token' AS gate FROM wallet.wallet_gate g"
        )["gate"]
        seen["canaries"] = self.live.one(
            "SELECT count(*) FROM wallet.wallet_outbox WHERE event_type = 'OUTBOX_CANARY'"
        )["count"]
        # The supervisor reports `starting` for a second after a start. The same pid means no
        # change.
        seen["processes"] = [
            (copy.process, copy.state.replace("starting", "running"), copy.pid)
            for copy in self.services.driver.copies()
        ]
        seen["exports"] = sorted(
            path.name for path in (self.live.environment.home / "exports").iterdir()
        )
        seen["schemas"] = [migrations.current(self.superuser(which), which) for which in DATABASES]
        return seen

    def _tables(self) -> list[str]:
        moves = self.live.one(
            "SELECT to_regclass('wallet.topology_move_run') IS NOT NULL AS there"
        )["there"]
        return [
            *TABLES,
            *(["wallet.topology_move_run", "wallet.topology_move_leg"] if moves else []),
        ]

    def superuser(self, which: Database) -> str:
        """The superuser's URL of a database."""
        return self.live.driver.dsn(SUPERUSER, which)


@contextmanager
def a_stage() -> Iterator[Stage]:
    """A platform with the split pair active, under a first run."""
    home = Home()
    with pytest.MonkeyPatch.context() as variables:
        variables.setenv(config.HOME_VARIABLE, str(home.folder))
        variables.setenv(config.FILE_VARIABLE, str(home.file))
        live = Live(home, "local")
        try:
            live.driver.ensure_up(lambda words: None)
            stage = Stage(
                live, bootstrap.open_environment("local"), bootstrap.open_environment("local")
            )
            stage.take_over()
            stage.do(
                e.CallService(
                    WALLET_SERVICE, "POST", "/internal/wallet/topology/seed-ruby-split-v1"
                ),
                "seed",
            )
            stage.do(activation(1), "activate")
            yield stage
        finally:
            live.close()
            live.driver.down()
            home.remove()


def activation(version: int, start: int | None = None) -> e.CallService:
    """The effect that activates a version of the split pair."""
    path = f"/internal/wallet/topology/{RUBY_SPLIT_V1}/activate"
    before = None if start is None else {"topology_code": RUBY_SPLIT_V1, "topology_version": start}
    body: dict[str, Any] = {
        "version": version,
        "policy": {"policy_key": "default", "version": version},
        "from": before,
    }
    return e.CallService(WALLET_SERVICE, "PUT", path, body)


def assert_refused(
    stage: Stage, act: Callable[[], object], error: type[RubyopsError] = LockLost
) -> None:
    """Assert that the act reports the other run's take-over and changes nothing."""
    before = stage.world()
    with pytest.raises(error, match="taken over"):
        act()
    assert_same(stage.world(), before)


def assert_same(now: dict[str, object], before: dict[str, object]) -> None:
    """Assert that nothing has changed; a failure shows the changes."""
    changed = {name: (before.get(name), now[name]) for name in now if now[name] != before.get(name)}
    assert not changed, changed
    assert now.keys() == before.keys()


def exports(stage: Stage) -> Path:
    """The folder of exports."""
    return stage.live.environment.home / "exports"


def takes_over_before(
    stage: Stage, patch: pytest.MonkeyPatch, owner: Any, name: str, *, when: int = 1
) -> None:
    """Let another run take over right before the `when`-th call of `owner.name`."""
    real, calls = getattr(owner, name), []

    def overtaken(*args: Any, **more: Any) -> Any:
        calls.append(name)
        if len(calls) == when:
            stage.take_over()
        return real(*args, **more)

    patch.setattr(owner, name, overtaken)


def next_pair(stage: Stage) -> e.AnyEffect:
    """The effect that activates the other version of the split pair."""
    version = stage.live.gate()["topology_version"]
    return activation(3 - version, version)


def stopped(stage: Stage) -> e.AnyEffect:
    """Stop the gateway; return the effect that starts it."""
    stage.do(e.StopProcesses(("gateway",)), "stop")
    return e.StartProcesses(("gateway",))


def older(which: Database, revision: str) -> Callable[[Stage], e.AnyEffect]:
    """A function that downgrades a schema and returns the effect that migrates it again."""

    def make(stage: Stage) -> e.AnyEffect:
        migrations.downgrade(stage.superuser(which), which, "local", revision)
        return e.Migrate()

    return make
