-- Comparisons of open turnover and of rollings.

-- Compare the open turnover of each account with its seal. Returns a row for each difference, and
-- for each account that has active rollings but no row of open turnover.
CREATE OR REPLACE FUNCTION wallet.compare_turnover(p_mode text)
RETURNS TABLE (kind text, key text, brand_id uuid, player_id uuid, expected jsonb, actual jsonb,
               reason text)
LANGUAGE plpgsql STABLE SET search_path = wallet, pg_temp SET TimeZone = 'UTC' AS $$
#variable_conflict use_column
DECLARE
    times record;
BEGIN
    SELECT * INTO times FROM wallet.compared_times(p_mode);
    RETURN QUERY
    SELECT 'wallet_turnover', t.account, t.brand_id, t.player_id, t.seal, t.held,
           CASE WHEN t.seal IS NULL THEN 'the record was not written by the wallet''s functions'
                ELSE (SELECT string_agg(e.key, ', ' ORDER BY e.key) FROM jsonb_each(t.seal) e
                       WHERE t.held->e.key IS DISTINCT FROM e.value)
                     || ' differs from what was sealed' END
      FROM (SELECT w.*, to_jsonb(w) - 'seal' AS held FROM wallet_turnover w
             WHERE w.since >= times.recent
               OR (w.since >= times.span_from AND w.since < times.span_to)) t
     WHERE t.seal IS DISTINCT FROM t.held
    UNION ALL
    SELECT 'wallet_turnover', owing_account(o), o.brand_id, o.player_id,
           jsonb_build_object('required', sum(o.required)), NULL,
           'the record is gone: rollings of the account are active'
      FROM wallet_rolling_obligation o
     WHERE o.state = 'ACTIVE'
       AND (o.created_at >= times.recent
            OR (o.created_at >= times.span_from AND o.created_at < times.span_to))
       AND NOT EXISTS (SELECT FROM wallet_turnover t
                        WHERE (t.brand_id, t.player_id, t.account) = (o.brand_id, o.player_id,
                            owing_account(o)))
     GROUP BY o.brand_id, o.player_id, owing_account(o);
END $$;

-- Compare rollings with their seals, with the events that required them and with the wallet's
-- obligations, and compare their turnover with the settled bets. Returns a row for each difference.
-- The data comes from functions of schema rolling.
CREATE OR REPLACE FUNCTION wallet.compare_rollings(p_mode text)
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
    WITH rolled AS MATERIALIZED (
        SELECT * FROM rolling.rollings_between(times.recent, times.span_from, times.span_to)
    ), counted AS MATERIALIZED (
        SELECT * FROM rolling.turnover_between(times.recent, times.span_from, times.span_to)
    ), row_of AS (
        SELECT 'player_rolling' AS kind, r.rolling_id::text AS key, r.brand_id, r.player_id, r.held,
               r.seal FROM rolled r
        UNION ALL
        SELECT 'rolling_turnover', c.rolling_id || ' ' || c.authorization_id, c.brand_id,
               c.player_id, c.held, c.seal FROM counted c
    )
    SELECT w.kind, w.key, w.brand_id, w.player_id, d.expected, d.actual,
           CASE WHEN w.seal IS NULL THEN 'the record was not written by rolling_service'
                ELSE d.columns || ' differs from what was sealed' END
      FROM row_of w
     CROSS JOIN LATERAL (SELECT string_agg(e.key, ', ' ORDER BY e.key) AS columns,
                                jsonb_object_agg(e.key, e.value) AS expected,
                                jsonb_object_agg(e.key, w.held->e.key) AS actual
                           FROM jsonb_each(w.seal) e WHERE w.held->e.key IS DISTINCT FROM e.value) d
     WHERE w.seal IS NULL OR d.columns IS NOT NULL
    UNION ALL
    SELECT 'player_rolling', r.rolling_id::text, r.brand_id, r.player_id,
           jsonb_build_object('turnover', r.counted), jsonb_build_object('turnover', r.turnover),
           'turnover differs from what its bets have counted'
      FROM rolled r WHERE r.turnover <> r.counted
    UNION ALL
    SELECT 'rolling_turnover', c.authorization_id, c.brand_id, c.player_id,
           jsonb_build_object('stake', a.stake, 'state', a.state),
           jsonb_build_object('counted', c.amount),
           'more was counted than a settled bet of the player has staked'
      FROM (SELECT n.authorization_id, n.brand_id, n.player_id, sum(n.amount)::bigint AS amount
              FROM counted n GROUP BY 1, 2, 3) c
      LEFT JOIN wallet_bet_authorization a
          ON a.authorization_id = wallet.as_uuid(c.authorization_id)
          AND (a.brand_id, a.player_id) = (c.brand_id, c.player_id)
     WHERE (c.amount <= a.stake AND a.state IN ('SETTLED', 'ROLLED_BACK')
            AND wallet.counts_as_turnover(a.policy_snapshot, a.stake, a.payout))
           IS NOT TRUE
    UNION ALL
    SELECT 'player_rolling', e.payload->>'rolling_id', e.brand_id, e.player_id, e.payload, r.held,
           CASE WHEN r.held IS NULL
                THEN 'the record is gone: the event that asked for it was received'
                ELSE 'the rolling differs from the event that asked for it' END
      FROM (SELECT DISTINCT ON (s.key) s.brand_id, s.player_id,
                   wallet.as_uuid(s.content->>'event_id') AS event_id,
                   s.content->'payload' AS payload
              FROM wallet_record_seal s
             WHERE s.kind = 'wallet_outbox' AND s.content->>'event_type' = 'ROLLING_REQUIRED'
               AND (s.sealed_at >= times.recent
                    OR (s.sealed_at >= times.span_from AND s.sealed_at < times.span_to))
             ORDER BY s.key, s.version DESC) e
     CROSS JOIN LATERAL rolling.answer_to(e.event_id, wallet.as_uuid(e.payload->>'rolling_id')) r
     WHERE (r.held IS NULL AND r.received)
        OR (r.held->>'required_turnover', r.held->>'amount', r.held->>'currency',
            r.held->>'player_id')
           <> (e.payload->>'required_turnover', e.payload->>'amount', e.payload->>'currency',
               e.player_id::text)
    UNION ALL
    SELECT 'player_rolling', o.rolling_id::text, o.brand_id, o.player_id,
           jsonb_build_object('obligation', o.state),
           jsonb_build_object('rolling', r.held->>'state'),
           'its state and that of the wallet''s obligation exclude each other'
      FROM wallet_rolling_obligation o CROSS JOIN LATERAL rolling.answer_to(NULL, o.rolling_id) r
     WHERE (o.created_at >= times.recent OR o.closed_at >= times.recent
            OR (o.created_at >= times.span_from AND o.created_at < times.span_to))
       AND r.held IS NOT NULL
       AND CASE o.state WHEN 'COMPLETED' THEN r.held->>'state' IN ('ACTIVE', 'CANCELED', 'EXPIRED')
                        WHEN 'ACTIVE' THEN r.held->>'state' = 'COMPLETED'
                             OR (r.held->>'state' <> 'ACTIVE' AND NOT r.is_due)
                        ELSE r.held->>'state' = 'COMPLETED' END;
END $$;
