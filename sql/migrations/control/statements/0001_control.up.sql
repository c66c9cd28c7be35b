-- The operators' own memory: freeze state, copies, run lock, journal heads, verifications. Never part of a snapshot.
CREATE SCHEMA control;
REVOKE ALL ON SCHEMA public FROM PUBLIC;

-- The wanted level: the strictest of the layers below. The epoch moves with every change of them.
CREATE TABLE control.freeze_state (
    one           smallint PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    level         text NOT NULL DEFAULT 'open' CHECK (level IN ('open', 'ingress', 'sealed')),
    epoch         bigint NOT NULL DEFAULT 0,
    reason        text NOT NULL DEFAULT '',
    changed_by    text NOT NULL DEFAULT '',
    run_id        text NOT NULL DEFAULT '',
    changed_at    timestamptz NOT NULL DEFAULT now(),
    deadline      timestamptz
);
INSERT INTO control.freeze_state DEFAULT VALUES;

-- A freeze belongs to the run or the person who set it; each has a layer of its own. `owner` is
-- `run:<id>` or `person:<name>`; a run that took a layer over is named beside it.
CREATE TABLE control.freeze_layer (
    run_id        text PRIMARY KEY,
    owner         text NOT NULL,
    level         text NOT NULL CHECK (level IN ('ingress', 'sealed')),
    reason        text NOT NULL,
    set_by        text NOT NULL,
    set_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    taken_over_by text
);

CREATE TABLE control.freeze_history (
    effect_id     text PRIMARY KEY,
    level         text NOT NULL,
    epoch         bigint NOT NULL,
    reason        text NOT NULL,
    changed_by    text NOT NULL,
    run_id        text NOT NULL,
    changed_at    timestamptz NOT NULL DEFAULT now()
);

-- Counts every change of what the platform is, so that a verification stands for one state of it.
CREATE TABLE control.platform_change (
    one           smallint PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    change_no     bigint NOT NULL DEFAULT 0,
    what          text NOT NULL DEFAULT '',
    changed_by    text NOT NULL DEFAULT '',
    changed_at    timestamptz NOT NULL DEFAULT now()
);
INSERT INTO control.platform_change DEFAULT VALUES;

CREATE TABLE control.service_copy (
    process            text NOT NULL,
    copy               integer NOT NULL,
    url                text NOT NULL,
    version            text NOT NULL,
    pid                integer NOT NULL,
    started_at         timestamptz NOT NULL DEFAULT now(),
    heartbeat_at       timestamptz NOT NULL DEFAULT now(),
    acknowledged_epoch bigint NOT NULL DEFAULT -1,
    ready              boolean NOT NULL DEFAULT false,
    detail             jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (process, copy)
);

CREATE TABLE control.run_lock (
    one           smallint PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    run_id        text NOT NULL,
    holder        jsonb NOT NULL,
    token         bigint NOT NULL,
    acquired_at   timestamptz NOT NULL DEFAULT now(),
    heartbeat_at  timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL
);
CREATE SEQUENCE control.fencing_token;

-- Every taking of the run lock: which run, of which commit, and which results it would record.
-- Recorded results are ordered by this token, never by an operator's clock, and a run that stands
-- here counts as under way until its journal, which lies beside the operator, says how it ended.
CREATE TABLE control.lock_history (
    token    bigint PRIMARY KEY,
    run_id   text NOT NULL,
    commit   text NOT NULL,
    proves   text[] NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE control.journal_head (
    run_id        text PRIMARY KEY,
    sequence      bigint NOT NULL,
    hash          text NOT NULL,
    updated_at    timestamptz NOT NULL DEFAULT now()
);

-- A part of a verification: begun on a state of the platform, passed when that state still stood at
-- its end. A row without `passed_at` failed, or was given up.
CREATE TABLE control.verification (
    effect_id     text PRIMARY KEY,
    run_id        text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('health', 'smoke', 'reconciliation', 'canary')),
    state         jsonb NOT NULL,
    begun_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    passed_at     timestamptz
);
CREATE INDEX verification_newest ON control.verification (kind, begun_at DESC);

CREATE FUNCTION control.strictness(p_level text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT array_position(ARRAY['open', 'ingress', 'sealed'], p_level)
$$;

-- Refuse an overtaken token; the row stays locked until the act has committed.
CREATE FUNCTION control.hold_lock(p_run_id text, p_token bigint) RETURNS void
LANGUAGE plpgsql SET search_path = control, pg_temp AS $$
BEGIN
    PERFORM 1 FROM control.run_lock l WHERE l.token = p_token AND l.run_id = p_run_id FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % does not hold the lock under token %', p_run_id, p_token
            USING ERRCODE = 'RB001';
    END IF;
END $$;

-- Bring the state to the strictest layer under a new epoch, and keep the change in the history.
CREATE FUNCTION control.restate_freeze(p_effect_id text, p_run_id text, p_reason text, p_by text)
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

-- Refuse an act that was decided on another freeze than today's. NULL: the caller knows none.
CREATE FUNCTION control.hold_epoch(p_known bigint, p_state control.freeze_state) RETURNS void
LANGUAGE plpgsql SET search_path = control, pg_temp AS $$
BEGIN
    IF p_known <> p_state.epoch THEN
        RAISE EXCEPTION '% changed the freeze to % in run % (epoch %, and this run knows epoch %)',
            p_state.changed_by, p_state.level, p_state.run_id, p_state.epoch, p_known
            USING ERRCODE = 'RB005';
    END IF;
END $$;

-- Raise the freeze by a layer of this run. It needs no lock: the brake works while a run holds it.
-- Each run has a layer of its own, also beside another one of the same person. A repeat changes
-- nothing; `epoch` is that of the first call and `present` that of today.
CREATE FUNCTION control.raise_freeze(p_effect_id text, p_run_id text, p_owner text, p_level text,
                                     p_reason text, p_by text, p_known bigint DEFAULT NULL)
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

-- Lift the layers of this run, those that it took over or takes over with `p_take_over`, and with
-- `p_owner` those of a person. Layers of others stay. RB004 when none is its own while others are
-- there. `p_change_no` is the platform's change that was verified, and must still be the newest;
-- NULL: nothing was verified, because no level is wanted.
CREATE FUNCTION control.lift_freeze(p_effect_id text, p_run_id text, p_token bigint, p_owner text,
                                    p_reason text, p_by text, p_take_over text, p_known bigint,
                                    p_change_no bigint)
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

-- Take over the layers of a run that has ended or died, so that the run in charge may lift them.
CREATE FUNCTION control.take_over_freeze(p_effect_id text, p_run_id text, p_token bigint,
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

-- Count a change of the platform. Anybody who changes it may say so: it only takes proofs away.
CREATE FUNCTION control.note_change(p_what text, p_by text) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = control, pg_temp AS $$
    UPDATE control.platform_change
       SET change_no = change_no + 1, what = p_what, changed_by = p_by, changed_at = clock_timestamp()
    RETURNING change_no
$$;

DO $$
DECLARE
    name text;
BEGIN
    EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', current_database());
    FOREACH name IN ARRAY ARRAY['gateway', 'wallet_service', 'wallet_worker', 'rolling_service', 'rolling_worker', 'game_service',
                                'player_service', 'admin_service', 'rubyops_ops', 'rubyops_read'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', name);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), name);
        EXECUTE format('GRANT USAGE ON SCHEMA control TO %I', name);
        IF name NOT LIKE 'rubyops%' THEN
            EXECUTE format('GRANT SELECT ON control.freeze_state TO %I', name);
            EXECUTE format('GRANT SELECT, INSERT, UPDATE ON control.service_copy TO %I', name);
        END IF;
    END LOOP;
END $$;
-- A process says of its own copies alone that they live, and which freeze they have seen.
ALTER TABLE control.service_copy ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen_by_all ON control.service_copy FOR SELECT USING (true);
CREATE POLICY own_new_copies ON control.service_copy FOR INSERT WITH CHECK (process = current_user);
CREATE POLICY own_copies ON control.service_copy FOR UPDATE USING (process = current_user) WITH CHECK (process = current_user);
CREATE POLICY operators ON control.service_copy TO rubyops_ops USING (true) WITH CHECK (true);
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA control FROM PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA control TO rubyops_read, rubyops_ops;
GRANT INSERT, UPDATE, DELETE ON control.run_lock, control.journal_head, control.verification,
    control.service_copy TO rubyops_ops;
GRANT INSERT ON control.lock_history TO rubyops_ops;
GRANT USAGE ON SEQUENCE control.fencing_token TO rubyops_ops;
GRANT EXECUTE ON FUNCTION control.raise_freeze(text, text, text, text, text, text, bigint),
    control.lift_freeze(text, text, bigint, text, text, text, text, bigint, bigint),
    control.take_over_freeze(text, text, bigint, text, text, bigint),
    control.note_change(text, text), control.hold_lock(text, bigint) TO rubyops_ops;
