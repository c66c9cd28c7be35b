-- Retention: what is older than its time goes, in batches. How far back is known, so that no check looks for what was removed.
CREATE TABLE wallet.wallet_retention (
    kind       text PRIMARY KEY CHECK (kind IN ('outbox', 'idempotency')),
    kept_since timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO wallet.wallet_retention (kind) VALUES ('outbox'), ('idempotency');
CREATE INDEX wallet_idempotency_age ON wallet.wallet_idempotency USING brin (created_at);

-- Remove published events past their time, oldest first. One that is not published, or that a consumer
-- has not applied, stays whatever its age. Returns how many went.
CREATE FUNCTION wallet.prune_outbox(p_keep interval, p_limit integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
DECLARE
    gone integer;
BEGIN
    IF (p_keep >= interval '1 hour' AND p_limit > 0) IS NOT TRUE THEN
        RAISE EXCEPTION 'published events are kept for an hour at least, not for %, and go in batches, not of %', p_keep, p_limit USING ERRCODE = 'RW003';
    END IF;
    DELETE FROM wallet_outbox o USING (SELECT outbox_id FROM wallet_outbox ORDER BY outbox_id LIMIT p_limit) oldest
     WHERE o.outbox_id = oldest.outbox_id AND o.published_at < now() - p_keep
       AND o.publication_no <= (SELECT p.applied_no FROM wallet_outbox_partition p
                                 WHERE p.partition_no = o.partition_no);
    GET DIAGNOSTICS gone = ROW_COUNT;
    UPDATE wallet_retention SET kept_since = now() - p_keep WHERE gone > 0 AND kind = 'outbox' AND kept_since < now() - p_keep;
    RETURN gone;
END $$;

-- Remove answers to requests past their time, and keep their claims. Returns how many went.
CREATE FUNCTION wallet.prune_idempotency(p_keep interval, p_limit integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
DECLARE
    gone integer;
BEGIN
    IF (p_keep >= interval '1 day' AND p_limit > 0) IS NOT TRUE THEN
        RAISE EXCEPTION 'answers to requests are kept for a day at least, not for %, and go in batches, not of %', p_keep, p_limit USING ERRCODE = 'RW003';
    END IF;
    WITH pruned AS (
        DELETE FROM wallet_idempotency
         WHERE ctid = ANY (ARRAY(SELECT ctid FROM wallet_idempotency WHERE created_at < now() - p_keep LIMIT p_limit FOR UPDATE SKIP LOCKED))
        RETURNING transaction_id
    )
    INSERT INTO wallet_claim (transaction_id) SELECT transaction_id FROM pruned;
    GET DIAGNOSTICS gone = ROW_COUNT;
    UPDATE wallet_retention SET kept_since = now() - p_keep WHERE gone > 0 AND kind = 'idempotency' AND kept_since < now() - p_keep;
    RETURN gone;
END $$;
