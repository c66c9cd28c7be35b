-- Statements for dead letters. `sql.owners` fills them in once for each of WALLET_CONSUMERS:
-- `{consumer}` is the name of the consumer's schema.

-- name: {consumer}_dead_letter_add
-- Store a dead letter, if this copy of the process has the lease of the partition. It is an entry
-- that cannot be applied, or that waits behind a dead letter of its player. A repeat changes
-- nothing.
WITH lease AS (
    SELECT FROM {consumer}.{consumer}_partition
     WHERE partition_no = %(partition_no)s AND holder = %(holder)s
), kept AS (
    INSERT INTO {consumer}.{consumer}_dead_letter
           (stream, entry_id, event_id, event_no, event_type, brand_id, player_id, fields, reason,
            error, tries)
    SELECT %(stream)s, %(entry_id)s, %(event_id)s::uuid, %(event_no)s::bigint,
           %(event_type)s::text, %(brand_id)s::uuid, %(player_id)s::uuid, %(fields)s::jsonb,
           %(reason)s, %(error)s, %(tries)s
      FROM lease
    ON CONFLICT DO NOTHING
    RETURNING dead_letter_id
)
SELECT EXISTS (SELECT FROM lease) AS leased, EXISTS (SELECT FROM kept) AS kept;

-- name: {consumer}_dead_letter_next
-- The next dead letter to process: a person asked for its replay, a second person confirmed its
-- discard, or it only waited behind an earlier dead letter. A player's events keep their order.
SELECT d.dead_letter_id, d.stream, d.entry_id, d.fields,
       d.discard_confirmed_at IS NOT NULL AS discarded, d.reason = 'MALFORMED' AS malformed
  FROM {consumer}.{consumer}_dead_letter d
  LEFT JOIN {consumer}.{consumer}_position p
    ON p.brand_id = d.brand_id AND p.player_id = d.player_id
 WHERE d.resolved_at IS NULL AND d.stream = ANY(%(streams)s)
   AND d.dead_letter_id <> ALL(%(tried)s::bigint[])
   AND (d.replay_requested_at IS NOT NULL OR d.discard_confirmed_at IS NOT NULL
        OR d.reason NOT IN ('FAILED', 'MALFORMED'))
   AND (d.reason = 'MALFORMED' OR d.event_no <= coalesce(p.event_no, 0) + 1)
 ORDER BY d.dead_letter_id
 LIMIT 1;

-- name: {consumer}_claim_replay
-- Resolve a dead letter and claim its event for this transaction, if this copy has the lease. The
-- dead letter stays if an earlier event of the player is missing. If the event was applied before,
-- the dead letter is resolved, and `won` is false.
WITH lease AS (
    SELECT FROM {consumer}.{consumer}_partition
     WHERE partition_no = %(partition_no)s AND holder = %(holder)s
), at AS (
    SELECT coalesce((SELECT event_no FROM {consumer}.{consumer}_position
                      WHERE brand_id = %(brand_id)s AND player_id = %(player_id)s), 0) AS event_no
), resolved AS (
    UPDATE {consumer}.{consumer}_dead_letter d SET resolved_at = now()
      FROM at
     WHERE d.dead_letter_id = %(dead_letter_id)s AND d.resolved_at IS NULL
       AND EXISTS (SELECT FROM lease) AND %(event_no)s <= at.event_no + 1
    RETURNING d.dead_letter_id
), won AS (
    INSERT INTO {consumer}.{consumer}_inbox
           (event_id, event_type, brand_id, player_id, player_version, schema_version,
            restore_epoch, occurred_at, stream, entry_id)
    SELECT %(event_id)s, %(event_type)s, %(brand_id)s, %(player_id)s, %(player_version)s,
           %(schema_version)s, %(restore_epoch)s, %(occurred_at)s, %(stream)s, %(entry_id)s
      FROM resolved, at
     WHERE at.event_no + 1 = %(event_no)s
    ON CONFLICT (event_id) DO NOTHING
    RETURNING event_id
), moved AS (
    INSERT INTO {consumer}.{consumer}_position AS p (brand_id, player_id, event_no)
    SELECT %(brand_id)s, %(player_id)s, %(event_no)s FROM won
    ON CONFLICT (brand_id, player_id)
    DO UPDATE SET event_no = EXCLUDED.event_no WHERE p.event_no < EXCLUDED.event_no
)
SELECT EXISTS (SELECT FROM lease) AS leased, EXISTS (SELECT FROM resolved) AS resolved,
       EXISTS (SELECT FROM won) AS won;

-- name: {consumer}_drop_malformed
-- Resolve a discarded entry that is not a valid event, if this copy has the lease.
WITH lease AS (
    SELECT FROM {consumer}.{consumer}_partition
     WHERE partition_no = %(partition_no)s AND holder = %(holder)s
), resolved AS (
    UPDATE {consumer}.{consumer}_dead_letter SET resolved_at = now()
     WHERE dead_letter_id = %(dead_letter_id)s AND resolved_at IS NULL AND reason = 'MALFORMED'
       AND EXISTS (SELECT FROM lease)
)
SELECT EXISTS (SELECT FROM lease) AS leased;

-- name: {consumer}_replay_failed
-- Store the error of a failed replay. The event blocks its player until a person asks for a replay.
UPDATE {consumer}.{consumer}_dead_letter
   SET reason = CASE reason WHEN 'MALFORMED' THEN reason ELSE 'FAILED' END, error = %(error)s,
       tries = tries + 1, replay_requested_at = NULL
 WHERE dead_letter_id = %(dead_letter_id)s AND resolved_at IS NULL;

-- name: {consumer}_request_replay
-- Request a replay. Returns no row if the dead letter is resolved, if its discard is confirmed, or
-- if it only waits behind another dead letter.
UPDATE {consumer}.{consumer}_dead_letter
   SET replay_requested_at = coalesce(replay_requested_at, now()), replay_requested_by = %(by)s
 WHERE dead_letter_id = %(dead_letter_id)s AND resolved_at IS NULL
   AND reason IN ('FAILED', 'MALFORMED')
   AND discard_confirmed_at IS NULL
RETURNING dead_letter_id;

-- name: {consumer}_request_discard
-- Request a discard, so that the event is never applied. Returns no row if a discard was requested
-- before; the first request and its reason stay.
UPDATE {consumer}.{consumer}_dead_letter
   SET discard_reason = %(reason)s, discard_requested_by = %(by)s,
       discard_requested_key = %(key)s, discard_requested_at = now()
 WHERE dead_letter_id = %(dead_letter_id)s AND resolved_at IS NULL
   AND reason IN ('FAILED', 'MALFORMED')
   AND discard_requested_at IS NULL
RETURNING dead_letter_id;

-- name: {consumer}_confirm_discard
-- Confirm a discard as a second person with another name and key. The consumer carries it out
-- later.
UPDATE {consumer}.{consumer}_dead_letter
   SET discard_confirmed_by = %(by)s, discard_confirmed_key = %(key)s,
       discard_confirmed_at = now(), replay_requested_at = NULL
 WHERE dead_letter_id = %(dead_letter_id)s AND resolved_at IS NULL AND discard_confirmed_at IS NULL
   AND discard_requested_by <> %(by)s AND discard_requested_key <> %(key)s
RETURNING dead_letter_id;

-- name: {consumer}_dead_letter
-- One dead letter, and the player's earliest dead letter that it waits behind.
SELECT d.dead_letter_id, d.reason, d.resolved_at, d.event_id, d.event_no, d.event_type,
       d.brand_id, d.player_id, d.error, d.discard_reason, d.discard_requested_by,
       d.discard_requested_key, d.discard_confirmed_by,
       (SELECT min(b.dead_letter_id) FROM {consumer}.{consumer}_dead_letter b
         WHERE b.resolved_at IS NULL AND b.reason = 'FAILED'
           AND b.brand_id = d.brand_id AND b.player_id = d.player_id
           AND b.event_no < d.event_no) AS behind
  FROM {consumer}.{consumer}_dead_letter d
 WHERE d.dead_letter_id = %(dead_letter_id)s;

-- name: facts_dead_letters
-- Open dead letters of one consumer (NULL: of all), oldest first, or one by its number, which may
-- be resolved. `total` counts the open ones, `behind` is the dead letter that an event waits for.
SELECT dead_letter_id, event_type, reason, tries, error, brand_id::text, player_id::text,
       event_id::text, event_no, stream, entry_id, set_aside_at, replay_requested_at,
       discard_reason, discard_requested_by, discard_confirmed_by, resolved_at, behind,
       count(*) OVER () AS total, consumer
  FROM (
    -- each consumer
    SELECT d.*, '{consumer}' AS consumer,
           (SELECT min(b.dead_letter_id) FROM {consumer}.{consumer}_dead_letter b
             WHERE b.resolved_at IS NULL AND b.reason = 'FAILED'
               AND b.brand_id = d.brand_id AND b.player_id = d.player_id
               AND b.event_no < d.event_no) AS behind
      FROM {consumer}.{consumer}_dead_letter d
     WHERE CASE WHEN %(dead_letter_id)s::bigint IS NULL THEN d.resolved_at IS NULL
                ELSE d.dead_letter_id = %(dead_letter_id)s::bigint END
    -- union all
) AS letter
 WHERE consumer = coalesce(%(consumer)s::text, consumer)
 ORDER BY set_aside_at, consumer, dead_letter_id
 LIMIT %(limit)s;
