-- Statements of rolling_service and rolling_worker: rollings, turnover, completion and expiry.

-- name: rolling_brand_rules
-- The rules of a brand. NULL means the default.
SELECT completion_ratio_bps, expires_after, cancel_allowed FROM rolling.brand_config
 WHERE brand_id = %(brand_id)s;

-- name: rolling_insert
-- Create a rolling. A rolling without required turnover is completed at once, so it is also queued.
WITH retry AS (
    INSERT INTO rolling.rolling_retry (rolling_id, brand_id, player_id)
    SELECT %(rolling_id)s, %(brand_id)s, %(player_id)s WHERE %(state)s::text = 'COMPLETING'
)
INSERT INTO rolling.player_rolling (rolling_id, brand_id, player_id, topology_code,
                                    bucket_type_code, provider_types, currency, amount,
                                    multiplier, required_turnover, target_turnover, state,
                                    reference_id, reason, remarks, event_id,
                                    restore_epoch, created_at, expires_at)
VALUES (%(rolling_id)s, %(brand_id)s, %(player_id)s, %(topology_code)s, %(bucket_type_code)s,
        %(provider_types)s, %(currency)s, %(amount)s,
        %(multiplier)s::text::numeric, %(required_turnover)s, %(target_turnover)s, %(state)s::text,
        %(reference_id)s, %(reason)s, %(remarks)s,
        %(event_id)s, %(restore_epoch)s, %(created_at)s, %(expires_at)s);

-- name: rolling_progress
-- Lock the given rollings of a player, oldest first.
SELECT rolling_id, state, target_turnover, turnover
  FROM rolling.player_rolling
 WHERE rolling_id = ANY (%(rolling_ids)s::uuid[]) AND player_id = %(player_id)s
   AND brand_id = %(brand_id)s
 ORDER BY created_at, rolling_id
   FOR UPDATE;

-- name: rolling_move
-- Move whole rollings to the bucket to which their money went. They keep their turnover.
UPDATE rolling.player_rolling
   SET topology_code = %(topology_code)s, bucket_type_code = %(bucket_type_code)s,
       provider_types = %(provider_types)s,
       revision = revision + 1, restore_epoch = %(restore_epoch)s, updated_at = now()
 WHERE rolling_id = ANY (%(rolling_ids)s::uuid[]) AND player_id = %(player_id)s;

-- name: rolling_hand_on
-- Lower the required turnover of each rolling by `leaves`, and make a new rolling that requires
-- `turnover`. The new rolling has the age of the old rolling.
WITH part AS (
    SELECT * FROM jsonb_to_recordset(%(parts)s::jsonb) AS p (rolling_id uuid, becomes uuid,
        turnover bigint, leaves bigint, state text)
), lowered AS (
    UPDATE rolling.player_rolling r
       SET target_turnover = r.target_turnover - p.leaves, revision = r.revision + 1,
           restore_epoch = %(restore_epoch)s, updated_at = now()
      FROM part p
     WHERE r.rolling_id = p.rolling_id
), made AS (
    INSERT INTO rolling.player_rolling (rolling_id, brand_id, player_id, topology_code,
                                        bucket_type_code, provider_types, currency, amount,
                                        multiplier, required_turnover, target_turnover, state,
                                        reference_id, reason, remarks, event_id,
                                        restore_epoch, created_at, expires_at, closed_at, closed_by)
    SELECT p.becomes, r.brand_id, r.player_id, %(topology_code)s, %(bucket_type_code)s,
           %(provider_types)s, r.currency, %(amount)s,
           r.multiplier, p.turnover, p.turnover, p.state, %(reference_id)s, 'transfer',
           'part of rolling ' || r.rolling_id, %(event_id)s,
           %(restore_epoch)s, r.created_at, r.expires_at,
           CASE WHEN p.state IN ('CANCELED', 'EXPIRED') THEN now() END,
           CASE WHEN p.state IN ('CANCELED', 'EXPIRED') THEN r.closed_by END
      FROM part p
      JOIN rolling.player_rolling r USING (rolling_id)
    RETURNING rolling_id, brand_id, player_id, state
)
INSERT INTO rolling.rolling_retry (rolling_id, brand_id, player_id)
SELECT rolling_id, brand_id, player_id FROM made WHERE state <> 'ACTIVE';

-- name: rolling_revoke
-- Close a rolling whose money the wallet has taken back. Cancel its completion, and write an event.
WITH revoked AS (
    UPDATE rolling.player_rolling r
       SET state = %(state)s, closed_by = 'wallet', closed_at = now(), updated_at = now(),
           revision = r.revision + 1
     WHERE r.rolling_id = %(rolling_id)s AND r.player_id = %(player_id)s
       AND r.state IN ('ACTIVE', 'COMPLETING', 'FAILED_COMPLETION')
    RETURNING r.rolling_id, r.brand_id, r.player_id, r.revision, r.restore_epoch,
              rolling.closed_payload(r) AS payload
), called_off AS (
    DELETE FROM rolling.rolling_retry q USING revoked WHERE q.rolling_id = revoked.rolling_id
)
INSERT INTO rolling.rolling_outbox (brand_id, player_id, player_version, event_type, payload,
                                    restore_epoch)
SELECT brand_id, player_id, revision, %(event_type)s, payload, restore_epoch FROM revoked;

-- name: rolling_active_of_player
-- Lock a player's active rollings, oldest first.
SELECT rolling_id, topology_code, bucket_type_code, provider_types, currency, target_turnover,
       turnover
  FROM rolling.player_rolling
 WHERE player_id = %(player_id)s AND brand_id = %(brand_id)s AND state = 'ACTIVE'
 ORDER BY created_at, rolling_id
   FOR UPDATE;

-- name: rolling_count_turnover
-- Add a bet's turnover to each rolling. A rolling whose required turnover is reached is queued for
-- completion.
WITH counted AS (
    SELECT * FROM jsonb_to_recordset(%(counted)s::jsonb) AS c (rolling_id uuid, amount bigint,
        completes boolean)
), recorded AS (
    INSERT INTO rolling.rolling_turnover (rolling_id, authorization_id, bet_id, brand_id, player_id,
                                          amount, event_id)
    SELECT rolling_id, %(authorization_id)s, %(bet_id)s, %(brand_id)s, %(player_id)s, amount,
           %(event_id)s FROM counted
), due AS (
    INSERT INTO rolling.rolling_retry (rolling_id, brand_id, player_id)
    SELECT rolling_id, %(brand_id)s, %(player_id)s FROM counted WHERE completes
)
UPDATE rolling.player_rolling r
   SET turnover = r.turnover + c.amount, state = CASE WHEN c.completes THEN 'COMPLETING'
                                                      ELSE r.state END,
       revision = r.revision + 1, restore_epoch = %(restore_epoch)s, updated_at = now()
  FROM counted c
 WHERE r.rolling_id = c.rolling_id;

-- name: rolling_counted_by_bet
-- Lock the rollings that counted a bet. Returns the counted amounts that were not reversed.
SELECT t.rolling_id, t.amount, r.state
  FROM rolling.rolling_turnover t
  JOIN rolling.player_rolling r USING (rolling_id)
 WHERE t.authorization_id = %(authorization_id)s AND t.brand_id = %(brand_id)s
   AND t.player_id = %(player_id)s AND t.reversed_at IS NULL
 ORDER BY r.created_at, r.rolling_id
   FOR UPDATE OF r;

-- name: rolling_completion_attempts
-- Lock the queued completions of rollings, so that no worker tries them. Returns the numbers of
-- tries so far.
SELECT rolling_id, attempts FROM rolling.rolling_retry
 WHERE rolling_id = ANY (%(rolling_ids)s::uuid[]) ORDER BY rolling_id FOR UPDATE;

-- name: rolling_take_back
-- Take a bet's turnover back. If a rolling's completion cannot be undone, the rolling keeps the
-- turnover, and a finding is recorded for a person.
WITH taken AS (
    SELECT * FROM jsonb_to_recordset(%(taken)s::jsonb) AS t (rolling_id uuid, amount bigint,
        lowers boolean, reopens boolean)
), reversed AS (
    UPDATE rolling.rolling_turnover u
       SET reversed_at = now(), reversed_event_id = %(event_id)s
      FROM taken t
     WHERE u.authorization_id = %(authorization_id)s AND u.rolling_id = t.rolling_id
), called_off AS (
    DELETE FROM rolling.rolling_retry q USING taken t
        WHERE q.rolling_id = t.rolling_id AND t.reopens
), found AS (
    INSERT INTO rolling.rolling_finding (rolling_id, brand_id, player_id, kind, amount,
                                         authorization_id, event_id)
    SELECT rolling_id, %(brand_id)s, %(player_id)s, %(kind)s, amount, %(authorization_id)s,
           %(event_id)s FROM taken WHERE NOT lowers
)
UPDATE rolling.player_rolling r
   SET turnover = r.turnover - t.amount, state = CASE WHEN t.reopens THEN 'ACTIVE' ELSE r.state END,
       revision = r.revision + 1, restore_epoch = %(restore_epoch)s, updated_at = now()
  FROM taken t
 WHERE r.rolling_id = t.rolling_id AND t.lowers;

-- name: rolling_completion_is_due
-- Whether any completion is due. The worker asks this four to ten times a second; a transaction
-- that would take one costs much more.
SELECT EXISTS (SELECT FROM rolling.rolling_retry WHERE next_at <= clock_timestamp()) AS is_due;

-- name: rolling_completion_due
-- Take the completion that has been due for the longest time. If this process dies, another worker
-- can take the completion after lease_seconds.
-- The CTE is MATERIALIZED, because PostgreSQL may run a plain subquery again for every joined row,
-- and each run would lock another row.
WITH due AS MATERIALIZED (
    SELECT rolling_id FROM rolling.rolling_retry
     WHERE next_at <= clock_timestamp()
     ORDER BY next_at
     LIMIT 1
       FOR UPDATE SKIP LOCKED
)
UPDATE rolling.rolling_retry q
   SET attempts = q.attempts + 1,
       next_at = clock_timestamp() + make_interval(secs => %(lease_seconds)s)
  FROM due
 WHERE q.rolling_id = due.rolling_id
RETURNING q.rolling_id, q.brand_id, q.player_id, q.failures, q.refusals,
          (SELECT r.state FROM rolling.player_rolling r
            WHERE r.rolling_id = q.rolling_id AND r.state IN ('CANCELED', 'EXPIRED')) AS closed;

-- name: rolling_completion_done
-- Close a rolling that the wallet has completed, and write an event. A repeat changes nothing.
WITH completed AS (
    UPDATE rolling.player_rolling r
       SET state = 'COMPLETED', closed_by = 'completion', closed_at = now(), updated_at = now(),
           revision = r.revision + 1
     WHERE r.rolling_id = %(rolling_id)s AND r.state IN ('COMPLETING', 'FAILED_COMPLETION')
    RETURNING r.rolling_id, r.brand_id, r.player_id, r.revision, r.restore_epoch,
              rolling.closed_payload(r) AS payload
), settled AS (
    DELETE FROM rolling.rolling_retry q USING completed c WHERE q.rolling_id = c.rolling_id
)
INSERT INTO rolling.rolling_outbox (brand_id, player_id, player_version, event_type, payload,
                                    restore_epoch)
SELECT brand_id, player_id, revision, %(event_type)s, payload, restore_epoch FROM completed;

-- name: rolling_close_done
-- Remove a canceled or expired rolling from the queue, after the wallet has been informed.
DELETE FROM rolling.rolling_retry q USING rolling.player_rolling r
 WHERE q.rolling_id = %(rolling_id)s AND r.rolling_id = q.rolling_id
   AND r.state IN ('CANCELED', 'EXPIRED');

-- name: rolling_completion_failed
-- Delay a completion after a failed try. After failures_bound failures its rolling gets the state
-- FAILED_COMPLETION, but the tries go on.
WITH failed AS (
    UPDATE rolling.player_rolling r
       SET state = 'FAILED_COMPLETION', updated_at = now(), revision = r.revision + 1
     WHERE r.rolling_id = %(rolling_id)s AND r.state = 'COMPLETING'
       AND %(failures)s >= %(failures_bound)s
)
UPDATE rolling.rolling_retry
   SET failures = %(failures)s, refusals = %(refusals)s, last_error = %(error)s,
       next_at = clock_timestamp() + make_interval(secs => %(delay_seconds)s)
 WHERE rolling_id = %(rolling_id)s;

-- name: rolling_completion_deferred
-- Delay a completion because its money is frozen or staked. This does not count as a failure.
UPDATE rolling.rolling_retry
   SET refusals = %(refusals)s, last_error = %(error)s,
       next_at = clock_timestamp() + make_interval(secs => %(delay_seconds)s)
 WHERE rolling_id = %(rolling_id)s;

-- name: rolling_trouble
-- Counts of problems for a person: failed completions, dead letters and open findings.
SELECT (SELECT count(*) FROM rolling.rolling_retry
         WHERE failures >= %(failures_bound)s) AS failed_completions,
       (SELECT count(*) FROM rolling.rolling_dead_letter WHERE resolved_at IS NULL) AS dead_letters,
       (SELECT count(*) FROM rolling.rolling_finding WHERE status = 'OPEN') AS findings;

-- name: rolling_expire
-- Close active rollings that have expired. Write an event, and queue a call that informs the
-- wallet.
WITH lapsed AS (
    SELECT rolling_id FROM rolling.player_rolling
     WHERE state = 'ACTIVE' AND expires_at <= now()
     ORDER BY expires_at
     LIMIT %(limit)s
       FOR UPDATE SKIP LOCKED
), expired AS (
    UPDATE rolling.player_rolling r
       SET state = 'EXPIRED', closed_by = 'expiry', closed_at = now(), updated_at = now(),
           revision = r.revision + 1
      FROM lapsed
     WHERE r.rolling_id = lapsed.rolling_id
    RETURNING r.rolling_id, r.brand_id, r.player_id, r.revision, r.restore_epoch,
              rolling.closed_payload(r) AS payload
), told AS (
    INSERT INTO rolling.rolling_retry (rolling_id, brand_id, player_id) SELECT rolling_id, brand_id,
        player_id FROM expired
)
INSERT INTO rolling.rolling_outbox (brand_id, player_id, player_version, event_type, payload,
                                    restore_epoch)
SELECT brand_id, player_id, revision, %(event_type)s, payload, restore_epoch FROM expired;

-- name: rolling_cancel
-- Cancel an active rolling for a person. Write an event, and queue a call that informs the wallet.
WITH canceled AS (
    UPDATE rolling.player_rolling r
       SET state = 'CANCELED', closed_by = %(closed_by)s, closed_at = now(), updated_at = now(),
           revision = r.revision + 1
     WHERE r.rolling_id = %(rolling_id)s AND r.brand_id = %(brand_id)s AND r.state = 'ACTIVE'
    RETURNING r.rolling_id, r.brand_id, r.player_id, r.revision, r.restore_epoch,
              rolling.closed_payload(r) AS payload
), told AS (
    INSERT INTO rolling.rolling_retry (rolling_id, brand_id, player_id) SELECT rolling_id, brand_id,
        player_id FROM canceled
)
INSERT INTO rolling.rolling_outbox (brand_id, player_id, player_version, event_type, payload,
                                    restore_epoch)
SELECT brand_id, player_id, revision, %(event_type)s, payload, restore_epoch FROM canceled;

-- name: rolling_one
-- One rolling of a brand.
SELECT rolling_id, player_id, topology_code, bucket_type_code, provider_types, currency, amount,
       required_turnover, target_turnover, turnover,
       state, reference_id, reason, coupon_log_id, created_at, expires_at, closed_at, closed_by
  FROM rolling.player_rolling
 WHERE rolling_id = %(rolling_id)s AND brand_id = %(brand_id)s;

-- name: rolling_of_player
-- A player's rollings in a brand, newest first.
SELECT rolling_id, player_id, topology_code, bucket_type_code, provider_types, currency, amount,
       required_turnover, target_turnover, turnover,
       state, reference_id, reason, coupon_log_id, created_at, expires_at, closed_at, closed_by
  FROM rolling.player_rolling
 WHERE player_id = %(player_id)s AND brand_id = %(brand_id)s
 ORDER BY created_at DESC, rolling_id
 LIMIT %(limit)s;

-- name: rolling_player_elsewhere
-- Whether a player has rollings, but only in other brands.
SELECT count(*) > 0 AND NOT bool_or(brand_id = %(brand_id)s) AS elsewhere
  FROM rolling.player_rolling WHERE player_id = %(player_id)s;
