-- Comparisons of records with their seals, and with the rows that were written with them. These
-- functions only report differences.

-- Return the age up to which every cycle compares a record again: a day, plus the hour between two
-- cycles.
CREATE OR REPLACE FUNCTION wallet.recent_time() RETURNS interval
LANGUAGE sql IMMUTABLE AS $$ SELECT interval '25 hours' $$;

-- Return the times whose rows a cycle compares: all rows made or changed since `recent`, and in
-- mode `rotation` also a span of older time. 24 spans cover the whole time since the first
-- activation. Each span starts earlier by recent_time(), because the spans move while time passes.
-- The modes `full` and `hashes` compare everything, and so does the first cycle after a restore.
CREATE OR REPLACE FUNCTION wallet.compared_times(p_mode text, OUT recent timestamptz,
                                                 OUT span_from timestamptz, OUT span_to timestamptz)
LANGUAGE plpgsql STABLE SET search_path = wallet, pg_temp AS $$
DECLARE
    turn  bigint := (SELECT count(*) % 24 FROM wallet_reconciliation WHERE mode = 'rotation');
    first timestamptz := coalesce((SELECT min(activated_at) FROM wallet_activation), now());
BEGIN
    IF p_mode IN ('full', 'hashes')
       OR (SELECT k.restore_epoch <> g.restore_epoch
             FROM wallet_reconciliation_mark k, wallet_gate g) THEN
        recent := '-infinity';
    ELSE
        recent := now() - recent_time();
    END IF;
    span_from := 'infinity';
    span_to := 'infinity';
    IF p_mode = 'rotation' THEN
        span_from := CASE turn WHEN 0 THEN '-infinity'
                          ELSE first + turn * (now() - first) / 24 - recent_time() END;
        span_to := first + (turn + 1) * (now() - first) / 24;
    END IF;
END $$;

-- Convert a text to a UUID, or return NULL. A cast would raise an error for an invalid text, and so
-- stop the cycle that has to report it.
CREATE OR REPLACE FUNCTION wallet.as_uuid(p_text text) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_text ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN p_text::uuid END
$$;

-- Return the names of the comparisons. Each is a function compare_<name>.
CREATE OR REPLACE FUNCTION wallet.comparisons() RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $$
    VALUES ('sealed'), ('bets'), ('entries'), ('payments'), ('requests'), ('bet_events'), ('rules'),
        ('turnover'), ('rollings')
$$;

-- Run one comparison, or all if p_comparison is NULL. Returns a row for each record that differs,
-- with its table, key and player.
CREATE OR REPLACE FUNCTION wallet.compare_records(p_mode text, p_comparison text)
RETURNS TABLE (kind text, key text, brand_id uuid, player_id uuid, expected jsonb, actual jsonb,
               reason text)
LANGUAGE plpgsql STABLE SET search_path = wallet, pg_temp AS $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT c FROM wallet.comparisons() c
        WHERE p_comparison IS NULL OR c = p_comparison LOOP
        RETURN QUERY EXECUTE format('SELECT * FROM wallet.%I($1)', 'compare_' || name) USING p_mode;
    END LOOP;
END $$;

-- Compare the sealed records with their newest seals. Returns a row for each record that differs,
-- is gone, has no seal, or whose seal was changed.
CREATE OR REPLACE FUNCTION wallet.compare_sealed(p_mode text)
RETURNS TABLE (kind text, key text, brand_id uuid, player_id uuid, expected jsonb, actual jsonb,
               reason text)
LANGUAGE plpgsql STABLE SET search_path = wallet, pg_temp SET TimeZone = 'UTC'
    SET bytea_output = 'hex' AS $$
#variable_conflict use_column
DECLARE
    k     record;
    times record;
    parts text;
    found text;
    kept  timestamptz := (SELECT r.kept_since FROM wallet_retention r WHERE r.kind = 'outbox');
BEGIN
    SELECT * INTO times FROM wallet.compared_times(p_mode);
    FOR k IN SELECT * FROM wallet.sealed_kinds() LOOP
        SELECT string_agg(format('t.%I', u.name), ', ' ORDER BY u.place),
               string_agg(format('t.%I = (n.key->>%s)::%s', u.name, u.place - 1,
                                 format_type(a.atttypid, a.atttypmod)), ' AND ' ORDER BY u.place)
          INTO parts, found
          FROM unnest(k.keys) WITH ORDINALITY u(name, place)
          JOIN pg_attribute a ON a.attrelid = ('wallet.' || k.kind)::regclass
                             AND a.attname = u.name;
        RETURN QUERY EXECUTE format($query$
            WITH named AS (
                SELECT jsonb_build_array(%2$s) AS key FROM wallet.%1$I t
                 WHERE (%4$s >= $1 OR (%4$s >= $2 AND %4$s < $3)) AND %7$s
                UNION
                SELECT w.key FROM wallet.wallet_record_seal w
                 WHERE w.kind = %1$L AND (w.sealed_at >= $1
                                          OR (w.sealed_at >= $2 AND w.sealed_at < $3) OR %8$L)
            ), judged AS (
                SELECT n.key, s.version, s.content AS sealed, t.content AS held,
                       coalesce(s.brand_id, (t.content->>%5$L)::uuid) AS brand_id,
                       coalesce(s.player_id, (t.content->>%6$L)::uuid) AS player_id,
                       s.hash <> wallet.record_seal_hash(s.previous_hash, %1$L, n.key, s.version,
                                                         s.brand_id, s.player_id, s.content,
                                                         s.sealed_at) AS forged
                  FROM named n
                  LEFT JOIN LATERAL (SELECT w.* FROM wallet.wallet_record_seal w
                                      WHERE w.kind = %1$L AND w.key = n.key ORDER BY w.version DESC
                                      LIMIT 1) s ON true
                  LEFT JOIN LATERAL (SELECT to_jsonb(t) - %9$L::text[] AS content FROM wallet.%1$I t
                                      WHERE %3$s) t ON true
                 WHERE (s.content IS DISTINCT FROM t.content
                        OR s.hash <> wallet.record_seal_hash(s.previous_hash, %1$L, n.key,
                            s.version, s.brand_id, s.player_id, s.content, s.sealed_at))
                   AND NOT (t.content IS NULL AND %1$L = 'wallet_outbox' AND s.sealed_at < $4)
            ), told AS (
                SELECT j.*, d.columns, d.expected, d.actual FROM judged j
                 CROSS JOIN LATERAL (
                    SELECT string_agg(e.key, ', ' ORDER BY e.key) AS columns,
                           jsonb_object_agg(e.key, e.value) AS expected,
                           jsonb_object_agg(e.key, j.held->e.key) AS actual
                      FROM jsonb_each(j.sealed) e WHERE j.held->e.key IS DISTINCT FROM e.value) d
            )
            SELECT %1$L::text, (SELECT string_agg(p.part, ' ' ORDER BY p.place)
                                  FROM jsonb_array_elements_text(t.key) WITH ORDINALITY p(part,
                                      place)),
                   t.brand_id, t.player_id,
                   CASE WHEN t.held IS NULL THEN t.sealed ELSE t.expected END,
                   CASE WHEN t.sealed IS NULL THEN t.held WHEN t.held IS NOT NULL THEN t.actual END,
                   CASE WHEN t.held IS NULL THEN 'the record is gone'
                        WHEN t.sealed IS NULL
                        THEN 'the record was not written by the wallet''s functions'
                        WHEN t.columns IS NULL THEN 'seal ' || t.version
                            || ' of the record was changed'
                        ELSE t.columns || ' differs from what was sealed' END
              FROM told t
             WHERE t.held IS NULL OR t.sealed IS NULL OR t.columns IS NOT NULL OR t.forged
            $query$, k.kind, parts, found,
            CASE WHEN k.since IS NULL THEN '''infinity''::timestamptz'
                 ELSE format('t.%I', k.since) END,
            k.brand, k.player,
            CASE k.kind
                 WHEN 'wallet_outbox'
                 THEN 't.event_type NOT IN (''BET_SETTLED_CONFIRMED'', '
                      '''BET_ROLLED_BACK_CONFIRMED'', ''OUTBOX_CANARY'')'
                 ELSE 'true' END,
            k.since IS NULL, k.unsealed)
        USING times.recent, times.span_from, times.span_to, kept;
    END LOOP;
END $$;

-- Compare the gate row with the newest activation, and the currency of each account with the
-- player's currency. Returns a row for each difference.
CREATE OR REPLACE FUNCTION wallet.compare_rules(p_mode text)
RETURNS TABLE (kind text, key text, brand_id uuid, player_id uuid, expected jsonb, actual jsonb,
               reason text)
LANGUAGE sql STABLE SET search_path = wallet, pg_temp AS $$
    SELECT 'wallet_gate', 'the active pair', NULL::uuid, NULL::uuid,
           jsonb_build_object('activation_no', a.activation_no,
                              'topology', a.topology_code || ' ' || a.topology_version,
                              'policy', a.policy_key || ' ' || a.policy_version),
           jsonb_build_object('activation_no', g.activation_no,
                              'topology', g.topology_code || ' ' || g.topology_version,
                              'policy', g.policy_key || ' ' || g.policy_version),
           'the gate row differs from the newest activation'
      FROM wallet_gate g FULL JOIN (SELECT * FROM wallet_activation ORDER BY activation_no DESC
                                     LIMIT 1) a ON true
     WHERE (coalesce(g.activation_no, -1), g.topology_code, g.topology_version, g.policy_key,
            g.policy_version)
           IS DISTINCT FROM (coalesce(a.activation_no, 0), a.topology_code, a.topology_version,
                             a.policy_key, a.policy_version)
    UNION ALL
    SELECT 'wallet_account', w.account, w.brand_id, w.player_id,
           jsonb_build_object('currency', p.currency), jsonb_build_object('currency', w.currency),
           'the account''s currency differs from its player''s'
      FROM wallet_account w LEFT JOIN wallet_player p USING (brand_id, player_id)
     WHERE w.currency IS DISTINCT FROM p.currency AND (w.currency <> 'PTS' OR p.currency IS NULL)
$$;
