"""Every flow passes on a healthy platform of either topology, and exactly the flows that a broken rule concerns turn red under it."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

import pytest

from commands.flows import FLOWS, ONLY_ON
from rubyops.adapters.actor import CANARY_BRAND
from tests.acceptance.flow_table import FlowTable
from tests.acceptance.home import Home
from tests.acceptance.mutant import Mutant
from tests.acceptance.platform import Live
from tests.acceptance.play import played_apart
from tests.alone import taking_ports
from wallet_runtime.contract.documents import DEFAULT_POLICY_KEY, RUBY_SPLIT_V1, RUBY_UNIFIED_V1
from wallet_runtime.contract.processes import GAME_SERVICE, GATEWAY, ROLLING_WORKER, WALLET_SERVICE
from wallet_runtime.contract.providers import LIVE, SLOTS

pytestmark = [pytest.mark.slow, pytest.mark.fault]
ROLL_OVER = ("FLOW-1", "FLOW-2", "FLOW-3")
INHERITED = ("FLOW-9", "FLOW-10")
# Flows of rules that no source names.
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
    """A broken rule, and the flows that must notice; all others must pass, but those that notice it by the chance of ids."""

    process: str
    rule: str
    red: tuple[str, ...]
    by_chance: tuple[str, ...] = ()


@dataclass
class Stage:
    """A live platform, the home that its toolkit is told of, and where what is seen on it is noted."""

    home: Home
    live: Live
    table: FlowTable
    mutant: Mutant | None = None

    @property
    def topology(self) -> str:
        """The code of its topology."""
        return self.live.environment.topology

    def break_rule(self, process: str, rule: str) -> None:
        """Have one process break a rule; all others are healthy."""
        if self.mutant is None or self.mutant.process != process:
            self.heal()
            self.mutant = Mutant(self.live, process)
        self.mutant.run(rule)

    def heal(self) -> None:
        """Have every process keep all rules."""
        mutant, self.mutant = self.mutant, None
        if mutant is not None:
            mutant.heal()

    def red(self, expected: tuple[str, ...] = ()) -> dict[str, str]:
        """Play all flows; return those that turned red, with what they said. Those that are expected to are not waited for so long."""
        return self.play([name for name in HERE[self.topology] if name not in expected], expected)

    def play(self, passing: Sequence[str], expected: Sequence[str] = ()) -> dict[str, str]:
        """Play these flows and the ones that are expected to turn red; return those that did."""
        return played_apart(self.home, self.live.name, passing, expected)


SPLIT = (
    Fault(WALLET_SERVICE, "snapshot without topology version", ("SMK-4",)),
    Fault(WALLET_SERVICE, "repeat refused", ("SMK-7",)),
    Fault(WALLET_SERVICE, "mismatch accepted", ("SMK-8",)),
    Fault(WALLET_SERVICE, "rollback to the first source", ("FLOW-13",)),
    Fault(WALLET_SERVICE, "sports take casino money", ("FLOW-1", "FLOW-10")),
    Fault(WALLET_SERVICE, "live takes sports money", ("FLOW-2", "FLOW-9")),
    Fault(WALLET_SERVICE, "slots take sports money", ("FLOW-3",)),
    Fault(WALLET_SERVICE, "slots by the sports rule", ("FLOW-3", "FLOW-4", "FLOW-12")),
    Fault(WALLET_SERVICE, "cash deposit stays pending", ("canary", "cash-to-bucket")),
    Fault(WALLET_SERVICE, "paid without moving", (*ROLL_OVER, "canary")),
    Fault(
        WALLET_SERVICE,
        "winnings released early",
        (*ROLL_OVER, "FLOW-4", *INHERITED, "FLOW-12", "FLOW-13", "canary"),
    ),
    Fault(WALLET_SERVICE, "release missing", (*ROLL_OVER, "FLOW-12", "FLOW-13")),
    Fault(WALLET_SERVICE, "answers without funding", WITH_BETS),
    Fault(
        ROLLING_WORKER,
        "sports turnover not counted",
        ("FLOW-1", "FLOW-4", *INHERITED, "FLOW-12", "FLOW-13"),
    ),
    Fault(ROLLING_WORKER, "live turnover not counted", ("FLOW-2", "FLOW-4", *INHERITED, "FLOW-12")),
    Fault(ROLLING_WORKER, "slots turnover not counted", ("FLOW-3", "FLOW-4", "FLOW-12")),
    Fault(
        ROLLING_WORKER, "turnover counts everywhere", (*ROLL_OVER, "FLOW-4"), by_chance=INHERITED
    ),
    Fault(
        ROLLING_WORKER,
        "half the turnover",
        (*ROLL_OVER, "FLOW-4", "FLOW-8", *INHERITED, "FLOW-12", "FLOW-13", "cash-to-bucket"),
    ),
    Fault(GAME_SERVICE, "repeat is a new bet", ("SMK-7", "SMK-8")),
    Fault(WALLET_SERVICE, "one bonus at a time", ("FLOW-4",)),
    Fault(WALLET_SERVICE, "sports coupons everywhere", ("FLOW-5",)),
    Fault(WALLET_SERVICE, "casino coupons everywhere", ("FLOW-6",)),
    Fault(WALLET_SERVICE, "provider coupons everywhere", ("FLOW-7",)),
    Fault(
        WALLET_SERVICE, "bonus brings no rolling + points bring no rolling", ("FLOW-4", "FLOW-8")
    ),
    Fault(WALLET_SERVICE, "turnover stays in sports", ("FLOW-9",)),
    Fault(WALLET_SERVICE, "turnover stays in casino", ("FLOW-10",)),
    Fault(ROLLING_WORKER, "inherited turnover a unit too much", ("FLOW-9", "FLOW-10")),
    Fault(WALLET_SERVICE, "live takes withdrawable first", ("FLOW-12",)),
    Fault(GATEWAY, "callbacks may say more", ("STG-7",)),
    Fault(
        WALLET_SERVICE,
        "cash that goes into a bucket owes nothing + a reversed win stays paid + a bet goes back before its wins",
        TRADE,
    ),
)
# One normal bucket serves all games there, and nothing issues a bonus yet: whose money pays, and by whose rule, cannot differ.
ON_UNIFIED_TOO = {
    "snapshot without topology version",
    "repeat refused",
    "mismatch accepted",
    "rollback to the first source",
    "cash deposit stays pending",
    "winnings released early",
    "release missing",
    "sports turnover not counted",
    "live turnover not counted",
    "slots turnover not counted",
    "cash that goes into a bucket owes nothing + a reversed win stays paid + a bet goes back before its wins",
}
UNIFIED = (
    *(fault for fault in SPLIT if fault.rule in ON_UNIFIED_TOO),
    # Rules that have nothing to do with one another, broken together: each of these flows is about one of them.
    Fault(
        WALLET_SERVICE,
        "one bonus at a time + points bring no rolling + alias is a transfer",
        ("FLOW-4", "FLOW-8", "FLOW-11"),
    ),
    Fault(
        WALLET_SERVICE,
        "sports coupons everywhere + casino coupons everywhere + provider coupons everywhere",
        COUPONS,
    ),
    Fault(WALLET_SERVICE, "live takes withdrawable first", ("FLOW-12",)),
    Fault(GATEWAY, "callbacks may say more", ("STG-7",)),
)
# The account whose bets lose their ledger rows, and the flows that must notice.
LOST_ON_SPLIT = (("SPORTS_NORMAL", SPORTS_MONEY), ("CASINO_NORMAL", CASINO_MONEY))
LOST_ON_UNIFIED = (
    ("NORMAL", tuple(name for name in WITH_BETS if name not in ("FLOW-4", *COUPONS))),
)
ENVIRONMENTS = {RUBY_SPLIT_V1: "local", RUBY_UNIFIED_V1: "local-unified"}
ON = {
    topology: pytest.mark.parametrize("stage", [topology], indirect=True)
    for topology in ENVIRONMENTS
}
ON_EITHER = pytest.mark.parametrize("stage", list(ENVIRONMENTS), indirect=True)


@pytest.fixture(scope="module")
def table() -> Iterator[FlowTable]:
    made = FlowTable()
    yield made
    made.write()


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest, table: FlowTable) -> Iterator[Stage]:
    """A platform of this module's own, of one topology after the other: some faults leave damage in the ledger that nothing mends."""
    home = Home()
    made = Stage(home, Live(home, ENVIRONMENTS[request.param]), table)
    try:
        with taking_ports():
            made.live.done("rollout", "local", "--keep-up")
        yield made
    finally:
        if made.mutant:
            made.mutant.end()
        made.live.close()
        made.live.run("down")
        home.remove()


def by_process(faults: Sequence[Fault]) -> list[Fault]:
    """Order faults so that each process is stopped and started again once."""
    return sorted(faults, key=lambda fault: fault.process)


@ON_EITHER
def test_every_flow_passes_on_a_healthy_platform(stage: Stage) -> None:
    stage.heal()
    assert stage.red() == {}


@ON[RUBY_SPLIT_V1]
@pytest.mark.parametrize("fault", by_process(SPLIT), ids=lambda fault: fault.rule)
def test_split_flows_notice_a_broken_rule(stage: Stage, fault: Fault) -> None:
    stage.break_rule(fault.process, fault.rule)
    _assert_noticed(stage, fault)


@ON[RUBY_UNIFIED_V1]
@pytest.mark.parametrize("fault", by_process(UNIFIED), ids=lambda fault: fault.rule)
def test_unified_flows_notice_a_broken_rule(stage: Stage, fault: Fault) -> None:
    stage.break_rule(fault.process, fault.rule)
    _assert_noticed(stage, fault)


@ON[RUBY_SPLIT_V1]
@pytest.mark.parametrize(
    ("version", "live", "slots"),
    [
        (101, {"mode": "selection", "withdrawable": "last"}, {"withdrawable": "not_usable"}),
        (102, {"mode": "selection", "withdrawable": "not_usable"}, {"withdrawable": "first"}),
    ],
)
def test_flow_12_follows_whatever_the_policy_configures(
    stage: Stage, version: int, live: dict[str, str], slots: dict[str, str]
) -> None:
    stage.heal()
    _save_pair(stage.live, version, {LIVE: live, SLOTS: slots})
    stage.live.activate(version)
    try:
        assert stage.play(["FLOW-12", "STG-7"]) == {}
    finally:
        stage.live.activate(1)


@ON_EITHER
def test_money_whose_rolling_lapsed_stays_locked(stage: Stage) -> None:
    """The flow is played where rollings lapse, and needs no rule that is broken by halves: one that locks nothing turns it red."""
    with _lapsing_rollings(stage.live):
        stage.heal()
        assert stage.play(["expired-obligation"]) == {}
        stage.break_rule(WALLET_SERVICE, "a lapsed rolling locks nothing")
        assert set(stage.play([], ["expired-obligation"])) == {"expired-obligation"}


@contextmanager
def _lapsing_rollings(live: Live) -> Iterator[None]:
    """Have rollings of the canaries' brand lapse at once."""
    with closing(live.superuser()) as connection:
        connection.execute(
            "INSERT INTO rolling.brand_config (brand_id, expires_after) VALUES (%s, interval '1 ms')",
            [CANARY_BRAND],
        )
        try:
            yield
        finally:
            connection.execute(
                "DELETE FROM rolling.brand_config WHERE brand_id = %s", [CANARY_BRAND]
            )


@ON[RUBY_SPLIT_V1]
@pytest.mark.parametrize(("bucket", "red"), LOST_ON_SPLIT)
def test_split_flows_notice_a_ledger_row_that_is_missing(
    stage: Stage, bucket: str, red: tuple[str, ...]
) -> None:
    _assert_lost_rows_are_noticed(stage, bucket, red)


@ON[RUBY_UNIFIED_V1]
@pytest.mark.parametrize(("bucket", "red"), LOST_ON_UNIFIED)
def test_unified_flows_notice_a_ledger_row_that_is_missing(
    stage: Stage, bucket: str, red: tuple[str, ...]
) -> None:
    _assert_lost_rows_are_noticed(stage, bucket, red)


@ON_EITHER
def test_every_flow_passes_again_after_all_faults(stage: Stage) -> None:
    stage.heal()
    assert stage.red() == {}


def _save_pair(live: Live, version: int, rules: dict[str, dict[str, str]]) -> None:
    """Save the first pair anew under another version, with other funding rules for some provider types."""
    first = live.one(
        "SELECT t.document AS topology, p.document AS policy FROM wallet.wallet_topology t, wallet.wallet_policy p "
        "WHERE t.code = %s AND t.version = 1 AND p.topology_code = t.code AND p.topology_version = 1",
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


@pytest.mark.parametrize(
    ("topology", "faults"), [(RUBY_SPLIT_V1, SPLIT), (RUBY_UNIFIED_V1, UNIFIED)]
)
def test_every_flow_has_a_rule_to_notice(topology: str, faults: tuple[Fault, ...]) -> None:
    noticed = {name for fault in faults for name in fault.red}
    assert {
        name for name in HERE[topology] if name.startswith(("FLOW-", "STG-", *TRADE))
    } <= noticed


def _assert_lost_rows_are_noticed(stage: Stage, bucket: str, red: tuple[str, ...]) -> None:
    stage.heal()
    with _losing_rows(stage.live, "BET_AUTHORIZE", f"{stage.topology}/{bucket}"):
        _assert_noticed(stage, Fault("PostgreSQL", f"rows of bets on {bucket} are lost", red))


def _assert_noticed(stage: Stage, fault: Fault) -> None:
    red = tuple(name for name in fault.red if name in HERE[stage.topology])
    noticed = stage.red((*red, *fault.by_chance))
    stage.table.note(stage.topology, fault.rule, fault.process, noticed)
    assert set(red) <= set(noticed) <= {*red, *fault.by_chance}, noticed


@contextmanager
def _losing_rows(live: Live, command: str, account: str) -> Iterator[None]:
    """Have the database swallow the ledger rows of one command on one account, as a wrong partition or rule would."""
    with closing(live.superuser()) as connection:
        connection.execute(
            "CREATE FUNCTION wallet.lose_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
        )
        connection.execute(
            "CREATE TRIGGER lose_row BEFORE INSERT ON wallet.wallet_ledger FOR EACH ROW "
            f"WHEN (NEW.command = '{command}' AND NEW.account = '{account}') EXECUTE FUNCTION wallet.lose_row()"
        )
        try:
            yield
        finally:
            connection.execute("DROP FUNCTION wallet.lose_row() CASCADE")
