-- Comparisons of payments and of requests.

-- Compare deposits, grants, bonuses, adjustments and wins with their counter-account entries, and
-- withdrawals with their ledger rows. Pending cash must equal the open withdrawals plus the pending
-- cash from a backfill. Returns a row for each difference.
CREATE OR REPLACE FUNCTION wallet.compare_payments(p_mode text)
RETURNS TABLE (kind text, key text, brand_id uuid, player_id uuid, expected jsonb, actual jsonb,
               reason text)
LANGUAGE plpgsql STABLE SET search_path = wallet, pg_temp
    SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    times record;
BEGIN
    SELECT * INTO times FROM wallet.compared_times(p_mode);
    RETURN QUERY
    WITH paid AS (
        SELECT 'ledger_transactions' AS kind, t.transaction_id, t.transaction_id AS movement,
               t.tenant_id AS brand_id, t.player_id, t.currency, t.amount, 'PSP' AS account,
               t.created_at FROM ledger_transactions t WHERE t.type = 'deposit'
        UNION ALL SELECT 'wallet_coupon_grant', g.grant_id, g.transaction_id, g.brand_id,
            g.player_id, g.currency, g.amount, 'PROMO', g.created_at FROM wallet_coupon_grant g
        UNION ALL SELECT 'wallet_bonus', b.bonus_id, b.bonus_id, b.brand_id, b.player_id,
            b.currency, b.amount, 'PROMO', b.created_at FROM wallet_bonus b
        UNION ALL SELECT 'wallet_adjustment', x.adjustment_id, x.transaction_id, x.brand_id,
            x.player_id, x.currency, x.amount, 'ADJ', x.decided_at
                    FROM wallet_adjustment x WHERE x.state = 'APPLIED'
        UNION ALL SELECT 'wallet_win', w.win_id, w.win_id, w.brand_id, w.player_id, w.currency,
            w.amount, 'HOUSE', w.created_at FROM wallet_win w
        UNION ALL SELECT 'wallet_win_reversal', r.win_id, r.transaction_id, r.brand_id, r.player_id,
            w.currency, -w.amount, 'HOUSE', r.created_at
                    FROM wallet_win_reversal r JOIN wallet_win w ON w.win_id = r.win_id
    )
    SELECT p.kind, p.transaction_id::text, p.brand_id, p.player_id,
           jsonb_build_object(p.account, -p.amount, 'currency', p.currency),
           (SELECT jsonb_agg(jsonb_build_object(e.account, e.delta, 'currency', e.currency))
              FROM wallet_counter_entry e
             WHERE e.transaction_id = p.movement),
                 'amount, currency or player differs from the entry that paid it'
      FROM paid p
     WHERE (p.created_at >= times.recent
            OR (p.created_at >= times.span_from AND p.created_at < times.span_to))
       AND NOT EXISTS (SELECT FROM wallet_counter_entry e
                        WHERE e.transaction_id = p.movement
                          AND (e.account, e.delta, e.currency, e.brand_id, e.player_id)
                              = (p.account, -p.amount, p.currency, p.brand_id, p.player_id))
    UNION ALL
    SELECT 'ledger_transactions', t.transaction_id::text, t.tenant_id, t.player_id,
           jsonb_build_object('amount', t.amount, 'currency', t.currency), NULL,
           'the amount, currency or player of the withdrawal differs from the CASH/PENDING row '
           'of its request'
      FROM ledger_transactions t
     WHERE t.type = 'withdrawal'
       AND (t.created_at >= times.recent
            OR (t.created_at >= times.span_from AND t.created_at < times.span_to))
       AND NOT EXISTS (SELECT FROM wallet_ledger l
                        WHERE (l.brand_id, l.player_id, l.account) = (t.tenant_id, t.player_id,
                            'CASH/PENDING') AND l.created_at = t.created_at
                          AND (l.transaction_id, l.delta, l.currency) = (t.transaction_id, t.amount,
                              t.currency))
    UNION ALL
    SELECT 'ledger_transactions', 'CASH/PENDING', c.brand_id, c.player_id,
           jsonb_build_object('open withdrawals', c.asked + coalesce(b.amount, 0)),
           jsonb_build_object('CASH/PENDING', c.held),
           'CASH/PENDING differs from what open withdrawals ask for'
      FROM (SELECT brand_id, player_id, coalesce(w.amount, 0) AS held,
                   coalesce(o.amount, 0) AS asked
              FROM (SELECT x.tenant_id AS brand_id, x.player_id,
                           x.balance_real_pending::bigint AS amount FROM wallet_balances x
                     WHERE x.balance_real_pending <> 0) w
              FULL JOIN (SELECT t.tenant_id AS brand_id, t.player_id,
                                sum(t.amount)::bigint AS amount FROM ledger_transactions t
                          WHERE t.type = 'withdrawal' AND t.state IN ('requested', 'approved')
                          GROUP BY 1, 2) o USING (brand_id, player_id)) c
      LEFT JOIN LATERAL (SELECT sum(l.delta)::bigint AS amount FROM wallet_ledger l
                          WHERE (l.brand_id, l.player_id, l.account, l.version) = (c.brand_id,
                              c.player_id, 'CASH/PENDING', 1)
                            AND l.command = 'BACKFILL') b ON true
     WHERE c.held <> c.asked + coalesce(b.amount, 0);
END $$;

-- Compare movements and bets with their requests. Each needs a stored answer, or a claim once the
-- answer was pruned. Without both, a repeat of the request would move money again.
CREATE OR REPLACE FUNCTION wallet.compare_requests(p_mode text)
RETURNS TABLE (kind text, key text, brand_id uuid, player_id uuid, expected jsonb, actual jsonb,
               reason text)
LANGUAGE plpgsql STABLE SET search_path = wallet, pg_temp
    SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    times record;
    kept  timestamptz := (SELECT r.kept_since FROM wallet_retention r WHERE r.kind = 'idempotency');
BEGIN
    SELECT * INTO times FROM wallet.compared_times(p_mode);
    RETURN QUERY
    WITH moved AS (
        SELECT l.transaction_id, l.brand_id, l.player_id, l.command, l.request_id, l.created_at
          FROM wallet_ledger l
         WHERE l.created_at >= times.recent
           OR (l.created_at >= times.span_from AND l.created_at < times.span_to)
        UNION ALL
        SELECT e.transaction_id, e.brand_id, e.player_id, e.command, e.request_id, e.created_at
          FROM wallet_counter_entry e
         WHERE e.created_at >= times.recent
           OR (e.created_at >= times.span_from AND e.created_at < times.span_to)
        UNION ALL
        SELECT a.authorize_transaction_id, a.brand_id, a.player_id, a.state::text, NULL,
               a.created_at FROM wallet_bet_authorization a
         WHERE a.stake = 0 AND (a.created_at >= times.recent
                                OR (a.created_at >= times.span_from
                                    AND a.created_at < times.span_to))
        UNION ALL
        SELECT x.adjustment_id, x.brand_id, x.player_id, 'ADJUSTMENT_REQUEST', NULL, x.requested_at
          FROM wallet_adjustment x
         WHERE x.requested_at >= times.recent
           OR (x.requested_at >= times.span_from AND x.requested_at < times.span_to)
    ), answered AS (
        -- An answer has the time of its movement, because one transaction writes both.
        SELECT i.transaction_id, i.brand_id, i.request_id FROM wallet_idempotency i
         WHERE i.created_at >= times.recent
           OR (i.created_at >= times.span_from AND i.created_at < times.span_to)
    )
    SELECT DISTINCT 'wallet_idempotency', m.transaction_id::text, m.brand_id, m.player_id,
           jsonb_build_object('command', m.command, 'request_id', m.request_id),
           NULL::jsonb,
           CASE WHEN m.created_at < kept
                THEN 'neither the answer nor the claim of its request is there'
                ELSE 'the stored answer of its request is gone or was changed' END
      FROM moved m
     WHERE m.command NOT IN ('BACKFILL', 'TOPOLOGY_MOVE', 'TOPOLOGY_MOVE_UNDO')
       AND NOT EXISTS (SELECT FROM answered i
                        WHERE i.transaction_id = m.transaction_id AND i.brand_id = m.brand_id
                          AND coalesce(m.request_id, i.request_id) = i.request_id)
       AND NOT (m.created_at < kept
                AND EXISTS (SELECT FROM wallet_claim c WHERE c.transaction_id = m.transaction_id))
    UNION ALL
    -- Tombstones and bets with stake 0 have no ledger row. Only their stored answers prove that the
    -- record existed.
    SELECT 'wallet_bet_authorization', i.body->>'authorization_id', i.brand_id, NULL, i.body, NULL,
           'the record is gone: the answer that tells of it is there'
      FROM wallet_idempotency i
     WHERE (i.created_at >= times.recent
            OR (i.created_at >= times.span_from AND i.created_at < times.span_to))
                AND i.body ? 'authorization_id'
       AND NOT EXISTS (SELECT FROM wallet_bet_authorization a
                        WHERE a.authorization_id = wallet.as_uuid(i.body->>'authorization_id'));
END $$;
