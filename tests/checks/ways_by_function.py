"""Ways to write money through functions: their callers, bodies, owners and attributes."""

from tests.checks.ways import ANY_NUMBER, APPLY, SLIP, way

SWITCH = "wallet.switch_active(bigint,text,integer,text,integer,text,text,bigint)"
LEAD = "rolling.lead_rollings(uuid,uuid,jsonb,text,bigint)"
WAYS = (
    # --- functions that run with the rights of their owner
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
        "CREATE PROCEDURE admin.slip() LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_temp "
        "AS $$ BEGIN END $$",
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
        "CREATE OR REPLACE FUNCTION wallet.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RETURN NEW; END $$",
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
        "function wallet.any_number() is in no file of this checkout",
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
    way(
        "a search_path with another schema first",
        f"function {SWITCH} was replaced: its settings, ",
        f"ALTER FUNCTION {SWITCH} SET search_path = game, wallet, pg_temp",
        "GRANT CREATE ON SCHEMA game TO game_service",
    ),
    way(
        "a search_path of a function that the wallet's functions call",
        "function wallet.assert_fence(bigint) was replaced: its settings, search_path=game",
        "ALTER FUNCTION wallet.assert_fence(bigint) SET search_path = game, wallet, pg_temp",
    ),
    way(
        "a guard that is skipped for NULL",
        "function wallet.assert_fence(bigint) was replaced: whether NULL skips it (STRICT), yes",
        "ALTER FUNCTION wallet.assert_fence(bigint) STRICT",
    ),
    way(
        "a guard that is asked once",
        "function wallet.assert_fence(bigint) was replaced: its volatility, immutable",
        "ALTER FUNCTION wallet.assert_fence(bigint) IMMUTABLE",
    ),
    way(
        "parameters that changed places",
        "function wallet.keeps_bucket(jsonb,jsonb) was replaced: its parameters",
        "DO $do$ DECLARE body text := prosrc FROM pg_proc WHERE proname = 'keeps_bucket'; BEGIN "
        "DROP FUNCTION wallet.keeps_bucket(jsonb, jsonb); EXECUTE format("
        "'CREATE FUNCTION wallet.keeps_bucket(p_bucket jsonb, p_buckets jsonb) RETURNS boolean "
        "LANGUAGE sql IMMUTABLE AS %L', body); "
        "ALTER FUNCTION wallet.keeps_bucket(jsonb, jsonb) OWNER TO wallet_owner; END $do$",
    ),
    way(
        "a default of a parameter",
        "function wallet.assert_fence(bigint) was replaced: its parameters",
        ANY_NUMBER,
        "DO $do$ BEGIN EXECUTE "
        "replace(pg_get_functiondef('wallet.assert_fence(bigint)'::regprocedure), "
        "'p_token bigint', 'p_token bigint DEFAULT game.any_number()'); END $do$",
    ),
    way(
        "another result",
        "function wallet.keeps_bucket(jsonb,jsonb) was replaced: its result, SETOF boolean",
        "DO $do$ DECLARE made text := replace(pg_get_functiondef("
        "'wallet.keeps_bucket(jsonb, jsonb)'::regprocedure), 'RETURNS boolean', "
        "'RETURNS SETOF boolean'); BEGIN DROP FUNCTION wallet.keeps_bucket(jsonb, jsonb); "
        "EXECUTE made; ALTER FUNCTION wallet.keeps_bucket(jsonb, jsonb) OWNER TO wallet_owner; END "
        "$do$",
    ),
)
