"""A live platform whose processes run with broken rules, and the flows that must then fail."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from commands.flows import FLOWS, ONLY_ON
from rubyops.adapters.actor import CANARY_BRAND
from tests.acceptance.flow_table import FlowTable
from tests.acceptance.home import Home
from tests.acceptance.mutant import Mutant
from tests.acceptance.platform import Live
from tests.acceptance.play import played_apart
from tests.acceptance.snapshot import stand_up
from wallet_runtime.contract.documents import DEFAULT_POLICY_KEY, RUBY_SPLIT_V1, RUBY_UNIFIED_V1
from wallet_runtime.contract.processes import WALLET_SERVICE

ENVIRONMENTS = {RUBY_SPLIT_V1: "local", RUBY_UNIFIED_V1: "local-unified"}
ROLL_OVER = ("FLOW-1", "FLOW-2", "FLOW-3")
INHERITED = ("FLOW-9", "FLOW-10")
# Flows that no runbook line names.
TRADE = ("cash-to-bucket", "free-round", "jackpot")
COUPONS = ("FLOW-5", "FLOW-6", "FLOW-7")
HERE = {
    topology: tuple(
        name
        for name in FLOWS
        if name.startswith(("SMK-", "FLOW-", "STG-", "canary", *TRADE))
        and ONLY_ON.get(name, topology) == topology
    )
    for topology in (RUBY_SPLIT_V1, RUBY_UNIFIED_V1)
}
SPORTS_MONEY = (
    "SMK-5",
    "SMK-7",
    "SMK-8",
    "FLOW-1",
    *INHERITED,
    "FLOW-12",
    "FLOW-13",
    "STG-7",
    "canary",
    "jackpot",
)
CASINO_MONEY = ("SMK-6", "FLOW-2", "FLOW-3", *INHERITED, "FLOW-12")
# Flows in which no bet is accepted.
WITHOUT_BETS = ("SMK-4", "FLOW-8", "FLOW-11", "cash-to-bucket", "free-round")
WITH_BETS = tuple(name for name in HERE[RUBY_SPLIT_V1] if name not in WITHOUT_BETS)


@dataclass(frozen=True)
class Fault:
    """A broken rule of one process, and the flows that must fail under that rule.

    All other flows must pass. The flows in `by_chance` may pass or fail, because random ids decide.
    """

    process: str
    rule: str
    red: tuple[str, ...]
    by_chance: tuple[str, ...] = ()


@dataclass
class Stage:
    """A live platform, its home, the table of failed flows, and the process with a broken rule."""

    home: Home
    live: Live
    table: FlowTable
    mutant: Mutant | None = None

    @property
    def topology(self) -> str:
        """The topology code of the platform."""
        return self.live.environment.topology

    def break_rule(self, process: str, rule: str) -> None:
        """Run one process with a broken rule, and all other processes without one."""
        if self.mutant is None or self.mutant.process != process:
            self.heal()
            self.mutant = Mutant(self.live, process)
        self.mutant.run(rule)

    def heal(self) -> None:
        """Run every process without a broken rule."""
        mutant, self.mutant = self.mutant, None
        if mutant is not None:
            mutant.heal()

    def red(self, expected: tuple[str, ...] = ()) -> dict[str, str]:
        """Play all flows of the topology; return {failed flow: message}.

        The flows in `expected` should fail, so they wait for a shorter time for each event.
        """
        return self.play([name for name in HERE[self.topology] if name not in expected], expected)

    def play(self, passing: Sequence[str], expected: Sequence[str] = ()) -> dict[str, str]:
        """Play the flows that should pass and fail; return {failed flow: message}."""
        return played_apart(self.home, self.live.name, passing, expected)


@contextmanager
def standing(topology: str) -> Iterator[Stage]:
    """Roll out a platform for one test module.

    The platform is not shared, because some faults leave damage in the ledger that cannot be
    repaired.
    """
    home = Home()
    live = Live(home, ENVIRONMENTS[topology])
    stage = Stage(home, live, FlowTable(topology))
    try:
        rolled_out = stand_up(live)
        assert rolled_out.code == 0, rolled_out.told
        yield stage
    finally:
        stage.table.write()
        if stage.mutant:
            stage.mutant.end()
        live.close()
        live.run("down")
        home.remove()


def by_process(faults: Sequence[Fault]) -> list[Fault]:
    """Sort the faults by process, so that each process is replaced and restored only once."""
    return sorted(faults, key=lambda fault: fault.process)


def assert_noticed(stage: Stage, fault: Fault) -> None:
    red = tuple(name for name in fault.red if name in HERE[stage.topology])
    noticed = stage.red((*red, *fault.by_chance))
    stage.table.note(fault.rule, fault.process, noticed)
    assert set(red) <= set(noticed) <= {*red, *fault.by_chance}, noticed


def assert_a_lapse_is_noticed(stage: Stage) -> None:
    """Assert that the flow of lapsed rollings passes, and fails if a lapse locks no money."""
    with lapsing_rollings(stage.live):
        stage.heal()
        assert stage.play(["expired-obligation"]) == {}
        stage.break_rule(WALLET_SERVICE, "a lapsed rolling locks nothing")
        assert set(stage.play([], ["expired-obligation"])) == {"expired-obligation"}


def assert_each_is_red_somewhere(topology: str, faults: Sequence[Fault]) -> None:
    """Assert that each flow fails under at least one fault, smoke cases and canary excepted."""
    noticed = {name for fault in faults for name in fault.red}
    named = {name for name in HERE[topology] if name.startswith(("FLOW-", "STG-", *TRADE))}
    assert named <= noticed


def assert_lost_rows_are_noticed(stage: Stage, bucket: str, red: tuple[str, ...]) -> None:
    stage.heal()
    with losing_rows(stage.live, "BET_AUTHORIZE", f"{stage.topology}/{bucket}"):
        assert_noticed(stage, Fault("PostgreSQL", f"rows of bets on {bucket} are lost", red))


def save_pair(live: Live, version: int, rules: dict[str, dict[str, str]]) -> None:
    """Save a copy of the first pair as `version`, with `rules` for some provider types."""
    first = live.one(
        "SELECT t.document AS topology, p.document AS policy "
        "FROM wallet.wallet_topology t, wallet.wallet_policy p "
        "WHERE t.code = %s AND t.version = 1 "
        "AND p.topology_code = t.code AND p.topology_version = 1",
        RUBY_SPLIT_V1,
    )
    policy = first["policy"] | {
        "version": version,
        "topology": {"code": RUBY_SPLIT_V1, "version": version},
    }
    policy["funding"] = {
        kind: rule | rules.get(kind, {}) for kind, rule in policy["funding"].items()
    }
    documents = {
        f"topology/{RUBY_SPLIT_V1}": first["topology"] | {"version": version},
        f"policy/{DEFAULT_POLICY_KEY}": policy,
    }
    for path, document in documents.items():
        answer = live.as_operator(WALLET_SERVICE, "PUT", f"/internal/wallet/{path}", document)
        assert answer.status_code == 200, answer.text


@contextmanager
def lapsing_rollings(live: Live) -> Iterator[None]:
    """Let new rollings of the canary brand expire after 1 ms, until the block ends."""
    with closing(live.superuser()) as connection:
        connection.execute(
            "INSERT INTO rolling.brand_config (brand_id, expires_after)"
            " VALUES (%s, interval '1 ms')",
            [CANARY_BRAND],
        )
        try:
            yield
        finally:
            connection.execute(
                "DELETE FROM rolling.brand_config WHERE brand_id = %s", [CANARY_BRAND]
            )


@contextmanager
def losing_rows(live: Live, command: str, account: str) -> Iterator[None]:
    """Let a trigger drop the ledger rows of one command on one account, until the block ends."""
    with closing(live.superuser()) as connection:
        connection.execute(
            "CREATE FUNCTION wallet.lose_row() RETURNS trigger LANGUAGE plpgsql "
            "AS 'BEGIN RETURN NULL; END'"
        )
        connection.execute(
            "CREATE TRIGGER lose_row BEFORE INSERT ON wallet.wallet_ledger FOR EACH ROW "
            f"WHEN (NEW.command = '{command}' AND NEW.account = '{account}') "
            "EXECUTE FUNCTION wallet.lose_row()"
        )
        try:
            yield
        finally:
            connection.execute("DROP FUNCTION wallet.lose_row() CASCADE")
