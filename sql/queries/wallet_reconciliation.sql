-- Statements of wallet_service's reconciliation cycle.

-- name: reconciliation_snapshot
-- Use one snapshot for all later statements of this transaction.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ

-- name: reconciliation_lock
-- Let only one cycle run at a time. LOCK takes no snapshot, so the snapshot is newer than the lock.
LOCK TABLE wallet.wallet_reconciliation_turn IN SHARE ROW EXCLUSIVE MODE

-- name: reconciliation_hashed
-- Whether a cycle ever checked all hashes, and whether the rotating check begins a new round.
SELECT hashed_at > '-infinity' AS ever, rotated_brand = '00000000-0000-0000-0000-000000000000'
    AND rotated_player = rotated_brand AS round_ended
  FROM wallet.wallet_reconciliation_mark

-- name: reconciliation_walk
-- Check the ledger, move the checkpoints, and return the drifts. At least one row has the totals.
SELECT drift_total, walked_total, brand_id::text, player_id::text, account, currency, expected,
       actual, last_good_version, last_good, reason
  FROM wallet.walk_ledger(%(mode)s::text, %(limit)s::integer)

-- name: reconciliation_comparisons
-- The names of the comparisons of records.
SELECT c AS name FROM wallet.comparisons() c

-- name: reconciliation_records
-- Records that differ from their seal, or from the ledger rows and events made with them.
SELECT kind AS record, key, brand_id::text, player_id::text, expected, actual, reason,
       count(*) OVER () AS total
  FROM wallet.compare_records(%(mode)s::text, %(comparison)s::text) ORDER BY kind, key
 LIMIT %(limit)s::integer

-- name: reconciliation_counter_drift
-- Running sums of counter-accounts that differ from their entries.
SELECT brand_id::text, currency, account, expected, actual,
       'the running sum differs from its entries' AS reason, count(*) OVER () AS total
  FROM wallet.counter_drift ORDER BY 1, 2, 3 LIMIT %(limit)s::integer

-- name: reconciliation_fold
-- Add new entries of counter-accounts to their running sums.
SELECT wallet.fold_counters() AS folded

-- name: reconciliation_closed_months
-- Ledger months that ended over a day ago and are not sealed.
SELECT partition FROM wallet.ledger_month WHERE NOT is_sealed AND ends_at < now() - interval '1 day'
 ORDER BY partition

-- name: reconciliation_seal
-- Seal a ledger month and store its digest.
SELECT partition, row_count, encode(digest, 'hex') AS digest, sealed_at
  FROM wallet.seal_month(%(partition)s::text)

-- name: reconciliation_seals
-- Every seal of a month, in the order of the last verification.
SELECT partition, row_count, encode(digest, 'hex') AS digest, sealed_at
  FROM wallet.wallet_ledger_seal ORDER BY verified_at, partition

-- name: reconciliation_month_digest
-- The digest of a month's present ledger rows.
SELECT row_count, encode(digest, 'hex') AS digest FROM wallet.month_digest(%(partition)s::text)

-- name: reconciliation_verified
-- Record the verification of a seal, so that the next cycle verifies another month.
UPDATE wallet.wallet_ledger_seal SET verified_at = now() WHERE partition = %(partition)s::text

-- name: reconciliation_record
-- Store the result of a cycle.
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
-- Store the digest of a sealed month in `control`. An existing row is never replaced.
INSERT INTO control.ledger_anchor (partition, row_count, digest, sealed_at)
VALUES (%(partition)s::text, %(row_count)s::bigint, %(digest)s::text, %(sealed_at)s::timestamptz)
    ON CONFLICT DO NOTHING

-- name: anchor_all
-- The digests of all sealed months, as stored in `control`.
SELECT partition, row_count, digest FROM control.ledger_anchor
