-- Functions of the outbox for operators and consumers, and retention.

-- Count unpublished events under a table lock. The lock waits for open transactions, so the count
-- includes all of their events.
CREATE OR REPLACE FUNCTION wallet.count_unpublished(p_lock_timeout_ms integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
BEGIN
    PERFORM set_config('lock_timeout', p_lock_timeout_ms || 'ms', true);
    LOCK TABLE wallet_outbox IN SHARE MODE;
    RETURN (SELECT count(*) FROM wallet_outbox WHERE published_at IS NULL);
END $$;

-- Write an event without money to the outbox, to prove that events reach the consumer. A repeat of
-- the effect returns the same event id.
CREATE OR REPLACE FUNCTION wallet.publish_canary(p_effect_id text, p_token bigint, p_brand_id uuid,
                                                 p_player_id uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
DECLARE
    event uuid := md5(p_effect_id)::uuid;
BEGIN
    PERFORM wallet.hold_fence(p_token);
    INSERT INTO wallet_outbox (event_id, partition_no, brand_id, player_id, player_version,
                               event_no,
                               event_type, payload, occurred_at, restore_epoch)
    SELECT event, 0, p_brand_id, p_player_id, 0, 1, 'OUTBOX_CANARY', '{}', now(), g.restore_epoch
      FROM wallet_gate g
    ON CONFLICT DO NOTHING;
    RETURN event;
END $$;

-- Return the hashes of stream entries that are events of this outbox with the same content (ADR
-- 20). A consumer calls it to detect forged entries. The input is [{event_id, partition_no, hash}].
-- The hash must equal `content_hash` of wallet_runtime/plumbing/events.
CREATE OR REPLACE FUNCTION wallet.known_events(p_events jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = wallet, pg_temp
    SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    -- LATERAL with LIMIT makes one index lookup for each entry. Otherwise the planner would expect
    -- a hundred entries and choose a slower plan for the usual few.
    RETURN QUERY SELECT e.hash
      FROM jsonb_to_recordset(p_events) AS e (event_id uuid, partition_no smallint, hash text)
     CROSS JOIN LATERAL (SELECT * FROM wallet_outbox w
                          WHERE w.event_id = e.event_id AND w.partition_no = e.partition_no
                          LIMIT 1) o
     WHERE e.hash = encode(sha256(convert_to(concat(
               o.event_id, E'\n', o.event_type, E'\n', o.brand_id, E'\n', o.player_id, E'\n',
               o.player_version, E'\n', o.event_no, E'\n',
               o.schema_version, E'\n',
               to_char(o.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), E'\n',
               o.restore_epoch, E'\n', o.payload::text), 'UTF8')), 'hex');
END $$;

-- Delete published events that are older than p_keep, oldest first. Events that are not published,
-- or not applied by every consumer, stay. Returns the number of deleted events.
CREATE OR REPLACE FUNCTION wallet.prune_outbox(p_keep interval, p_limit integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
DECLARE
    gone integer;
BEGIN
    IF (p_keep >= interval '1 hour' AND p_limit > 0) IS NOT TRUE THEN
        RAISE EXCEPTION 'published events are kept for an hour at least, not for %, '
            'and go in batches, not of %', p_keep, p_limit USING ERRCODE = 'RW003';
    END IF;
    DELETE FROM wallet_outbox o
        USING (SELECT outbox_id FROM wallet_outbox ORDER BY outbox_id LIMIT p_limit) oldest
     WHERE o.outbox_id = oldest.outbox_id AND o.published_at < now() - p_keep
       AND o.publication_no <= (SELECT p.applied_no FROM wallet_outbox_partition p
                                 WHERE p.partition_no = o.partition_no);
    GET DIAGNOSTICS gone = ROW_COUNT;
    UPDATE wallet_retention SET kept_since = now() - p_keep
        WHERE gone > 0 AND kind = 'outbox' AND kept_since < now() - p_keep;
    RETURN gone;
END $$;

-- Delete stored answers that are older than p_keep, and write a claim for each, so that its request
-- id cannot be used again. Returns the number of deleted answers.
CREATE OR REPLACE FUNCTION wallet.prune_idempotency(p_keep interval, p_limit integer)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
DECLARE
    gone integer;
BEGIN
    IF (p_keep >= interval '1 day' AND p_limit > 0) IS NOT TRUE THEN
        RAISE EXCEPTION 'answers to requests are kept for a day at least, not for %, '
            'and go in batches, not of %', p_keep, p_limit USING ERRCODE = 'RW003';
    END IF;
    WITH pruned AS (
        DELETE FROM wallet_idempotency
         WHERE ctid = ANY (ARRAY(SELECT ctid FROM wallet_idempotency
                                  WHERE created_at < now() - p_keep LIMIT p_limit
                                  FOR UPDATE SKIP LOCKED))
        RETURNING transaction_id
    )
    INSERT INTO wallet_claim (transaction_id) SELECT transaction_id FROM pruned;
    GET DIAGNOSTICS gone = ROW_COUNT;
    UPDATE wallet_retention SET kept_since = now() - p_keep
        WHERE gone > 0 AND kind = 'idempotency' AND kept_since < now() - p_keep;
    RETURN gone;
END $$;
