-- read_state reads the data for a decision. The other functions read parts of it.

-- Return a coupon grant as JSON for the rules.
CREATE OR REPLACE FUNCTION wallet.grant_json(g wallet.wallet_coupon_grant) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('grant_id', g.grant_id, 'player_id', g.player_id,
                              'coupon_log_id', g.coupon_log_id, 'topology_code', g.topology_code,
                              'scope', g.scope, 'currency', g.currency, 'amount', g.amount,
                              'balance', g.balance, 'state', g.state,
                              'expires_at', g.expires_at,
                              'lapsed', coalesce(g.expires_at <= now(), false))
$$;

-- Return a bet, and all grants: the active grants, then closed grants of its funding or payout.
CREATE OR REPLACE FUNCTION wallet.read_bet(c jsonb, p_brand uuid, p_player uuid, p_grants jsonb)
RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    bet    wallet.wallet_bet_authorization;
    closed jsonb;
BEGIN
    SELECT * INTO bet FROM wallet_bet_authorization a
     WHERE a.brand_id = p_brand AND a.provider_id = c->>'provider_id' AND a.bet_id = c->>'bet_id';
    IF NOT FOUND THEN
        RETURN '{}';
    END IF;
    SELECT jsonb_agg(wallet.grant_json(g) ORDER BY g.expires_at NULLS LAST, g.created_at,
                     g.grant_id) INTO closed
      FROM wallet_coupon_grant g
     WHERE g.brand_id = p_brand AND g.player_id = p_player AND g.state <> 'ACTIVE'
       AND bet.funding || coalesce(bet.payout_shares,
                                   '[]') @> jsonb_build_array(jsonb_build_object('account',
                                           g.account));
    RETURN jsonb_build_object('authorization', to_jsonb(bet),
                              'grants', p_grants || coalesce(closed, '[]'));
END $$;

-- Return records that a command names. Only a snapshot reads open stakes, because the cost grows
-- with the number of open bets.
CREATE OR REPLACE FUNCTION wallet.read_named(c jsonb, p_brand uuid, p_player uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object(
        'open_stakes', CASE WHEN c ? 'with_open_stakes' THEN (
                           SELECT coalesce(sum(s.stake), 0)::bigint
                             FROM wallet.wallet_bet_authorization s
                            WHERE s.brand_id = p_brand AND s.player_id = p_player
                              AND s.state = 'AUTHORIZED') ELSE 0 END,
        'rolling', (SELECT jsonb_build_object('rolling_id', r.rolling_id, 'player_id', r.player_id,
                                              'topology_code', r.topology_code,
                                              'bucket_type_code', r.bucket_type_code,
                                              'amount', r.amount, 'state', r.state,
                                              'grant_id', r.grant_id, 'cap', r.cap,
                                              'earned', r.earned, 'required', r.required)
                      FROM wallet.wallet_rolling_obligation r
                     WHERE r.rolling_id = (c->>'rolling_id')::uuid AND r.brand_id = p_brand),
        'coupon', (SELECT wallet.grant_json(g) FROM wallet.wallet_coupon_grant g
                    WHERE g.brand_id = p_brand AND g.coupon_log_id = c->>'coupon_log_id'),
        'cash_transaction', (SELECT to_jsonb(t) FROM wallet.ledger_transactions t
                              WHERE t.transaction_id = (c->>'cash_transaction_id')::uuid
                                AND t.tenant_id = p_brand));
END $$;

-- Return the earlier use of a reference by a command (`reference_of`), or null for a new reference.
CREATE OR REPLACE FUNCTION wallet.read_reference(c jsonb, p_brand uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('reference', (
        SELECT jsonb_build_object('player_id', f.player_id, 'transaction_id', f.transaction_id)
          FROM wallet.wallet_reference f
         WHERE f.brand_id = p_brand AND f.command = c->>'reference_of'
           AND f.reference = c->>'reference'));
END $$;

-- Return the active coupon grants of a player, in the order in which bets use them.
CREATE OR REPLACE FUNCTION wallet.read_grants(p_brand uuid, p_player uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('had_grants', true,
                                      'grants', coalesce(jsonb_agg(wallet.grant_json(g)
                                                         ORDER BY g.expires_at NULLS LAST,
                                                                  g.created_at, g.grant_id), '[]'))
              FROM wallet_coupon_grant g
             WHERE g.brand_id = p_brand AND g.player_id = p_player AND g.state = 'ACTIVE');
END $$;

-- Return the player's cash and active rolling obligations.
CREATE OR REPLACE FUNCTION wallet.read_debts(p_brand uuid, p_player uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object(
        'cash', (SELECT jsonb_build_object('available', w.balance_real_available,
                                           'pending', w.balance_real_pending)
                   FROM wallet_balances w WHERE w.tenant_id = p_brand AND w.player_id = p_player),
        'obligations', (SELECT coalesce(
                                        jsonb_agg(jsonb_build_object('rolling_id', o.rolling_id,
                                                'topology_code', o.topology_code,
                                                                     'bucket_type_code',
                                                                     o.bucket_type_code,
                                                                     'amount', o.amount,
                                                                     'grant_id', o.grant_id,
                                                                     'cap', o.cap,
                                                                     'earned', o.earned,
                                                                     'required', o.required)), '[]')
                          FROM wallet_rolling_obligation o
                         WHERE o.brand_id = p_brand AND o.player_id = p_player
                           AND o.state = 'ACTIVE'));
END $$;

-- Read all data for a decision in one query. The function takes no lock, because apply_command
-- detects changes since the read. The input always has brand_id, player_id, caller, route and
-- request_id. Other keys select parts: bet_id with provider_id, rolling_id, coupon_log_id and so
-- on. `without_debts` skips cash and obligations.
CREATE OR REPLACE FUNCTION wallet.read_state(c jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = wallet, pg_temp
    SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    brand  uuid := (c->>'brand_id')::uuid;
    player uuid := (c->>'player_id')::uuid;
    state  jsonb;
BEGIN
    SELECT jsonb_build_object(
        'gate', jsonb_build_object('activation_no', g.activation_no, 'freeze_level', g.freeze_level,
                                   'freeze_epoch', g.freeze_epoch,
                                   'topology_code', g.topology_code,
                                   'topology_version', g.topology_version,
                                   'policy_key', g.policy_key, 'policy_version', g.policy_version),
        'stored', (SELECT jsonb_build_object('fingerprint', encode(i.fingerprint, 'hex'),
                                             'status', i.status, 'body', i.body)
                     FROM wallet_idempotency i
                    WHERE i.brand_id = brand AND i.caller = c->>'caller' AND i.route = c->>'route'
                      AND i.request_id = c->>'request_id'),
        'player', (SELECT jsonb_build_object('currency', p.currency, 'status', p.status,
                                             'canary', p.canary, 'version', p.version)
                     FROM wallet_player p WHERE p.brand_id = brand AND p.player_id = player),
        'buckets', (SELECT coalesce(jsonb_object_agg(b.account, b.balance), '{}')
                      FROM wallet_bucket b
                     WHERE b.brand_id = brand AND b.player_id = player)) INTO state
                     FROM wallet_gate g;
    -- Most players never had a grant. This EXISTS costs a third of a call that returns an empty
    -- list.
    IF EXISTS (SELECT FROM wallet_coupon_grant g
                WHERE g.brand_id = brand AND g.player_id = player) THEN
        state := state || wallet.read_grants(brand, player);
    END IF;
    IF NOT c ? 'without_debts' THEN
        state := state || wallet.read_debts(brand, player);
    END IF;
    IF c ? 'bet_id' THEN
        state := state || wallet.read_bet(c, brand, player, coalesce(state->'grants', '[]'));
    END IF;
    IF c ?| ARRAY['with_open_stakes', 'rolling_id', 'coupon_log_id', 'cash_transaction_id'] THEN
        state := state || wallet.read_named(c, brand, player);
    END IF;
    IF c ?| ARRAY['bonus_id', 'adjustment_id', 'with_stakes', 'with_winnings'] THEN
        state := state || wallet.read_movement(c, brand, player);
    END IF;
    IF c ?| ARRAY['rolling_id', 'bonus_id'] THEN
        state := state || wallet.read_turnover(c, brand, player);
    END IF;
    IF c ? 'reference' THEN
        state := state || wallet.read_reference(c, brand);
    END IF;
    IF c ? 'with_locks' THEN
        state := state || wallet.read_locks(brand, player);
    END IF;
    IF c ? 'round_id' THEN
        state := state || wallet.read_round(c, brand, player);
    END IF;
    IF c ? 'with_winnings' THEN
        state := state || jsonb_build_object('further_wins',
                                             wallet.wins_on(brand, c->>'provider_id',
                                                            c->>'bet_id'));
    END IF;
    IF c ? 'win' THEN
        state := state || wallet.read_win(c, brand);
    END IF;
    IF c ? 'choice_for' THEN
        state := state || wallet.read_choice(c, brand, player);
    END IF;
    RETURN state;
END $$;
