-- name: backfill_preview
-- The five counters that a backfill of this scope would end with on today's data; writes nothing.
SELECT count(*) AS scanned, count(*) FILTER (WHERE NOT held AND fault IS NULL) AS created, count(*) FILTER (WHERE held) AS skipped_exists,
       0 AS updated_forced, count(*) FILTER (WHERE fault IS NOT NULL) AS errors
  FROM wallet.backfill_candidate WHERE %(tenant_id)s::uuid IS NULL OR tenant_id = %(tenant_id)s::uuid

-- name: backfill_preview_tenants
-- The same per tenant and currency, with the money (minor units) that would be opened.
SELECT tenant_id::text, currency, count(*) AS scanned, count(*) FILTER (WHERE NOT held AND fault IS NULL) AS created,
       count(*) FILTER (WHERE held) AS skipped_exists, count(*) FILTER (WHERE fault IS NOT NULL) AS errors,
       coalesce(sum(available) FILTER (WHERE NOT held AND fault IS NULL), 0)::bigint AS available,
       coalesce(sum(pending) FILTER (WHERE NOT held AND fault IS NULL), 0)::bigint AS pending
  FROM wallet.backfill_candidate WHERE %(tenant_id)s::uuid IS NULL OR tenant_id = %(tenant_id)s::uuid
 GROUP BY tenant_id, currency ORDER BY tenant_id, currency

-- name: backfill_preview_errors
-- Rows that cannot be converted exactly, with the reason.
SELECT tenant_id::text, player_id::text, fault AS reason FROM wallet.backfill_candidate
 WHERE fault IS NOT NULL AND (%(tenant_id)s::uuid IS NULL OR tenant_id = %(tenant_id)s::uuid) ORDER BY tenant_id, player_id LIMIT %(limit)s

-- name: backfill_batch
-- Do the next batch of a run under its fencing token.
SELECT wallet.backfill_batch(%(run_id)s::text, %(token)s::bigint, %(tenant_id)s::uuid, %(limit)s::integer) AS finished

-- name: backfill_progress
-- Counters and checkpoint of a run.
SELECT scanned, created, skipped_exists, updated_forced, errors, finished, last_tenant::text || '/' || last_player::text AS last_key
  FROM wallet.backfill_run WHERE run_id = %(run_id)s::text
