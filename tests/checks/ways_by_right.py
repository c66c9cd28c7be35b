"""Ways to write money through rights, owners, parent tables, foreign keys, roles and servers."""

from tests.checks.ways import APPLY, EACH, PLAIN, way

SIZED = "ALTER TABLE wallet.wallet_bucket ADD FOREIGN KEY (balance) REFERENCES game.sizes"
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
        "a parent in another schema",
        "wallet.wallet_bucket is a child of game.purse",
        "CREATE TABLE game.purse (balance wallet.held)",
        "ALTER TABLE wallet.wallet_bucket INHERIT game.purse",
        "GRANT UPDATE ON game.purse TO game_service",
    ),
    way(
        "a table of the wallet as a partition of another schema's",
        "wallet.wallet_gate is a child of game.gates",
        "CREATE TABLE game.gates (LIKE wallet.wallet_gate) PARTITION BY LIST (freeze_level)",
        "ALTER TABLE game.gates ATTACH PARTITION wallet.wallet_gate DEFAULT",
        "GRANT UPDATE ON game.gates TO game_service",
    ),
    way(
        "a right on a partition of another schema's table",
        "game_service has UPDATE on wallet.wallet_gate",
        "CREATE TABLE game.gates (LIKE wallet.wallet_gate) PARTITION BY LIST (freeze_level)",
        "ALTER TABLE game.gates ATTACH PARTITION wallet.wallet_gate DEFAULT",
        "GRANT UPDATE ON wallet.wallet_gate TO game_service",
    ),
    way(
        "a guarded table as a child of another of schema wallet, without its triggers",
        "a trigger of ours is missing: O CREATE CONSTRAINT TRIGGER closed_grant_is_empty",
        "CREATE TABLE wallet.above (balance wallet.held)",
        "ALTER TABLE wallet.wallet_coupon_grant INHERIT wallet.above",
        "DROP TRIGGER closed_grant_is_empty ON wallet.wallet_coupon_grant",
    ),
    # --- foreign keys whose actions write money
    way(
        "a foreign key whose update cascades into money",
        "wallet_bucket_balance_fkey of wallet.wallet_bucket lets a change of game.sizes write",
        "CREATE TABLE game.sizes (balance bigint PRIMARY KEY)",
        SIZED + " ON UPDATE CASCADE NOT VALID",
        "GRANT UPDATE ON game.sizes TO game_service",
    ),
    way(
        "a foreign key whose deletion sets money",
        "wallet_bucket_balance_fkey of wallet.wallet_bucket lets a change of game.sizes write",
        "CREATE TABLE game.sizes (balance bigint PRIMARY KEY)",
        SIZED + " ON DELETE SET DEFAULT NOT VALID",
        "GRANT DELETE ON game.sizes TO game_service",
    ),
    way(
        "a foreign key that runs a trigger as a superuser",
        "bet_size_fkey of game.bet lets a change of game.sizes write",
        "CREATE TABLE game.sizes (size bigint PRIMARY KEY)",
        "ALTER TABLE game.bet ADD size bigint REFERENCES game.sizes ON UPDATE CASCADE",
        "GRANT UPDATE ON game.sizes TO game_service",
        PLAIN,
        "CREATE TRIGGER slip BEFORE UPDATE ON game.bet " + EACH,
    ),
    way(
        "a table moved out of sight",
        "wallet.wallet_transfer is missing",
        "ALTER TABLE wallet.wallet_transfer SET SCHEMA admin",
    ),
    # --- owners and default privileges
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
    # --- other servers and policies
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
        "CREATE SUBSCRIPTION slip_{database} CONNECTION 'dbname=nowhere password=x' PUBLICATION p "
        "WITH (connect = false)",
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
    # --- roles: they belong to the whole server, so each change is undone
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
        "another schema's names first, for a role that may call",
        "wallet_service starts with search_path=game, pg_catalog",
        "ALTER ROLE wallet_service IN DATABASE {database} SET search_path = game, pg_catalog",
    ),
    way(
        "another schema's names first, for everybody",
        "every role starts with search_path=game, pg_catalog",
        "ALTER DATABASE {database} SET search_path = game, pg_catalog",
    ),
    way(
        "files of the server",
        "game_service has EXECUTE on lo_export(oid,text)",
        "GRANT EXECUTE ON FUNCTION lo_export(oid, text) TO game_service",
    ),
)
