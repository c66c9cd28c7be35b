-- The operators' own memory, as the toolkit's lock, freeze, journal anchor and verification use it.

-- name: control_ready
-- Whether the control schema is there.
SELECT to_regclass('control.run_lock') IS NOT NULL AS ready;

-- name: control_set_freeze
-- Set the freeze level once per effect; a repeat answers what the first call did.
SELECT epoch, applied
  FROM control.set_freeze(%(effect_id)s::text, %(run_id)s::text, %(token)s::bigint, %(level)s::text, %(reason)s::text, %(by)s::text);

-- name: control_lock_take
-- Take the lock when it is free, expired, or still held under the very token that was found to be dead; no row when it is not.
INSERT INTO control.run_lock AS l (run_id, holder, token, expires_at)
VALUES (%(run_id)s::text, %(holder)s::jsonb, nextval('control.fencing_token'), clock_timestamp() + make_interval(secs => %(lease_seconds)s::double precision))
ON CONFLICT (one) DO UPDATE
   SET run_id = excluded.run_id, holder = excluded.holder, token = excluded.token, acquired_at = clock_timestamp(),
       heartbeat_at = clock_timestamp(), expires_at = excluded.expires_at
 WHERE l.expires_at <= clock_timestamp() OR l.token = %(dead_token)s::bigint
RETURNING token;

-- name: control_lock_show
-- Who holds the lock, and whether its lease has run out.
SELECT run_id, holder, token, acquired_at, expires_at, expires_at <= clock_timestamp() AS expired FROM control.run_lock;

-- name: control_lock_renew
-- Prolong the lease of its holder; no row when the lock is somebody else's. An expired lease that nobody took is still ours.
UPDATE control.run_lock
   SET heartbeat_at = clock_timestamp(), expires_at = clock_timestamp() + make_interval(secs => %(lease_seconds)s::double precision)
 WHERE run_id = %(run_id)s::text AND token = %(token)s::bigint
RETURNING token;

-- name: control_lock_release
-- Give the lock back, if it is still ours.
DELETE FROM control.run_lock WHERE run_id = %(run_id)s::text AND token = %(token)s::bigint;

-- name: control_lock_token
-- The token of whoever holds the lock; no row when it is free.
SELECT token FROM control.run_lock;

-- name: control_lock_hold
-- Keep the lock from being taken over until this transaction ends; no row when it is somebody else's.
SELECT token FROM control.run_lock WHERE token = %(token)s::bigint FOR SHARE;

-- name: control_journal_anchor
-- Keep the newest line of a run's journal; an older line never replaces a newer one.
INSERT INTO control.journal_head AS h (run_id, sequence, hash) VALUES (%(run_id)s::text, %(sequence)s::bigint, %(hash)s::text)
ON CONFLICT (run_id) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash, updated_at = clock_timestamp()
 WHERE excluded.sequence > h.sequence;

-- name: control_journal_head
-- The newest anchored line of a run's journal.
SELECT sequence, hash FROM control.journal_head WHERE run_id = %(run_id)s::text;

-- name: control_record_verification
-- Record a passed part of the verification at the present freeze epoch, if the run holds the lock; a repeat keeps the newest run.
INSERT INTO control.verification AS v (freeze_epoch, kind, run_id, effect_id)
SELECT s.epoch, %(kind)s::text, %(run_id)s::text, %(effect_id)s::text
  FROM control.freeze_state s JOIN control.run_lock l ON l.token = %(token)s::bigint AND l.run_id = %(run_id)s::text
ON CONFLICT (freeze_epoch, kind) DO UPDATE SET run_id = excluded.run_id, effect_id = excluded.effect_id, passed_at = clock_timestamp()
RETURNING freeze_epoch;
