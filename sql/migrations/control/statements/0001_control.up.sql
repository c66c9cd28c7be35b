-- The operators' own memory: freeze state, copies, run lock, journal heads, verifications. Never part of a snapshot.
CREATE SCHEMA control;
REVOKE ALL ON SCHEMA public FROM PUBLIC;

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

CREATE TABLE control.freeze_history (
    effect_id     text PRIMARY KEY,
    level         text NOT NULL,
    epoch         bigint NOT NULL,
    reason        text NOT NULL,
    changed_by    text NOT NULL,
    run_id        text NOT NULL,
    changed_at    timestamptz NOT NULL DEFAULT now()
);

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

CREATE TABLE control.journal_head (
    run_id        text PRIMARY KEY,
    sequence      bigint NOT NULL,
    hash          text NOT NULL,
    updated_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE control.verification (
    freeze_epoch  bigint NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('health', 'smoke', 'reconciliation', 'canary')),
    run_id        text NOT NULL,
    effect_id     text NOT NULL,
    passed_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (freeze_epoch, kind)
);

-- Change the freeze level once per effect; a repeat answers what the first call did. Refuses an overtaken token.
CREATE FUNCTION control.set_freeze(p_effect_id text, p_run_id text, p_token bigint, p_level text, p_reason text, p_by text)
RETURNS TABLE (epoch bigint, applied boolean) LANGUAGE plpgsql SECURITY DEFINER SET search_path = control, pg_temp AS $$
DECLARE
    state control.freeze_state;
    done  bigint;
BEGIN
    SELECT * INTO state FROM control.freeze_state FOR UPDATE;
    SELECT h.epoch INTO done FROM control.freeze_history h WHERE h.effect_id = p_effect_id;
    IF FOUND THEN
        RETURN QUERY SELECT done, false;
        RETURN;
    END IF;
    PERFORM 1 FROM control.run_lock l WHERE l.token = p_token AND l.run_id = p_run_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'run % does not hold the lock under token %', p_run_id, p_token USING ERRCODE = 'RB001';
    END IF;
    UPDATE control.freeze_state s
       SET level = p_level, epoch = s.epoch + 1, reason = p_reason, changed_by = p_by, run_id = p_run_id,
           changed_at = clock_timestamp(),
           deadline = CASE WHEN p_level = 'open' THEN NULL ELSE clock_timestamp() + interval '30 minutes' END;
    INSERT INTO control.freeze_history (effect_id, level, epoch, reason, changed_by, run_id)
    VALUES (p_effect_id, p_level, state.epoch + 1, p_reason, p_by, p_run_id);
    RETURN QUERY SELECT state.epoch + 1, true;
END $$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['control_service', 'rubyops_ops', 'rubyops_read'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', name);
        END IF;
        EXECUTE format('GRANT USAGE ON SCHEMA control TO %I', name);
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION control.set_freeze(text, text, bigint, text, text, text) FROM PUBLIC;
GRANT SELECT ON control.freeze_state TO control_service;
GRANT SELECT, INSERT, UPDATE ON control.service_copy TO control_service;
GRANT SELECT ON ALL TABLES IN SCHEMA control TO rubyops_read, rubyops_ops;
GRANT INSERT, UPDATE, DELETE ON control.run_lock, control.journal_head, control.verification, control.service_copy TO rubyops_ops;
GRANT USAGE ON SEQUENCE control.fencing_token TO rubyops_ops;
GRANT EXECUTE ON FUNCTION control.set_freeze(text, text, bigint, text, text, text) TO rubyops_ops;
