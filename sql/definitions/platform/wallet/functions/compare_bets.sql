-- Comparisons of bets, counter-account entries and events of bets.

-- Compare bets with their seals, and their results with the HOUSE entries of their closes. Returns
-- a row for each difference.
CREATE OR REPLACE FUNCTION wallet.compare_bets(p_mode text)
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
    -- The CTE is MATERIALIZED, so that each hash is computed only once.
    WITH held AS MATERIALIZED (
        SELECT a.*, opening_seal(a.authorization_id, a.brand_id, a.player_id, a.provider_id,
                                 a.provider_type, a.bet_id, a.round_id, a.currency, a.stake,
                                 a.funding, a.policy_snapshot, a.topology_code, a.topology_version,
                                 a.policy_key, a.policy_version, a.authorize_transaction_id,
                                 a.canary, a.created_at) AS opened,
               CASE WHEN a.state IN ('SETTLED', 'ROLLED_BACK') OR a.payout IS NOT NULL
                   OR a.payout_shares IS NOT NULL OR a.closed_at IS NOT NULL
                         OR a.close_transaction_id IS NOT NULL
                             OR a.first_close_transaction_id IS NOT NULL
                    THEN closing_seal(a.seal, a.state, a.payout, a.payout_shares,
                                      a.close_transaction_id, a.first_close_transaction_id,
                                      a.closed_at)
                    END AS closed
          FROM wallet_bet_authorization a
         WHERE a.created_at >= times.recent
           OR (a.created_at >= times.span_from AND a.created_at < times.span_to)
               OR a.closed_at >= times.recent
    ), judged AS MATERIALIZED (
        SELECT h.*, ARRAY_REMOVE(ARRAY[
                   CASE WHEN length(h.seal) <> 48 THEN 'seal'
                        WHEN substr(h.opened, 1, 32) <> substr(h.seal, 1, 32)
                        THEN 'stake, funding, whose bet it is, its ids, currency, documents '
                             'or times'
                   END,
                   CASE WHEN substr(h.opened, 33) <> substr(h.seal, 33)
                        THEN 'policy_snapshot (where winnings go)' END,
                   CASE WHEN substr(h.closed, 1, 16) IS DISTINCT FROM substr(h.close_seal, 1, 16)
                        THEN 'payout or payout_shares' END,
                   CASE WHEN substr(h.closed, 17) IS DISTINCT FROM substr(h.close_seal, 17)
                        THEN 'state, or the transactions of its close' END], NULL) AS differ,
               (SELECT sum(e.delta)::bigint FROM wallet_counter_entry e
                 WHERE e.transaction_id = h.first_close_transaction_id
                   AND e.account = 'HOUSE') AS won
          FROM held h
    )
    SELECT 'wallet_bet_authorization', j.authorization_id::text, j.brand_id, j.player_id,
           NULL::jsonb,
           jsonb_build_object('state', j.state, 'stake', j.stake, 'payout', j.payout,
                              'funding', j.funding, 'policy_snapshot', j.policy_snapshot),
           array_to_string(j.differ, '; ') || ' differs from what was sealed'
      FROM judged j WHERE cardinality(j.differ) > 0
    UNION ALL
    SELECT 'wallet_bet_authorization', j.authorization_id::text, j.brand_id, j.player_id,
           jsonb_build_object('HOUSE', j.stake - coalesce(j.payout, j.stake)),
           jsonb_build_object('HOUSE', coalesce(j.won, 0)),
           'stake and payout differ from the HOUSE entry of its close'
      FROM judged j
     WHERE (j.state = 'SETTLED' OR (j.state = 'ROLLED_BACK' AND j.payout IS NOT NULL))
       AND j.stake - coalesce(j.payout, j.stake) <> coalesce(j.won, 0);
END $$;

-- Compare ledger rows of stakes with the bets and their funding, and counter-account entries with
-- their seals. Returns a row for each difference.
CREATE OR REPLACE FUNCTION wallet.compare_entries(p_mode text)
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
    SELECT 'wallet_bet_authorization', l.transaction_id::text, l.brand_id, l.player_id,
           jsonb_build_object('account', l.account, 'amount', -l.delta),
           CASE WHEN a.authorization_id IS NOT NULL
                THEN jsonb_build_object('funding', a.funding, 'state', a.state) END,
           CASE WHEN a.authorization_id IS NULL
                THEN 'the record is gone: its stake stands in the ledger'
                ELSE 'funding differs from the ledger row of its stake' END
      FROM wallet_ledger l LEFT JOIN wallet_bet_authorization a
          ON a.authorization_id = l.transaction_id
     WHERE l.command = 'BET_AUTHORIZE'
       AND (l.created_at >= times.recent
            OR (l.created_at >= times.span_from AND l.created_at < times.span_to))
       AND ((a.brand_id, a.player_id) = (l.brand_id, l.player_id)
            AND EXISTS (SELECT FROM jsonb_path_query(a.funding, '$[*]') f
                          WHERE f->>'account' = l.account
                            AND f->>'amount' = (-l.delta)::text)) IS NOT TRUE
    UNION ALL
    SELECT 'wallet_counter_entry', e.transaction_id::text || ' ' || e.account, e.brand_id,
           e.player_id, NULL, to_jsonb(e),
           'the entry differs from what was sealed'
      FROM wallet_counter_entry e
     WHERE (e.created_at >= times.recent
            OR (e.created_at >= times.span_from AND e.created_at < times.span_to))
       AND e.seal <> entry_seal(e.transaction_id, e.brand_id, e.player_id, e.currency, e.account,
                                e.delta, e.command, e.request_id, e.restore_epoch,
                                e.created_at);
END $$;

-- Compare closed bets with their events. Returns a row for each missing, doubled or changed event,
-- and for each event of a bet that was not closed.
CREATE OR REPLACE FUNCTION wallet.compare_bet_events(p_mode text)
RETURNS TABLE (kind text, key text, brand_id uuid, player_id uuid, expected jsonb, actual jsonb,
               reason text)
LANGUAGE plpgsql STABLE SET search_path = wallet, pg_temp
    SET plan_cache_mode = force_custom_plan AS $$
#variable_conflict use_column
DECLARE
    times record;
    kept  timestamptz := (SELECT r.kept_since FROM wallet_retention r WHERE r.kind = 'outbox');
BEGIN
    SELECT * INTO times FROM wallet.compared_times(p_mode);
    RETURN QUERY
    WITH said AS (
        SELECT o.event_id, o.brand_id, o.player_id, o.event_type, o.payload, o.occurred_at,
               o.payload->>'authorization_id' AS authorization_id,
               count(*) OVER (PARTITION BY o.payload->>'authorization_id',
                              o.event_type) AS times_said
          FROM wallet_outbox o
         WHERE o.event_type IN ('BET_SETTLED_CONFIRMED', 'BET_ROLLED_BACK_CONFIRMED')
           AND (o.occurred_at >= times.recent
                OR (o.occurred_at >= times.span_from AND o.occurred_at < times.span_to))
    ), closed AS (
        SELECT a.*, CASE a.state WHEN 'SETTLED' THEN 'BET_SETTLED_CONFIRMED'
                         ELSE 'BET_ROLLED_BACK_CONFIRMED' END AS says
          FROM wallet_bet_authorization a
         WHERE a.state IN ('SETTLED', 'ROLLED_BACK') AND a.closed_at >= kept
           AND (a.closed_at >= times.recent
                OR (a.closed_at >= times.span_from AND a.closed_at < times.span_to))
    )
    SELECT 'wallet_outbox', a.says || ' of bet ' || a.authorization_id, a.brand_id, a.player_id,
           jsonb_build_object('stake', a.stake, 'payout', a.payout, 'funding', a.funding),
           s.payload,
           'the event of the bet''s close is gone, was changed, or is there twice'
      FROM closed a
      LEFT JOIN said s
             ON s.authorization_id = a.authorization_id::text AND s.event_type = a.says
             AND s.occurred_at = a.closed_at
     WHERE (s.times_said = 1 AND s.brand_id = a.brand_id AND s.player_id = a.player_id
            AND s.payload->>'stake' = a.stake::text
            AND s.payload->>'payout' = coalesce(a.payout, 0)::text
            AND s.payload->>'currency' = a.currency
            AND s.payload->>'provider_type' = a.provider_type AND s.payload->>'bet_id' = a.bet_id
            AND (a.state <> 'SETTLED'
                 OR s.payload->'counts' = to_jsonb(wallet.counts_as_turnover(a.policy_snapshot,
                         a.stake, a.payout)))
            AND (a.state = 'SETTLED'
                 OR s.payload->>'was' = CASE WHEN a.payout IS NULL THEN 'AUTHORIZED'
                                             ELSE 'SETTLED' END)
            AND (SELECT jsonb_agg(jsonb_build_object('account', f->>'account',
                                                     'amount', f->>'amount') ORDER BY f->>'account')
                   FROM jsonb_path_query(s.payload->'funding', '$[*]') f)
                IS NOT DISTINCT FROM
                (SELECT jsonb_agg(jsonb_build_object('account', f->>'account',
                                                     'amount', f->>'amount') ORDER BY f->>'account')
                   FROM jsonb_path_query(a.funding, '$[*]') f)) IS NOT TRUE
    UNION ALL
    SELECT 'wallet_outbox', s.event_id::text, s.brand_id, s.player_id, NULL, s.payload,
           'the event tells of a close that no bet had'
      FROM said s
      LEFT JOIN wallet_bet_authorization a
          ON a.authorization_id = wallet.as_uuid(s.authorization_id)
     WHERE a.authorization_id IS NULL OR a.state IN ('AUTHORIZED', 'TOMBSTONE')
        OR (a.state = 'SETTLED' AND (s.event_type <> 'BET_SETTLED_CONFIRMED'
                                     OR s.occurred_at <> a.closed_at));
END $$;
