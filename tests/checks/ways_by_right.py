"""Ways to write money that rights, owners, functions, roles and other servers open."""

from tests.checks.ways import APPLY, SLIP, way

LEAD = "rolling.lead_rollings(uuid,uuid,jsonb,text,bigint)"
WAYS = (
    # --- rights on tables
    way(
        "a table",
        "game_service has UPDATE on wallet.wallet_bucket",
        "GRANT UPDATE ON wallet.wallet_bucket TO game_service",
    ),
    way(
        "a column",
        "player_service has INSERT on wallet.wallet_bucket",
        "GRANT INSERT (balance) ON wallet.wallet_bucket TO player_service",
    ),
    way(
        "everybody",
        "public has INSERT on wallet.wallet_balances",
        "GRANT INSERT ON wallet.wallet_balances TO PUBLIC",
    ),
    way(
        "a partition",
        "wallet_worker has TRUNCATE on {partition}",
        "GRANT TRUNCATE ON {partition} TO wallet_worker",
    ),
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
    way(
        "an owner of the schema",
        "game_service owns schema wallet",
        "ALTER SCHEMA wallet OWNER TO game_service",
    ),
    way(
        "an owner of a type",
        "game_service owns type wallet.held",
        "ALTER DOMAIN wallet.held OWNER TO game_service",
    ),
    way(
        "an owner of the database",
        "game_service owns database",
        "ALTER DATABASE {database} OWNER TO game_service",
    ),
    way(
        "an owner of a function",
        "function wallet.refuse_change() belongs to game_service, not to wallet_owner",
        "ALTER FUNCTION wallet.refuse_change() OWNER TO game_service",
    ),
    way(
        "new objects in the schema",
        "game_service has CREATE on schema wallet",
        "GRANT CREATE ON SCHEMA wallet TO game_service",
    ),
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
    way(
        "a caller more",
        f"admin_service has EXECUTE on {APPLY}",
        f"GRANT EXECUTE ON FUNCTION {APPLY} TO admin_service",
    ),
    way(
        "a function in another schema",
        "public has EXECUTE on game.slip()",
        SLIP,
    ),
    way(
        "a function of a role that may call",
        "public has EXECUTE on game.slip()",
        SLIP,
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
        "CREATE OR REPLACE FUNCTION wallet.assert_fence(p_token bigint) RETURNS void "
        "LANGUAGE plpgsql SET search_path = wallet, pg_temp AS $$ BEGIN END $$",
    ),
    way(
        "a guard that lets pass",
        "function wallet.refuse_change() was replaced: its body",
        "CREATE OR REPLACE FUNCTION wallet.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
    ),
    way(
        "a function that the wallet's owner calls, with the caller's rights",
        f"function {LEAD} was replaced: its body",
        "CREATE OR REPLACE FUNCTION rolling.lead_rollings(p_brand uuid, p_player uuid, "
        "p_rollings jsonb, p_left_code text, p_restore_epoch bigint) RETURNS jsonb "
        "LANGUAGE sql AS $$ SELECT '{}'::jsonb $$",
    ),
    way(
        "such a function of another owner",
        f"function {LEAD} belongs to rolling_service, not to rolling_owner",
        f"ALTER FUNCTION {LEAD} OWNER TO rolling_service",
    ),
    way(
        "a function that is gone",
        "function wallet.assert_fence is missing",
        "ALTER FUNCTION wallet.assert_fence(bigint) RENAME TO had_fence",
    ),
    way(
        "a setting of a function",
        f"{APPLY} runs as wallet_owner under session_replication_role=replica",
        f"ALTER FUNCTION {APPLY} SET session_replication_role = replica",
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
        undo=(
            "ALTER SUBSCRIPTION slip_{database} SET (slot_name = NONE)",
            "DROP SUBSCRIPTION slip_{database}",
        ),
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
