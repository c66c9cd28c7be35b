-- Bonuses, adjustments and locked money: their records, and the facts for decisions about them.

-- Return the lowest balance of an account since a transaction moved it. Money that came in with the
-- transaction is still there in full only if the lowest balance is at least this amount. Later bets
-- that were rolled back do not count, because they returned the money. Returns NULL if the
-- transaction did not move the account since p_since.
CREATE OR REPLACE FUNCTION wallet.low_water(p_brand uuid, p_player uuid, p_account text,
                                            p_transaction uuid, p_since timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (WITH start AS (
        SELECT version, balance_after, created_at FROM wallet.wallet_ledger
         WHERE transaction_id = p_transaction AND brand_id = p_brand AND player_id = p_player
           AND account = p_account
           AND created_at >= p_since
         ORDER BY version DESC LIMIT 1
    ), later AS MATERIALIZED (
        SELECT l.version, l.delta, l.transaction_id
          FROM wallet.wallet_ledger l, start s
         WHERE l.brand_id = p_brand AND l.player_id = p_player AND l.account = p_account
           AND l.version > s.version AND l.created_at >= s.created_at
           -- A topology move takes the whole balance away, and its undo returns the whole balance.
           AND l.command NOT IN ('TOPOLOGY_MOVE', 'TOPOLOGY_MOVE_UNDO')
    ), undone AS (
        SELECT t.transaction_id
          FROM later l
          JOIN wallet.wallet_bet_authorization a ON a.authorization_id = l.transaction_id
                                                AND a.state = 'ROLLED_BACK',
               LATERAL (VALUES (a.authorize_transaction_id), (a.first_close_transaction_id),
                        (a.close_transaction_id)) t (transaction_id)
    ), held AS (
        SELECT sum(delta) OVER (ORDER BY version) AS moved FROM later l
         WHERE NOT EXISTS (SELECT FROM undone u WHERE u.transaction_id = l.transaction_id)
    )
    SELECT s.balance_after + least(0, (SELECT min(moved) FROM held))::bigint FROM start s);
END $$;

-- Return facts for decisions about bonuses, adjustments, transfers and winnings. read_state adds
-- them to the state. Input: bonus_id, adjustment_id, with_stakes, with_winnings. with_stakes adds
-- the open stakes per account. with_winnings adds facts of a settled bet: the low water of its
-- payout, the amounts that its settlement unlocked, and accounts where a rolling ended since.
CREATE OR REPLACE FUNCTION wallet.read_movement(c jsonb, p_brand uuid, p_player uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object(
        'bonus', (SELECT to_jsonb(b) || jsonb_build_object('low_water',
                                                           wallet.low_water(p_brand, b.player_id,
                                                           b.topology_code || '/'
                                                               || b.bucket_type_code, b.bonus_id,
                                                               b.created_at))
                    FROM wallet.wallet_bonus b
                   WHERE b.bonus_id = (c->>'bonus_id')::uuid AND b.brand_id = p_brand),
        'adjustment', (SELECT to_jsonb(x) FROM wallet.wallet_adjustment x
                        WHERE x.adjustment_id = (c->>'adjustment_id')::uuid
                          AND x.brand_id = p_brand),
        'staked', CASE WHEN c ? 'with_stakes' THEN (
            SELECT coalesce(jsonb_object_agg(account, amount), '{}')
              FROM (SELECT f->>'account' AS account, sum((f->>'amount')::bigint) AS amount
                      FROM wallet.wallet_bet_authorization a, jsonb_array_elements(a.funding) f
                     WHERE a.brand_id = p_brand AND a.player_id = p_player
                       AND a.state = 'AUTHORIZED' GROUP BY 1) open_stake) END,
        'lifted', CASE WHEN c ? 'with_winnings' THEN (
            SELECT coalesce(jsonb_object_agg(k.account, -k.delta), '{}')
              FROM wallet.wallet_bet_authorization a
              JOIN wallet.wallet_lock k ON k.brand_id = a.brand_id AND k.player_id = a.player_id
                                       AND k.transaction_id = a.close_transaction_id
             WHERE a.brand_id = p_brand AND a.provider_id = c->>'provider_id'
               AND a.bet_id = c->>'bet_id' AND a.state = 'SETTLED') ELSE '{}' END,
        'lapsed', CASE WHEN c ? 'with_winnings' THEN (
            SELECT coalesce(jsonb_agg(DISTINCT o.topology_code || '/' || o.bucket_type_code), '[]')
              FROM wallet.wallet_bet_authorization a
              JOIN wallet.wallet_rolling_obligation o ON o.brand_id = a.brand_id
                                                     AND o.player_id = a.player_id
                                                     AND o.state IN ('CANCELED', 'EXPIRED')
                                                     AND o.closed_at >= a.created_at
             WHERE a.brand_id = p_brand AND a.provider_id = c->>'provider_id'
               AND a.bet_id = c->>'bet_id' AND a.state = 'SETTLED') ELSE '[]' END,
        'low_water', CASE WHEN c ? 'with_winnings' THEN (
            SELECT coalesce(jsonb_object_agg(
                       s->>'account',
                       coalesce(wallet.low_water(p_brand, a.player_id, s->>'account',
                                                 a.close_transaction_id, a.closed_at), 0)), '{}')
              FROM wallet.wallet_bet_authorization a, jsonb_array_elements(a.payout_shares) s
             WHERE a.brand_id = p_brand AND a.provider_id = c->>'provider_id'
               AND a.bet_id = c->>'bet_id' AND a.state = 'SETTLED') ELSE '{}' END);
END $$;

-- Return the locked amount of each account of a player.
CREATE OR REPLACE FUNCTION wallet.read_locks(p_brand uuid, p_player uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object('locked', coalesce(
                   jsonb_object_agg(account, locked) FILTER (WHERE locked > 0), '{}'))
          FROM (SELECT DISTINCT ON (k.account) k.account, k.locked FROM wallet.wallet_lock k
                 WHERE k.brand_id = p_brand AND k.player_id = p_player
                 ORDER BY k.account, k.version DESC) newest);
END $$;

-- Return the locked amount of one account.
CREATE OR REPLACE FUNCTION wallet.locked_on(p_brand uuid, p_player uuid, p_account text)
RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce((SELECT k.locked FROM wallet.wallet_lock k
                      WHERE k.brand_id = p_brand AND k.player_id = p_player
                        AND k.account = p_account
                      ORDER BY k.version DESC LIMIT 1), 0);
END $$;

-- Change the locked amounts of accounts by records.locks = [{account, delta}]. Locked money may be
-- staked, but not withdrawn.
CREATE OR REPLACE FUNCTION wallet.put_locks(c wallet.command) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    change jsonb;
BEGIN
    FOR change IN SELECT * FROM jsonb_array_elements(c.records->'locks') LOOP
        INSERT INTO wallet_lock (brand_id, player_id, account, version, delta, locked, command,
                                 transaction_id)
        SELECT c.brand_id, c.player_id, change->>'account', coalesce(newest.version, 0) + 1,
               (change->>'delta')::bigint,
               coalesce(newest.locked, 0) + (change->>'delta')::bigint, c.command, c.transaction_id
          FROM (SELECT 1) AS always
          LEFT JOIN (SELECT k.version, k.locked FROM wallet_lock k
                      WHERE k.brand_id = c.brand_id AND k.player_id = c.player_id
                        AND k.account = change->>'account'
                      ORDER BY k.version DESC LIMIT 1) newest ON true;
    END LOOP;
END $$;

-- Refuse a command after which the locked amount of an account is more than its balance plus its
-- open stakes.
CREATE OR REPLACE FUNCTION wallet.refuse_unlocked(c wallet.command) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    fault record;
BEGIN
    SELECT named.account, l.locked INTO fault
      FROM (SELECT t->>'from_account' AS account
              FROM jsonb_array_elements(coalesce(c.records->'transfers', '[]')) t
            UNION SELECT l->>'account'
                FROM jsonb_array_elements(coalesce(c.records->'locks', '[]')) l) named
      CROSS JOIN LATERAL (SELECT wallet.locked_on(c.brand_id, c.player_id,
                                                  named.account) AS locked) l
      LEFT JOIN wallet_bucket b ON b.brand_id = c.brand_id AND b.player_id = c.player_id
                               AND (b.topology_code, b.bucket_type_code)
                                   = (split_part(named.account, '/', 1),
                                      split_part(named.account, '/', 2))
     WHERE l.locked > 0
       AND l.locked > coalesce(b.balance, 0) + (
               SELECT coalesce(sum((f->>'amount')::bigint), 0)
                 FROM wallet_bet_authorization a, jsonb_array_elements(a.funding) f
                WHERE a.brand_id = c.brand_id AND a.player_id = c.player_id
                  AND a.state = 'AUTHORIZED' AND f->>'account' = named.account)
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% of % are locked, more than % leaves there', fault.locked, fault.account,
            c.command USING ERRCODE = 'RW003';
    END IF;
END $$;

-- Record a new bonus, or close a bonus that is still in the state that the decision read.
CREATE OR REPLACE FUNCTION wallet.put_bonus(c wallet.command, b jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF b->>'from_state' IS NULL THEN
        INSERT INTO wallet_bonus (bonus_id, brand_id, player_id, topology_code, bucket_type_code,
                                  currency, amount, reference, rolling_id)
        VALUES (c.transaction_id, c.brand_id, c.player_id, c.topology_code,
                b->>'bucket_type_code', c.currency, (b->>'amount')::bigint, b->>'reference',
                (b->>'rolling_id')::uuid);
        RETURN;
    END IF;
    UPDATE wallet_bonus x SET state = b->>'state', closed_at = now()
     WHERE x.bonus_id = (b->>'bonus_id')::uuid AND x.player_id = c.player_id
       AND x.state = b->>'from_state';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'bonus % is not %', b->>'bonus_id', b->>'from_state'
            USING ERRCODE = 'RW003';
    END IF;
END $$;

-- Record the request of an adjustment, or the decision of a second person. The legs of the command
-- must be exactly the requested adjustment.
CREATE OR REPLACE FUNCTION wallet.put_adjustment(c wallet.command, a jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF a->>'state' = 'REQUESTED' THEN
        INSERT INTO wallet_adjustment (adjustment_id, brand_id, player_id, account, currency,
                                       amount, reason, requested_by, requested_key)
        VALUES (c.transaction_id, c.brand_id, c.player_id, a->>'account', c.currency,
                (a->>'amount')::bigint, a->>'reason', a->>'requested_by', a->>'requested_key');
        RETURN;
    END IF;
    UPDATE wallet_adjustment x
       SET state = a->>'state', decided_by = a->>'decided_by', decided_key = a->>'decided_key',
           decided_at = now(),
           transaction_id = CASE WHEN a->>'state' = 'APPLIED' THEN c.transaction_id END
     WHERE x.adjustment_id = (a->>'adjustment_id')::uuid AND x.player_id = c.player_id
       AND x.state = 'REQUESTED'
       AND (a->>'state' = 'REJECTED' OR c.legs = jsonb_build_array(
                jsonb_build_object('account', 'ADJ', 'delta', -x.amount, 'currency', x.currency),
                jsonb_build_object('account', x.account, 'delta', x.amount,
                                   'currency', x.currency)));
    IF NOT FOUND THEN
        RAISE EXCEPTION 'adjustment % is not REQUESTED, '
            'or what was moved is not what was asked for', a->>'adjustment_id'
            USING ERRCODE = 'RW003';
    END IF;
END $$;

-- Write bonuses and adjustments, change obligations that a transfer moved, and close bonuses.
CREATE OR REPLACE FUNCTION wallet.put_movement(c wallet.command) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF c.records ? 'bonus' THEN
        PERFORM wallet.put_bonus(c, c.records->'bonus');
    END IF;
    IF c.records ? 'adjustment' THEN
        PERFORM wallet.put_adjustment(c, c.records->'adjustment');
    END IF;
    UPDATE wallet_rolling_obligation r
       SET bucket_type_code = coalesce(o->>'bucket_type_code', r.bucket_type_code),
           amount = coalesce((o->>'amount')::bigint, r.amount),
           earned = coalesce((o->>'earned')::bigint, r.earned),
           cap = CASE WHEN o ? 'cap' THEN (o->>'cap')::bigint ELSE r.cap END
      FROM jsonb_array_elements(coalesce(c.records->'obligations_changed', '[]')) o
     WHERE r.rolling_id = (o->>'rolling_id')::uuid AND r.player_id = c.player_id
       AND r.state = 'ACTIVE';
    -- A bonus ends together with its rolling.
    UPDATE wallet_bonus b
       SET state = CASE o->>'state' WHEN 'COMPLETED' THEN 'COMPLETED' WHEN 'EXPIRED' THEN 'EXPIRED'
                        ELSE 'REVERSED' END, closed_at = now()
      FROM jsonb_array_elements(coalesce(c.records->'obligations_closed', '[]')) o
     WHERE b.rolling_id = (o->>'rolling_id')::uuid AND b.player_id = c.player_id
       AND b.state = 'ISSUED';
END $$;
