-- Functions for freeze layers, the run lock and the change counter.

CREATE OR REPLACE FUNCTION control.strictness(p_level text) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$
    SELECT array_position(ARRAY['open', 'ingress', 'sealed'], p_level)
$$;

-- Raise an error unless this run holds the lock under this token. The lock's row stays locked until
-- the transaction ends, so no other run can take the lock before.
CREATE OR REPLACE FUNCTION control.hold_lock(p_run_id text, p_token bigint) RETURNS void
LANGUAGE plpgsql SET search_path = control, pg_temp AS $$
BEGIN
    PERFORM 1 FROM control.run_lock l WHERE l.token = p_token AND l.run_id = p_run_id FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % does not hold the lock under token %', p_run_id, p_token
            USING ERRCODE = 'RB001';
    END IF;
END $$;

-- Set the freeze level to the level of the strictest layer, under a new epoch, and write the change
-- to the history.
CREATE OR REPLACE FUNCTION control.restate_freeze(p_effect_id text, p_run_id text, p_reason text,
                                                  p_by text)
RETURNS control.freeze_state LANGUAGE plpgsql SET search_path = control, pg_temp AS $$
DECLARE
    state  control.freeze_state;
    wanted text := coalesce((SELECT level FROM control.freeze_layer
                              ORDER BY control.strictness(level) DESC LIMIT 1), 'open');
BEGIN
    UPDATE control.freeze_state s
       SET level = wanted, epoch = s.epoch + 1, reason = p_reason, changed_by = p_by,
           run_id = p_run_id, changed_at = clock_timestamp(),
           deadline = CASE WHEN wanted = 'open' THEN NULL
                           ELSE clock_timestamp() + interval '30 minutes' END
    RETURNING s.* INTO state;
    INSERT INTO control.freeze_history (effect_id, level, epoch, reason, changed_by, run_id)
    VALUES (p_effect_id, state.level, state.epoch, p_reason, p_by, p_run_id);
    RETURN state;
END $$;

-- Raise an error if the freeze epoch has changed since the caller read it. A NULL epoch skips the
-- check.
CREATE OR REPLACE FUNCTION control.hold_epoch(p_known bigint, p_state control.freeze_state)
RETURNS void
LANGUAGE plpgsql SET search_path = control, pg_temp AS $$
BEGIN
    IF p_known <> p_state.epoch THEN
        RAISE EXCEPTION '% changed the freeze to % in run % (epoch %, and this run knows epoch %)',
            p_state.changed_by, p_state.level, p_state.run_id, p_state.epoch, p_known
            USING ERRCODE = 'RB005';
    END IF;
END $$;

-- Add a freeze layer of this run. The function needs no run lock, because a freeze must work while
-- another run holds it. Each run has one layer, even if the same person has another layer.
-- A repeat of an effect changes nothing. `epoch` is then the epoch of the first call, and `present`
-- is the present epoch.
CREATE OR REPLACE FUNCTION control.raise_freeze(p_effect_id text, p_run_id text, p_owner text,
                                                p_level text, p_reason text, p_by text,
                                                p_known bigint DEFAULT NULL)
RETURNS TABLE (epoch bigint, level text, present bigint, applied boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = control, pg_temp AS $$
DECLARE
    state control.freeze_state;
    done  bigint;
BEGIN
    SELECT * INTO state FROM control.freeze_state FOR UPDATE;
    SELECT h.epoch INTO done FROM control.freeze_history h WHERE h.effect_id = p_effect_id;
    IF FOUND THEN
        RETURN QUERY SELECT done, state.level, state.epoch, false;
        RETURN;
    END IF;
    PERFORM control.hold_epoch(p_known, state);
    IF EXISTS (SELECT FROM control.freeze_layer l
                WHERE l.run_id = p_run_id AND l.taken_over_by IS NULL
                  AND strictness(l.level) >= strictness(p_level)) THEN
        RETURN QUERY SELECT state.epoch, state.level, state.epoch, false;
        RETURN;
    END IF;
    INSERT INTO control.freeze_layer AS l (run_id, owner, level, reason, set_by)
    VALUES (p_run_id, p_owner, p_level, p_reason, p_by)
    ON CONFLICT (run_id) DO UPDATE
       SET level = CASE WHEN strictness(l.level) > strictness(excluded.level) THEN l.level
                        ELSE excluded.level END,
           reason = excluded.reason, set_by = excluded.set_by, set_at = clock_timestamp();
    state := control.restate_freeze(p_effect_id, p_run_id, p_reason, p_by);
    RETURN QUERY SELECT state.epoch, state.level, state.epoch, true;
END $$;

-- Lift the layers of this run, the layers that it has taken over, the layers of run `p_take_over`,
-- and the layers of person `p_owner`. Other layers stay. Raises RB004 if the caller has no layer
-- while the platform is frozen. `p_change_no` is the change number that was verified; it must still
-- be the newest. It may be NULL only if the platform is not frozen.
CREATE OR REPLACE FUNCTION control.lift_freeze(p_effect_id text, p_run_id text, p_token bigint,
                                               p_owner text, p_reason text, p_by text,
                                               p_take_over text, p_known bigint, p_change_no bigint)
RETURNS TABLE (epoch bigint, level text, present bigint, applied boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = control, pg_temp AS $$
DECLARE
    state   control.freeze_state;
    done    bigint;
    changed bigint;
BEGIN
    SELECT change_no INTO changed FROM control.platform_change FOR SHARE;
    SELECT * INTO state FROM control.freeze_state FOR UPDATE;
    IF p_change_no <> changed THEN
        RAISE EXCEPTION 'the platform was changed since its verification (change %, verified %)',
            changed, p_change_no USING ERRCODE = 'RB005';
    END IF;
    SELECT h.epoch INTO done FROM control.freeze_history h WHERE h.effect_id = p_effect_id;
    IF FOUND THEN
        RETURN QUERY SELECT done, state.level, state.epoch, false;
        RETURN;
    END IF;
    PERFORM control.hold_lock(p_run_id, p_token);
    PERFORM control.hold_epoch(p_known, state);
    IF p_change_no IS NULL AND state.level <> 'open' THEN
        RAISE EXCEPTION 'the freeze is not verified' USING ERRCODE = 'RB005';
    END IF;
    UPDATE control.freeze_layer l SET taken_over_by = p_run_id
     WHERE coalesce(l.taken_over_by, l.run_id) = p_take_over;
    IF NOT FOUND AND p_take_over <> '' THEN
        RAISE EXCEPTION 'run % has no freeze to take over', p_take_over USING ERRCODE = 'RB004';
    END IF;
    DELETE FROM control.freeze_layer l
     WHERE coalesce(l.taken_over_by, l.run_id) = p_run_id
        OR (l.owner = p_owner AND l.taken_over_by IS NULL);
    IF NOT FOUND AND state.level <> 'open' THEN
        RAISE EXCEPTION 'no freeze that is in force belongs to % or run %', p_owner, p_run_id
            USING ERRCODE = 'RB004';
    END IF;
    state := control.restate_freeze(p_effect_id, p_run_id, p_reason, p_by);
    RETURN QUERY SELECT state.epoch, state.level, state.epoch, true;
END $$;

-- Take over the layers of a run that has ended or died, so that this run can lift them.
CREATE OR REPLACE FUNCTION control.take_over_freeze(p_effect_id text, p_run_id text, p_token bigint,
                                                    p_from text, p_by text, p_known bigint)
RETURNS TABLE (epoch bigint, level text, present bigint, applied boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = control, pg_temp AS $$
DECLARE
    state control.freeze_state;
    done  bigint;
BEGIN
    SELECT * INTO state FROM control.freeze_state FOR UPDATE;
    SELECT h.epoch INTO done FROM control.freeze_history h WHERE h.effect_id = p_effect_id;
    IF FOUND THEN
        RETURN QUERY SELECT done, state.level, state.epoch, false;
        RETURN;
    END IF;
    PERFORM control.hold_lock(p_run_id, p_token);
    PERFORM control.hold_epoch(p_known, state);
    UPDATE control.freeze_layer l SET taken_over_by = p_run_id
     WHERE coalesce(l.taken_over_by, l.run_id) = p_from;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % has no freeze to take over', p_from USING ERRCODE = 'RB004';
    END IF;
    state := control.restate_freeze(p_effect_id, p_run_id, 'taken over from ' || p_from, p_by);
    RETURN QUERY SELECT state.epoch, state.level, state.epoch, true;
END $$;

-- Count one change of the platform. The function needs no lock, because a change can only make
-- verifications invalid.
CREATE OR REPLACE FUNCTION control.note_change(p_what text, p_by text) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = control, pg_temp AS $$
    UPDATE control.platform_change
       SET change_no = change_no + 1, what = p_what, changed_by = p_by,
           changed_at = clock_timestamp()
    RETURNING change_no
$$;
