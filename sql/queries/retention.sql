-- name: wallet_prune_outbox
-- Remove published events past their time.
SELECT wallet.prune_outbox(make_interval(hours => %(hours)s::integer), %(limit)s::integer) AS gone;

-- name: wallet_prune_idempotency
-- Remove answers to requests past their time.
SELECT wallet.prune_idempotency(make_interval(hours => %(hours)s::integer),
                                %(limit)s::integer) AS gone;

-- name: rolling_prune_outbox
-- Remove published events past their time, oldest first.
WITH gone AS (
    DELETE FROM rolling.rolling_outbox o
        USING (SELECT outbox_id FROM rolling.rolling_outbox ORDER BY outbox_id
                LIMIT %(limit)s::integer) oldest
     WHERE o.outbox_id = oldest.outbox_id
       AND o.published_at < now() - make_interval(hours => %(hours)s::integer)
    RETURNING 1
)
SELECT count(*) AS gone FROM gone;

