"""Ways to write money that views, rules, triggers and code behind them open."""

from tests.checks.ways import ANY_NUMBER, DEFINER, EACH, FUNDS_VIEW, MIRROR, PLAIN, way

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
        "ON wallet.wallet_player FOR EACH ROW WHEN (false) EXECUTE FUNCTION wallet.move_player_version()",
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
        MIRROR,
        "CREATE INDEX ON wallet.wallet_bucket (game.mirror(version))",
    ),
    way(
        "an index of a superuser's table over a function of a service",
        "game.mirror(bigint) runs as postgres for game.bet_mirror_idx, and game_service may replace",
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
        "a language without bounds",
        "is in language internal, which no grant bounds",
        "CREATE FUNCTION game.write_file(oid, text) RETURNS integer LANGUAGE internal AS 'be_lo_export'",
    ),
)
