-- The operators' fence (ADR 15).

-- Raise the fence to a run's token. A token that was overtaken is refused here and in every
-- function below. Acts that hold the fence have to commit first; the caller asks again while one
-- does.
CREATE OR REPLACE FUNCTION wallet.advance_fence(p_token bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp SET lock_timeout = '250ms' AS $$
DECLARE
    held bigint;
BEGIN
    -- Tokens come from a sequence; a leap would lock out every run that follows.
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

-- A transaction locks the fence before the gate, so that no two wait for each other.
CREATE OR REPLACE FUNCTION wallet.assert_fence(p_token bigint) RETURNS void
LANGUAGE plpgsql SET search_path = wallet, pg_temp AS $$
BEGIN
    IF (SELECT fence_token FROM wallet_gate) IS DISTINCT FROM p_token THEN
        RAISE EXCEPTION 'fencing token % was overtaken', p_token USING ERRCODE = 'RB001';
    END IF;
    -- Until the transaction ends, `refuse_sealed` sees that the run in charge acts.
    PERFORM set_config('wallet.held_fence', p_token::text, true);
END $$;

-- Hold the fence until this transaction ends: no newer token can be raised before the act has
-- committed, and an act under an older token is refused.
CREATE OR REPLACE FUNCTION wallet.hold_fence(p_token bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
BEGIN
    PERFORM 1 FROM wallet_fence FOR SHARE;
    PERFORM wallet.assert_fence(p_token);
END $$;

-- Count a change of what the platform is, in the transaction that makes it, and hold the fence as
-- hold_fence does. NULL: the caller is under no fence, and the change is only counted.
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
