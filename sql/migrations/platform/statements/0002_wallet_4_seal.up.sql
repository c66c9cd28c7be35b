-- Sealed means sealed: what writes the operated database is refused in its own transaction (RW012), whoever it is. What may pass
-- stands in contract/seal.py. Money is judged by `apply_command`, which has the gate before it anyway.

-- Keep a seal from being settled until this transaction ends; refuse to go on under one.
CREATE FUNCTION wallet.hold_unsealed() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
    LOCK TABLE wallet_gate IN ROW SHARE MODE;
    IF (SELECT freeze_level FROM wallet_gate) = 'sealed' THEN
        RAISE EXCEPTION 'money is sealed, so nothing is written' USING ERRCODE = 'RW012';
    END IF;
END $$;

-- Whether a token is a canary's pass of the run in charge. A brand or player that is not named may be any.
CREATE FUNCTION wallet.knows_pass(p_token text, p_brand uuid, p_player uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM wallet_canary_pass k JOIN wallet_gate g ON k.fence_token = g.fence_token
         WHERE k.token_hash = sha256(convert_to(p_token, 'UTF8')) AND k.expires_at > clock_timestamp()
           AND (p_brand IS NULL OR k.brand_id = p_brand) AND (p_player IS NULL OR k.player_id = p_player))
$$;

-- The same as a trigger of a table that services write. The run in charge passes where its fence is held, and for a row of a player
-- only with a canary; so does a canary's pass that the transaction shows.
CREATE FUNCTION wallet.refuse_sealed() RETURNS trigger
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
        IF NOT passes AND NOT wallet.knows_pass(coalesce(current_setting('wallet.canary_pass', true), ''), NULL, NULL) THEN
            RAISE EXCEPTION 'money is sealed, so % is not written', TG_TABLE_NAME USING ERRCODE = 'RW012';
        END IF;
    END IF;
    IF TG_LEVEL = 'ROW' THEN
        RETURN NEW;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER unsealed BEFORE INSERT OR UPDATE OR DELETE ON wallet.wallet_topology
    FOR EACH STATEMENT EXECUTE FUNCTION wallet.refuse_sealed();
CREATE TRIGGER unsealed BEFORE INSERT OR UPDATE OR DELETE ON wallet.wallet_policy
    FOR EACH STATEMENT EXECUTE FUNCTION wallet.refuse_sealed();
CREATE TRIGGER unsealed BEFORE INSERT OR UPDATE OR DELETE ON wallet.wallet_draft_request
    FOR EACH STATEMENT EXECUTE FUNCTION wallet.refuse_sealed();
