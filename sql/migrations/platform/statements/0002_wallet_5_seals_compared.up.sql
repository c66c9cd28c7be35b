-- Records against what was made with them: bets, entries, payments, requests, events, rules and rollings. They look and report.

-- Bets in those times against their seals, and what they paid against the HOUSE entries of their closes, which are a row of their own.
CREATE FUNCTION wallet.compare_bets(p_mode text)
RETURNS TABLE (kind text, key text, brand_id uuid, player_id uuid, expected jsonb, actual jsonb, reason text)
LANGUAGE plpgsql STABLE SET search_path = wallet, pg_temp SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    times record;
BEGIN
    SELECT * INTO times FROM wallet.compared_times(p_mode);
    RETURN QUERY
    -- Materialized, so that each hash is computed once.
    WITH held AS MATERIALIZED (
        SELECT a.*, opening_seal(a.authorization_id, a.brand_id, a.player_id, a.provider_id, a.provider_type, a.bet_id, a.round_id, a.currency,
                   a.stake, a.funding, a.policy_snapshot, a.topology_code, a.topology_version, a.policy_key, a.policy_version,
                   a.authorize_transaction_id, a.canary, a.created_at) AS opened,
               CASE WHEN a.state IN ('SETTLED', 'ROLLED_BACK') OR a.payout IS NOT NULL OR a.payout_shares IS NOT NULL OR a.closed_at IS NOT NULL
                         OR a.close_transaction_id IS NOT NULL OR a.first_close_transaction_id IS NOT NULL
                    THEN closing_seal(a.seal, a.state, a.payout, a.payout_shares, a.close_transaction_id, a.first_close_transaction_id, a.closed_at)
                    END AS closed
          FROM wallet_bet_authorization a
         WHERE a.created_at >= times.recent OR (a.created_at >= times.span_from AND a.created_at < times.span_to) OR a.closed_at >= times.recent
    ), judged AS MATERIALIZED (
        SELECT h.*, ARRAY_REMOVE(ARRAY[
                   CASE WHEN length(h.seal) <> 48 THEN 'seal'
                        WHEN substr(h.opened, 1, 32) <> substr(h.seal, 1, 32) THEN 'stake, funding, whose bet it is, its ids, currency, documents or times' END,
                   CASE WHEN substr(h.opened, 33) <> substr(h.seal, 33) THEN 'policy_snapshot (where winnings go)' END,
                   CASE WHEN substr(h.closed, 1, 16) IS DISTINCT FROM substr(h.close_seal, 1, 16) THEN 'payout or payout_shares' END,
                   CASE WHEN substr(h.closed, 17) IS DISTINCT FROM substr(h.close_seal, 17) THEN 'state, or the transactions of its close' END], NULL) AS differ,
               (SELECT sum(e.delta)::bigint FROM wallet_counter_entry e WHERE e.transaction_id = h.first_close_transaction_id AND e.account = 'HOUSE') AS won
          FROM held h
    )
    SELECT 'wallet_bet_authorization', j.authorization_id::text, j.brand_id, j.player_id, NULL::jsonb,
           jsonb_build_object('state', j.state, 'stake', j.stake, 'payout', j.payout, 'funding', j.funding, 'policy_snapshot', j.policy_snapshot),
           array_to_string(j.differ, '; ') || ' differs from what was sealed'
      FROM judged j WHERE cardinality(j.differ) > 0
    UNION ALL
    SELECT 'wallet_bet_authorization', j.authorization_id::text, j.brand_id, j.player_id, jsonb_build_object('HOUSE', j.stake - coalesce(j.payout, j.stake)),
           jsonb_build_object('HOUSE', coalesce(j.won, 0)), 'stake and payout differ from the HOUSE entry of its close'
      FROM judged j
     WHERE (j.state = 'SETTLED' OR (j.state = 'ROLLED_BACK' AND j.payout IS NOT NULL))
       AND j.stake - coalesce(j.payout, j.stake) <> coalesce(j.won, 0);
END $$;

-- The ledger's rows of bets in those times against the bets: each stake's row has its bet and its share of the funding; each HOUSE
-- entry of a close has its closed bet; and every entry of a counter-account is as it was sealed.
CREATE FUNCTION wallet.compare_entries(p_mode text)
RETURNS TABLE (kind text, key text, brand_id uuid, player_id uuid, expected jsonb, actual jsonb, reason text)
LANGUAGE plpgsql STABLE SET search_path = wallet, pg_temp SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    times record;
BEGIN
    SELECT * INTO times FROM wallet.compared_times(p_mode);
    RETURN QUERY
    SELECT 'wallet_bet_authorization', l.transaction_id::text, l.brand_id, l.player_id, jsonb_build_object('account', l.account, 'amount', -l.delta),
           CASE WHEN a.authorization_id IS NOT NULL THEN jsonb_build_object('funding', a.funding, 'state', a.state) END,
           CASE WHEN a.authorization_id IS NULL THEN 'the record is gone: its stake stands in the ledger'
                ELSE 'funding differs from the ledger row of its stake' END
      FROM wallet_ledger l LEFT JOIN wallet_bet_authorization a ON a.authorization_id = l.transaction_id
     WHERE l.command = 'BET_AUTHORIZE'
       AND (l.created_at >= times.recent OR (l.created_at >= times.span_from AND l.created_at < times.span_to))
       AND ((a.brand_id, a.player_id) = (l.brand_id, l.player_id)
            AND EXISTS (SELECT FROM jsonb_path_query(a.funding, '$[*]') f
                          WHERE f->>'account' = l.account AND f->>'amount' = (-l.delta)::text)) IS NOT TRUE
    UNION ALL
    SELECT 'wallet_counter_entry', e.transaction_id::text || ' ' || e.account, e.brand_id, e.player_id, NULL, to_jsonb(e),
           'the entry differs from what was sealed'
      FROM wallet_counter_entry e
     WHERE (e.created_at >= times.recent OR (e.created_at >= times.span_from AND e.created_at < times.span_to))
       AND e.seal <> entry_seal(e.transaction_id, e.brand_id, e.player_id, e.currency, e.account, e.delta, e.command, e.request_id, e.restore_epoch,
                                e.created_at);
END $$;

-- Cash, gifts and wins against the entries that paid them: deposits, withdrawals, grants, bonuses, adjustments and wins with their reversals. What is pending is exactly
-- what open withdrawals ask for, beside what a backfill opened with.
CREATE FUNCTION wallet.compare_payments(p_mode text)
RETURNS TABLE (kind text, key text, brand_id uuid, player_id uuid, expected jsonb, actual jsonb, reason text)
LANGUAGE plpgsql STABLE SET search_path = wallet, pg_temp SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    times record;
BEGIN
    SELECT * INTO times FROM wallet.compared_times(p_mode);
    RETURN QUERY
    WITH paid AS (
        SELECT 'ledger_transactions' AS kind, t.transaction_id, t.transaction_id AS movement, t.tenant_id AS brand_id, t.player_id, t.currency, t.amount, 'PSP' AS account,
               t.created_at FROM ledger_transactions t WHERE t.type = 'deposit'
        UNION ALL SELECT 'wallet_coupon_grant', g.grant_id, g.transaction_id, g.brand_id, g.player_id, g.currency, g.amount, 'PROMO', g.created_at FROM wallet_coupon_grant g
        UNION ALL SELECT 'wallet_bonus', b.bonus_id, b.bonus_id, b.brand_id, b.player_id, b.currency, b.amount, 'PROMO', b.created_at FROM wallet_bonus b
        UNION ALL SELECT 'wallet_adjustment', x.adjustment_id, x.transaction_id, x.brand_id, x.player_id, x.currency, x.amount, 'ADJ', x.decided_at
                    FROM wallet_adjustment x WHERE x.state = 'APPLIED'
        UNION ALL SELECT 'wallet_win', w.win_id, w.win_id, w.brand_id, w.player_id, w.currency, w.amount, 'HOUSE', w.created_at FROM wallet_win w
        UNION ALL SELECT 'wallet_win_reversal', r.win_id, r.transaction_id, r.brand_id, r.player_id, w.currency, -w.amount, 'HOUSE', r.created_at
                    FROM wallet_win_reversal r JOIN wallet_win w ON w.win_id = r.win_id
    )
    SELECT p.kind, p.transaction_id::text, p.brand_id, p.player_id, jsonb_build_object(p.account, -p.amount, 'currency', p.currency),
           (SELECT jsonb_agg(jsonb_build_object(e.account, e.delta, 'currency', e.currency)) FROM wallet_counter_entry e
             WHERE e.transaction_id = p.movement), 'amount, currency or player differs from the entry that paid it'
      FROM paid p
     WHERE (p.created_at >= times.recent OR (p.created_at >= times.span_from AND p.created_at < times.span_to))
       AND NOT EXISTS (SELECT FROM wallet_counter_entry e
                        WHERE e.transaction_id = p.movement AND (e.account, e.delta, e.currency, e.brand_id, e.player_id)
                              = (p.account, -p.amount, p.currency, p.brand_id, p.player_id))
    UNION ALL
    SELECT 'ledger_transactions', t.transaction_id::text, t.tenant_id, t.player_id, jsonb_build_object('amount', t.amount, 'currency', t.currency), NULL,
           'the amount, currency or player of the withdrawal differs from the CASH/PENDING row of its request'
      FROM ledger_transactions t
     WHERE t.type = 'withdrawal' AND (t.created_at >= times.recent OR (t.created_at >= times.span_from AND t.created_at < times.span_to))
       AND NOT EXISTS (SELECT FROM wallet_ledger l
                        WHERE (l.brand_id, l.player_id, l.account) = (t.tenant_id, t.player_id, 'CASH/PENDING') AND l.created_at = t.created_at
                          AND (l.transaction_id, l.delta, l.currency) = (t.transaction_id, t.amount, t.currency))
    UNION ALL
    SELECT 'ledger_transactions', 'CASH/PENDING', c.brand_id, c.player_id, jsonb_build_object('open withdrawals', c.asked + coalesce(b.amount, 0)),
           jsonb_build_object('CASH/PENDING', c.held), 'CASH/PENDING differs from what open withdrawals ask for'
      FROM (SELECT brand_id, player_id, coalesce(w.amount, 0) AS held, coalesce(o.amount, 0) AS asked
              FROM (SELECT x.tenant_id AS brand_id, x.player_id, x.balance_real_pending::bigint AS amount FROM wallet_balances x
                     WHERE x.balance_real_pending <> 0) w
              FULL JOIN (SELECT t.tenant_id AS brand_id, t.player_id, sum(t.amount)::bigint AS amount FROM ledger_transactions t
                          WHERE t.type = 'withdrawal' AND t.state IN ('requested', 'approved') GROUP BY 1, 2) o USING (brand_id, player_id)) c
      LEFT JOIN LATERAL (SELECT sum(l.delta)::bigint AS amount FROM wallet_ledger l
                          WHERE (l.brand_id, l.player_id, l.account, l.version) = (c.brand_id, c.player_id, 'CASH/PENDING', 1)
                            AND l.command = 'BACKFILL') b ON true
     WHERE c.held <> c.asked + coalesce(b.amount, 0);
END $$;

-- The request behind each movement and each bet of those times: its stored answer, or its claim once that was pruned. Without either a
-- repeat would act again.
CREATE FUNCTION wallet.compare_requests(p_mode text)
RETURNS TABLE (kind text, key text, brand_id uuid, player_id uuid, expected jsonb, actual jsonb, reason text)
LANGUAGE plpgsql STABLE SET search_path = wallet, pg_temp SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    times record;
    kept  timestamptz := (SELECT r.kept_since FROM wallet_retention r WHERE r.kind = 'idempotency');
BEGIN
    SELECT * INTO times FROM wallet.compared_times(p_mode);
    RETURN QUERY
    WITH moved AS (
        SELECT l.transaction_id, l.brand_id, l.player_id, l.command, l.request_id, l.created_at FROM wallet_ledger l
         WHERE l.created_at >= times.recent OR (l.created_at >= times.span_from AND l.created_at < times.span_to)
        UNION ALL
        SELECT e.transaction_id, e.brand_id, e.player_id, e.command, e.request_id, e.created_at FROM wallet_counter_entry e
         WHERE e.created_at >= times.recent OR (e.created_at >= times.span_from AND e.created_at < times.span_to)
        UNION ALL
        SELECT a.authorize_transaction_id, a.brand_id, a.player_id, a.state::text, NULL, a.created_at FROM wallet_bet_authorization a
         WHERE a.stake = 0 AND (a.created_at >= times.recent OR (a.created_at >= times.span_from AND a.created_at < times.span_to))
        UNION ALL
        SELECT x.adjustment_id, x.brand_id, x.player_id, 'ADJUSTMENT_REQUEST', NULL, x.requested_at FROM wallet_adjustment x
         WHERE x.requested_at >= times.recent OR (x.requested_at >= times.span_from AND x.requested_at < times.span_to)
    ), answered AS (
        -- An answer is as old as what it answers: both are of one transaction.
        SELECT i.transaction_id, i.brand_id, i.request_id FROM wallet_idempotency i
         WHERE i.created_at >= times.recent OR (i.created_at >= times.span_from AND i.created_at < times.span_to)
    )
    SELECT DISTINCT 'wallet_idempotency', m.transaction_id::text, m.brand_id, m.player_id, jsonb_build_object('command', m.command, 'request_id', m.request_id),
           NULL::jsonb, CASE WHEN m.created_at < kept THEN 'neither the answer nor the claim of its request is there'
                             ELSE 'the stored answer of its request is gone or was changed' END
      FROM moved m
     WHERE m.command NOT IN ('BACKFILL', 'TOPOLOGY_MOVE', 'TOPOLOGY_MOVE_UNDO')
       AND NOT EXISTS (SELECT FROM answered i
                        WHERE i.transaction_id = m.transaction_id AND i.brand_id = m.brand_id AND coalesce(m.request_id, i.request_id) = i.request_id)
       AND NOT (m.created_at < kept AND EXISTS (SELECT FROM wallet_claim c WHERE c.transaction_id = m.transaction_id))
    UNION ALL
    -- A tombstone has moved nothing, and a bet of nothing neither: their answers alone tell that they were there.
    SELECT 'wallet_bet_authorization', i.body->>'authorization_id', i.brand_id, NULL, i.body, NULL, 'the record is gone: the answer that tells of it is there'
      FROM wallet_idempotency i
     WHERE (i.created_at >= times.recent OR (i.created_at >= times.span_from AND i.created_at < times.span_to)) AND i.body ? 'authorization_id'
       AND NOT EXISTS (SELECT FROM wallet_bet_authorization a WHERE a.authorization_id = wallet.as_uuid(i.body->>'authorization_id'));
END $$;

-- The event of each bet closed in those times against the bet, and events of a bet that never was.
CREATE FUNCTION wallet.compare_bet_events(p_mode text)
RETURNS TABLE (kind text, key text, brand_id uuid, player_id uuid, expected jsonb, actual jsonb, reason text)
LANGUAGE plpgsql STABLE SET search_path = wallet, pg_temp SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    times record;
    kept  timestamptz := (SELECT r.kept_since FROM wallet_retention r WHERE r.kind = 'outbox');
BEGIN
    SELECT * INTO times FROM wallet.compared_times(p_mode);
    RETURN QUERY
    WITH said AS (
        SELECT o.event_id, o.brand_id, o.player_id, o.event_type, o.payload, o.occurred_at, o.payload->>'authorization_id' AS authorization_id,
               count(*) OVER (PARTITION BY o.payload->>'authorization_id', o.event_type) AS times_said
          FROM wallet_outbox o
         WHERE o.event_type IN ('BET_SETTLED_CONFIRMED', 'BET_ROLLED_BACK_CONFIRMED')
           AND (o.occurred_at >= times.recent OR (o.occurred_at >= times.span_from AND o.occurred_at < times.span_to))
    ), closed AS (
        SELECT a.*, CASE a.state WHEN 'SETTLED' THEN 'BET_SETTLED_CONFIRMED' ELSE 'BET_ROLLED_BACK_CONFIRMED' END AS says
          FROM wallet_bet_authorization a
         WHERE a.state IN ('SETTLED', 'ROLLED_BACK') AND a.closed_at >= kept
           AND (a.closed_at >= times.recent OR (a.closed_at >= times.span_from AND a.closed_at < times.span_to))
    )
    SELECT 'wallet_outbox', a.says || ' of bet ' || a.authorization_id, a.brand_id, a.player_id,
           jsonb_build_object('stake', a.stake, 'payout', a.payout, 'funding', a.funding), s.payload,
           'the event of the bet''s close is gone, was changed, or is there twice'
      FROM closed a
      LEFT JOIN said s
             ON s.authorization_id = a.authorization_id::text AND s.event_type = a.says AND s.occurred_at = a.closed_at
     WHERE (s.times_said = 1 AND s.brand_id = a.brand_id AND s.player_id = a.player_id AND s.payload->>'stake' = a.stake::text
            AND s.payload->>'payout' = coalesce(a.payout, 0)::text AND s.payload->>'currency' = a.currency
            AND s.payload->>'provider_type' = a.provider_type AND s.payload->>'bet_id' = a.bet_id
            AND (a.state <> 'SETTLED' OR s.payload->'counts' = to_jsonb(wallet.counts_as_turnover(a.policy_snapshot, a.stake, a.payout)))
            AND (a.state = 'SETTLED' OR s.payload->>'was' = CASE WHEN a.payout IS NULL THEN 'AUTHORIZED' ELSE 'SETTLED' END)
            AND (SELECT jsonb_agg(jsonb_build_object('account', f->>'account', 'amount', f->>'amount') ORDER BY f->>'account')
                   FROM jsonb_path_query(s.payload->'funding', '$[*]') f)
                IS NOT DISTINCT FROM
                (SELECT jsonb_agg(jsonb_build_object('account', f->>'account', 'amount', f->>'amount') ORDER BY f->>'account')
                   FROM jsonb_path_query(a.funding, '$[*]') f)) IS NOT TRUE
    UNION ALL
    SELECT 'wallet_outbox', s.event_id::text, s.brand_id, s.player_id, NULL, s.payload, 'the event tells of a close that no bet had'
      FROM said s
      LEFT JOIN wallet_bet_authorization a ON a.authorization_id = wallet.as_uuid(s.authorization_id)
     WHERE a.authorization_id IS NULL OR a.state IN ('AUTHORIZED', 'TOMBSTONE')
        OR (a.state = 'SETTLED' AND (s.event_type <> 'BET_SETTLED_CONFIRMED' OR s.occurred_at <> a.closed_at));
END $$;

-- The gate row against the newest activation, and the currency of each account against its player's.
CREATE FUNCTION wallet.compare_rules(p_mode text)
RETURNS TABLE (kind text, key text, brand_id uuid, player_id uuid, expected jsonb, actual jsonb, reason text)
LANGUAGE sql STABLE SET search_path = wallet, pg_temp AS $$
    SELECT 'wallet_gate', 'the active pair', NULL::uuid, NULL::uuid,
           jsonb_build_object('activation_no', a.activation_no, 'topology', a.topology_code || ' ' || a.topology_version,
                              'policy', a.policy_key || ' ' || a.policy_version),
           jsonb_build_object('activation_no', g.activation_no, 'topology', g.topology_code || ' ' || g.topology_version,
                              'policy', g.policy_key || ' ' || g.policy_version),
           'the gate row differs from the newest activation'
      FROM wallet_gate g FULL JOIN (SELECT * FROM wallet_activation ORDER BY activation_no DESC LIMIT 1) a ON true
     WHERE (coalesce(g.activation_no, -1), g.topology_code, g.topology_version, g.policy_key, g.policy_version)
           IS DISTINCT FROM (coalesce(a.activation_no, 0), a.topology_code, a.topology_version, a.policy_key, a.policy_version)
    UNION ALL
    SELECT 'wallet_account', w.account, w.brand_id, w.player_id, jsonb_build_object('currency', p.currency), jsonb_build_object('currency', w.currency),
           'the account''s currency differs from its player''s'
      FROM wallet_account w LEFT JOIN wallet_player p USING (brand_id, player_id)
     WHERE w.currency IS DISTINCT FROM p.currency AND (w.currency <> 'PTS' OR p.currency IS NULL)
$$;

-- The open turnover of each account against its seal, and every account with active rollings against having such a row.
CREATE FUNCTION wallet.compare_turnover(p_mode text)
RETURNS TABLE (kind text, key text, brand_id uuid, player_id uuid, expected jsonb, actual jsonb, reason text)
LANGUAGE plpgsql STABLE SET search_path = wallet, pg_temp SET TimeZone = 'UTC' AS $$
#variable_conflict use_column
DECLARE
    times record;
BEGIN
    SELECT * INTO times FROM wallet.compared_times(p_mode);
    RETURN QUERY
    SELECT 'wallet_turnover', t.account, t.brand_id, t.player_id, t.seal, t.held,
           CASE WHEN t.seal IS NULL THEN 'the record was not written by the wallet''s functions'
                ELSE (SELECT string_agg(e.key, ', ' ORDER BY e.key) FROM jsonb_each(t.seal) e WHERE t.held->e.key IS DISTINCT FROM e.value)
                     || ' differs from what was sealed' END
      FROM (SELECT w.*, to_jsonb(w) - 'seal' AS held FROM wallet_turnover w
             WHERE w.since >= times.recent OR (w.since >= times.span_from AND w.since < times.span_to)) t
     WHERE t.seal IS DISTINCT FROM t.held
    UNION ALL
    SELECT 'wallet_turnover', owing_account(o), o.brand_id, o.player_id, jsonb_build_object('required', sum(o.required)), NULL,
           'the record is gone: rollings of the account are active'
      FROM wallet_rolling_obligation o
     WHERE o.state = 'ACTIVE' AND (o.created_at >= times.recent OR (o.created_at >= times.span_from AND o.created_at < times.span_to))
       AND NOT EXISTS (SELECT FROM wallet_turnover t WHERE (t.brand_id, t.player_id, t.account) = (o.brand_id, o.player_id, owing_account(o)))
     GROUP BY o.brand_id, o.player_id, owing_account(o);
END $$;

-- Rollings against their seals, against the event that asked for each, against the wallet's own obligation, and what was counted for
-- them against the settled bets. rolling_service's owner offers what is looked at here; nothing of it is written.
CREATE FUNCTION wallet.compare_rollings(p_mode text)
RETURNS TABLE (kind text, key text, brand_id uuid, player_id uuid, expected jsonb, actual jsonb, reason text)
LANGUAGE plpgsql STABLE SET search_path = wallet, pg_temp SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    times record;
BEGIN
    SELECT * INTO times FROM wallet.compared_times(p_mode);
    RETURN QUERY
    WITH rolled AS MATERIALIZED (
        SELECT * FROM rolling.rollings_between(times.recent, times.span_from, times.span_to)
    ), counted AS MATERIALIZED (
        SELECT * FROM rolling.turnover_between(times.recent, times.span_from, times.span_to)
    ), row_of AS (
        SELECT 'player_rolling' AS kind, r.rolling_id::text AS key, r.brand_id, r.player_id, r.held, r.seal FROM rolled r
        UNION ALL
        SELECT 'rolling_turnover', c.rolling_id || ' ' || c.authorization_id, c.brand_id, c.player_id, c.held, c.seal FROM counted c
    )
    SELECT w.kind, w.key, w.brand_id, w.player_id, d.expected, d.actual,
           CASE WHEN w.seal IS NULL THEN 'the record was not written by rolling_service' ELSE d.columns || ' differs from what was sealed' END
      FROM row_of w
     CROSS JOIN LATERAL (SELECT string_agg(e.key, ', ' ORDER BY e.key) AS columns, jsonb_object_agg(e.key, e.value) AS expected,
                                jsonb_object_agg(e.key, w.held->e.key) AS actual
                           FROM jsonb_each(w.seal) e WHERE w.held->e.key IS DISTINCT FROM e.value) d
     WHERE w.seal IS NULL OR d.columns IS NOT NULL
    UNION ALL
    SELECT 'player_rolling', r.rolling_id::text, r.brand_id, r.player_id, jsonb_build_object('turnover', r.counted), jsonb_build_object('turnover', r.turnover),
           'turnover differs from what its bets have counted'
      FROM rolled r WHERE r.turnover <> r.counted
    UNION ALL
    SELECT 'rolling_turnover', c.authorization_id, c.brand_id, c.player_id, jsonb_build_object('stake', a.stake, 'state', a.state),
           jsonb_build_object('counted', c.amount), 'more was counted than a settled bet of the player has staked'
      FROM (SELECT n.authorization_id, n.brand_id, n.player_id, sum(n.amount)::bigint AS amount FROM counted n GROUP BY 1, 2, 3) c
      LEFT JOIN wallet_bet_authorization a ON a.authorization_id = wallet.as_uuid(c.authorization_id) AND (a.brand_id, a.player_id) = (c.brand_id, c.player_id)
     WHERE (c.amount <= a.stake AND a.state IN ('SETTLED', 'ROLLED_BACK') AND wallet.counts_as_turnover(a.policy_snapshot, a.stake, a.payout))
           IS NOT TRUE
    UNION ALL
    SELECT 'player_rolling', e.payload->>'rolling_id', e.brand_id, e.player_id, e.payload, r.held,
           CASE WHEN r.held IS NULL THEN 'the record is gone: the event that asked for it was received'
                ELSE 'the rolling differs from the event that asked for it' END
      FROM (SELECT DISTINCT ON (s.key) s.brand_id, s.player_id, wallet.as_uuid(s.content->>'event_id') AS event_id, s.content->'payload' AS payload
              FROM wallet_record_seal s
             WHERE s.kind = 'wallet_outbox' AND s.content->>'event_type' = 'ROLLING_REQUIRED'
               AND (s.sealed_at >= times.recent OR (s.sealed_at >= times.span_from AND s.sealed_at < times.span_to))
             ORDER BY s.key, s.version DESC) e
     CROSS JOIN LATERAL rolling.answer_to(e.event_id, wallet.as_uuid(e.payload->>'rolling_id')) r
     WHERE (r.held IS NULL AND r.received)
        OR (r.held->>'required_turnover', r.held->>'amount', r.held->>'currency', r.held->>'player_id')
           <> (e.payload->>'required_turnover', e.payload->>'amount', e.payload->>'currency', e.player_id::text)
    UNION ALL
    SELECT 'player_rolling', o.rolling_id::text, o.brand_id, o.player_id, jsonb_build_object('obligation', o.state), jsonb_build_object('rolling', r.held->>'state'),
           'its state and that of the wallet''s obligation exclude each other'
      FROM wallet_rolling_obligation o CROSS JOIN LATERAL rolling.answer_to(NULL, o.rolling_id) r
     WHERE (o.created_at >= times.recent OR o.closed_at >= times.recent OR (o.created_at >= times.span_from AND o.created_at < times.span_to))
       AND r.held IS NOT NULL
       AND CASE o.state WHEN 'COMPLETED' THEN r.held->>'state' IN ('ACTIVE', 'CANCELED', 'EXPIRED')
                        WHEN 'ACTIVE' THEN r.held->>'state' = 'COMPLETED' OR (r.held->>'state' <> 'ACTIVE' AND NOT r.is_due)
                        ELSE r.held->>'state' = 'COMPLETED' END;
END $$;

-- The comparisons of records, each a function compare_<name>.
CREATE FUNCTION wallet.comparisons() RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $$
    VALUES ('sealed'), ('bets'), ('entries'), ('payments'), ('requests'), ('bet_events'), ('rules'), ('turnover'), ('rollings')
$$;

-- One comparison, or all of them, beside the walk over the ledger. A row is a record that differs, named by table, key and player.
CREATE FUNCTION wallet.compare_records(p_mode text, p_comparison text)
RETURNS TABLE (kind text, key text, brand_id uuid, player_id uuid, expected jsonb, actual jsonb, reason text)
LANGUAGE plpgsql STABLE SET search_path = wallet, pg_temp AS $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT c FROM wallet.comparisons() c WHERE p_comparison IS NULL OR c = p_comparison LOOP
        RETURN QUERY EXECUTE format('SELECT * FROM wallet.%I($1)', 'compare_' || name) USING p_mode;
    END LOOP;
END $$;
