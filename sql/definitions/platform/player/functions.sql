-- Legacy players, for tests and demonstrations.

-- Create `p_count` legacy players over 20 tenants. The players are always the same. The function
-- does nothing if the first player exists. Every 399th player has a balance that cannot be
-- converted: NULL, negative, or with too many decimal places. With this number, such players exist
-- in every tenant and currency.
CREATE OR REPLACE FUNCTION player.seed_legacy_players(p_count integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = player, pg_temp AS $$
DECLARE
    made integer;
BEGIN
    IF p_count < 0 OR p_count > 10000000 THEN
        RAISE EXCEPTION 'p_count must be from 0 to 10000000, found %', p_count
            USING ERRCODE = '22023';
    END IF;
    IF EXISTS (SELECT FROM player.player
                WHERE tenant_id = md5('legacy tenant 1')::uuid
                  AND player_id = md5('legacy player 1')::uuid) THEN
        RETURN 0;
    END IF;
    WITH currencies (place, code, exponent) AS (
        VALUES (0, 'EUR', 2), (1, 'USD', 2), (2, 'TRY', 2), (3, 'KRW', 0), (4, 'BTC', 8)
    ), drawn AS (
        SELECT n, c.code, c.exponent, (n::bigint * 7919 * 104729) % 1000003 AS available,
               (n::bigint * 31337) % 5003 AS held
          FROM generate_series(1, p_count) AS n
          JOIN currencies c ON c.place = (n / 20) % 5
    )
    INSERT INTO player.player (tenant_id, player_id, currency, balance_real_available,
                               balance_real_held, created_at)
    SELECT md5('legacy tenant ' || (1 + (n - 1) % 20))::uuid,
           md5('legacy player ' || n)::uuid,
           code,
           CASE WHEN n % 399 <> 0 THEN available * (10::numeric ^ -exponent)::numeric(20, 8)
                WHEN n / 399 % 3 = 0 THEN NULL
                WHEN n / 399 % 3 = 1 THEN -1 - available
                -- round() fixes the number of places, which depends on the server's version for ^.
                ELSE available + round(10::numeric ^ -(exponent + 1), exponent + 1) END,
           CASE WHEN n % 10 = 0 THEN held * (10::numeric ^ -exponent)::numeric(20, 8) ELSE 0 END,
           '2024-01-01 00:00:00+00'::timestamptz + n * interval '7 minutes'
      FROM drawn;
    GET DIAGNOSTICS made = ROW_COUNT;
    RETURN made;
END $$;
