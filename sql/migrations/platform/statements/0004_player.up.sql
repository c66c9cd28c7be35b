-- Players with the flat balance they had before the wallet; read by the backfill, written by nothing after creation.
CREATE SCHEMA player;

CREATE TABLE player.player (
    tenant_id              uuid NOT NULL,
    player_id              uuid NOT NULL,
    currency               text NOT NULL,
    -- Major units with whatever places the old platform left behind: the backfill decides what converts exactly.
    balance_real_available numeric,
    balance_real_held      numeric,
    status                 text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'blocked')),
    canary                 boolean NOT NULL DEFAULT false,
    created_at             timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, player_id)
);

-- Create `p_count` legacy players over 20 tenants, the same ones every time; does nothing where the first one exists.
-- One in 399 (a number that meets every tenant and currency) cannot be converted: NULL, negative, or a place too many.
CREATE FUNCTION player.seed_legacy_players(p_count integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = player, pg_temp AS $$
DECLARE
    made integer;
BEGIN
    IF p_count < 0 OR p_count > 10000000 THEN
        RAISE EXCEPTION 'p_count must be from 0 to 10000000, found %', p_count USING ERRCODE = '22023';
    END IF;
    IF EXISTS (SELECT FROM player.player
                WHERE tenant_id = md5('legacy tenant 1')::uuid AND player_id = md5('legacy player 1')::uuid) THEN
        RETURN 0;
    END IF;
    WITH currencies (place, code, exponent) AS (
        VALUES (0, 'EUR', 2), (1, 'USD', 2), (2, 'TRY', 2), (3, 'KRW', 0), (4, 'BTC', 8)
    ), drawn AS (
        SELECT n, c.code, c.exponent, (n::bigint * 7919 * 104729) % 1000003 AS available, (n::bigint * 31337) % 5003 AS held
          FROM generate_series(1, p_count) AS n
          JOIN currencies c ON c.place = (n / 20) % 5
    )
    INSERT INTO player.player (tenant_id, player_id, currency, balance_real_available, balance_real_held, created_at)
    SELECT md5('legacy tenant ' || (1 + (n - 1) % 20))::uuid,
           md5('legacy player ' || n)::uuid,
           code,
           CASE WHEN n % 399 <> 0 THEN available * (10::numeric ^ -exponent)::numeric(20, 8)
                WHEN n / 399 % 3 = 0 THEN NULL
                WHEN n / 399 % 3 = 1 THEN -1 - available
                ELSE available + round(10::numeric ^ -(exponent + 1), exponent + 1) END, -- by itself, ^ shows as many places as the version likes
           CASE WHEN n % 10 = 0 THEN held * (10::numeric ^ -exponent)::numeric(20, 8) ELSE 0 END,
           '2024-01-01 00:00:00+00'::timestamptz + n * interval '7 minutes'
      FROM drawn;
    GET DIAGNOSTICS made = ROW_COUNT;
    RETURN made;
END $$;

-- By row for the service, whose canaries pass; by statement for `seed_legacy_players`, which makes millions.
CREATE TRIGGER unsealed BEFORE INSERT ON player.player
    FOR EACH ROW WHEN (session_user = 'player_service') EXECUTE FUNCTION wallet.refuse_sealed();
CREATE TRIGGER unsealed_seed BEFORE INSERT ON player.player
    FOR EACH STATEMENT WHEN (session_user <> 'player_service') EXECUTE FUNCTION wallet.refuse_sealed();

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'player_owner') THEN
        CREATE ROLE player_owner NOLOGIN;
    END IF;
END $$;
ALTER SCHEMA player OWNER TO player_owner;
ALTER TABLE player.player OWNER TO player_owner;
ALTER FUNCTION player.seed_legacy_players(integer) OWNER TO player_owner;
REVOKE ALL ON FUNCTION player.seed_legacy_players(integer) FROM PUBLIC;
GRANT USAGE ON SCHEMA player TO player_service, wallet_owner, rubyops_read, rubyops_ops;
GRANT SELECT ON player.player TO player_service, wallet_owner, rubyops_read, rubyops_ops;
GRANT INSERT ON player.player TO player_service;
GRANT EXECUTE ON FUNCTION player.seed_legacy_players(integer) TO rubyops_ops;
-- player_service creates a player for the operator under the wallet's fence.
GRANT USAGE ON SCHEMA wallet TO player_service;
GRANT EXECUTE ON FUNCTION wallet.hold_fence(bigint) TO player_service;
