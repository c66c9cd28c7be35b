-- The publisher's statements, once per outbox table: plumbing/outbox.py finds them as <owner>_outbox_<verb>.

-- name: wallet_outbox_waiting
-- Whether any event waits to be published: the idle publisher's whole cost.
SELECT EXISTS (SELECT FROM wallet.wallet_outbox WHERE published_at IS NULL) AS waiting;

-- name: wallet_outbox_lease
-- Lock the waiting partition that was served longest ago, passing over those another publisher serves; locked until commit.
SELECT p.partition_no
  FROM wallet.wallet_outbox_partition p
 WHERE EXISTS (SELECT FROM wallet.wallet_outbox o WHERE o.partition_no = p.partition_no AND o.published_at IS NULL)
 ORDER BY p.last_served, p.partition_no
 LIMIT 1
   FOR UPDATE OF p SKIP LOCKED;

-- name: wallet_outbox_rows
-- The oldest unpublished events of a leased partition, as the text that goes into the stream.
-- A statement of its own, after the lease: its snapshot sees what the lease's last holder committed.
SELECT outbox_id, event_id::text, event_type, brand_id::text, player_id::text, player_version::text, schema_version::text,
       to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS occurred_at,
       restore_epoch::text, payload::text
  FROM wallet.wallet_outbox
 WHERE partition_no = %(partition_no)s AND published_at IS NULL
 ORDER BY outbox_id
 LIMIT %(limit)s;

-- name: wallet_outbox_published
-- Mark events as published and their partition as served.
WITH served AS (
    UPDATE wallet.wallet_outbox_partition SET last_served = clock_timestamp() WHERE partition_no = %(partition_no)s
)
UPDATE wallet.wallet_outbox
   SET published_at = clock_timestamp(), attempts = attempts + 1
 WHERE outbox_id = ANY (%(outbox_ids)s::bigint[]);

-- name: wallet_outbox_failed
-- Count a failed try of the oldest event, which holds the others up, and let other partitions go first next time.
WITH served AS (
    UPDATE wallet.wallet_outbox_partition SET last_served = clock_timestamp() WHERE partition_no = %(partition_no)s
)
UPDATE wallet.wallet_outbox SET attempts = attempts + 1 WHERE outbox_id = %(outbox_id)s;

-- name: wallet_outbox_backlog
-- How many events wait, and for how many seconds the oldest has.
SELECT count(*) AS depth, COALESCE(EXTRACT(EPOCH FROM clock_timestamp() - min(occurred_at)), 0)::float8 AS age_seconds
  FROM wallet.wallet_outbox
 WHERE published_at IS NULL;

-- name: rolling_outbox_waiting
-- Whether any event waits to be published: the idle publisher's whole cost.
SELECT EXISTS (SELECT FROM rolling.rolling_outbox WHERE published_at IS NULL) AS waiting;

-- name: rolling_outbox_lease
-- Lock the waiting partition that was served longest ago, passing over those another publisher serves; locked until commit.
SELECT p.partition_no
  FROM rolling.rolling_outbox_partition p
 WHERE EXISTS (SELECT FROM rolling.rolling_outbox o WHERE o.partition_no = p.partition_no AND o.published_at IS NULL)
 ORDER BY p.last_served, p.partition_no
 LIMIT 1
   FOR UPDATE OF p SKIP LOCKED;

-- name: rolling_outbox_rows
-- The oldest unpublished events of a leased partition, as the text that goes into the stream.
-- A statement of its own, after the lease: its snapshot sees what the lease's last holder committed.
SELECT outbox_id, event_id::text, event_type, brand_id::text, player_id::text, player_version::text, schema_version::text,
       to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS occurred_at,
       restore_epoch::text, payload::text
  FROM rolling.rolling_outbox
 WHERE partition_no = %(partition_no)s AND published_at IS NULL
 ORDER BY outbox_id
 LIMIT %(limit)s;

-- name: rolling_outbox_published
-- Mark events as published and their partition as served.
WITH served AS (
    UPDATE rolling.rolling_outbox_partition SET last_served = clock_timestamp() WHERE partition_no = %(partition_no)s
)
UPDATE rolling.rolling_outbox
   SET published_at = clock_timestamp(), attempts = attempts + 1
 WHERE outbox_id = ANY (%(outbox_ids)s::bigint[]);

-- name: rolling_outbox_failed
-- Count a failed try of the oldest event, which holds the others up, and let other partitions go first next time.
WITH served AS (
    UPDATE rolling.rolling_outbox_partition SET last_served = clock_timestamp() WHERE partition_no = %(partition_no)s
)
UPDATE rolling.rolling_outbox SET attempts = attempts + 1 WHERE outbox_id = %(outbox_id)s;

-- name: rolling_outbox_backlog
-- How many events wait, and for how many seconds the oldest has.
SELECT count(*) AS depth, COALESCE(EXTRACT(EPOCH FROM clock_timestamp() - min(occurred_at)), 0)::float8 AS age_seconds
  FROM rolling.rolling_outbox
 WHERE published_at IS NULL;
