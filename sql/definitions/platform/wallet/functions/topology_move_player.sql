-- The move of one player's buckets, turnover and references, and its undo.

-- Move money of a player between accounts: p_legs is [{from, to, currency, amount, locked}]. The
-- function creates the target accounts, because open_account refuses buckets of a topology that was
-- never active.
CREATE OR REPLACE FUNCTION wallet.topology_move_legs(p wallet.wallet_player, p_command text,
                                                     p_run_id text, p_transaction uuid,
                                                     p_legs jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    gate wallet.wallet_gate;
    c    wallet.command;
BEGIN
    SELECT * INTO gate FROM wallet_gate;
    INSERT INTO wallet_bucket (brand_id, player_id, topology_code, bucket_type_code, currency)
    SELECT DISTINCT p.brand_id, p.player_id, split_part(l->>'to', '/', 1),
        split_part(l->>'to', '/', 2), l->>'currency'
      FROM jsonb_array_elements(p_legs) l
    ON CONFLICT DO NOTHING;
    c.brand_id := p.brand_id;
    c.player_id := p.player_id;
    c.currency := p.currency;
    c.command := p_command;
    c.request_id := p_run_id;
    c.transaction_id := p_transaction;
    c.topology_code := gate.topology_code;
    c.topology_version := gate.topology_version;
    c.policy_key := gate.policy_key;
    c.policy_version := gate.policy_version;
    c.legs := (SELECT jsonb_agg(jsonb_build_object('account', side.account, 'delta', side.delta,
                                                   'currency', l->>'currency')
                                                       ORDER BY number, side.delta)
                 FROM jsonb_array_elements(p_legs) WITH ORDINALITY AS each(l, number),
                      LATERAL (VALUES (l->>'from', -(l->>'amount')::bigint),
                               (l->>'to', (l->>'amount')::bigint)) AS side(account, delta));
    PERFORM wallet.move_legs(c, gate.restore_epoch);
    c.records := (SELECT jsonb_build_object('locks', coalesce(
                             jsonb_agg(jsonb_build_object('account', side.account, 'delta',
                                                          side.delta) ORDER BY number, side.delta),
                                                          '[]'))
                    FROM jsonb_array_elements(p_legs) WITH ORDINALITY AS each(l, number),
                         LATERAL (VALUES (l->>'from', -(l->>'locked')::bigint),
                                  (l->>'to', (l->>'locked')::bigint)) AS side(account, delta)
                   WHERE side.delta <> 0);
    PERFORM wallet.put_locks(c);
    INSERT INTO wallet_transfer (transfer_id, brand_id, player_id, kind, from_account, to_account,
                                 currency, amount, topology_code, topology_version,
                                 policy_key, policy_version, transaction_id)
    SELECT md5(p_transaction || '/' || (l->>'from') || '/' || (l->>'to'))::uuid, p.brand_id,
           p.player_id, 'MOVE', l->>'from', l->>'to', l->>'currency', (l->>'amount')::bigint,
           gate.topology_code, gate.topology_version, gate.policy_key, gate.policy_version,
           p_transaction
      FROM jsonb_array_elements(p_legs) l;
END $$;

-- Add the open turnover of a player's accounts to the accounts of the target topology. The rows of
-- the former accounts stay for an undo. They have no effect without an active rolling.
CREATE OR REPLACE FUNCTION wallet.topology_move_turnover(run wallet.topology_move_run,
                                                         p wallet.wallet_player) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO wallet_turnover AS t (brand_id, player_id, account, open)
    SELECT p.brand_id, p.player_id,
           run.to_code || '/' || (run.buckets->>split_part(f.account, '/', 2)),
           sum(greatest(0, f.open))
      FROM wallet_turnover f
     WHERE f.brand_id = p.brand_id AND f.player_id = p.player_id
       AND split_part(f.account, '/', 1) = run.from_code
       AND EXISTS (SELECT FROM wallet_rolling_obligation o
                    WHERE o.brand_id = p.brand_id AND o.player_id = p.player_id
                      AND o.state = 'ACTIVE' AND wallet.owing_account(o) = f.account)
     GROUP BY 3
    ON CONFLICT (brand_id, player_id, account) DO UPDATE
       SET open = EXCLUDED.open + CASE WHEN EXISTS (
               SELECT FROM wallet_rolling_obligation o
                WHERE o.brand_id = p.brand_id AND o.player_id = p.player_id AND o.state = 'ACTIVE'
                  AND wallet.owing_account(o) = t.account)
               THEN greatest(0, t.open) ELSE 0 END,
           since = clock_timestamp();
END $$;

-- Undo topology_move_turnover: subtract the open turnover from the accounts of the target topology.
-- The rows of the former accounts were never changed.
CREATE OR REPLACE FUNCTION wallet.topology_move_turnover_back(run wallet.topology_move_run,
                                                              p wallet.wallet_player) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE wallet_turnover t SET open = t.open - f.open, since = clock_timestamp()
      FROM (SELECT run.to_code || '/' || (run.buckets->>split_part(b.account, '/', 2)) AS account,
                   sum(greatest(0, b.open)) AS open
              FROM wallet_turnover b
             WHERE b.brand_id = p.brand_id AND b.player_id = p.player_id
               AND split_part(b.account, '/', 1) = run.from_code
             GROUP BY 1) f
     WHERE t.brand_id = p.brand_id AND t.player_id = p.player_id AND t.account = f.account;
END $$;

-- Change a player's active grants, open bonuses and active obligations to the target topology, here
-- and in schema rolling. Returns their number.
CREATE OR REPLACE FUNCTION wallet.topology_move_references(run wallet.topology_move_run,
                                                           p wallet.wallet_player) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    led     bigint := 0;
    part    bigint;
    records jsonb;
BEGIN
    WITH held AS (
        SELECT g.grant_id, to_jsonb(g) AS was FROM wallet_coupon_grant g
         WHERE g.brand_id = p.brand_id AND g.player_id = p.player_id
           AND g.topology_code = run.from_code AND g.state = 'ACTIVE' FOR UPDATE
    ), changed AS (
        UPDATE wallet_coupon_grant g
            SET topology_code = run.to_code, topology_version = run.to_version
          FROM held WHERE g.grant_id = held.grant_id
          RETURNING g.grant_id, held.was, to_jsonb(g) AS became
    )
    INSERT INTO topology_move_reference SELECT run.run_id, 'grant', c.grant_id, p.brand_id,
        p.player_id, c.was, c.became FROM changed c;
    GET DIAGNOSTICS part = ROW_COUNT;
    led := led + part;
    WITH held AS (
        SELECT b.bonus_id, to_jsonb(b) AS was FROM wallet_bonus b
         WHERE b.brand_id = p.brand_id AND b.player_id = p.player_id
           AND b.topology_code = run.from_code AND b.state = 'ISSUED'
           AND run.buckets ? b.bucket_type_code FOR UPDATE
    ), changed AS (
        UPDATE wallet_bonus b SET topology_code = run.to_code,
            bucket_type_code = run.buckets->>b.bucket_type_code
          FROM held WHERE b.bonus_id = held.bonus_id
          RETURNING b.bonus_id, held.was, to_jsonb(b) AS became
    )
    INSERT INTO topology_move_reference SELECT run.run_id, 'bonus', c.bonus_id, p.brand_id,
        p.player_id, c.was, c.became FROM changed c;
    GET DIAGNOSTICS part = ROW_COUNT;
    led := led + part;
    PERFORM wallet.topology_move_turnover(run, p);
    WITH held AS (
        SELECT o.rolling_id, to_jsonb(o) AS was FROM wallet_rolling_obligation o
         WHERE o.brand_id = p.brand_id AND o.player_id = p.player_id
           AND o.topology_code = run.from_code AND o.state = 'ACTIVE' FOR UPDATE
    ), changed AS (
        UPDATE wallet_rolling_obligation o
           SET topology_code = run.to_code,
               bucket_type_code = CASE WHEN o.bucket_type_code = '' THEN ''
                                       ELSE run.buckets->>o.bucket_type_code END
          FROM held WHERE o.rolling_id = held.rolling_id
          RETURNING o.rolling_id, held.was, to_jsonb(o) AS became
    )
    INSERT INTO topology_move_reference SELECT run.run_id, 'rolling', c.rolling_id, p.brand_id,
        p.player_id, c.was, c.became FROM changed c;
    GET DIAGNOSTICS part = ROW_COUNT;
    led := led + part;
    -- Only rollings of buckets change in schema rolling. A coupon's rolling counts stakes of its
    -- grant, so it does not depend on buckets.
    records := rolling.lead_rollings(p.brand_id, p.player_id, (
        SELECT coalesce(jsonb_agg(jsonb_build_object('rolling_id', f.id,
                                                     'topology_code', run.to_code,
                                                     'bucket_type_code',
                                                     f.became->>'bucket_type_code',
                   'provider_types', (SELECT b->'provider_types'
                                        FROM wallet_topology t, jsonb_array_elements(
                                            t.document->'buckets') b
                                       WHERE (t.code, t.version) = (run.to_code, run.to_version)
                                         AND b->>'code' = f.became->>'bucket_type_code'))), '[]')
          FROM topology_move_reference f
         WHERE (f.run_id, f.brand_id, f.player_id, f.kind) = (run.run_id, p.brand_id, p.player_id,
             'rolling') AND f.became->>'bucket_type_code' <> ''),
        run.from_code, (SELECT restore_epoch FROM wallet_gate));
    UPDATE topology_move_reference f SET record_was = records->f.id::text
     WHERE (f.run_id, f.brand_id, f.player_id, f.kind) = (run.run_id, p.brand_id, p.player_id,
                                                          'rolling') AND records ? f.id::text;
    RETURN led;
END $$;

-- Move one player to the target topology. Returns the numbers of legs and of references as
-- {legs, referring}.
CREATE OR REPLACE FUNCTION wallet.topology_move_player(run wallet.topology_move_run,
                                                       p wallet.wallet_player) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    legs jsonb;
    led  bigint;
    tx   uuid := md5('topology-move/' || run.run_id || '/' || p.brand_id || '/'
                     || p.player_id)::uuid;
BEGIN
    SELECT jsonb_agg(jsonb_build_object('from_bucket', b.bucket_type_code,
                                        'to_bucket', run.buckets->>b.bucket_type_code,
                                        'from', b.account,
                                        'to', run.to_code || '/'
                                            || (run.buckets->>b.bucket_type_code),
                                            'currency', b.currency, 'amount', b.balance,
                                        'locked', wallet.locked_on(p.brand_id, p.player_id,
                                            b.account))
                     ORDER BY b.bucket_type_code) INTO legs
      FROM wallet_bucket b
     WHERE b.brand_id = p.brand_id AND b.player_id = p.player_id AND b.topology_code = run.from_code
       AND b.balance <> 0;
    IF legs IS NOT NULL THEN
        PERFORM wallet.topology_move_legs(p, 'TOPOLOGY_MOVE', run.run_id, tx, legs);
        INSERT INTO topology_move_leg (run_id, brand_id, player_id, from_bucket, to_bucket,
                                       currency, amount, locked, from_version, to_version,
                                       transaction_id)
        SELECT run.run_id, p.brand_id, p.player_id, l->>'from_bucket', l->>'to_bucket',
               l->>'currency', (l->>'amount')::bigint,
               (l->>'locked')::bigint, f.version, t.version, tx
          FROM jsonb_array_elements(legs) l
          JOIN wallet_bucket f ON (f.brand_id, f.player_id, f.topology_code, f.bucket_type_code)
              = (p.brand_id, p.player_id, run.from_code, l->>'from_bucket')
          JOIN wallet_bucket t ON (t.brand_id, t.player_id, t.topology_code, t.bucket_type_code)
              = (p.brand_id, p.player_id, run.to_code, l->>'to_bucket');
    END IF;
    led := wallet.topology_move_references(run, p);
    RETURN jsonb_build_object('legs', coalesce(jsonb_array_length(legs), 0), 'referring', led);
END $$;

-- Undo the move of one player by its recorded legs and references. The caller has checked that they
-- did not change since the move.
CREATE OR REPLACE FUNCTION wallet.topology_move_undo_player(run wallet.topology_move_run,
                                                            p wallet.wallet_player) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    legs jsonb;
    led  bigint;
    tx   uuid := md5('topology-move/' || run.run_id || '/' || p.brand_id || '/'
                     || p.player_id)::uuid;
BEGIN
    SELECT jsonb_agg(jsonb_build_object('from', run.to_code || '/' || l.to_bucket,
                                        'to', run.from_code || '/' || l.from_bucket,
                                        'currency', l.currency,
                                        'amount', l.amount, 'locked', l.locked)
                                            ORDER BY l.from_bucket) INTO legs
      FROM topology_move_leg l
     WHERE (l.run_id, l.brand_id, l.player_id) = (run.undoes, p.brand_id, p.player_id);
    IF legs IS NOT NULL THEN
        PERFORM wallet.topology_move_legs(p, 'TOPOLOGY_MOVE_UNDO', run.run_id, tx, legs);
    END IF;
    UPDATE wallet_coupon_grant g SET topology_code = f.was->>'topology_code',
        topology_version = (f.was->>'topology_version')::integer
      FROM topology_move_reference f
     WHERE (f.run_id, f.brand_id, f.player_id, f.kind) = (run.undoes, p.brand_id, p.player_id,
                                                          'grant') AND g.grant_id = f.id;
    UPDATE wallet_bonus b SET topology_code = f.was->>'topology_code',
        bucket_type_code = f.was->>'bucket_type_code'
      FROM topology_move_reference f
     WHERE (f.run_id, f.brand_id, f.player_id, f.kind) = (run.undoes, p.brand_id, p.player_id,
                                                          'bonus') AND b.bonus_id = f.id;
    PERFORM wallet.topology_move_turnover_back(run, p);
    UPDATE wallet_rolling_obligation o SET topology_code = f.was->>'topology_code',
        bucket_type_code = f.was->>'bucket_type_code'
      FROM topology_move_reference f
     WHERE (f.run_id, f.brand_id, f.player_id, f.kind) = (run.undoes, p.brand_id, p.player_id,
                                                          'rolling') AND o.rolling_id = f.id;
    PERFORM rolling.lead_rollings(p.brand_id, p.player_id, (
        SELECT coalesce(jsonb_agg(f.record_was || jsonb_build_object('rolling_id', f.id)), '[]')
          FROM topology_move_reference f
         WHERE (f.run_id, f.brand_id, f.player_id, f.kind) = (run.undoes, p.brand_id, p.player_id,
             'rolling') AND f.record_was IS NOT NULL),
        run.to_code, (SELECT restore_epoch FROM wallet_gate));
    SELECT count(*) INTO led FROM topology_move_reference f
     WHERE (f.run_id, f.brand_id, f.player_id) = (run.undoes, p.brand_id, p.player_id);
    RETURN jsonb_build_object('legs', coalesce(jsonb_array_length(legs), 0), 'referring', led);
END $$;
