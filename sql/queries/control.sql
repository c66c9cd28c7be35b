-- Statements of the toolkit on the database `control`: lock, freeze, journal and verifications.

-- name: control_ready
-- Whether the schema control exists.
SELECT to_regclass('control.run_lock') IS NOT NULL AS ready;

-- name: control_raise_freeze
-- Add a freeze layer of this run. A repeat with the same effect id changes nothing. Needs no lock.
SELECT epoch, level, present, applied
  FROM control.raise_freeze(%(effect_id)s::text, %(run_id)s::text, %(owner)s::text, %(level)s::text,
                            %(reason)s::text, %(by)s::text, %(known_epoch)s::bigint);

-- name: control_lift_freeze
-- Lift the freeze layers of this run or person, only if the platform is unchanged since change_no.
-- A repeat with the same effect id changes nothing.
SELECT epoch, level, present, applied
  FROM control.lift_freeze(%(effect_id)s::text, %(run_id)s::text, %(token)s::bigint,
                           %(owner)s::text, %(reason)s::text, %(by)s::text,
                           %(take_over)s::text, %(known_epoch)s::bigint, %(change_no)s::bigint);

-- name: control_take_over_freeze
-- Take over the freeze layers of an ended run. A repeat with the same effect id changes nothing.
SELECT epoch, level, present, applied
  FROM control.take_over_freeze(%(effect_id)s::text, %(run_id)s::text, %(token)s::bigint,
                                %(from_run)s::text, %(by)s::text, %(known_epoch)s::bigint);

-- name: control_last_freeze_of
-- The newest freeze change of a run.
SELECT epoch, level FROM control.freeze_history WHERE run_id = %(run_id)s::text
 ORDER BY epoch DESC LIMIT 1;

-- name: control_note_change
-- Count one change of the platform.
SELECT control.note_change(%(what)s::text, %(by)s::text) AS change_no;

-- name: control_lock_take
-- Take the run lock if it is free, expired, or held by the token of a run that was found dead.
-- Returns no row otherwise. The history keeps the suites that the run would prove.
WITH taken AS (
    INSERT INTO control.run_lock AS l (run_id, holder, token, expires_at)
    VALUES (%(run_id)s::text, %(holder)s::jsonb, nextval('control.fencing_token'),
            clock_timestamp() + make_interval(secs => %(lease_seconds)s::double precision))
    ON CONFLICT (one) DO UPDATE
       SET run_id = excluded.run_id, holder = excluded.holder, token = excluded.token,
           acquired_at = clock_timestamp(), heartbeat_at = clock_timestamp(),
           expires_at = excluded.expires_at
     WHERE l.expires_at <= clock_timestamp() OR l.token = %(dead_token)s::bigint
    RETURNING run_id, token, holder
)
INSERT INTO control.lock_history (token, run_id, commit, proves)
SELECT token, run_id, holder ->> 'commit',
       ARRAY(SELECT jsonb_array_elements_text(holder -> 'proves'))
  FROM taken
RETURNING token;

-- name: control_lock_show
-- The holder of the run lock, and whether its lease has expired.
SELECT run_id, holder, token, acquired_at, expires_at, expires_at <= clock_timestamp() AS expired
  FROM control.run_lock;

-- name: control_lock_renew
-- Renew the lease of this run. Returns no row if another run has the lock. A lease that expired can
-- be renewed as long as no other run took the lock.
UPDATE control.run_lock
   SET heartbeat_at = clock_timestamp(),
       expires_at = clock_timestamp() + make_interval(secs => %(lease_seconds)s::double precision)
 WHERE run_id = %(run_id)s::text AND token = %(token)s::bigint
RETURNING token;

-- name: control_lock_release
-- Release the run lock if this run still has it.
DELETE FROM control.run_lock WHERE run_id = %(run_id)s::text AND token = %(token)s::bigint;

-- name: control_lock_token
-- The fencing token of the run lock. Returns no row if the lock is free.
SELECT token FROM control.run_lock;

-- name: control_lock_hold
-- Prevent another run from taking the lock until this transaction ends. Returns no row if this run
-- does not have the lock.
SELECT token FROM control.run_lock WHERE token = %(token)s::bigint FOR SHARE;

-- name: control_journal_anchor
-- Store number and hash of a journal's newest line. An older line never replaces a newer one.
INSERT INTO control.journal_head AS h (run_id, sequence, hash)
    VALUES (%(run_id)s::text, %(sequence)s::bigint, %(hash)s::text)
ON CONFLICT (run_id) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash,
    updated_at = clock_timestamp()
 WHERE excluded.sequence > h.sequence;

-- name: control_journal_head
-- The number and hash of the newest stored line of a run's journal.
SELECT sequence, hash FROM control.journal_head WHERE run_id = %(run_id)s::text;

-- name: control_runs_that_prove
-- Runs of this commit that took the lock and would record this suite, newest first.
SELECT run_id, max(token) AS token
  FROM control.lock_history
 WHERE commit = %(commit)s::text AND %(suite)s::text = ANY (proves)
 GROUP BY run_id
 ORDER BY max(token) DESC;

-- name: control_begin_verification
-- Begin a part of a verification on this state of the platform. A repeat begins the part again.
INSERT INTO control.verification AS v (effect_id, run_id, kind, state)
SELECT %(effect_id)s::text, %(run_id)s::text, %(kind)s::text, %(state)s::jsonb
  FROM control.hold_lock(%(run_id)s::text, %(token)s::bigint)
ON CONFLICT (effect_id) DO UPDATE
   SET state = excluded.state, begun_at = clock_timestamp(), passed_at = NULL;

-- name: control_pass_verification
-- Mark this run's newest part of this kind as passed. Returns no row if the platform's state has
-- changed since the part began.
UPDATE control.verification v SET passed_at = clock_timestamp()
  FROM control.hold_lock(%(run_id)s::text, %(token)s::bigint)
 WHERE v.effect_id = (SELECT n.effect_id FROM control.verification n
                       WHERE n.run_id = %(run_id)s::text AND n.kind = %(kind)s::text
                       ORDER BY n.begun_at DESC LIMIT 1)
   AND v.state = %(state)s::jsonb
RETURNING v.kind;

-- name: control_begun_state
-- The platform's state at the beginning of this run's newest part of this kind.
SELECT state FROM control.verification
 WHERE run_id = %(run_id)s::text AND kind = %(kind)s::text ORDER BY begun_at DESC LIMIT 1;
