-- Functions for freezing. Under the level `sealed`, every write to the platform's database fails
-- with RW012, except the writes in contract/seal.py. Triggers refuse these writes. apply_command
-- checks the level itself, because it reads the gate row anyway.

CREATE OR REPLACE FUNCTION wallet.strictness(p_level text) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$
    SELECT array_position(ARRAY['open', 'ingress', 'sealed'], p_level)
$$;

-- Copy a raised freeze level from `control` to the gate row. The function needs no token, because
-- it never lowers the level. New money commands see the level at once. Commands that began earlier
-- may still write until `settle_freeze` returns.
CREATE OR REPLACE FUNCTION wallet.raise_freeze(p_level text, p_epoch bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp SET lock_timeout = '250ms' AS $$
BEGIN
    IF p_level NOT IN ('ingress', 'sealed') THEN
        RAISE EXCEPTION 'level % is no freeze', p_level USING ERRCODE = 'RB002';
    END IF;
    UPDATE wallet_gate
       SET freeze_level = CASE WHEN wallet.strictness(freeze_level) > wallet.strictness(p_level)
                               THEN freeze_level ELSE p_level END,
           freeze_epoch = p_epoch
     WHERE freeze_epoch < p_epoch;
    RETURN (SELECT freeze_epoch FROM wallet_gate);
END $$;

-- Wait until all money commands that saw an earlier level have ended, and store the settled epoch.
-- A wait longer than the lock timeout of the commands always succeeds.
CREATE OR REPLACE FUNCTION wallet.settle_freeze(p_epoch bigint, p_patience_ms integer)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
BEGIN
    PERFORM set_config('lock_timeout', least(p_patience_ms, 5000) || 'ms', true);
    IF (SELECT settled_epoch < p_epoch FROM wallet_gate) THEN
        LOCK TABLE wallet_gate IN EXCLUSIVE MODE;
        UPDATE wallet_gate SET settled_epoch = freeze_epoch WHERE freeze_epoch = p_epoch;
    END IF;
    RETURN (SELECT settled_epoch FROM wallet_gate);
END $$;

-- Copy a lowered freeze level from `control` to the gate row. Only the run with the newest token
-- may do this, and only if `p_change_no`, the change that was verified, is the newest.
-- `p_change_no` may be NULL only if the platform is not frozen.
CREATE OR REPLACE FUNCTION wallet.lower_freeze(p_token bigint, p_level text, p_epoch bigint,
                                               p_change_no bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp SET lock_timeout = '250ms' AS $$
DECLARE
    changed bigint;
BEGIN
    PERFORM wallet.hold_fence(p_token);
    SELECT change_no INTO changed FROM wallet_fence;
    IF p_change_no <> changed THEN
        RAISE EXCEPTION 'the platform was changed since its verification (change %, verified %)',
            changed, p_change_no USING ERRCODE = 'RB005';
    END IF;
    IF p_change_no IS NULL AND (SELECT freeze_level FROM wallet_gate) <> 'open' THEN
        RAISE EXCEPTION 'the freeze is not verified' USING ERRCODE = 'RB005';
    END IF;
    -- The gate row may already have this epoch with a stricter level, because raise_freeze keeps
    -- the stricter level. So the row is also updated for an equal epoch.
    UPDATE wallet_gate SET freeze_level = p_level, freeze_epoch = p_epoch, settled_epoch = p_epoch
     WHERE freeze_epoch <= p_epoch;
    RETURN (SELECT freeze_epoch FROM wallet_gate);
END $$;

-- Store a canary pass for one player, until p_expires_at. The pass belongs to the run that holds
-- the fence, and is invalid under a newer token.
CREATE OR REPLACE FUNCTION wallet.issue_canary_pass(p_token_hash bytea, p_run_id text,
                                                    p_token bigint, p_brand_id uuid,
                                                    p_player_id uuid, p_expires_at timestamptz)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
BEGIN
    PERFORM wallet.hold_fence(p_token);
    PERFORM 1 FROM wallet_player WHERE brand_id = p_brand_id AND player_id = p_player_id AND canary;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'player % is not a canary', p_player_id USING ERRCODE = 'RW003';
    END IF;
    DELETE FROM wallet_canary_pass WHERE expires_at < now();
    INSERT INTO wallet_canary_pass
        VALUES (p_token_hash, p_run_id, p_token, p_brand_id, p_player_id, p_expires_at)
            ON CONFLICT DO NOTHING;
END $$;

-- Raise an error while money is sealed. A new seal waits for the end of this transaction.
CREATE OR REPLACE FUNCTION wallet.hold_unsealed() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
    LOCK TABLE wallet_gate IN ROW SHARE MODE;
    IF (SELECT freeze_level FROM wallet_gate) = 'sealed' THEN
        RAISE EXCEPTION 'money is sealed, so nothing is written' USING ERRCODE = 'RW012';
    END IF;
END $$;

-- Whether a token is a valid canary pass of the run that holds the fence. A NULL brand or player
-- matches any.
CREATE OR REPLACE FUNCTION wallet.knows_pass(p_token text, p_brand uuid, p_player uuid)
RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = wallet, pg_temp
    SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM wallet_canary_pass k JOIN wallet_gate g ON k.fence_token = g.fence_token
         WHERE k.token_hash = sha256(convert_to(p_token, 'UTF8'))
           AND k.expires_at > clock_timestamp()
           AND (p_brand IS NULL OR k.brand_id = p_brand)
           AND (p_player IS NULL OR k.player_id = p_player));
END $$;

-- Trigger that refuses writes while money is sealed. It allows a transaction that holds the fence,
-- or that has set wallet.canary_pass to a valid pass. A row trigger on players allows the holder of
-- the fence to write only canaries.
CREATE OR REPLACE FUNCTION wallet.refuse_sealed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    gate   wallet_gate;
    passes boolean;
BEGIN
    LOCK TABLE wallet_gate IN ROW SHARE MODE;
    SELECT * INTO gate FROM wallet_gate;
    IF gate.freeze_level = 'sealed' THEN
        passes := coalesce(current_setting('wallet.held_fence', true), '') = gate.fence_token::text;
        IF passes AND TG_LEVEL = 'ROW' THEN
            passes := NEW.canary;
        END IF;
        IF NOT passes AND NOT wallet.knows_pass(
                                                coalesce(current_setting('wallet.canary_pass',
                                                        true), ''), NULL, NULL) THEN
            RAISE EXCEPTION 'money is sealed, so % is not written', TG_TABLE_NAME
                USING ERRCODE = 'RW012';
        END IF;
    END IF;
    IF TG_LEVEL = 'ROW' THEN
        RETURN NEW;
    END IF;
    RETURN NULL;
END $$;
