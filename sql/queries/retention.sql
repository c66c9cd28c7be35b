-- name: wallet_prune_outbox
-- Delete published events that are older than `hours`.
SELECT wallet.prune_outbox(make_interval(hours => %(hours)s::integer), %(limit)s::integer) AS gone;

-- name: wallet_prune_idempotency
-- Delete stored answers to requests that are older than `hours`.
SELECT wallet.prune_idempotency(make_interval(hours => %(hours)s::integer),
                                %(limit)s::integer) AS gone;

-- name: rolling_prune_outbox
-- Delete published events that are older than `hours`, oldest first.
WITH gone AS (
    DELETE FROM rolling.rolling_outbox o
        USING (SELECT outbox_id FROM rolling.rolling_outbox ORDER BY outbox_id
                LIMIT %(limit)s::integer) oldest
     WHERE o.outbox_id = oldest.outbox_id
       AND o.published_at < now() - make_interval(hours => %(hours)s::integer)
    RETURNING 1
)
SELECT count(*) AS gone FROM gone;

