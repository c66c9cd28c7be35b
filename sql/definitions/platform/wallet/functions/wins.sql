-- Rounds, and wins that are no payout of a bet: wins of a campaign, and further wins on a bet.

-- Return the open stakes of a player's round at a provider, per account. read_state adds them for a
-- command with provider_id and round_id.
CREATE OR REPLACE FUNCTION wallet.read_round(c jsonb, p_brand uuid, p_player uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('round', coalesce(jsonb_object_agg(account, amount), '{}'))
      FROM (SELECT f->>'account' AS account, sum((f->>'amount')::bigint)::bigint AS amount
              FROM wallet.wallet_bet_authorization a, jsonb_array_elements(a.funding) f
             WHERE a.brand_id = p_brand AND a.player_id = p_player AND a.state = 'AUTHORIZED'
               AND a.provider_id = c->>'provider_id' AND a.round_id = c->>'round_id'
                   GROUP BY 1) open_stake);
END $$;

-- Whether a settled bet counts as turnover, by the policy snapshot of its acceptance. Only the
-- comparisons of reconciliation use this function.
CREATE OR REPLACE FUNCTION wallet.counts_as_turnover(p_snapshot jsonb, p_stake bigint,
                                                     p_payout bigint) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE coalesce(p_snapshot->>'counts', 'always') WHEN 'always' THEN true
                WHEN 'never' THEN false ELSE p_payout IS DISTINCT FROM p_stake END
$$;

-- Return a campaign by its code, and a win by the provider's transaction id, with the low water of
-- the accounts that it was paid to. read_state adds them for commands about wins.
CREATE OR REPLACE FUNCTION wallet.read_win(c jsonb, p_brand uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object(
        'campaign', (SELECT to_jsonb(g) || jsonb_build_object('expired', g.expires_at <= now())
                       FROM wallet.wallet_campaign g
                      WHERE g.brand_id = p_brand AND g.campaign_code = c->>'campaign'),
        'win', (SELECT to_jsonb(w) || jsonb_build_object(
                           'reversed', EXISTS (SELECT FROM wallet.wallet_win_reversal r
                                                WHERE r.win_id = w.win_id),
                           'low_water', (SELECT coalesce(jsonb_object_agg(s->>'account',
                                   coalesce(wallet.low_water(p_brand, w.player_id, s->>'account',
                                                             w.win_id, w.created_at),
                                                         0)), '{}')
                                           FROM jsonb_array_elements(w.shares) s))
                  FROM wallet.wallet_win w
                 WHERE w.brand_id = p_brand AND w.provider_id = c->>'provider_id'
                   AND w.provider_transaction_id = c->>'win'));
END $$;

-- Return the sum of the further wins on a bet that were not reversed.
CREATE OR REPLACE FUNCTION wallet.wins_on(p_brand uuid, p_provider text, p_bet text) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT coalesce(sum(w.amount), 0)::bigint
              FROM wallet.wallet_bet_authorization a
              JOIN wallet.wallet_win w ON w.authorization_id = a.authorization_id
             WHERE a.brand_id = p_brand AND a.provider_id = p_provider AND a.bet_id = p_bet
               AND NOT EXISTS (SELECT FROM wallet.wallet_win_reversal r WHERE r.win_id = w.win_id));
END $$;

-- Create a campaign. It is allowed under an ingress freeze, because it moves no money. Outcomes:
-- made, repeated, mismatch (the request id has another payload), taken (the brand has another
-- campaign with this code), frozen. Raises RW011 like apply_command.
CREATE OR REPLACE FUNCTION wallet.create_campaign(c jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
DECLARE
    gate    wallet_gate;
    brand   uuid := (c->>'brand_id')::uuid;
    payload bytea := (c->>'fingerprint')::bytea;
    held    bytea;
BEGIN
    LOCK TABLE wallet_gate IN ROW SHARE MODE;
    SELECT * INTO gate FROM wallet_gate;
    IF gate.freeze_level = 'sealed' THEN
        RETURN jsonb_build_object('outcome', 'frozen', 'level', gate.freeze_level);
    END IF;
    IF EXISTS (SELECT FROM wallet_claim k
                WHERE k.transaction_id = (c->>'transaction_id')::uuid) THEN
        RAISE EXCEPTION 'request % was answered before, and its answer was pruned', c->>'request_id'
            USING ERRCODE = 'RW011';
    END IF;
    SELECT i.fingerprint INTO held FROM wallet_idempotency i
     WHERE i.brand_id = brand AND i.caller = c->>'caller' AND i.route = c->>'route'
       AND i.request_id = c->>'request_id';
    IF FOUND THEN
        RETURN jsonb_build_object('outcome', CASE WHEN held = payload THEN 'repeated'
                                                  ELSE 'mismatch' END);
    END IF;
    INSERT INTO wallet_campaign (brand_id, campaign_code, provider_id, currency, cap, cap_per_win,
                                 expires_at, created_by, transaction_id)
    VALUES (brand, c->>'campaign_code', c->>'provider_id', c->>'currency', (c->>'cap')::bigint,
            (c->>'cap_per_win')::bigint,
            (c->>'expires_at')::timestamptz, c->>'created_by', (c->>'transaction_id')::uuid)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        -- A parallel repeat of this request may have created the campaign since the check above.
        PERFORM 1 FROM wallet_campaign g
            WHERE g.brand_id = brand AND g.campaign_code = c->>'campaign_code'
                                           AND g.transaction_id = (c->>'transaction_id')::uuid;
        RETURN jsonb_build_object('outcome', CASE WHEN FOUND THEN 'repeated' ELSE 'taken' END);
    END IF;
    INSERT INTO wallet_idempotency (brand_id, caller, route, request_id, fingerprint, status, body,
                                    transaction_id)
    VALUES (brand, c->>'caller', c->>'route', c->>'request_id', payload, 200, '{}',
            (c->>'transaction_id')::uuid);
    RETURN jsonb_build_object('outcome', 'made');
END $$;

-- Record a win and add its amount to the campaign's spent sum, or record the reversal of a win. The
-- leg of HOUSE must equal the amount. Raises RW001, so that the caller decides again, if the
-- campaign has ended or has too little left.
CREATE OR REPLACE FUNCTION wallet.put_win(c wallet.command, w jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    house bigint := (SELECT sum((leg->>'delta')::bigint) FROM jsonb_array_elements(c.legs) leg
                      WHERE leg->>'account' = 'HOUSE');
    paid  wallet.wallet_win;
BEGIN
    IF w->>'reverses' IS NOT NULL THEN
        SELECT * INTO paid FROM wallet_win x
         WHERE x.win_id = (w->>'reverses')::uuid AND x.brand_id = c.brand_id
           AND x.player_id = c.player_id;
        IF NOT FOUND OR house IS DISTINCT FROM paid.amount THEN
            RAISE EXCEPTION 'win % is not there, or is not what goes back to HOUSE', w->>'reverses'
                USING ERRCODE = 'RW003';
        END IF;
        INSERT INTO wallet_win_reversal (win_id, brand_id, player_id, transaction_id)
        VALUES (paid.win_id, c.brand_id, c.player_id, c.transaction_id);
        UPDATE wallet_campaign g SET spent = g.spent - paid.amount
         WHERE g.brand_id = c.brand_id AND g.campaign_code = paid.campaign_code;
        RETURN;
    END IF;
    INSERT INTO wallet_win (win_id, brand_id, player_id, provider_id, provider_transaction_id,
                            campaign_code, authorization_id, bet_id, round_id, currency, amount,
                            shares, topology_code, topology_version, policy_key, policy_version,
                            canary)
    VALUES (c.transaction_id, c.brand_id, c.player_id, w->>'provider_id',
            w->>'provider_transaction_id', w->>'campaign_code', (w->>'authorization_id')::uuid,
            w->>'bet_id', w->>'round_id', c.currency, (w->>'amount')::bigint, w->'shares',
            c.topology_code, c.topology_version, c.policy_key, c.policy_version, c.canary)
    RETURNING * INTO paid;
    IF house IS DISTINCT FROM -paid.amount THEN
        RAISE EXCEPTION 'a win of % differs from the % that left HOUSE', paid.amount, -house
            USING ERRCODE = 'RW003';
    END IF;
    IF paid.campaign_code IS NOT NULL THEN
        UPDATE wallet_campaign g SET spent = g.spent + paid.amount
         WHERE g.brand_id = c.brand_id AND g.campaign_code = paid.campaign_code
           AND g.provider_id = paid.provider_id
           AND g.currency = paid.currency AND paid.amount <= g.cap_per_win
           AND g.spent + paid.amount <= g.cap AND g.expires_at > now();
        IF NOT FOUND THEN
            RAISE EXCEPTION 'campaign % has not % left', paid.campaign_code, paid.amount
                USING ERRCODE = 'RW001';
        END IF;
        RETURN;
    END IF;
    PERFORM 1 FROM wallet_bet_authorization a
      WHERE a.authorization_id = paid.authorization_id AND a.brand_id = c.brand_id
        AND a.player_id = c.player_id AND a.state = 'SETTLED'
        AND (a.provider_id, a.bet_id, a.round_id, a.currency) = (paid.provider_id, paid.bet_id,
            paid.round_id, paid.currency);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a win on % needs that bet settled, of this player, provider and round',
            paid.bet_id USING ERRCODE = 'RW003';
    END IF;
END $$;
