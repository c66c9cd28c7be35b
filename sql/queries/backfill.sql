-- name: backfill_preview
-- Return the five counters that a backfill of this scope would end with now. Writes nothing.
SELECT count(*) AS scanned, count(*) FILTER (WHERE NOT held AND fault IS NULL) AS created,
       count(*) FILTER (WHERE held) AS skipped_exists,
       0 AS updated_forced, count(*) FILTER (WHERE fault IS NOT NULL) AS errors
  FROM wallet.backfill_candidate
 WHERE %(tenant_id)s::uuid IS NULL OR tenant_id = %(tenant_id)s::uuid

-- name: backfill_batch
-- Process the next batch of a run. The run proves its lock by the fencing token.
SELECT wallet.backfill_batch(%(run_id)s::text, %(token)s::bigint, %(tenant_id)s::uuid,
                             %(limit)s::integer) AS finished

-- name: backfill_progress
-- Return the counters of a run, and the last player that it processed.
SELECT scanned, created, skipped_exists, updated_forced, errors, finished,
       last_tenant::text || '/' || last_player::text AS last_key
  FROM wallet.backfill_run WHERE run_id = %(run_id)s::text
