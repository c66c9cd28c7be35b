-- Funding choices: the source that a player has chosen for bets.

-- Return the choice for one provider type. read_state adds it only if the command has `choice_for`,
-- because most commands do not need it.
CREATE OR REPLACE FUNCTION wallet.read_choice(c jsonb, p_brand uuid, p_player uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('choice', (
        SELECT f.source FROM wallet.wallet_funding_choice f
         WHERE f.brand_id = p_brand AND f.player_id = p_player
           AND f.provider_type = c->>'choice_for'));
END $$;

-- Store a player's choice in place of an older choice. A repeated request changes nothing, so a
-- late repeat cannot bring an older choice back. A choice is allowed under an ingress freeze,
-- because it moves no money. It is refused under a seal, because a restore would lose it. Outcomes:
-- kept, repeated, mismatch (another payload), frozen. Raises RW011 like apply_command.
CREATE OR REPLACE FUNCTION wallet.choose_source(c jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
DECLARE
    gate    wallet_gate;
    payload bytea := (c->>'fingerprint')::bytea;
    held    bytea;
BEGIN
    IF c->>'canary_token' IS NOT NULL THEN
        PERFORM 1 FROM wallet_fence FOR SHARE;
    END IF;
    LOCK TABLE wallet_gate IN ROW SHARE MODE;
    SELECT * INTO gate FROM wallet_gate;
    IF wallet.passes_freeze(gate, (c->>'brand_id')::uuid, (c->>'player_id')::uuid,
                            c->>'canary_token', false) IS NOT TRUE THEN
        RETURN jsonb_build_object('outcome', 'frozen', 'level', gate.freeze_level);
    END IF;
    INSERT INTO wallet_idempotency (brand_id, caller, route, request_id, fingerprint, status, body,
                                    transaction_id)
    VALUES ((c->>'brand_id')::uuid, c->>'caller', c->>'route', c->>'request_id', payload, 200, '{}',
            (c->>'transaction_id')::uuid)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        SELECT i.fingerprint INTO held FROM wallet_idempotency i
         WHERE i.brand_id = (c->>'brand_id')::uuid AND i.caller = c->>'caller'
           AND i.route = c->>'route' AND i.request_id = c->>'request_id';
        -- If a prune has deleted the answer since the insert failed, the claim below is found.
        IF FOUND THEN
            RETURN jsonb_build_object('outcome', CASE WHEN held = payload THEN 'repeated'
                                                      ELSE 'mismatch' END);
        END IF;
    END IF;
    IF EXISTS (SELECT FROM wallet_claim k
                WHERE k.transaction_id = (c->>'transaction_id')::uuid) THEN
        RAISE EXCEPTION 'request % was answered before, and its answer was pruned', c->>'request_id'
            USING ERRCODE = 'RW011';
    END IF;
    INSERT INTO wallet_funding_choice (brand_id, player_id, provider_type, source)
    VALUES ((c->>'brand_id')::uuid, (c->>'player_id')::uuid, c->>'provider_type', c->>'source')
    ON CONFLICT (brand_id, player_id, provider_type) DO UPDATE SET source = EXCLUDED.source,
        chosen_at = now();
    RETURN jsonb_build_object('outcome', 'kept');
END $$;
