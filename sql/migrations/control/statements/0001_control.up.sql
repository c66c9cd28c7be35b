-- The operators' own memory: freeze state, copies, run lock, journal heads, verifications. Never
-- part of a snapshot.
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

DO $$
DECLARE
    name text;
BEGIN
    EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', current_database());
    FOREACH name IN ARRAY ARRAY['gateway', 'wallet_service', 'wallet_worker', 'rolling_service',
                                'rolling_worker', 'game_service',
                                'player_service', 'admin_service', 'rubyops_ops',
                                'rubyops_read'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', name);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), name);
    END LOOP;
END $$;

-- A process says of its own copies alone that they live, and which freeze they have seen.
ALTER TABLE control.service_copy ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen_by_all ON control.service_copy FOR SELECT USING (true);
CREATE POLICY own_new_copies ON control.service_copy FOR INSERT WITH CHECK (process = current_user);
CREATE POLICY own_copies ON control.service_copy FOR UPDATE
    USING (process = current_user) WITH CHECK (process = current_user);
CREATE POLICY operators ON control.service_copy TO rubyops_ops USING (true) WITH CHECK (true);
