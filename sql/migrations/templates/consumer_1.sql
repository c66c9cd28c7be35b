-- The schema, roles and tables of a consumer; a revision that makes a consumer fills in the names
-- (`sql.migrations.apply.run_template`). The schema of the publisher must exist. The function and
-- the rights of a consumer are definitions (sql/definitions/platform/consumer).
CREATE SCHEMA {consumer};
DO $$
DECLARE
    name text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{consumer}_owner') THEN
        CREATE ROLE {consumer}_owner NOLOGIN;
    END IF;
    FOREACH name IN ARRAY ARRAY['{worker}', '{service}'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', name);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), name);
        -- A role that has bounds of its own keeps them.
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = name AND rolconfig IS NULL) THEN
            EXECUTE format('ALTER ROLE %I SET lock_timeout = %L', name, '2s');
            EXECUTE format('ALTER ROLE %I SET statement_timeout = %L', name, '10s');
            EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L',
                           name, '30s');
        END IF;
    END LOOP;
END $$;

-- The claim of an event: the transaction that inserts the row applies the event.
CREATE TABLE {consumer}.{consumer}_inbox (
    event_id       uuid PRIMARY KEY,
    event_type     text NOT NULL,
    brand_id       uuid NOT NULL,
    player_id      uuid NOT NULL,
    player_version bigint NOT NULL,
    schema_version integer NOT NULL,
    restore_epoch  bigint NOT NULL,
    occurred_at    timestamptz NOT NULL,
    stream         text NOT NULL,
    entry_id       text NOT NULL,
    received_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX {consumer}_inbox_age ON {consumer}.{consumer}_inbox USING brin (received_at);

-- How far a player's events are applied, or discarded: up to this number, all of them. The next one
-- is applied, a later one waits.
CREATE TABLE {consumer}.{consumer}_position (
    brand_id  uuid NOT NULL,
    player_id uuid NOT NULL,
    event_no  bigint NOT NULL CHECK (event_no > 0),
    PRIMARY KEY (brand_id, player_id)
) WITH (fillfactor = 80);
-- A consumer begins with what is committed after its tables: older events may be pruned already,
-- and a gap would block their players for good.
INSERT INTO {consumer}.{consumer}_position (brand_id, player_id, event_no)
SELECT brand_id, player_id, event_no FROM {publisher}.{publisher}_player WHERE event_no > 0;

CREATE TABLE {consumer}.{consumer}_event_failure (
    event_id   uuid PRIMARY KEY,
    brand_id   uuid NOT NULL,
    player_id  uuid NOT NULL,
    tries      integer NOT NULL,
    last_error text NOT NULL,
    last_at    timestamptz NOT NULL DEFAULT now()
);

-- Dead letters. An open row blocks its player: later events of that player come here too, in order.
-- An entry that is not a well-formed event keeps its text, ids that could not be read are NULL, and
-- it blocks nobody: the event that it should have been is still missing, and is sent again.
CREATE TABLE {consumer}.{consumer}_dead_letter (
    dead_letter_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream         text NOT NULL,
    entry_id       text NOT NULL,
    event_id       uuid,
    event_no       bigint,
    event_type     text,
    brand_id       uuid,
    player_id      uuid,
    fields         jsonb NOT NULL,
    reason         text NOT NULL CHECK (reason IN ('MALFORMED', 'FAILED', 'HELD_UP')),
    error          text NOT NULL,
    tries          integer NOT NULL,
    set_aside_at   timestamptz NOT NULL DEFAULT now(),
    replay_requested_at timestamptz,
    replay_requested_by text,
    -- A discard takes two persons, by name and key: the event is never applied, and the player's
    -- next one goes on.
    discard_reason        text,
    discard_requested_by  text,
    discard_requested_key text,
    discard_requested_at  timestamptz,
    discard_confirmed_by  text,
    discard_confirmed_key text,
    discard_confirmed_at  timestamptz,
    resolved_at    timestamptz,
    UNIQUE (stream, entry_id),
    CHECK (reason = 'MALFORMED' OR num_nulls(event_id, brand_id, player_id, event_no) = 0),
    CHECK (num_nulls(discard_reason, discard_requested_by, discard_requested_key,
                     discard_requested_at) IN (0, 4)),
    CHECK (num_nulls(discard_confirmed_by, discard_confirmed_key, discard_confirmed_at) IN (0, 3)),
    CHECK (discard_confirmed_by IS NULL
           OR (discard_confirmed_by <> discard_requested_by
               AND discard_confirmed_key <> discard_requested_key) IS TRUE)
);
CREATE UNIQUE INDEX {consumer}_dead_letter_event ON {consumer}.{consumer}_dead_letter (event_id)
    WHERE reason <> 'MALFORMED';
CREATE INDEX {consumer}_dead_letter_open ON {consumer}.{consumer}_dead_letter (player_id)
    WHERE resolved_at IS NULL;

-- The live copies of the consumer, and which of them consumes a partition.
CREATE TABLE {consumer}.{consumer}_consumer (
    holder  text PRIMARY KEY,
    seen_at timestamptz NOT NULL
);
CREATE TABLE {consumer}.{consumer}_partition (
    partition_no smallint PRIMARY KEY,
    holder       text,
    expires_at   timestamptz NOT NULL DEFAULT 'epoch'
);
INSERT INTO {consumer}.{consumer}_partition (partition_no) SELECT generate_series(0, 7);
