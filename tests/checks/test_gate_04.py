"""Each planted way by which a role could come to write money turns GATE-4 red and is named; a clean platform is not flagged."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest

from checks.release import gate_04
from checks.release._shipped_functions import shipped
from checks.release._wallet_rights import CALLS, MONEY_TABLES, WRITES
from tests.checks.live import LiveRead
from tests.checks.money import Money
from tests.cluster import TestDatabase

TRIGGER_FUNCTION = (
    "CREATE FUNCTION game.slip() RETURNS trigger LANGUAGE plpgsql {0} AS "
    "$$ BEGIN UPDATE wallet.wallet_bucket SET balance = balance + 1; RETURN NEW; END $$"
)
PLAIN = TRIGGER_FUNCTION.format("")
DEFINER = TRIGGER_FUNCTION.format("SECURITY DEFINER SET search_path = wallet, pg_temp")
SLIP = "CREATE FUNCTION {0} LANGUAGE sql SECURITY DEFINER SET search_path = wallet, pg_temp AS 'SELECT 1'"
ANY_NUMBER = "CREATE FUNCTION game.any_number() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'"
FUNDS_VIEW = "CREATE VIEW game.funds AS SELECT * FROM wallet.wallet_bucket"
APPLY = "wallet.apply_command(wallet.command)"


@dataclass(frozen=True)
class Way:
    """Statements of a superuser that open a way, by what it must be named, and what closes it for the other databases."""

    name: str
    words: str
    plant: tuple[str, ...]
    undo: tuple[str, ...] = ()


def way(name: str, words: str, *plant: str, undo: tuple[str, ...] = ()) -> Way:
    return Way(name, words, plant, undo)


WAYS = (
    # --- rights on tables
    way("a table", "game_service has UPDATE on wallet.wallet_bucket", "GRANT UPDATE ON wallet.wallet_bucket TO game_service"),
    way(
        "a column",
        "player_service has INSERT on wallet.wallet_bucket",
        "GRANT INSERT (balance) ON wallet.wallet_bucket TO player_service",
    ),
    way("everybody", "public has INSERT on wallet.wallet_balances", "GRANT INSERT ON wallet.wallet_balances TO PUBLIC"),
    way("a partition", "wallet_worker has TRUNCATE on {partition}", "GRANT TRUNCATE ON {partition} TO wallet_worker"),
    way(
        "a trigger of one's own",
        "player_service has TRIGGER on wallet.wallet_ledger",
        "GRANT TRIGGER ON wallet.wallet_ledger TO player_service",
    ),
    way(
        "one column more than is listed",
        "wallet_service has UPDATE on wallet.wallet_topology",
        "GRANT UPDATE (state) ON wallet.wallet_topology TO wallet_service",
    ),
    way(
        "a table that no list names",
        "game_service has INSERT on wallet.side_purse",
        "CREATE TABLE wallet.side_purse (balance bigint)",
        "GRANT INSERT ON wallet.side_purse TO game_service",
    ),
    way(
        "a child in another schema",
        "game_service has UPDATE on admin.child",
        "CREATE TABLE admin.child () INHERITS (wallet.wallet_bucket)",
        "GRANT UPDATE ON admin.child TO game_service",
    ),
    way(
        "a table moved out of sight",
        "wallet.wallet_transfer is missing",
        "ALTER TABLE wallet.wallet_transfer SET SCHEMA admin",
    ),
    # --- owners, and what they hand on
    way(
        "an owner of a table",
        "game_service owns relation wallet.wallet_bucket",
        "ALTER TABLE wallet.wallet_bucket OWNER TO game_service",
    ),
    way("an owner of the schema", "game_service owns schema wallet", "ALTER SCHEMA wallet OWNER TO game_service"),
    way("an owner of a type", "game_service owns type wallet.held", "ALTER DOMAIN wallet.held OWNER TO game_service"),
    way("an owner of the database", "game_service owns database", "ALTER DATABASE {database} OWNER TO game_service"),
    way(
        "an owner of a function",
        "function wallet.refuse_change() belongs to game_service, not to wallet_owner",
        "ALTER FUNCTION wallet.refuse_change() OWNER TO game_service",
    ),
    way("new objects in the schema", "game_service has CREATE on schema wallet", "GRANT CREATE ON SCHEMA wallet TO game_service"),
    way(
        "a grant to hand on",
        "wallet_service may grant SELECT on wallet.wallet_bucket",
        "GRANT SELECT ON wallet.wallet_bucket TO wallet_service WITH GRANT OPTION",
    ),
    way(
        "a column's grant to hand on",
        "wallet_service may grant UPDATE on wallet.wallet_topology.document",
        "GRANT UPDATE (document) ON wallet.wallet_topology TO wallet_service WITH GRANT OPTION",
    ),
    way(
        "a call to hand on",
        f"wallet_service may grant EXECUTE on {APPLY}",
        f"GRANT EXECUTE ON FUNCTION {APPLY} TO wallet_service WITH GRANT OPTION",
    ),
    way(
        "tables to come",
        "game_service gets INSERT on whatever wallet_owner makes",
        "ALTER DEFAULT PRIVILEGES FOR ROLE wallet_owner GRANT INSERT ON TABLES TO game_service",
    ),
    way(
        "functions to come",
        "game_service gets EXECUTE on whatever postgres makes",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA wallet GRANT EXECUTE ON FUNCTIONS TO game_service",
    ),
    # --- functions that run as others
    way("a caller more", f"admin_service has EXECUTE on {APPLY}", f"GRANT EXECUTE ON FUNCTION {APPLY} TO admin_service"),
    way("a function in another schema", "public has EXECUTE on game.slip()", SLIP.format("game.slip() RETURNS integer")),
    way(
        "a function of a role that may call",
        "public has EXECUTE on game.slip()",
        SLIP.format("game.slip() RETURNS integer"),
        "ALTER FUNCTION game.slip() OWNER TO wallet_worker",
    ),
    way(
        "a procedure",
        "game_service has EXECUTE on admin.slip()",
        "CREATE PROCEDURE admin.slip() LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_temp AS $$ BEGIN END $$",
        "REVOKE ALL ON PROCEDURE admin.slip() FROM PUBLIC",
        "GRANT EXECUTE ON PROCEDURE admin.slip() TO game_service",
    ),
    way(
        "an overload of a known function",
        "function wallet.apply_command is there 2 times",
        "CREATE FUNCTION wallet.apply_command(text) RETURNS text LANGUAGE sql AS 'SELECT $1'",
    ),
    way(
        "a replaced body",
        "function wallet.assert_fence(bigint) was replaced: its body",
        "CREATE OR REPLACE FUNCTION wallet.assert_fence(p_token bigint) RETURNS void LANGUAGE plpgsql "
        "SET search_path = wallet, pg_temp AS $$ BEGIN END $$",
    ),
    way(
        "a guard that lets pass",
        "function wallet.refuse_change() was replaced: its body",
        "CREATE OR REPLACE FUNCTION wallet.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
    ),
    way(
        "a known function with other rights",
        "function wallet.assert_fence(bigint) was replaced: whose rights it runs with",
        "ALTER FUNCTION wallet.assert_fence(bigint) SECURITY DEFINER",
    ),
    way(
        "a function of nobody",
        "function wallet.any_number() is made by no migration of this checkout",
        "CREATE FUNCTION wallet.any_number() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'",
    ),
    way(
        "a function of the server",
        "has EXECUTE on query_to_xml(text,boolean,boolean,text)",
        "ALTER FUNCTION pg_catalog.query_to_xml(text, boolean, boolean, text) SECURITY DEFINER",
    ),
    way(
        "no search_path",
        f"{APPLY} runs as wallet_owner without a fixed search_path",
        f"ALTER FUNCTION {APPLY} RESET search_path",
    ),
    way(
        "temporary tables first",
        f"{APPLY} runs as wallet_owner without a fixed search_path that ends with pg_temp",
        f"ALTER FUNCTION {APPLY} SET search_path = pg_temp, wallet",
    ),
    # --- views and rules
    way(
        "a view",
        "game_service has UPDATE on view game.funds, which leads to wallet.wallet_bucket",
        FUNDS_VIEW,
        "GRANT UPDATE ON game.funds TO game_service",
    ),
    way(
        "a column of a view",
        "game_service has UPDATE on view game.funds",
        FUNDS_VIEW,
        "GRANT UPDATE (balance) ON game.funds TO game_service",
    ),
    way(
        "a view over a view",
        "player_service has DELETE on view admin.deeper, which leads to wallet.wallet_bucket",
        FUNDS_VIEW,
        "CREATE VIEW admin.deeper AS SELECT * FROM game.funds WHERE balance > 0",
        "GRANT DELETE ON admin.deeper TO player_service",
    ),
    way(
        "a view with a trigger instead",
        "trigger slip on game.totals runs game.slip() with the rights of postgres",
        "CREATE VIEW game.totals AS SELECT 1 AS one",
        DEFINER,
        "CREATE TRIGGER slip INSTEAD OF UPDATE ON game.totals FOR EACH ROW EXECUTE FUNCTION game.slip()",
    ),
    way(
        "a rule that also writes",
        "rule slip on game.bet writes, or keeps others from writing, wallet.wallet_bucket",
        "CREATE RULE slip AS ON INSERT TO game.bet DO ALSO UPDATE wallet.wallet_bucket SET balance = balance + 1",
    ),
    way(
        "a rule through a view",
        "rule slip on game.bet writes, or keeps others from writing, wallet.wallet_bucket",
        FUNDS_VIEW,
        "CREATE RULE slip AS ON INSERT TO game.bet DO ALSO UPDATE game.funds SET balance = balance + 1",
    ),
    way(
        "a rule that swallows writes",
        "rule slip on wallet.wallet_counter_entry",
        "CREATE RULE slip AS ON INSERT TO wallet.wallet_counter_entry DO INSTEAD NOTHING",
    ),
    # --- triggers
    way(
        "a foreign trigger on money",
        "trigger slip on wallet.wallet_bucket is not one of ours",
        PLAIN,
        "CREATE TRIGGER slip BEFORE UPDATE ON wallet.wallet_bucket FOR EACH ROW EXECUTE FUNCTION game.slip()",
    ),
    way(
        "a foreign trigger on a partition",
        "trigger slip on {partition} is not one of ours",
        PLAIN,
        "CREATE TRIGGER slip BEFORE INSERT ON {partition} FOR EACH ROW EXECUTE FUNCTION game.slip()",
    ),
    way(
        "a trigger that runs as a writer",
        "trigger slip on game.bet runs game.slip() with the rights of postgres",
        DEFINER,
        "REVOKE ALL ON FUNCTION game.slip() FROM PUBLIC",
        "CREATE TRIGGER slip AFTER INSERT ON game.bet FOR EACH ROW EXECUTE FUNCTION game.slip()",
    ),
    way(
        "a trigger where a writer writes",
        "trigger slip on game.bet runs game.slip() with the rights of whoever writes there",
        PLAIN,
        "GRANT INSERT ON game.bet TO wallet_service",
        "CREATE TRIGGER slip AFTER INSERT ON game.bet FOR EACH ROW EXECUTE FUNCTION game.slip()",
    ),
    way(
        "a trigger of ours switched off",
        "trigger version_follows on wallet.wallet_player is not one of ours as it stands: D",
        "ALTER TABLE wallet.wallet_player DISABLE TRIGGER version_follows",
    ),
    way(
        "a trigger of ours for replicas alone",
        "trigger closed_grant_is_empty on wallet.wallet_coupon_grant is not one of ours as it stands: R",
        "ALTER TABLE wallet.wallet_coupon_grant ENABLE REPLICA TRIGGER closed_grant_is_empty",
    ),
    way(
        "a trigger of ours dropped",
        "a trigger of ours is missing: O CREATE CONSTRAINT TRIGGER closed_grant_is_empty",
        "DROP TRIGGER closed_grant_is_empty ON wallet.wallet_coupon_grant",
    ),
    way(
        "a trigger of ours that never fires",
        "trigger version_follows on wallet.wallet_player is not one of ours as it stands",
        "DROP TRIGGER version_follows ON wallet.wallet_player",
        "CREATE TRIGGER version_follows AFTER UPDATE OF currency, status, canary ON wallet.wallet_player "
        "FOR EACH ROW WHEN (false) EXECUTE FUNCTION wallet.move_player_version()",
    ),
    way(
        "a foreign key switched off",
        "which keeps a foreign key, is switched off",
        "ALTER TABLE wallet.wallet_bucket DISABLE TRIGGER ALL",
    ),
    way(
        "an event trigger",
        "event trigger slip runs game.slip()",
        "CREATE FUNCTION game.slip() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$",
        "CREATE EVENT TRIGGER slip ON ddl_command_start EXECUTE FUNCTION game.slip()",
    ),
    # --- code that nobody calls
    way(
        "a default",
        "game.any_number() runs whenever wallet.wallet_bucket is written",
        ANY_NUMBER,
        "ALTER TABLE wallet.wallet_bucket ALTER COLUMN version SET DEFAULT game.any_number()",
    ),
    way(
        "a check",
        "game.any_number() runs whenever wallet.wallet_bucket is written",
        ANY_NUMBER,
        "ALTER TABLE wallet.wallet_bucket ADD CHECK (balance >= game.any_number() - 1)",
    ),
    way(
        "a check of a domain",
        "game.any_number() runs whenever wallet.held is written",
        ANY_NUMBER,
        "ALTER DOMAIN wallet.held ADD CHECK (VALUE >= game.any_number() - 1) NOT VALID",
    ),
    way(
        "an index",
        "game.mirror(bigint) runs whenever wallet.wallet_bucket is written",
        "CREATE FUNCTION game.mirror(bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT $1'",
        "CREATE INDEX ON wallet.wallet_bucket (game.mirror(version))",
    ),
    way(
        "a name among the server's",
        "any_number() was put among the server's own functions",
        "CREATE FUNCTION pg_catalog.any_number() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'",
    ),
    way(
        "an operator",
        "operator wallet.===(bigint,bigint) is looked up by functions of the wallet",
        "CREATE OPERATOR wallet.=== (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = int8eq)",
    ),
    way("a cast", "the cast from text to bigint is not ours", "CREATE CAST (text AS bigint) WITH INOUT AS ASSIGNMENT"),
    way(
        "a language without bounds",
        "is in language internal, which no grant bounds",
        "CREATE FUNCTION game.write_file(oid, text) RETURNS integer LANGUAGE internal AS 'be_lo_export'",
    ),
    # --- from outside
    way(
        "a foreign server",
        "foreign server elsewhere is defined",
        "CREATE FOREIGN DATA WRAPPER elsewhere",
        "CREATE SERVER elsewhere FOREIGN DATA WRAPPER elsewhere",
    ),
    way(
        "a user mapping",
        "user mapping of game_service at foreign server elsewhere",
        "CREATE FOREIGN DATA WRAPPER elsewhere",
        "CREATE SERVER elsewhere FOREIGN DATA WRAPPER elsewhere",
        "CREATE USER MAPPING FOR game_service SERVER elsewhere",
    ),
    way(
        "a foreign table",
        "foreign table game.elsewhere",
        "CREATE FOREIGN DATA WRAPPER elsewhere",
        "CREATE SERVER elsewhere FOREIGN DATA WRAPPER elsewhere",
        "CREATE FOREIGN TABLE game.elsewhere (balance bigint) SERVER elsewhere",
    ),
    way(
        "a subscription",
        "subscription slip_{database} writes what another server publishes",
        "CREATE SUBSCRIPTION slip_{database} CONNECTION 'dbname=nowhere password=x' PUBLICATION p WITH (connect = false)",
        undo=("ALTER SUBSCRIPTION slip_{database} SET (slot_name = NONE)", "DROP SUBSCRIPTION slip_{database}"),
    ),
    way(
        "hidden rows",
        "row security is on for wallet.wallet_ledger",
        "ALTER TABLE wallet.wallet_ledger ENABLE ROW LEVEL SECURITY",
    ),
    way(
        "rows to be hidden",
        "policy slip on wallet.wallet_bucket hides rows",
        "CREATE POLICY slip ON wallet.wallet_bucket USING (balance > 0)",
    ),
    # --- roles; these are the server's, so each is undone
    way(
        "a member of the owner",
        "game_service has MEMBER on wallet_owner",
        "GRANT wallet_owner TO game_service",
        undo=("REVOKE wallet_owner FROM game_service",),
    ),
    way(
        "a member of a caller",
        "admin_service has MEMBER on wallet_service",
        "GRANT wallet_service TO admin_service",
        undo=("REVOKE wallet_service FROM admin_service",),
    ),
    way(
        "a member of a member who does not inherit",
        "game_service has MEMBER on wallet_owner",
        "CREATE ROLE slip_{database} NOINHERIT ROLE game_service",
        "GRANT wallet_owner TO slip_{database}",
        undo=("DROP ROLE slip_{database}",),
    ),
    way(
        "a member who may only add members",
        "game_service has MEMBER on slip_{database}",
        "CREATE ROLE slip_{database} SUPERUSER NOLOGIN ADMIN game_service",
        undo=("DROP ROLE slip_{database}",),
    ),
    way(
        "a member of a predefined role",
        "rubyops_read has MEMBER on pg_write_all_data",
        "GRANT pg_write_all_data TO rubyops_read",
        undo=("REVOKE pg_write_all_data FROM rubyops_read",),
    ),
    way(
        "programs of the server",
        "gateway has MEMBER on pg_execute_server_program",
        "GRANT pg_execute_server_program TO gateway",
        undo=("REVOKE pg_execute_server_program FROM gateway",),
    ),
    way(
        "a superuser",
        "game_service has SUPERUSER on the whole cluster",
        "ALTER ROLE game_service SUPERUSER",
        undo=("ALTER ROLE game_service NOSUPERUSER",),
    ),
    way(
        "a superuser whom nobody knows",
        "slip_{database} has SUPERUSER on the whole cluster",
        "CREATE ROLE slip_{database} SUPERUSER LOGIN",
        undo=("DROP ROLE slip_{database}",),
    ),
    way(
        "a maker of roles",
        "player_service has CREATEROLE on the whole cluster",
        "ALTER ROLE player_service CREATEROLE",
        undo=("ALTER ROLE player_service NOCREATEROLE",),
    ),
    way(
        "an owner that logs in",
        "wallet_owner has LOGIN on itself",
        "ALTER ROLE wallet_owner LOGIN",
        undo=("ALTER ROLE wallet_owner NOLOGIN",),
    ),
    way(
        "a parameter",
        "game_service has SET on parameter session_replication_role",
        "GRANT SET ON PARAMETER session_replication_role TO game_service",
        undo=("REVOKE SET ON PARAMETER session_replication_role FROM game_service",),
    ),
    way(
        "a setting that a role starts with",
        "game_service starts with session_replication_role=replica",
        "ALTER ROLE game_service IN DATABASE {database} SET session_replication_role = replica",
    ),
    way(
        "a setting that everybody starts with",
        "every role starts with session_replication_role=replica",
        "ALTER DATABASE {database} SET session_replication_role = replica",
    ),
    way(
        "files of the server",
        "game_service has EXECUTE on lo_export(oid,text)",
        "GRANT EXECUTE ON FUNCTION lo_export(oid, text) TO game_service",
    ),
)
CASES = [pytest.param(item, id=item.name, marks=pytest.mark.alters_roles if item.undo else ()) for item in WAYS]


@contextmanager
def planted(database: TestDatabase, way: Way, partition: str) -> Iterator[None]:
    """Open the way, and close it again where it is not the database's own."""

    def run(statements: tuple[str, ...]) -> None:
        with psycopg.connect(database.superuser_dsn, autocommit=True) as connection:
            for statement in statements:
                connection.execute(named(statement, database, partition).encode())

    try:
        run(way.plant)
        yield
    finally:
        run(way.undo)


def named(text: str, database: TestDatabase, partition: str) -> str:
    return text.replace("{database}", database.name).replace("{partition}", partition)


def a_partition(database: TestDatabase) -> str:
    with psycopg.connect(database.superuser_dsn) as connection:
        row = connection.execute(
            "SELECT max(inhrelid::regclass::text) FROM pg_inherits WHERE inhparent = 'wallet.wallet_ledger'::regclass"
        ).fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize("way", CASES)
def test_each_way_is_found_and_named(platform_db: TestDatabase, way: Way) -> None:
    partition = a_partition(platform_db)
    with planted(platform_db, way, partition):
        finding = gate_04.run(LiveRead(databases={"platform": platform_db}))
    assert finding.status == "failed"
    samples = finding.details["samples"]
    assert isinstance(samples, list)
    assert any(named(way.words, platform_db, partition) in sample for sample in samples), samples


def test_a_clean_platform_with_money_is_not_flagged(read: LiveRead) -> None:
    finding = gate_04.audit(read)
    assert (finding.status, finding.summary) == (
        "ok",
        f"only wallet_service's apply path can write the {finding.details['relations']} tables of schema wallet",
    )


def test_a_clean_catalog_alone_decides_nothing(read: LiveRead) -> None:
    finding = gate_04.run(read)
    assert finding.status == "inconclusive"
    assert "is tried by: rubyops gate" in finding.summary


def test_without_a_movement_the_records_show_nothing(platform_db: TestDatabase) -> None:
    finding = gate_04.audit(LiveRead(databases={"platform": platform_db}))
    assert finding.status == "inconclusive"
    assert finding.summary.startswith("no movement to look at yet; only wallet_service's apply path can write")


def test_a_closed_month_is_not_flagged(money: Money, read: LiveRead) -> None:
    part = a_partition(money.database).partition(".")[2]
    money.plant(
        f"CREATE TRIGGER sealed BEFORE INSERT ON wallet.{part} FOR EACH ROW EXECUTE FUNCTION wallet.refuse_change()",
        f"ALTER TABLE wallet.{part} ENABLE ALWAYS TRIGGER sealed",
    )
    assert gate_04.audit(read).ok


def test_no_role_is_listed_as_a_writer_of_money() -> None:
    assert [entry for entry in WRITES if entry[2] in MONEY_TABLES] == []


def test_every_listed_call_is_a_function_of_the_migrations() -> None:
    listed = {f"wallet.{name}" for names in CALLS.values() for name in names}
    assert listed - set(shipped()) == set()
    assert all(function.as_owner for name in listed for function in shipped()[name])
