-- Functions of rolling_service: event payloads, seals of its rows, and functions for the wallet.

-- Build the payload of ROLLING_COMPLETED and ROLLING_CANCELED. Amounts are minor units as strings.
CREATE OR REPLACE FUNCTION rolling.closed_payload(r rolling.player_rolling) RETURNS jsonb
LANGUAGE sql STABLE
RETURN jsonb_build_object(
    'rolling_id', r.rolling_id, 'state', r.state, 'topology_code', r.topology_code,
    'bucket_type_code', r.bucket_type_code,
    'currency', r.currency, 'amount', r.amount::text,
    'required_turnover', r.required_turnover::text,
    'turnover', r.turnover::text, 'reference_id', r.reference_id, 'coupon_log_id', r.coupon_log_id,
    'closed_by', r.closed_by);

-- Return the brand's completion ratio. The wallet needs it when it opens a rolling, because it
-- keeps its own bound of the turnover (ADR 20).
CREATE OR REPLACE FUNCTION rolling.completion_ratio(p_brand uuid) RETURNS integer
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = rolling, pg_temp AS $$
BEGIN
    RETURN coalesce((SELECT completion_ratio_bps FROM rolling.brand_config
                      WHERE brand_id = p_brand), 10000);
END $$;

-- Store a copy of each row that a service writes in the row's column `seal`. A statement of a
-- superuser does not update the seal, so the row then differs from it, and no service uses the row.
CREATE OR REPLACE FUNCTION rolling.seal_row() RETURNS trigger
LANGUAGE plpgsql SET search_path = rolling, pg_temp SET TimeZone = 'UTC' AS $$
BEGIN
    IF (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = session_user) THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.seal IS DISTINCT FROM to_jsonb(OLD) - 'seal'
       AND (OLD.seal IS NULL OR EXISTS (SELECT FROM jsonb_each(OLD.seal) e
                                         WHERE to_jsonb(OLD)->e.key IS DISTINCT FROM e.value)) THEN
        RAISE EXCEPTION 'a row of % of rolling % is not as its service left it', TG_TABLE_NAME,
            OLD.rolling_id USING ERRCODE = 'RW013';
    END IF;
    NEW.seal := to_jsonb(NEW) - 'seal';
    RETURN NEW;
END $$;

-- Return rollings that were made or changed in these times, each with the sum of its counted bets.
-- The wallet's reconciliation reads them.
CREATE OR REPLACE FUNCTION rolling.rollings_between(p_recent timestamptz, p_from timestamptz,
                                                    p_to timestamptz)
RETURNS TABLE (rolling_id uuid, brand_id uuid, player_id uuid, held jsonb, seal jsonb,
               turnover bigint, counted bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = rolling, pg_temp SET TimeZone = 'UTC' AS $$
    SELECT r.rolling_id, r.brand_id, r.player_id, to_jsonb(r) - 'seal', r.seal, r.turnover,
           -- A rollback after the completion cannot lower the turnover. The reversed amount then
           -- still counts, and a finding records it.
           (SELECT coalesce(sum(t.amount), 0)::bigint FROM rolling_turnover t
             WHERE t.rolling_id = r.rolling_id
               AND (t.reversed_at IS NULL
                    OR EXISTS (SELECT FROM rolling_finding f
                                WHERE f.rolling_id = t.rolling_id
                                  AND f.event_id = t.reversed_event_id)))
      FROM player_rolling r
     WHERE r.created_at >= p_recent OR r.updated_at >= p_recent
       OR (r.created_at >= p_from AND r.created_at < p_to)
$$;

-- Return the turnover rows that were counted in these times. The wallet's reconciliation reads
-- them.
CREATE OR REPLACE FUNCTION rolling.turnover_between(p_recent timestamptz, p_from timestamptz,
                                                    p_to timestamptz)
RETURNS TABLE (rolling_id uuid, authorization_id text, brand_id uuid, player_id uuid, amount bigint,
               held jsonb, seal jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = rolling, pg_temp SET TimeZone = 'UTC' AS $$
    SELECT t.rolling_id, t.authorization_id, t.brand_id, t.player_id, t.amount,
           to_jsonb(t) - 'seal', t.seal
      FROM rolling_turnover t
     WHERE t.counted_at >= p_recent OR (t.counted_at >= p_from AND t.counted_at < p_to)
$$;

-- For a ROLLING_REQUIRED event, return whether it was received and not discarded, the rolling, and
-- whether a call about the rolling's end is still queued for the wallet.
CREATE OR REPLACE FUNCTION rolling.answer_to(p_event uuid, p_rolling uuid, OUT received boolean,
                                             OUT held jsonb, OUT is_due boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = rolling, pg_temp SET TimeZone = 'UTC' AS $$
    SELECT EXISTS (SELECT FROM rolling_inbox i WHERE i.event_id = p_event)
               AND NOT EXISTS (SELECT FROM rolling_dead_letter d
                                WHERE d.event_id = p_event AND d.reason <> 'MALFORMED'
                                  AND d.discard_confirmed_at IS NOT NULL),
           (SELECT to_jsonb(r) - 'seal' FROM player_rolling r WHERE r.rolling_id = p_rolling),
           EXISTS (SELECT FROM rolling_retry q WHERE q.rolling_id = p_rolling)
$$;

-- Move rollings of a player to other buckets during a topology move, and return their former
-- buckets. p_rollings is [{rolling_id, topology_code, bucket_type_code, provider_types}]. Only the
-- wallet's owner may call the function. It raises RB003 if rolling_service and the wallet disagree:
-- a given rolling is unknown, or another live rolling of the player is left in p_left_code.
CREATE OR REPLACE FUNCTION rolling.lead_rollings(p_brand uuid, p_player uuid, p_rollings jsonb,
                                                 p_left_code text, p_restore_epoch bigint)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = rolling, pg_temp AS $$
DECLARE
    records jsonb;
BEGIN
    SELECT coalesce(jsonb_object_agg(r.rolling_id,
                                     jsonb_build_object('topology_code', r.topology_code,
                                                        'bucket_type_code', r.bucket_type_code,
                                                        'provider_types', r.provider_types)),
                                                                      '{}') INTO records
      FROM (SELECT * FROM player_rolling held
             WHERE held.brand_id = p_brand AND held.player_id = p_player
               AND held.rolling_id IN (SELECT (w->>'rolling_id')::uuid
                                         FROM jsonb_array_elements(p_rollings) w)
               FOR UPDATE) r;
    IF (SELECT count(*) FROM jsonb_object_keys(records)) <> jsonb_array_length(p_rollings) THEN
        RAISE EXCEPTION 'player % owes a rolling that rolling_service has no record of yet',
            p_player USING ERRCODE = 'RB003';
    END IF;
    UPDATE player_rolling r
       SET topology_code = w->>'topology_code', bucket_type_code = w->>'bucket_type_code',
           provider_types = ARRAY(SELECT jsonb_array_elements_text(w->'provider_types')),
           revision = r.revision + 1,
           restore_epoch = p_restore_epoch, updated_at = now()
      FROM jsonb_array_elements(p_rollings) w
     WHERE r.rolling_id = (w->>'rolling_id')::uuid;
    IF EXISTS (SELECT FROM player_rolling r
                WHERE r.brand_id = p_brand AND r.player_id = p_player
                  AND r.topology_code = p_left_code
                  AND r.state IN ('ACTIVE', 'COMPLETING', 'FAILED_COMPLETION')) THEN
        RAISE EXCEPTION 'rolling_service has a live rolling of player % '
            'that the wallet does not know', p_player USING ERRCODE = 'RB003';
    END IF;
    RETURN records;
END $$;
