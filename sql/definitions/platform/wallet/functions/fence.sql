-- The fence against runs with an old token (ADR 15).

-- Set the fence to a run's token. This function and all functions below refuse a token that is
-- older than the fence. The lock timeout ends the call while another transaction holds the fence;
-- the caller then tries again.
CREATE OR REPLACE FUNCTION wallet.advance_fence(p_token bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp SET lock_timeout = '250ms' AS $$
DECLARE
    held bigint;
BEGIN
    -- Tokens come from a sequence. A token that is far too high would lock out all later runs.
    IF p_token > (SELECT fence_token FROM wallet_gate) + 1000000 THEN
        RAISE EXCEPTION 'fencing token % is not one that control has given', p_token
            USING ERRCODE = 'RB001';
    END IF;
    PERFORM 1 FROM wallet_fence FOR UPDATE;
    UPDATE wallet_gate SET fence_token = p_token WHERE fence_token <= p_token
        RETURNING fence_token INTO held;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'fencing token % was overtaken', p_token USING ERRCODE = 'RB001';
    END IF;
    RETURN held;
END $$;

-- Raise an error unless p_token is the newest token. The caller must have locked wallet_fence. A
-- transaction must lock the fence before the gate; otherwise two transactions could deadlock.
CREATE OR REPLACE FUNCTION wallet.assert_fence(p_token bigint) RETURNS void
LANGUAGE plpgsql SET search_path = wallet, pg_temp AS $$
BEGIN
    IF (SELECT fence_token FROM wallet_gate) IS DISTINCT FROM p_token THEN
        RAISE EXCEPTION 'fencing token % was overtaken', p_token USING ERRCODE = 'RB001';
    END IF;
    -- `refuse_sealed` reads this setting until the transaction ends, and lets this run write.
    PERFORM set_config('wallet.held_fence', p_token::text, true);
END $$;

-- Hold the fence until this transaction ends. Raises an error for an old token. No newer token can
-- be set before the end of the transaction.
CREATE OR REPLACE FUNCTION wallet.hold_fence(p_token bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
BEGIN
    PERFORM 1 FROM wallet_fence FOR SHARE;
    PERFORM wallet.assert_fence(p_token);
END $$;

-- Count one change of the platform, in the transaction that makes the change. With a token, also
-- hold the fence like hold_fence. A caller without a token passes NULL.
CREATE OR REPLACE FUNCTION wallet.note_change(p_token bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
DECLARE
    counted bigint;
BEGIN
    UPDATE wallet_fence SET change_no = change_no + 1 RETURNING change_no INTO counted;
    IF p_token IS NOT NULL THEN
        PERFORM wallet.assert_fence(p_token);
    END IF;
    RETURN counted;
END $$;
