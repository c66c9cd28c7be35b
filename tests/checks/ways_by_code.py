"""Ways to write money through views, rules, triggers and the code that these run."""

from tests.checks.ways import (
    ANY_NUMBER,
    CLASS,
    COMPARE,
    DEFINER,
    EACH,
    FUNDS_VIEW,
    MIRROR,
    PLAIN,
    SAME,
    way,
)

CROSS = "game.compare(bigint, text)"
WAYS = (
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
        "CREATE TRIGGER slip INSTEAD OF UPDATE ON game.totals " + EACH,
    ),
    way(
        "a rule that also writes",
        "rule slip on game.bet writes, or keeps others from writing, wallet.wallet_bucket",
        "CREATE RULE slip AS ON INSERT TO game.bet DO ALSO UPDATE wallet.wallet_bucket SET balance "
        "= balance + 1",
    ),
    way(
        "a rule through a view",
        "rule slip on game.bet writes, or keeps others from writing, wallet.wallet_bucket",
        FUNDS_VIEW,
        "CREATE RULE slip AS ON INSERT TO game.bet DO ALSO UPDATE game.funds SET balance = balance "
        "+ 1",
    ),
    way(
        "a rule that swallows writes",
        "rule slip on wallet.wallet_counter_entry",
        "CREATE RULE slip AS ON INSERT TO wallet.wallet_counter_entry DO INSTEAD NOTHING",
    ),
    # --- views that the checks read
    way(
        "a view that finds nothing",
        "view wallet.ledger_drift was replaced",
        "CREATE OR REPLACE VIEW wallet.ledger_drift AS SELECT m.brand_id, m.player_id, m.account, "
        "m.currency, e.expected, m.balance AS actual, e.last_good_version, e.last_good, e.reason "
        "FROM wallet.compare_accounts('hashes') m, LATERAL wallet.explain_drift("
        "m.brand_id, m.player_id, m.account, m.balance, m.version, m.hash) e WHERE false",
    ),
    *(
        way(
            f"a view that leaves rows out: {name}",
            f"view wallet.{name} was replaced",
            "DO $do$ BEGIN EXECUTE 'CREATE OR REPLACE VIEW wallet."
            f"{name} AS SELECT * FROM (' || rtrim(pg_get_viewdef('wallet.{name}'::regclass), ';') "
            f"|| ') made WHERE {column} <> 0'; END $do$",
        )
        for name, column in (("transaction_sum", "legs"), ("conservation", "opening"))
    ),
    way(
        "a view whose columns changed places",
        "view wallet.transaction_sum was replaced",
        "ALTER VIEW wallet.transaction_sum RENAME COLUMN difference TO others",
        "ALTER VIEW wallet.transaction_sum RENAME COLUMN legs TO difference",
        "ALTER VIEW wallet.transaction_sum RENAME COLUMN others TO legs",
    ),
    way(
        "a view that reads with the caller's rights",
        "view wallet.counter_total has the options security_invoker=true",
        "ALTER VIEW wallet.counter_total SET (security_invoker = true)",
    ),
    way(
        "a view of nobody",
        "view wallet.funds is in no file of this checkout",
        "CREATE VIEW wallet.funds AS SELECT * FROM wallet.wallet_bucket",
    ),
    way(
        "a view that is gone",
        "view wallet.counter_drift is missing",
        "DROP VIEW wallet.counter_drift",
    ),
    # --- triggers
    way(
        "a foreign trigger on money",
        "trigger slip on wallet.wallet_bucket is not one of ours",
        PLAIN,
        "CREATE TRIGGER slip BEFORE UPDATE ON wallet.wallet_bucket " + EACH,
    ),
    way(
        "a foreign trigger on a partition",
        "trigger slip on {partition} is not one of ours",
        PLAIN,
        "CREATE TRIGGER slip BEFORE INSERT ON {partition} " + EACH,
    ),
    way(
        "a trigger that runs as a writer",
        "trigger slip on game.bet runs game.slip() with the rights of postgres",
        DEFINER,
        "REVOKE ALL ON FUNCTION game.slip() FROM PUBLIC",
        "CREATE TRIGGER slip AFTER INSERT ON game.bet " + EACH,
    ),
    way(
        "a trigger where a writer writes",
        "trigger slip on game.bet runs game.slip() with the rights of whoever writes there",
        PLAIN,
        "GRANT INSERT ON game.bet TO wallet_service",
        "CREATE TRIGGER slip AFTER INSERT ON game.bet " + EACH,
    ),
    way(
        "a trigger of ours switched off",
        "trigger version_follows on wallet.wallet_player is not one of ours as it stands: D",
        "ALTER TABLE wallet.wallet_player DISABLE TRIGGER version_follows",
    ),
    way(
        "a trigger of ours for replicas alone",
        "on wallet.wallet_coupon_grant is not one of ours as it stands: R CREATE",
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
        "CREATE TRIGGER version_follows AFTER UPDATE OF currency, status, canary "
        "ON wallet.wallet_player FOR EACH ROW WHEN (false) EXECUTE FUNCTION "
        "wallet.move_player_version()",
    ),
    way(
        "a foreign key switched off",
        "which keeps a foreign key, is switched off",
        "ALTER TABLE wallet.wallet_bucket DISABLE TRIGGER ALL",
    ),
    way(
        "a trigger marked as the server's own",
        "trigger slip on wallet.wallet_bucket is said to be the server's own and runs game.slip()",
        PLAIN,
        "CREATE TRIGGER slip BEFORE UPDATE ON wallet.wallet_bucket " + EACH,
        "UPDATE pg_trigger SET tgisinternal = true WHERE tgname = 'slip'",
    ),
    way(
        "an event trigger",
        "event trigger slip runs game.slip()",
        "CREATE FUNCTION game.slip() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$",
        "CREATE EVENT TRIGGER slip ON ddl_command_start EXECUTE FUNCTION game.slip()",
    ),
    # --- code that runs without being called
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
        MIRROR,
        "CREATE INDEX ON wallet.wallet_bucket (game.mirror(version))",
    ),
    way(
        "a check by an operator",
        "operator game.===(bigint,bigint) runs whenever wallet.wallet_bucket is written",
        *SAME,
        "ALTER TABLE wallet.wallet_bucket ADD CHECK (version OPERATOR(game.===) version) NOT VALID",
    ),
    way(
        "an index by an operator class",
        "operator class game.slip_ops for access method btree runs whenever wallet.wallet_bucket",
        COMPARE,
        CLASS,
        "CREATE INDEX ON wallet.wallet_bucket (version game.slip_ops)",
    ),
    way(
        "a column of a domain",
        "type game.amount runs whenever wallet.wallet_bucket is written",
        "CREATE DOMAIN game.amount AS bigint",
        "ALTER TABLE wallet.wallet_bucket ADD extra game.amount",
    ),
    way(
        "a check of a domain by an operator",
        "operator game.===(bigint,bigint) runs whenever wallet.held is written",
        *SAME,
        "ALTER DOMAIN wallet.held ADD CHECK (VALUE::bigint OPERATOR(game.===) 1) NOT VALID",
    ),
    way(
        "a foreign key by an operator",
        "runs whenever wallet.wallet_bucket is written",
        "CREATE DOMAIN game.amount AS bigint",
        "CREATE TABLE game.sizes (size game.amount PRIMARY KEY)",
        "ALTER TABLE wallet.wallet_bucket ADD extra game.amount REFERENCES game.sizes",
    ),
    way(
        "a domain of the wallet over another schema's",
        "type game.amount runs whenever wallet.more is written",
        "CREATE DOMAIN game.amount AS bigint",
        "CREATE DOMAIN wallet.more AS game.amount",
    ),
    way(
        "a function that an extension is said to bring",
        "function game.mirror(bigint) runs whenever wallet.wallet_bucket is written",
        MIRROR,
        "ALTER EXTENSION plpgsql ADD FUNCTION game.mirror(bigint)",
        "CREATE INDEX ON wallet.wallet_bucket (game.mirror(version))",
    ),
    way(
        "a column of a superuser's table of a service's domain",
        "type game.amount runs as postgres for game.bet, and game_service may replace it",
        "CREATE DOMAIN game.amount AS bigint",
        "ALTER DOMAIN game.amount OWNER TO game_service",
        "ALTER TABLE game.bet ADD extra game.amount",
    ),
    way(
        "an index of a superuser's table by an operator class over a function of a service",
        "function game.compare(bigint,bigint) runs as postgres for game.bet_slip_idx, and "
        "game_service",
        COMPARE,
        CLASS,
        "ALTER FUNCTION game.compare(bigint, bigint) OWNER TO game_service",
        "CREATE INDEX bet_slip_idx ON game.bet (stake game.slip_ops)",
    ),
    way(
        "a domain's check over a function of a service, in a superuser's table",
        "function game.mirror(bigint) runs as postgres for game.bet, and game_service may replace",
        MIRROR,
        "ALTER FUNCTION game.mirror(bigint) OWNER TO game_service",
        "CREATE DOMAIN game.amount AS bigint CHECK (game.mirror(VALUE) >= 0)",
        "ALTER TABLE game.bet ADD extra game.amount",
    ),
    way(
        "an operator class among the wallet's",
        "operator class wallet.slip_ops for access method btree is not ours",
        COMPARE,
        CLASS.replace("game.slip_ops", "wallet.slip_ops"),
    ),
    way(
        "a function put into the server's operator family",
        "operator family integer_ops for access method btree: game.compare(bigint,text)",
        f"CREATE FUNCTION {CROSS} RETURNS integer IMMUTABLE RETURN 0",
        f"ALTER OPERATOR FAMILY integer_ops USING btree ADD FUNCTION 1 (bigint, text) {CROSS}",
    ),
    way(
        "an index of a superuser's table over a function of a service",
        "game.mirror(bigint) runs as postgres for game.bet_mirror_idx, and game_service may "
        "replace",
        MIRROR,
        "ALTER FUNCTION game.mirror(bigint) OWNER TO game_service",
        "CREATE INDEX bet_mirror_idx ON game.bet (game.mirror(stake))",
    ),
    way(
        "a materialized view over a function of a service",
        "game.mirror(bigint) runs as wallet_owner for game.kept, and game_service may replace it",
        MIRROR,
        "ALTER FUNCTION game.mirror(bigint) OWNER TO game_service",
        "CREATE MATERIALIZED VIEW game.kept AS SELECT game.mirror(1) AS one WITH NO DATA",
        "ALTER MATERIALIZED VIEW game.kept OWNER TO wallet_owner",
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
    way(
        "a cast",
        "the cast from text to bigint is not ours",
        "CREATE CAST (text AS bigint) WITH INOUT AS ASSIGNMENT",
    ),
    way(
        "a function of the server with another body",
        "lower(text) is the server's own and was altered: its language is plpgsql",
        "CREATE OR REPLACE FUNCTION pg_catalog.lower(text) RETURNS text LANGUAGE plpgsql IMMUTABLE "
        "STRICT PARALLEL SAFE AS $$ BEGIN RETURN 'x'; END $$",
    ),
    way(
        "a function of the server with another body in SQL",
        "lower(text) is the server's own and was altered: its body is of no release",
        "CREATE OR REPLACE FUNCTION pg_catalog.lower(text) RETURNS text LANGUAGE sql IMMUTABLE "
        "STRICT PARALLEL SAFE AS $$ SELECT 'x' $$",
    ),
    way(
        "a function of the server that a service owns",
        "lower(text) is the server's own and was altered: it belongs to game_service",
        "ALTER FUNCTION pg_catalog.lower(text) OWNER TO game_service",
    ),
    way(
        "a function of the server with settings",
        "lower(text) is the server's own and was altered: it has settings",
        "ALTER FUNCTION pg_catalog.lower(text) SET search_path = game",
    ),
    way(
        "a view where the wallet's functions look for a table",
        "view player.player stands where functions of the wallet look for a table",
        "ALTER TABLE player.player RENAME TO players",
        "CREATE VIEW player.player AS SELECT * FROM player.players",
    ),
    way(
        "a policy where a writer reads",
        "policy slip on player.player runs as every writer that reads there",
        ANY_NUMBER,
        "CREATE POLICY slip ON player.player USING (game.any_number() = 1)",
    ),
    way(
        "a default of a service's function where a writer writes",
        "function game.any_number() runs as wallet_service for game.notes, and game_service may",
        ANY_NUMBER,
        "ALTER FUNCTION game.any_number() OWNER TO game_service",
        "CREATE TABLE game.notes (note bigint DEFAULT game.any_number())",
        "ALTER TABLE game.notes OWNER TO game_service",
        "GRANT INSERT ON game.notes TO wallet_service",
    ),
    way(
        "an attribute of a row type",
        "type game.amount runs whenever wallet.command is written",
        "CREATE DOMAIN game.amount AS bigint",
        "ALTER TYPE wallet.command ADD ATTRIBUTE extra game.amount",
    ),
    way(
        "a rule of a service's function where a writer writes",
        "function game.any_number() runs as wallet_service for game.bet, and game_service may",
        ANY_NUMBER,
        "ALTER FUNCTION game.any_number() OWNER TO game_service",
        "GRANT INSERT ON game.bet TO wallet_service",
        "CREATE RULE slip AS ON INSERT TO game.bet DO ALSO SELECT game.any_number()",
    ),
    way(
        "a language without bounds",
        "is in language internal, which no grant bounds",
        "CREATE FUNCTION game.write_file(oid, text) RETURNS integer LANGUAGE internal AS "
        "'be_lo_export'",
    ),
)
