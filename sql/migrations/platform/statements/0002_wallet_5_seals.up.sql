-- Records that decide money, beside the ledger: each is sealed by the function of the wallet that wrote it, and compared with its seal.

-- The one list of what is sealed. A new kind is one row here, and one in checks/release/_wallet_rights.py for its trigger.
-- `keys` name a record; `since` is the column that tells when it was made, NULL where there are so few that each cycle looks at all;
-- `unsealed` are columns that change without a decision, or that other comparisons cover. A column that is added is sealed.
CREATE FUNCTION wallet.sealed_kinds()
RETURNS TABLE (kind text, keys text[], brand text, player text, since text, unsealed text[]) LANGUAGE sql IMMUTABLE AS $$
    VALUES
        ('wallet_player', ARRAY['brand_id', 'player_id'], 'brand_id', 'player_id', 'created_at', ARRAY['version', 'event_no']),
        ('wallet_coupon_grant', ARRAY['grant_id'], 'brand_id', 'player_id', 'created_at', ARRAY['balance', 'version', 'hash', 'previous_hash']),
        ('wallet_rolling_obligation', ARRAY['rolling_id'], 'brand_id', 'player_id', 'created_at', ARRAY[]::text[]),
        ('wallet_lock', ARRAY['brand_id', 'player_id', 'account', 'version'], 'brand_id', 'player_id', 'created_at', ARRAY[]::text[]),
        ('wallet_bonus', ARRAY['bonus_id'], 'brand_id', 'player_id', 'created_at', ARRAY[]::text[]),
        ('wallet_adjustment', ARRAY['adjustment_id'], 'brand_id', 'player_id', 'requested_at', ARRAY[]::text[]),
        ('wallet_transfer', ARRAY['transfer_id'], 'brand_id', 'player_id', 'created_at', ARRAY[]::text[]),
        ('ledger_transactions', ARRAY['transaction_id'], 'tenant_id', 'player_id', 'created_at', ARRAY[]::text[]),
        ('wallet_reference', ARRAY['brand_id', 'command', 'reference'], 'brand_id', 'player_id', 'created_at', ARRAY[]::text[]),
        ('wallet_funding_choice', ARRAY['brand_id', 'player_id', 'provider_type'], 'brand_id', 'player_id', 'chosen_at', ARRAY[]::text[]),
        ('wallet_campaign', ARRAY['brand_id', 'campaign_code'], 'brand_id', NULL, 'created_at', ARRAY[]::text[]),
        ('wallet_win', ARRAY['win_id'], 'brand_id', 'player_id', 'created_at', ARRAY[]::text[]),
        ('wallet_win_reversal', ARRAY['win_id'], 'brand_id', 'player_id', 'created_at', ARRAY[]::text[]),
        -- The events of a bet are not sealed but compared with its authorization: a bet pays for no row of its own here.
        ('wallet_outbox', ARRAY['event_id'], 'brand_id', 'player_id', 'occurred_at',
         ARRAY['published_at', 'attempts', 'publication_no', 'entry_id', 'resends']),
        ('wallet_topology', ARRAY['code', 'version'], NULL, NULL, NULL, ARRAY[]::text[]),
        ('wallet_policy', ARRAY['policy_key', 'version'], NULL, NULL, NULL, ARRAY[]::text[]),
        ('wallet_activation', ARRAY['activation_no'], NULL, NULL, NULL, ARRAY[]::text[]),
        ('wallet_currency', ARRAY['code'], NULL, NULL, NULL, ARRAY[]::text[])
$$;

-- Every record as a function of the wallet wrote it, version by version, for good. It is no hash alone: a finding says what
-- differs, and from what. The hashes of one record's seals are a chain.
CREATE TABLE wallet.wallet_record_seal (
    kind          text NOT NULL,
    key           jsonb NOT NULL,
    version       integer NOT NULL,
    brand_id      uuid,
    player_id     uuid,
    content       jsonb NOT NULL,
    previous_hash bytea NOT NULL,
    hash          bytea NOT NULL,
    sealed_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, key, version)
);
CREATE INDEX wallet_record_seal_age ON wallet.wallet_record_seal USING brin (sealed_at);

CREATE FUNCTION wallet.record_seal_hash(p_previous bytea, p_kind text, p_key jsonb, p_version integer, p_brand uuid, p_player uuid, p_content jsonb,
                                        p_sealed_at timestamptz) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(p_previous || record_send(ROW(p_kind, convert_to(p_key::text, 'UTF8'), p_version, p_brand, p_player,
                                                convert_to(p_content::text, 'UTF8'), p_sealed_at)))
$$;

-- Seal what was just written, for a session that could not have written it otherwise than by the wallet's functions. A superuser's own
-- statement is not sealed, whatever role it takes on: that is how it is found. A data migration seals what it writes by itself.
-- A record that is not as its newest seal says is not acted on: an amount that was edited is not paid out, a cap not lifted.
CREATE FUNCTION wallet.seal_record() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp SET TimeZone = 'UTC' SET bytea_output = 'hex' AS $$
DECLARE
    altered text;
BEGIN
    IF (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = session_user) THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        altered := wallet.altered(TG_TABLE_NAME, to_jsonb(OLD));
        IF altered IS NOT NULL THEN
            RAISE EXCEPTION 'a record of % is not as the wallet left it: %', TG_TABLE_NAME, altered USING ERRCODE = 'RW013';
        END IF;
    END IF;
    PERFORM wallet.put_seal(TG_TABLE_NAME, to_jsonb(NEW));
    RETURN NULL;
END $$;

-- In which columns a row differs from its newest seal; NULL if in none.
CREATE FUNCTION wallet.altered(p_kind text, p_row jsonb) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    k    record;
    seal jsonb;
BEGIN
    SELECT * INTO STRICT k FROM wallet.sealed_kinds() s WHERE s.kind = p_kind;
    SELECT w.content INTO seal FROM wallet.wallet_record_seal w
     WHERE w.kind = p_kind AND w.key = (SELECT jsonb_agg(p_row->u.name ORDER BY u.place) FROM unnest(k.keys) WITH ORDINALITY u(name, place))
     ORDER BY w.version DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN 'it was never sealed';
    END IF;
    RETURN (SELECT string_agg(e.key, ', ' ORDER BY e.key) FROM jsonb_each(seal) e WHERE p_row->e.key IS DISTINCT FROM e.value);
END $$;

-- Times and bytes are written as the caller's settings say, so a caller sets them as seal_record does.
CREATE FUNCTION wallet.put_seal(p_kind text, p_row jsonb) RETURNS void
LANGUAGE sql AS $$
    WITH known AS (
        SELECT (SELECT jsonb_agg(p_row->u.name ORDER BY u.place) FROM unnest(k.keys) WITH ORDINALITY u(name, place)) AS key,
               (p_row->>k.brand)::uuid AS brand_id, (p_row->>k.player)::uuid AS player_id, p_row - k.unsealed AS content
          FROM wallet.sealed_kinds() k WHERE k.kind = p_kind
    )
    INSERT INTO wallet.wallet_record_seal (kind, key, version, brand_id, player_id, content, previous_hash, hash)
    SELECT p_kind, k.key, n.version, k.brand_id, k.player_id, k.content, n.hash,
           wallet.record_seal_hash(n.hash, p_kind, k.key, n.version, k.brand_id, k.player_id, k.content, now())
      FROM known k
     CROSS JOIN LATERAL (SELECT coalesce(max(s.version), 0) + 1 AS version, coalesce((array_agg(s.hash ORDER BY s.version DESC))[1], '') AS hash
                           FROM (SELECT w.version, w.hash FROM wallet.wallet_record_seal w
                                  WHERE w.kind = p_kind AND w.key = k.key ORDER BY w.version DESC LIMIT 1) s) n
$$;

-- Attach the list: a trigger on each table, an index by age, and a first seal for what this migration itself has written.
DO $$
DECLARE
    k       record;
    changed text;
    held    jsonb;
BEGIN
    PERFORM set_config('timezone', 'UTC', true), set_config('bytea_output', 'hex', true);
    FOR k IN SELECT * FROM wallet.sealed_kinds() LOOP
        SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO changed FROM pg_attribute a
         WHERE a.attrelid = ('wallet.' || k.kind)::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL (k.unsealed);
        EXECUTE format('CREATE TRIGGER seal AFTER INSERT OR UPDATE %s ON wallet.%I FOR EACH ROW %s EXECUTE FUNCTION wallet.seal_record()',
                       CASE WHEN cardinality(k.unsealed) > 0 THEN 'OF ' || changed ELSE '' END, k.kind,
                       CASE k.kind WHEN 'wallet_outbox'
                                   THEN 'WHEN (NEW.event_type NOT IN (''BET_SETTLED_CONFIRMED'', ''BET_ROLLED_BACK_CONFIRMED'', ''OUTBOX_CANARY''))'
                                   ELSE '' END);
        IF k.since IS NOT NULL THEN
            EXECUTE format('CREATE INDEX %I ON wallet.%I USING brin (%I)', k.kind || '_since', k.kind, k.since);
        END IF;
        FOR held IN EXECUTE format('SELECT to_jsonb(t) FROM wallet.%I t', k.kind) LOOP
            PERFORM wallet.put_seal(k.kind, held);
        END LOOP;
    END LOOP;
END $$;
SELECT wallet.make_immutable('wallet.wallet_record_seal');
CREATE INDEX wallet_ledger_age ON wallet.wallet_ledger USING brin (created_at) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX wallet_counter_entry_age ON wallet.wallet_counter_entry USING brin (created_at) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX wallet_bet_authorization_age ON wallet.wallet_bet_authorization USING brin (created_at, closed_at)
    WITH (pages_per_range = 32, autosummarize = on);

-- How long each cycle compares a record again: a day, and the time from one hourly cycle to the next.
CREATE FUNCTION wallet.recent_time() RETURNS interval LANGUAGE sql IMMUTABLE AS $$ SELECT interval '25 hours' $$;

-- The times that a cycle compares: rows made or changed since `recent`, and in rotation a span of time before it. 24 spans go round, each
-- begins as much early, because the next one begins later by then. `full` and `hashes` take everything, and so does the first cycle.
CREATE FUNCTION wallet.compared_times(p_mode text, OUT recent timestamptz, OUT span_from timestamptz, OUT span_to timestamptz)
LANGUAGE plpgsql STABLE SET search_path = wallet, pg_temp AS $$
DECLARE
    turn  bigint := (SELECT count(*) % 24 FROM wallet_reconciliation WHERE mode = 'rotation');
    first timestamptz := coalesce((SELECT min(activated_at) FROM wallet_activation), now());
BEGIN
    IF p_mode IN ('full', 'hashes') OR (SELECT k.restore_epoch <> g.restore_epoch FROM wallet_reconciliation_mark k, wallet_gate g) THEN
        recent := '-infinity';
    ELSE
        recent := now() - recent_time();
    END IF;
    span_from := 'infinity';
    span_to := 'infinity';
    IF p_mode = 'rotation' THEN
        span_from := CASE turn WHEN 0 THEN '-infinity' ELSE first + turn * (now() - first) / 24 - recent_time() END;
        span_to := first + (turn + 1) * (now() - first) / 24;
    END IF;
END $$;

-- A text as the id that it should be: what a superuser wrote there must not end the cycle that finds it.
CREATE FUNCTION wallet.as_uuid(p_text text) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_text ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN p_text::uuid END
$$;

-- Every sealed record in those times, and every record that has no seal, with what differs.
CREATE FUNCTION wallet.compare_sealed(p_mode text)
RETURNS TABLE (kind text, key text, brand_id uuid, player_id uuid, expected jsonb, actual jsonb, reason text)
LANGUAGE plpgsql STABLE SET search_path = wallet, pg_temp SET TimeZone = 'UTC' SET bytea_output = 'hex' AS $$
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
               string_agg(format('t.%I = (n.key->>%s)::%s', u.name, u.place - 1, format_type(a.atttypid, a.atttypmod)), ' AND ' ORDER BY u.place)
          INTO parts, found
          FROM unnest(k.keys) WITH ORDINALITY u(name, place)
          JOIN pg_attribute a ON a.attrelid = ('wallet.' || k.kind)::regclass AND a.attname = u.name;
        RETURN QUERY EXECUTE format($query$
            WITH named AS (
                SELECT jsonb_build_array(%2$s) AS key FROM wallet.%1$I t
                 WHERE (%4$s >= $1 OR (%4$s >= $2 AND %4$s < $3)) AND %7$s
                UNION
                SELECT w.key FROM wallet.wallet_record_seal w
                 WHERE w.kind = %1$L AND (w.sealed_at >= $1 OR (w.sealed_at >= $2 AND w.sealed_at < $3) OR %8$L)
            ), judged AS (
                SELECT n.key, s.version, s.content AS sealed, t.content AS held, coalesce(s.brand_id, (t.content->>%5$L)::uuid) AS brand_id,
                       coalesce(s.player_id, (t.content->>%6$L)::uuid) AS player_id,
                       s.hash <> wallet.record_seal_hash(s.previous_hash, %1$L, n.key, s.version, s.brand_id, s.player_id, s.content, s.sealed_at) AS forged
                  FROM named n
                  LEFT JOIN LATERAL (SELECT w.* FROM wallet.wallet_record_seal w
                                      WHERE w.kind = %1$L AND w.key = n.key ORDER BY w.version DESC LIMIT 1) s ON true
                  LEFT JOIN LATERAL (SELECT to_jsonb(t) - %9$L::text[] AS content FROM wallet.%1$I t WHERE %3$s) t ON true
                 WHERE (s.content IS DISTINCT FROM t.content
                        OR s.hash <> wallet.record_seal_hash(s.previous_hash, %1$L, n.key, s.version, s.brand_id, s.player_id, s.content, s.sealed_at))
                   AND NOT (t.content IS NULL AND %1$L = 'wallet_outbox' AND s.sealed_at < $4)
            ), told AS (
                SELECT j.*, d.columns, d.expected, d.actual FROM judged j
                 CROSS JOIN LATERAL (
                    SELECT string_agg(e.key, ', ' ORDER BY e.key) AS columns, jsonb_object_agg(e.key, e.value) AS expected,
                           jsonb_object_agg(e.key, j.held->e.key) AS actual
                      FROM jsonb_each(j.sealed) e WHERE j.held->e.key IS DISTINCT FROM e.value) d
            )
            SELECT %1$L::text, (SELECT string_agg(p.part, ' ' ORDER BY p.place) FROM jsonb_array_elements_text(t.key) WITH ORDINALITY p(part, place)),
                   t.brand_id, t.player_id,
                   CASE WHEN t.held IS NULL THEN t.sealed ELSE t.expected END, CASE WHEN t.sealed IS NULL THEN t.held WHEN t.held IS NOT NULL THEN t.actual END,
                   CASE WHEN t.held IS NULL THEN 'the record is gone'
                        WHEN t.sealed IS NULL THEN 'the record was not written by the wallet''s functions'
                        WHEN t.columns IS NULL THEN 'seal ' || t.version || ' of the record was changed'
                        ELSE t.columns || ' differs from what was sealed' END
              FROM told t WHERE t.held IS NULL OR t.sealed IS NULL OR t.columns IS NOT NULL OR t.forged
            $query$, k.kind, parts, found, CASE WHEN k.since IS NULL THEN '''infinity''::timestamptz' ELSE format('t.%I', k.since) END,
            k.brand, k.player,
            CASE k.kind WHEN 'wallet_outbox' THEN 't.event_type NOT IN (''BET_SETTLED_CONFIRMED'', ''BET_ROLLED_BACK_CONFIRMED'', ''OUTBOX_CANARY'')'
                        ELSE 'true' END,
            k.since IS NULL, k.unsealed)
        USING times.recent, times.span_from, times.span_to, kept;
    END LOOP;
END $$;
