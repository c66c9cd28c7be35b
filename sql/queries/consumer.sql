-- Statements of a consumer of events. `sql.owners` fills them in once for each of WALLET_CONSUMERS:
-- `{consumer}` is its schema, and `{publisher}` is the schema whose events it reads.

-- name: {consumer}_consumer_tables
-- Refer to every table of the consumer. At a process's start this fails if a table is missing.
SELECT 1 AS present
  FROM {consumer}.{consumer}_inbox, {consumer}.{consumer}_position,
       {consumer}.{consumer}_event_failure, {consumer}.{consumer}_dead_letter,
       {consumer}.{consumer}_consumer, {consumer}.{consumer}_partition
 WHERE false;

-- name: {consumer}_consumer_beat
-- Write this copy's heartbeat, delete copies without a recent heartbeat, and count live copies.
WITH beat AS (
    INSERT INTO {consumer}.{consumer}_consumer (holder, seen_at)
    VALUES (%(holder)s, clock_timestamp())
    ON CONFLICT (holder) DO UPDATE SET seen_at = clock_timestamp()
), silent AS (
    DELETE FROM {consumer}.{consumer}_consumer
     WHERE holder <> %(holder)s
       AND seen_at < clock_timestamp() - make_interval(secs => %(lease_seconds)s)
    RETURNING holder
)
SELECT 1 + count(*) AS live
  FROM {consumer}.{consumer}_consumer
 WHERE holder <> %(holder)s
   AND seen_at >= clock_timestamp() - make_interval(secs => %(lease_seconds)s);

-- name: {consumer}_consumer_leave
-- Delete a copy that stops, and release its partitions at once.
WITH gone AS (
    DELETE FROM {consumer}.{consumer}_consumer WHERE holder = %(holder)s
)
UPDATE {consumer}.{consumer}_partition
   SET holder = NULL, expires_at = 'epoch'
 WHERE holder = %(holder)s;

-- name: {consumer}_lease_renew
-- Renew the leases of this copy. This includes an expired lease that no other copy took.
UPDATE {consumer}.{consumer}_partition
   SET expires_at = clock_timestamp() + make_interval(secs => %(lease_seconds)s)
 WHERE holder = %(holder)s
RETURNING partition_no;

-- name: {consumer}_lease_release
-- Release partitions, so that copies with fewer partitions can take them.
UPDATE {consumer}.{consumer}_partition
   SET holder = NULL, expires_at = 'epoch'
 WHERE holder = %(holder)s AND partition_no = ANY (%(partitions)s::smallint[]);

-- name: {consumer}_lease_take
-- Take up to `limit` partitions without a valid lease. The CTE is MATERIALIZED, because PostgreSQL
-- may run a plain subquery again for every joined row, and each run would lock other partitions.
WITH free AS MATERIALIZED (
    SELECT partition_no FROM {consumer}.{consumer}_partition
     WHERE expires_at < clock_timestamp()
     ORDER BY partition_no
     LIMIT %(limit)s
       FOR UPDATE SKIP LOCKED
)
UPDATE {consumer}.{consumer}_partition p
   SET holder = %(holder)s,
       expires_at = clock_timestamp() + make_interval(secs => %(lease_seconds)s)
  FROM free
 WHERE p.partition_no = free.partition_no
RETURNING p.partition_no;

-- name: {consumer}_known_events
-- Return the hash of each given event that is in the publisher's outbox with the same id, partition
-- and content.
SELECT hash FROM {publisher}.known_events(%(events)s::jsonb) AS hash;

-- name: {consumer}_claim
-- Claim the player's next event for this transaction. `won` is false if this copy lost the lease,
-- if the event was applied or is not the next event, or if it waits behind a dead letter.
-- `position` is the number of the player's last applied event.
WITH lease AS (
    SELECT FROM {consumer}.{consumer}_partition
     WHERE partition_no = %(partition_no)s AND holder = %(holder)s
), at AS (
    SELECT coalesce((SELECT event_no FROM {consumer}.{consumer}_position
                      WHERE brand_id = %(brand_id)s AND player_id = %(player_id)s), 0) AS event_no
), block AS (
    SELECT FROM {consumer}.{consumer}_dead_letter
     WHERE player_id = %(player_id)s AND brand_id = %(brand_id)s
       AND resolved_at IS NULL AND reason <> 'MALFORMED' AND event_no <= %(event_no)s
     LIMIT 1
), won AS (
    INSERT INTO {consumer}.{consumer}_inbox
           (event_id, event_type, brand_id, player_id, player_version, schema_version,
            restore_epoch, occurred_at, stream, entry_id)
    SELECT %(event_id)s, %(event_type)s, %(brand_id)s, %(player_id)s, %(player_version)s,
           %(schema_version)s, %(restore_epoch)s, %(occurred_at)s, %(stream)s, %(entry_id)s
      FROM at
     WHERE at.event_no + 1 = %(event_no)s
       AND EXISTS (SELECT FROM lease) AND NOT EXISTS (SELECT FROM block)
    ON CONFLICT (event_id) DO NOTHING
    RETURNING event_id
), moved AS (
    INSERT INTO {consumer}.{consumer}_position AS p (brand_id, player_id, event_no)
    SELECT %(brand_id)s, %(player_id)s, %(event_no)s FROM won
    ON CONFLICT (brand_id, player_id)
    DO UPDATE SET event_no = EXCLUDED.event_no WHERE p.event_no < EXCLUDED.event_no
)
SELECT EXISTS (SELECT FROM lease) AS leased, (SELECT event_no FROM at) AS position,
       EXISTS (SELECT FROM block) AS blocked, EXISTS (SELECT FROM won) AS won;

-- name: {consumer}_event_failed
-- Count a failed try to apply an event. Returns the number of tries so far.
INSERT INTO {consumer}.{consumer}_event_failure AS f
       (event_id, brand_id, player_id, tries, last_error)
VALUES (%(event_id)s, %(brand_id)s, %(player_id)s, 1, %(error)s)
ON CONFLICT (event_id)
DO UPDATE SET tries = f.tries + 1, last_error = EXCLUDED.last_error, last_at = now()
RETURNING tries;

-- name: {consumer}_prune_inbox
-- Delete claims of events that are older than `hours`.
WITH gone AS (
    DELETE FROM {consumer}.{consumer}_inbox
     WHERE ctid = ANY (ARRAY(
               SELECT ctid FROM {consumer}.{consumer}_inbox
                WHERE received_at < now() - make_interval(hours => %(hours)s::integer)
                LIMIT %(limit)s::integer))
    RETURNING 1
)
SELECT count(*) AS gone FROM gone;

-- name: {consumer}_prune_failures
-- Delete counts of failed tries that are older than `hours`. By then each event was applied or
-- became a dead letter.
WITH gone AS (
    DELETE FROM {consumer}.{consumer}_event_failure
     WHERE event_id = ANY (ARRAY(
               SELECT event_id FROM {consumer}.{consumer}_event_failure
                WHERE last_at < now() - make_interval(hours => %(hours)s::integer)
                LIMIT %(limit)s::integer))
    RETURNING 1
)
SELECT count(*) AS gone FROM gone;
