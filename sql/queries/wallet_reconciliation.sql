-- The questions and records of wallet_service's reconciliation cycle.

-- name: reconciliation_snapshot
-- One snapshot for all that follows in this transaction.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ

-- name: reconciliation_lock
-- One cycle at a time; taken before the snapshot is, because LOCK needs none.
LOCK TABLE wallet.wallet_reconciliation_turn IN SHARE ROW EXCLUSIVE MODE

-- name: reconciliation_hashed
-- Whether every hash was walked once; and whether the rotation stands at the beginning of a round.
SELECT hashed_at > '-infinity' AS ever, rotated_brand = '00000000-0000-0000-0000-000000000000'
    AND rotated_player = rotated_brand AS round_ended
  FROM wallet.wallet_reconciliation_mark

-- name: reconciliation_walk
-- Walk the ledger, move the checkpoints, answer drifts; always at least one row, with the totals.
SELECT drift_total, walked_total, brand_id::text, player_id::text, account, currency, expected,
       actual, last_good_version, last_good, reason
  FROM wallet.walk_ledger(%(mode)s::text, %(limit)s::integer)

-- name: reconciliation_comparisons
-- The comparisons of records, by name.
SELECT c AS name FROM wallet.comparisons() c

-- name: reconciliation_records
-- Records that decide money and are not as they were written, or as what was made with them says.
SELECT kind AS record, key, brand_id::text, player_id::text, expected, actual, reason,
       count(*) OVER () AS total
  FROM wallet.compare_records(%(mode)s::text, %(comparison)s::text) ORDER BY kind, key
 LIMIT %(limit)s::integer

-- name: reconciliation_counter_drift
-- Running sums that differ from their entries.
SELECT brand_id::text, currency, account, expected, actual,
       'the running sum differs from its entries' AS reason, count(*) OVER () AS total
  FROM wallet.counter_drift ORDER BY 1, 2, 3 LIMIT %(limit)s::integer

-- name: reconciliation_fold
-- Put new entries of counter-accounts into their running sums.
SELECT wallet.fold_counters() AS folded

-- name: reconciliation_closed_months
-- Months that may be sealed and are not.
SELECT partition FROM wallet.ledger_month WHERE NOT is_sealed AND ends_at < now() - interval '1 day'
 ORDER BY partition

-- name: reconciliation_seal
-- Close a month and keep its digest.
SELECT partition, row_count, encode(digest, 'hex') AS digest, sealed_at
  FROM wallet.seal_month(%(partition)s::text)

-- name: reconciliation_seals
-- Every seal, the one that was verified longest ago first.
SELECT partition, row_count, encode(digest, 'hex') AS digest, sealed_at
  FROM wallet.wallet_ledger_seal ORDER BY verified_at, partition

-- name: reconciliation_month_digest
-- The digest that a month has now.
SELECT row_count, encode(digest, 'hex') AS digest FROM wallet.month_digest(%(partition)s::text)

-- name: reconciliation_verified
-- Note that a seal was looked at, so that the rotation goes on.
UPDATE wallet.wallet_ledger_seal SET verified_at = now() WHERE partition = %(partition)s::text

-- name: reconciliation_record
-- Keep the result of a cycle.
INSERT INTO wallet.wallet_reconciliation (started_at, finished_at, mode, drift_buckets,
                                          conservation_breaks, samples, forced_by)
VALUES (%(started_at)s::timestamptz, clock_timestamp(), %(mode)s::text, %(drift_buckets)s::bigint,
        %(conservation_breaks)s::bigint,
        %(samples)s::jsonb, %(forced_by)s::text)
RETURNING cycle_id, started_at, finished_at, mode, drift_buckets, conservation_breaks, samples

-- name: reconciliation_last
-- The newest cycle.
SELECT cycle_id, started_at, finished_at, mode, drift_buckets, conservation_breaks, samples
  FROM wallet.wallet_reconciliation ORDER BY cycle_id DESC LIMIT 1

-- name: anchor_keep
-- Keep a seal in `control`; the first one stays.
INSERT INTO control.ledger_anchor (partition, row_count, digest, sealed_at)
VALUES (%(partition)s::text, %(row_count)s::bigint, %(digest)s::text, %(sealed_at)s::timestamptz)
    ON CONFLICT DO NOTHING

-- name: anchor_all
-- Every anchor.
SELECT partition, row_count, digest FROM control.ledger_anchor
