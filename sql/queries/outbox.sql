-- An outbox's statements, once for each of sql.owners.PUBLISHERS: `{publisher}` is its schema. The
-- comparison for lost events is loaded once for each consumer of it, `{consumer}`.
-- plumbing/events calls them <publisher>_outbox_<verb>.

-- name: {publisher}_outbox_tables
-- Name every table of the outbox, so that a missing one stops the start.
SELECT 1 AS present FROM {publisher}.{publisher}_outbox, {publisher}.{publisher}_outbox_partition
 WHERE false;

-- name: {publisher}_outbox_waiting
-- Whether any event waits to be published: the idle publisher's whole cost.
SELECT EXISTS (SELECT FROM {publisher}.{publisher}_outbox WHERE published_at IS NULL) AS waiting;

-- name: {publisher}_outbox_lease
-- Lock the waiting partition that was served longest ago, passing over those another publisher
-- serves; locked until commit.
SELECT p.partition_no
  FROM {publisher}.{publisher}_outbox_partition p
 WHERE EXISTS (SELECT FROM {publisher}.{publisher}_outbox o
                WHERE o.partition_no = p.partition_no AND o.published_at IS NULL)
 ORDER BY p.last_served, p.partition_no
 LIMIT 1
   FOR UPDATE OF p SKIP LOCKED;

-- name: {publisher}_outbox_rows
-- The oldest unpublished events of a leased partition, as the text that goes into the stream. A
-- statement of its own, after the lease: its snapshot sees what the lease's last holder committed.
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
-- Mark events as published, with their entries and their places in the order of publishing. The
-- lease on the partition is held, so a number that is given is committed before the next one.
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
-- Count a failed try of the oldest event, which holds the others up, and let other partitions go
-- first next time.
WITH served AS (
    UPDATE {publisher}.{publisher}_outbox_partition SET last_served = clock_timestamp()
        WHERE partition_no = %(partition_no)s
)
UPDATE {publisher}.{publisher}_outbox SET attempts = attempts + 1 WHERE outbox_id = %(outbox_id)s;

-- name: {publisher}_outbox_backlog
-- How many events wait, and for how many seconds the oldest has.
SELECT count(*) AS depth,
       COALESCE(EXTRACT(EPOCH FROM clock_timestamp() - min(occurred_at)), 0)::float8 AS age_seconds
  FROM {publisher}.{publisher}_outbox
 WHERE published_at IS NULL;

-- name: {publisher}_outbox_unapplied_by_{consumer}
-- A page of a partition's published events, in the order of publishing, and which of them a
-- consumer lacks. Always at least one row: `page_end` and `page_rows` tell of the page, the rest is
-- NULL where nothing lacks.
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
-- Of events that the stream does not hold: those that are still lacking, and which of them are
-- published again now, each under its own id. One that was sent again before waits longer each
-- time, so that an event nobody can take is not sent without end.
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
-- The partitions of which something was published that is not known to be applied: the idle
-- comparison's whole question.
SELECT partition_no FROM {publisher}.{publisher}_outbox_partition
 WHERE published_no > applied_no
 ORDER BY partition_no;

-- name: {publisher}_outbox_compared
-- Note how far every consumer has every event, and how many events are missing. Events on their way
-- again count until they are applied. A partition that is being published is noted the next time:
-- nobody waits for a lease here.
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

