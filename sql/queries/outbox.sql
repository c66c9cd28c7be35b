-- Statements of an outbox. `sql.owners` fills them in once for each of PUBLISHERS: `{publisher}` is
-- the name of its schema. A statement with `{consumer}` is filled in once for each consumer.

-- name: {publisher}_outbox_tables
-- Refer to every table of the outbox. At a process's start this fails if a table is missing.
SELECT 1 AS present FROM {publisher}.{publisher}_outbox, {publisher}.{publisher}_outbox_partition
 WHERE false;

-- name: {publisher}_outbox_waiting
-- Whether any event waits to be published. An idle publisher runs only this query.
SELECT EXISTS (SELECT FROM {publisher}.{publisher}_outbox WHERE published_at IS NULL) AS waiting;

-- name: {publisher}_outbox_lease
-- Lock the partition with unpublished events that was served longest ago, until the commit. Skip
-- partitions that another publisher has locked.
SELECT p.partition_no
  FROM {publisher}.{publisher}_outbox_partition p
 WHERE EXISTS (SELECT FROM {publisher}.{publisher}_outbox o
                WHERE o.partition_no = p.partition_no AND o.published_at IS NULL)
 ORDER BY p.last_served, p.partition_no
 LIMIT 1
   FOR UPDATE OF p SKIP LOCKED;

-- name: {publisher}_outbox_rows
-- The oldest unpublished events of a locked partition, as texts for the stream. This must be a
-- separate statement after the lock, so that its snapshot includes the last publisher's commit.
SELECT outbox_id, event_id::text, event_type, brand_id::text, player_id::text, player_version::text,
       event_no::text,
       schema_version::text, to_char(occurred_at AT TIME ZONE 'UTC',
                                     'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS occurred_at,
       restore_epoch::text, payload::text
  FROM {publisher}.{publisher}_outbox
 WHERE partition_no = %(partition_no)s AND published_at IS NULL
 ORDER BY outbox_id
 LIMIT %(limit)s;

-- name: {publisher}_outbox_published
-- Mark events as published, with their stream entries and publication numbers. The caller has
-- locked the partition, so publication numbers are committed in their order.
WITH served AS (
    UPDATE {publisher}.{publisher}_outbox_partition
       SET last_served = clock_timestamp(),
           published_no = published_no + cardinality(%(outbox_ids)s::bigint[])
     WHERE partition_no = %(partition_no)s
    RETURNING published_no - cardinality(%(outbox_ids)s::bigint[]) AS before
)
UPDATE {publisher}.{publisher}_outbox o
   SET published_at = clock_timestamp(), attempts = o.attempts + 1,
       publication_no = served.before + e.n,
       entry_id = e.entry_id
  FROM served, unnest(%(outbox_ids)s::bigint[],
                      %(entry_ids)s::text[]) WITH ORDINALITY AS e (outbox_id, entry_id, n)
 WHERE o.outbox_id = e.outbox_id;

-- name: {publisher}_outbox_failed
-- Count a failed try of the partition's oldest event, and move the partition to the end of the
-- queue.
WITH served AS (
    UPDATE {publisher}.{publisher}_outbox_partition SET last_served = clock_timestamp()
        WHERE partition_no = %(partition_no)s
)
UPDATE {publisher}.{publisher}_outbox SET attempts = attempts + 1 WHERE outbox_id = %(outbox_id)s;

-- name: {publisher}_outbox_backlog
-- The number of unpublished events, and the age of the oldest in seconds.
SELECT count(*) AS depth,
       COALESCE(EXTRACT(EPOCH FROM clock_timestamp() - min(occurred_at)), 0)::float8 AS age_seconds
  FROM {publisher}.{publisher}_outbox
 WHERE published_at IS NULL;

-- name: {publisher}_outbox_unapplied_by_{consumer}
-- Read a page of a partition's published events, in order of publication, and return a row for each
-- event that the consumer has not applied. Each row also has the last publication number of the
-- page and the page's number of events. If no event is lacking, one row has these two alone.
WITH page AS MATERIALIZED (
    SELECT publication_no, event_id, brand_id, player_id, event_no, entry_id, resends
      FROM {publisher}.{publisher}_outbox
     WHERE partition_no = %(partition_no)s
       AND publication_no > coalesce(
               %(after)s::bigint,
               (SELECT applied_no FROM {publisher}.{publisher}_outbox_partition
                 WHERE partition_no = %(partition_no)s))
     ORDER BY publication_no
     LIMIT %(limit)s
), given AS (
    SELECT array_agg(event_id) AS event_ids, array_agg(brand_id) AS brand_ids,
           array_agg(player_id) AS player_ids, array_agg(event_no) AS event_nos,
           max(publication_no) AS page_end, count(*) AS page_rows
      FROM page
)
SELECT g.page_end, g.page_rows, lacking.publication_no, lacking.event_id, lacking.entry_id,
       lacking.resends
  FROM given g
  LEFT JOIN (SELECT p.* FROM page p
              WHERE p.event_id IN (
                        SELECT u.*
                          FROM given g, {consumer}.unapplied(g.event_ids, g.brand_ids,
                                                             g.player_ids, g.event_nos) AS u)
            ) AS lacking ON true
 ORDER BY lacking.publication_no;

-- name: {publisher}_outbox_resend_to_{consumer}
-- Publish events again that the stream has lost and the consumer has not applied. Each keeps its
-- event id. The wait doubles with each resend, so that a hopeless event does not flood the stream.
-- Returns the lacking events, and which of them are published again now.
WITH given AS MATERIALIZED (
    SELECT o.event_id, o.brand_id, o.player_id, o.event_no, o.publication_no,
           o.resends = 0
               OR o.published_at < clock_timestamp()
                   - make_interval(secs => %(patience_seconds)s * 2 ^ least(o.resends, 9)) AS is_due
      FROM {publisher}.{publisher}_outbox o
      JOIN unnest(%(event_ids)s::uuid[], %(publication_nos)s::bigint[])
               AS seen (event_id, publication_no)
        ON (o.event_id, o.publication_no) = (seen.event_id, seen.publication_no)
), lacking AS MATERIALIZED (
    SELECT u.event_id
      FROM (SELECT array_agg(event_id) AS event_ids, array_agg(brand_id) AS brand_ids,
                   array_agg(player_id) AS player_ids, array_agg(event_no) AS event_nos
              FROM given) g,
           {consumer}.unapplied(g.event_ids, g.brand_ids, g.player_ids, g.event_nos) AS u (event_id)
), resent AS (
    UPDATE {publisher}.{publisher}_outbox o
       SET published_at = NULL, publication_no = NULL, entry_id = NULL, resends = o.resends + 1
      FROM given
     WHERE o.event_id = given.event_id AND o.publication_no = given.publication_no AND given.is_due
       AND o.event_id IN (SELECT event_id FROM lacking)
    RETURNING o.event_id
)
SELECT l.event_id, r.event_id IS NOT NULL AS resent
  FROM lacking l
  LEFT JOIN resent r USING (event_id);

-- name: {publisher}_outbox_behind
-- The partitions with published events that may not be applied yet. An idle comparison runs only
-- this query.
SELECT partition_no FROM {publisher}.{publisher}_outbox_partition
 WHERE published_no > applied_no
 ORDER BY partition_no;

-- name: {publisher}_outbox_compared
-- Store, for each partition, the number up to which all consumers applied all events, and the
-- number of missing events. Events that are being published again count as missing. The statement
-- skips partitions that a publisher has locked; the next comparison stores them.
WITH seen AS (
    SELECT * FROM unnest(%(partition_nos)s::smallint[], %(applied_nos)s::bigint[],
                         %(missing)s::bigint[])
               AS s (partition_no, applied_no, missing)
), again AS (
    SELECT partition_no, count(*) AS events FROM {publisher}.{publisher}_outbox
     WHERE published_at IS NULL AND resends > 0 GROUP BY partition_no
), known AS (
    SELECT p.partition_no, coalesce(s.applied_no, 0) AS applied_no,
           coalesce(s.missing, 0) + coalesce(a.events, 0) AS missing
      FROM {publisher}.{publisher}_outbox_partition p
      LEFT JOIN seen s USING (partition_no)
      LEFT JOIN again a USING (partition_no)
), free AS MATERIALIZED (
    SELECT partition_no FROM {publisher}.{publisher}_outbox_partition ORDER BY partition_no
       FOR UPDATE SKIP LOCKED
), noted AS (
    UPDATE {publisher}.{publisher}_outbox_partition p
       SET applied_no = greatest(p.applied_no, k.applied_no), compared_at = clock_timestamp(),
           missing = k.missing
      FROM known k JOIN free USING (partition_no)
     WHERE p.partition_no = k.partition_no
)
SELECT coalesce(sum(missing), 0)::bigint AS missing FROM known;

