-- Prototypes for the benchmark. The product does not call them.
DROP SCHEMA IF EXISTS bench CASCADE;
CREATE SCHEMA bench;

-- A bet with one round trip. It reads the state, then applies a command that was decided earlier.
-- No rule runs in between, so this is the upper limit of the gain from one round trip.
CREATE FUNCTION bench.one_trip(p_read jsonb, c wallet.command) RETURNS jsonb
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    state jsonb := wallet.read_state(p_read);
BEGIN
    c.player_version := state->'player'->>'version';
    RETURN wallet.apply_command(c);
END $$;

-- A bet that SQL decides: lock the player, take the stake from the sources in their order, apply.
-- It leaves out coupons, limits and funding choices, so this is the upper limit of the gain from
-- a rule in SQL.
CREATE FUNCTION bench.rules_in_sql(p_read jsonb, p_stake bigint, c wallet.command) RETURNS jsonb
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    brand   uuid := (p_read->>'brand_id')::uuid;
    player  uuid := (p_read->>'player_id')::uuid;
    seen    bigint;
    left_to bigint := p_stake;
    part    bigint;
    legs    jsonb := '[]';
    shares  jsonb := '[]';
    source  record;
BEGIN
    SELECT p.version INTO seen FROM wallet.wallet_player p
     WHERE p.brand_id = brand AND p.player_id = player AND p.status = 'active' FOR UPDATE;
    FOR source IN SELECT b.account, b.balance FROM wallet.wallet_bucket b
                   WHERE b.brand_id = brand AND b.player_id = player
                     AND b.topology_code = 'RUBY_SPLIT_V1'
                     AND b.bucket_type_code IN ('SPORTS_NORMAL', 'WITHDRAWABLE')
                   ORDER BY b.bucket_type_code LOOP
        part := least(left_to, source.balance);
        CONTINUE WHEN part = 0;
        legs := legs || jsonb_build_array(jsonb_build_object(
            'account', source.account, 'delta', -part, 'currency', 'EUR'));
        shares := shares || jsonb_build_array(jsonb_build_object(
            'account', source.account, 'amount', part));
        left_to := left_to - part;
    END LOOP;
    IF left_to > 0 THEN
        RAISE EXCEPTION 'insufficient funds';
    END IF;
    legs := legs || jsonb_build_array(jsonb_build_object(
        'account', 'STAKE', 'delta', p_stake, 'currency', 'EUR'));
    c.player_version := seen;
    c.legs := legs;
    c.bet.funding := shares;
    RETURN wallet.apply_command(c);
END $$;
