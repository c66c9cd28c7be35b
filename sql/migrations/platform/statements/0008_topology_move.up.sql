-- A topology move leads everything that players hold to the buckets of another topology, in
-- batches, and back from its own records.

-- A run and how far it is. An undo has the codes of the run that it undoes.
CREATE TABLE wallet.topology_move_run (
    run_id       text PRIMARY KEY,
    undoes       text UNIQUE REFERENCES wallet.topology_move_run,
    from_code    text NOT NULL,
    from_version integer NOT NULL,
    to_code      text NOT NULL,
    to_version   integer NOT NULL,
    buckets      jsonb NOT NULL,
    document     jsonb NOT NULL,
    -- sha256 over the document as jsonb writes it: what the signed data-migration plan names, and a
    -- person confirmed.
    digest       text NOT NULL,
    confirmed_by text NOT NULL,
    upper_brand  uuid,
    upper_player uuid,
    last_brand   uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    last_player  uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    scanned      bigint NOT NULL DEFAULT 0,
    players      bigint NOT NULL DEFAULT 0,
    legs         bigint NOT NULL DEFAULT 0,
    referring    bigint NOT NULL DEFAULT 0,
    started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at  timestamptz,
    CHECK (from_code <> to_code)
);

-- What was moved, and the versions that the two accounts had right after it: while they still have
-- them, nothing happened since.
CREATE TABLE wallet.topology_move_leg (
    run_id         text NOT NULL REFERENCES wallet.topology_move_run,
    brand_id       uuid NOT NULL,
    player_id      uuid NOT NULL,
    from_bucket    text NOT NULL,
    to_bucket      text NOT NULL,
    currency       text NOT NULL,
    amount         bigint NOT NULL CHECK (amount > 0),
    -- How much of it was locked.
    locked         bigint NOT NULL CHECK (locked BETWEEN 0 AND amount),
    from_version   bigint NOT NULL,
    to_version     bigint NOT NULL,
    transaction_id uuid NOT NULL,
    PRIMARY KEY (run_id, brand_id, player_id, from_bucket)
);

-- Grants, bonuses and rolling obligations that were led to the other topology, each as it was and
-- as it became.
CREATE TABLE wallet.topology_move_reference (
    run_id     text NOT NULL REFERENCES wallet.topology_move_run,
    kind       text NOT NULL CHECK (kind IN ('grant', 'bonus', 'rolling')),
    id         uuid NOT NULL,
    brand_id   uuid NOT NULL,
    player_id  uuid NOT NULL,
    was        jsonb NOT NULL,
    became     jsonb NOT NULL,
    -- Of a rolling: what rolling_service's own record said.
    record_was jsonb,
    PRIMARY KEY (run_id, kind, id)
);
CREATE INDEX topology_move_reference_player
    ON wallet.topology_move_reference (run_id, brand_id, player_id);
