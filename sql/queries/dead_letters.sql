-- name: rolling_replayable
-- The oldest event set aside that may be tried again, and that nothing of its player still set aside comes before: one whose replay a
-- person asked for, or one that only waited for such a one.
SELECT d.dead_letter_id, d.stream, d.entry_id, d.fields
  FROM rolling.rolling_dead_letter d
 WHERE d.resolved_at IS NULL AND d.stream = %(stream)s AND (d.replay_requested_at IS NOT NULL OR d.reason = 'HELD_UP')
   AND NOT EXISTS (SELECT FROM rolling.rolling_dead_letter before
                    WHERE before.resolved_at IS NULL AND before.dead_letter_id < d.dead_letter_id AND before.player_id = d.player_id
                      AND (before.brand_id IS NULL OR d.brand_id IS NULL OR before.brand_id = d.brand_id))
 ORDER BY d.dead_letter_id LIMIT 1;

-- name: rolling_claim_replay
-- Close a dead letter and claim its event for this transaction, while this copy holds the lease.
WITH lease AS (
    SELECT FROM rolling.rolling_partition WHERE partition_no = %(partition_no)s AND holder = %(holder)s
), resolved AS (
    UPDATE rolling.rolling_dead_letter SET resolved_at = now()
     WHERE dead_letter_id = %(dead_letter_id)s AND resolved_at IS NULL AND EXISTS (SELECT FROM lease)
    RETURNING dead_letter_id
), won AS (
    INSERT INTO rolling.rolling_inbox (event_id, event_type, brand_id, player_id, player_version, schema_version, restore_epoch,
                                       occurred_at, stream, entry_id)
    SELECT %(event_id)s, %(event_type)s, %(brand_id)s, %(player_id)s, %(player_version)s, %(schema_version)s, %(restore_epoch)s,
           %(occurred_at)s, %(stream)s, %(entry_id)s
      FROM resolved
    ON CONFLICT (event_id) DO NOTHING
    RETURNING event_id
)
SELECT EXISTS (SELECT FROM lease) AS leased, EXISTS (SELECT FROM won) AS won;

-- name: rolling_replay_failed
-- Keep why a replay failed; the event holds its player up until a person asks again.
UPDATE rolling.rolling_dead_letter
   SET reason = CASE reason WHEN 'HELD_UP' THEN 'FAILED' ELSE reason END, error = %(error)s, tries = tries + 1, replay_requested_at = NULL
 WHERE dead_letter_id = %(dead_letter_id)s AND resolved_at IS NULL;

-- name: rolling_request_replay
-- Ask for an event to be tried again; no row comes back unless it is set aside and fails by itself.
UPDATE rolling.rolling_dead_letter
   SET replay_requested_at = coalesce(replay_requested_at, now()), replay_requested_by = %(by)s
 WHERE dead_letter_id = %(dead_letter_id)s AND resolved_at IS NULL AND reason <> 'HELD_UP'
RETURNING dead_letter_id;

-- name: rolling_dead_letter
-- One event that was set aside.
SELECT dead_letter_id, reason, resolved_at FROM rolling.rolling_dead_letter WHERE dead_letter_id = %(dead_letter_id)s;

-- name: facts_dead_letters
-- Events set aside and not resolved, oldest first, or one by its number whatever became of it; `total` counts all that are open.
SELECT dead_letter_id, event_type, reason, tries, error, brand_id::text, player_id::text, event_id::text, stream, entry_id, set_aside_at,
       replay_requested_at, resolved_at, count(*) OVER () AS total
  FROM rolling.rolling_dead_letter
 WHERE CASE WHEN %(dead_letter_id)s::bigint IS NULL THEN resolved_at IS NULL ELSE dead_letter_id = %(dead_letter_id)s::bigint END
 ORDER BY dead_letter_id LIMIT %(limit)s;
