-- A consumer's statements, once for each of sql.owners.CONSUMERS: `{consumer}` is its schema,
-- `{publisher}` the schema whose events it reads. plumbing/events calls them <consumer>_<verb>.

-- name: {consumer}_consumer_tables
-- Name every table of the consumer, so that a missing one stops the start.
SELECT 1 AS present
  FROM {consumer}.{consumer}_inbox, {consumer}.{consumer}_position,
       {consumer}.{consumer}_event_failure, {consumer}.{consumer}_dead_letter,
       {consumer}.{consumer}_consumer, {consumer}.{consumer}_partition
 WHERE false;

-- name: {consumer}_consumer_beat
-- Say that this copy lives, forget copies that fell silent, and count the live ones.
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
-- Forget a copy that stops, and free its partitions at once.
WITH gone AS (
    DELETE FROM {consumer}.{consumer}_consumer WHERE holder = %(holder)s
)
UPDATE {consumer}.{consumer}_partition
   SET holder = NULL, expires_at = 'epoch'
 WHERE holder = %(holder)s;

-- name: {consumer}_lease_renew
-- Prolong the leases of this copy. One that expired and that nobody took is still its own.
UPDATE {consumer}.{consumer}_partition
   SET expires_at = clock_timestamp() + make_interval(secs => %(lease_seconds)s)
 WHERE holder = %(holder)s
RETURNING partition_no;

-- name: {consumer}_lease_release
-- Give partitions up to copies that have fewer.
UPDATE {consumer}.{consumer}_partition
   SET holder = NULL, expires_at = 'epoch'
 WHERE holder = %(holder)s AND partition_no = ANY (%(partitions)s::smallint[]);

-- name: {consumer}_lease_take
-- Take up to so many partitions that nobody holds or whose holder let the lease expire.
-- Materialized, because a subquery may be run again for every row it is joined to, and each run
-- would lock others.
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
-- Return the hash of each given event that stands in the publisher's outbox with this id,
-- partition and content.
SELECT hash FROM {publisher}.known_events(%(events)s::jsonb) AS hash;

-- name: {consumer}_claim
-- Claim the player's next event for this transaction, unless the lease was lost, or this event or
-- an earlier one of the player is a dead letter. `position` is the number up to which the player's
-- events were applied.
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
-- Count a failed try to apply an event and return how many there were.
INSERT INTO {consumer}.{consumer}_event_failure AS f
       (event_id, brand_id, player_id, tries, last_error)
VALUES (%(event_id)s, %(brand_id)s, %(player_id)s, 1, %(error)s)
ON CONFLICT (event_id)
DO UPDATE SET tries = f.tries + 1, last_error = EXCLUDED.last_error, last_at = now()
RETURNING tries;

-- name: {consumer}_prune_inbox
-- Remove claims of events past their time.
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
-- Remove counts of failed tries past their time. Their events were applied or dead-lettered long
-- ago.
WITH gone AS (
    DELETE FROM {consumer}.{consumer}_event_failure
     WHERE event_id = ANY (ARRAY(
               SELECT event_id FROM {consumer}.{consumer}_event_failure
                WHERE last_at < now() - make_interval(hours => %(hours)s::integer)
                LIMIT %(limit)s::integer))
    RETURNING 1
)
SELECT count(*) AS gone FROM gone;
