"""GATE-4's probe on a real database: every write of every role is refused and leaves no trace."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, cast

import psycopg
import pytest

from checks.release import gate_04
from checks.release._wallet_rights import PLATFORM_ROLES
from commands.flows import FLOWS, bypasses
from rubyops.adapters import attempts
from rubyops.adapters.attempts import UNANSWERED_MAX, attempt_as
from rubyops.adapters.connections import open_session
from rubyops.errors import CheckFailed, Inconclusive, Unreachable
from rubyops.model.secret import Secret
from rubyops.ports import Actor, Attempt, AttemptAnswer
from tests.checks.live import LiveRead
from tests.checks.money import Money
from tests.cluster import Cluster, TestDatabase

BUCKET = {"table": ("wallet", "wallet_bucket")}
TABLES = (
    "SELECT oid::regclass::text FROM pg_class "
    "WHERE relnamespace = 'wallet'::regnamespace AND relkind = 'r'"
)
# Functions that hide rights from the reading role. Its search path finds them before the functions
# of PostgreSQL.
BLIND = (
    *(
        f"CREATE FUNCTION public.{name} RETURNS boolean LANGUAGE sql AS 'SELECT false'"
        for name in (
            "has_table_privilege(text, oid, text)",
            "has_column_privilege(text, oid, smallint, text)",
            "has_table_privilege(oid, oid, text)",
            "has_column_privilege(oid, oid, smallint, text)",
            "has_any_column_privilege(oid, oid, text)",
        )
    ),
    "ALTER ROLE rubyops_read IN DATABASE {database} SET search_path = public, pg_catalog",
)


@dataclass(frozen=True)
class RoleActor:
    """The part of an actor that GATE-4's probe uses, on one test's database."""

    read: LiveRead
    database: TestDatabase

    def as_role(self, role: str, attempts: Sequence[Attempt]) -> list[AttemptAnswer]:
        return attempt_as(role, Secret(self.database.dsn(role)), attempts)


@pytest.fixture
def actor(control_template: Cluster, money: Money, read: LiveRead) -> RoleActor:
    """An actor on a database with every role of the platform and some money."""
    del control_template
    return RoleActor(read, money.database)


def play(actor: RoleActor) -> dict[str, object]:
    return bypasses.refused(cast(Actor, actor))  # the probe uses no other method of an actor


def superuser(database: TestDatabase) -> psycopg.Connection[Any]:
    return psycopg.connect(database.superuser_dsn, autocommit=True)


def run(database: TestDatabase, *statements: str) -> None:
    with superuser(database) as connection:
        for statement in statements:
            connection.execute(statement.replace("{database}", database.name).encode())


def contents(database: TestDatabase) -> dict[str, object]:
    """A digest of the rows of each wallet table, and the triggers and functions of the schema."""
    with superuser(database) as connection:

        def ask(query: str) -> list[Any]:
            return connection.execute(query.encode()).fetchall()

        digest = "SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {0} t"
        return {
            **{name: ask(digest.format(name)) for (name,) in ask(TABLES)},
            "triggers": ask("SELECT tgrelid, tgname, tgenabled FROM pg_trigger ORDER BY 1, 2"),
            "functions": ask("SELECT proname, prosrc FROM pg_proc ORDER BY oid"),
        }


def try_as(database: TestDatabase, role: str, *attempts: Attempt) -> list[AttemptAnswer]:
    return attempt_as(role, Secret(database.dsn(role)), attempts)


def test_the_flow_is_the_gates() -> None:
    assert FLOWS["GATE-4"] is bypasses.refused


def test_every_attempt_of_every_role_is_refused_and_leaves_no_trace(actor: RoleActor) -> None:
    before = contents(actor.database)
    facts = play(actor)
    assert facts["roles"] == len(PLATFORM_ROLES) == 10
    assert facts["attempts"] == facts["refused"]
    assert isinstance(facts["attempts"], int)
    assert facts["attempts"] > 5_000
    assert facts["trace"] == "none: every attempt was rolled back"
    assert contents(actor.database) == before


def test_a_breach_of_the_catalog_is_told_before_anything_is_tried(actor: RoleActor) -> None:
    run(actor.database, "GRANT INSERT ON wallet.wallet_bucket TO game_service")
    words = "GATE-4: ways past wallet_service: 1; first: game_service has INSERT"
    with pytest.raises(CheckFailed, match=words) as caught:
        play(actor)
    assert not isinstance(caught.value, Inconclusive)


@pytest.mark.parametrize(
    ("grant", "words"),
    [
        (
            "GRANT INSERT ON wallet.wallet_idempotency TO wallet_service",
            "wallet_service: INSERT on wallet.wallet_idempotency",
        ),
        (
            "GRANT UPDATE (balance) ON wallet.wallet_bucket TO wallet_worker",
            "wallet_worker: UPDATE of balance on wallet.wallet_bucket",
        ),
        (
            "GRANT DELETE ON wallet.wallet_transfer TO rubyops_read",
            "rubyops_read: DELETE on wallet.wallet_transfer",
        ),
        (
            "GRANT TRUNCATE ON wallet.wallet_bonus TO rubyops_ops",
            "rubyops_ops: TRUNCATE on wallet.wallet_bonus",
        ),
    ],
)
def test_a_right_kept_from_the_reader_is_found_by_trying(
    actor: RoleActor, grant: str, words: str
) -> None:
    run(actor.database, grant, *BLIND)
    before = contents(actor.database)
    assert gate_04.audit(actor.read).ok, "the reader sees it: this shows nothing of the trying"
    with pytest.raises(CheckFailed, match="writes that a role was not refused: 1; ") as caught:
        play(actor)
    assert f"{words} was not refused" in caught.value.message
    assert contents(actor.database) == before


def test_a_role_that_cannot_log_in_leaves_it_undecided(actor: RoleActor) -> None:
    others = ", ".join(role for role in PLATFORM_ROLES if role != "gateway")
    run(
        actor.database,
        "REVOKE CONNECT ON DATABASE {database} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {{database}} TO {others}",
    )
    words = "gateway: nothing was tried: gateway cannot log in"
    with pytest.raises(Inconclusive, match=words):
        play(actor)


def test_without_a_movement_it_is_undecided(
    control_template: Cluster, platform_db: TestDatabase
) -> None:
    del control_template
    with pytest.raises(
        Inconclusive, match="no movement to look at yet; only wallet_service's apply"
    ):
        play(RoleActor(LiveRead(databases={"platform": platform_db}), platform_db))


# --- one attempt


@contextmanager
def locked(database: TestDatabase, table: str) -> Iterator[None]:
    with closing(psycopg.connect(database.superuser_dsn)) as connection:
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        yield


def test_a_lock_is_no_refusal_and_ends_the_trying(platform_db: TestDatabase) -> None:
    tried = [Attempt("attempt_insert", BUCKET)] * (UNANSWERED_MAX + 2)
    with locked(platform_db, "wallet.wallet_bucket"):
        answers = try_as(platform_db, "wallet_service", *tried)
    assert [answer.outcome for answer in answers] == ["unanswered"] * len(tried)
    assert answers[0].reason.startswith("55P03")
    assert answers[-1].reason == "not tried after those before it"
    assert try_as(platform_db, "wallet_service", tried[0])[0].outcome == "refused"


def test_a_statement_that_hangs_is_tried_in_one_batch_alone(
    platform_db: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(
        platform_db,
        "CREATE TABLE wallet.slow (balance bigint)",
        "CREATE FUNCTION public.sleep() RETURNS trigger LANGUAGE plpgsql "
        "AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'",
        "CREATE TRIGGER sleep BEFORE INSERT ON wallet.slow EXECUTE FUNCTION public.sleep()",
        "GRANT INSERT ON wallet.slow TO wallet_service",
    )
    monkeypatch.setattr(attempts, "STATEMENT_TIMEOUT_MS", 200)
    batches = list[int]()
    together = attempts._together

    def counted(connection: Any, part: Sequence[Attempt]) -> list[AttemptAnswer]:
        batches.append(len(part))
        return together(connection, part)

    monkeypatch.setattr(attempts, "_together", counted)
    refused, slow = Attempt("attempt_delete", BUCKET), {"table": ("wallet", "slow")}
    answers = try_as(
        platform_db,
        "wallet_service",
        *[refused] * 5,
        Attempt("attempt_insert", slow),
        *[refused] * 2,
    )
    told = [answer.outcome for answer in answers]
    assert told == ["refused"] * 5 + ["unanswered"] + ["refused"] * 2
    assert answers[5].reason.startswith("57014")
    assert batches == [8]


def test_a_fault_of_the_data_is_a_right_that_was_there(platform_db: TestDatabase) -> None:
    run(platform_db, "GRANT INSERT (balance) ON wallet.wallet_bucket TO wallet_service")
    (answer,) = try_as(platform_db, "wallet_service", Attempt("attempt_insert", BUCKET))
    assert answer.outcome == "allowed"
    assert answer.reason.startswith("23502")


def test_what_succeeds_is_rolled_back(platform_db: TestDatabase) -> None:
    run(
        platform_db,
        "GRANT CREATE ON SCHEMA wallet TO wallet_service",
        "GRANT TRUNCATE ON wallet.wallet_outbox_partition TO wallet_service",
    )
    before = contents(platform_db)
    answers = try_as(
        platform_db,
        "wallet_service",
        Attempt("attempt_create_table"),
        Attempt("attempt_truncate", {"table": ("wallet", "wallet_outbox_partition")}),
    )
    assert answers == [AttemptAnswer("allowed", "done, and rolled back")] * 2
    assert contents(platform_db) == before


def test_a_table_that_is_not_there_proves_nothing(platform_db: TestDatabase) -> None:
    attempt = Attempt("attempt_delete", {"table": ("wallet", "nothing")})
    (answer,) = try_as(platform_db, "wallet_service", attempt)
    assert (answer.outcome, answer.reason[:5]) == ("unanswered", "42P01")


def test_a_login_that_fails_is_told(platform_db: TestDatabase) -> None:
    with pytest.raises(Unreachable, match="nobody_at_all cannot log in to the platform's database"):
        try_as(platform_db, "nobody_at_all", Attempt("attempt_become_owner"))


def test_a_session_that_ends_before_the_first_attempt_leaves_all_unanswered(
    platform_db: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opened(*given: Any, **options: Any) -> Any:
        connection = open_session(*given, **options)
        platform_db.end_sessions("rubyops")
        return connection

    monkeypatch.setattr(attempts, "open_session", opened)
    answers = try_as(platform_db, "wallet_service", *[Attempt("attempt_insert", BUCKET)] * 3)
    assert [answer.outcome for answer in answers] == ["unanswered"] * 3
    assert answers[-1].reason == "not tried after those before it"
