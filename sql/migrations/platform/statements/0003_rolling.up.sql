-- Wagering requirements: their records, what they consumed of the wallet's stream, and what they
-- publish.
CREATE SCHEMA rolling;

-- RS-10: a brand's own rules; a column that is NULL, or a brand without a row, takes the default of
-- rolling/domain.py.
CREATE TABLE rolling.brand_config (
    brand_id             uuid PRIMARY KEY,
    completion_ratio_bps integer CHECK (completion_ratio_bps BETWEEN 0 AND 1000000),
    expires_after        interval CHECK (expires_after > interval '0'),
    cancel_allowed       boolean,
    updated_at           timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE rolling.player_rolling (
    rolling_id        uuid PRIMARY KEY,
    brand_id          uuid NOT NULL,
    player_id         uuid NOT NULL,
    topology_code     text NOT NULL,
    bucket_type_code  text NOT NULL,
    provider_types    text[] NOT NULL CHECK (cardinality(provider_types) > 0),
    currency          text NOT NULL,
    amount            bigint NOT NULL CHECK (amount >= 0),
    multiplier        numeric NOT NULL CHECK (multiplier >= 0),
    required_turnover bigint NOT NULL CHECK (required_turnover >= 0),
    -- What has to be turned over here: the required turnover times the brand's completion ratio,
    -- rounded up.
    target_turnover   bigint NOT NULL CHECK (target_turnover >= 0),
    turnover          bigint NOT NULL DEFAULT 0 CHECK (turnover BETWEEN 0 AND target_turnover),
    state             text NOT NULL CHECK (state IN ('ACTIVE', 'COMPLETING', 'FAILED_COMPLETION',
                                                     'COMPLETED', 'CANCELED', 'EXPIRED')),
    reference_id      text NOT NULL,
    reason            text NOT NULL,
    remarks           text NOT NULL DEFAULT '',
    coupon_log_id     uuid,
    event_id          uuid NOT NULL,
    restore_epoch     bigint NOT NULL,
    revision          bigint NOT NULL DEFAULT 1,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL DEFAULT now(),
    expires_at        timestamptz,
    closed_at         timestamptz,
    closed_by         text
);
CREATE INDEX player_rolling_player ON rolling.player_rolling (player_id, brand_id, created_at);
CREATE INDEX player_rolling_expiry ON rolling.player_rolling (expires_at)
    WHERE state = 'ACTIVE' AND expires_at IS NOT NULL;

-- What one bet counted toward one rolling, so that its rollback takes exactly that back.
CREATE TABLE rolling.rolling_turnover (
    rolling_id        uuid NOT NULL REFERENCES rolling.player_rolling,
    authorization_id  text NOT NULL,
    bet_id            text NOT NULL,
    brand_id          uuid NOT NULL,
    player_id         uuid NOT NULL,
    amount            bigint NOT NULL CHECK (amount > 0),
    event_id          uuid NOT NULL,
    counted_at        timestamptz NOT NULL DEFAULT now(),
    reversed_event_id uuid,
    reversed_at       timestamptz,
    PRIMARY KEY (authorization_id, rolling_id)
);
CREATE INDEX rolling_turnover_rolling ON rolling.rolling_turnover (rolling_id);

-- One row per rolling whose end the wallet has not confirmed yet: it is to complete, or was
-- canceled, or has lapsed.
CREATE TABLE rolling.rolling_retry (
    rolling_id    uuid PRIMARY KEY REFERENCES rolling.player_rolling,
    brand_id      uuid NOT NULL,
    player_id     uuid NOT NULL,
    attempts      integer NOT NULL DEFAULT 0,
    failures      integer NOT NULL DEFAULT 0,
    -- How many answers were refusals: the wallet repeats a stored refusal for its request id, so
    -- the next try needs another.
    refusals      integer NOT NULL DEFAULT 0,
    next_at       timestamptz NOT NULL DEFAULT now(),
    last_error    text,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX rolling_retry_due ON rolling.rolling_retry (next_at);

CREATE TABLE rolling.rolling_finding (
    finding_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rolling_id       uuid NOT NULL REFERENCES rolling.player_rolling,
    brand_id         uuid NOT NULL,
    player_id        uuid NOT NULL,
    kind             text NOT NULL,
    amount           bigint NOT NULL,
    authorization_id text NOT NULL,
    event_id         uuid NOT NULL,
    status           text NOT NULL DEFAULT 'OPEN' CHECK (status IN ('OPEN', 'RESOLVED')),
    found_at         timestamptz NOT NULL DEFAULT now(),
    UNIQUE (rolling_id, event_id)
);

-- The claim of an event: the transaction that inserts the row applies the event.
CREATE TABLE rolling.rolling_inbox (
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
CREATE INDEX rolling_inbox_age ON rolling.rolling_inbox USING brin (received_at);

-- How far a player's events are applied, or discarded: up to this number, all of them. The next one
-- is applied, a later one waits.
CREATE TABLE rolling.rolling_position (
    brand_id  uuid NOT NULL,
    player_id uuid NOT NULL,
    event_no  bigint NOT NULL CHECK (event_no > 0),
    PRIMARY KEY (brand_id, player_id)
) WITH (fillfactor = 80);

CREATE TABLE rolling.rolling_event_failure (
    event_id   uuid PRIMARY KEY,
    brand_id   uuid NOT NULL,
    player_id  uuid NOT NULL,
    tries      integer NOT NULL,
    last_error text NOT NULL,
    last_at    timestamptz NOT NULL DEFAULT now()
);

-- Events set aside. An unresolved row holds up its player: later events of that player come here
-- too, in order. An entry that is not a well-formed event keeps its text, ids that could not be
-- read are NULL, and it holds nobody up: the event that it should have been is still missing, and
-- is sent again.
CREATE TABLE rolling.rolling_dead_letter (
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
CREATE UNIQUE INDEX rolling_dead_letter_event ON rolling.rolling_dead_letter (event_id)
    WHERE reason <> 'MALFORMED';
CREATE INDEX rolling_dead_letter_open ON rolling.rolling_dead_letter (player_id)
    WHERE resolved_at IS NULL;

-- The live copies of rolling_worker, and which of them consumes a partition.
CREATE TABLE rolling.rolling_consumer (
    holder  text PRIMARY KEY,
    seen_at timestamptz NOT NULL
);

CREATE TABLE rolling.rolling_partition (
    partition_no smallint PRIMARY KEY,
    holder       text,
    expires_at   timestamptz NOT NULL DEFAULT 'epoch'
);
INSERT INTO rolling.rolling_partition (partition_no) SELECT generate_series(0, 7);

CREATE TABLE rolling.rolling_outbox (
    outbox_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id       uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    partition_no   smallint NOT NULL DEFAULT 0 CHECK (partition_no = 0),
    brand_id       uuid NOT NULL,
    player_id      uuid NOT NULL,
    player_version bigint NOT NULL,
    event_type     text NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    payload        jsonb NOT NULL,
    occurred_at    timestamptz NOT NULL DEFAULT now(),
    restore_epoch  bigint NOT NULL,
    published_at   timestamptz,
    attempts       integer NOT NULL DEFAULT 0
) WITH (fillfactor = 80);
CREATE INDEX rolling_outbox_unpublished ON rolling.rolling_outbox (partition_no, outbox_id)
    WHERE published_at IS NULL;

CREATE TABLE rolling.rolling_outbox_partition (
    partition_no smallint PRIMARY KEY,
    last_served  timestamptz NOT NULL DEFAULT 'epoch'
);
INSERT INTO rolling.rolling_outbox_partition (partition_no) VALUES (0);
ALTER TABLE rolling.player_rolling ADD COLUMN seal jsonb;
ALTER TABLE rolling.rolling_turnover ADD COLUMN seal jsonb;
CREATE INDEX player_rolling_since ON rolling.player_rolling USING brin (created_at, updated_at);
CREATE INDEX rolling_turnover_since ON rolling.rolling_turnover USING brin (counted_at);
