-- Everything that wallet_service owns. Amounts are bigint minor units; brand_id is the tenant of
-- the cash tables.
CREATE SCHEMA wallet;

-- Domains check the columns that every bet writes. PostgreSQL keeps a domain's check ready and asks
-- it only for a column that is written; it reads and plans every CHECK of a table anew for each
-- statement.
CREATE DOMAIN wallet.held AS bigint CONSTRAINT not_negative CHECK (VALUE >= 0);
CREATE DOMAIN wallet.player_currency AS text CONSTRAINT no_points CHECK (VALUE <> 'PTS');
CREATE DOMAIN wallet.player_status AS text CHECK (VALUE IN ('active', 'blocked'));
CREATE DOMAIN wallet.bet_state AS text CHECK (VALUE IN ('AUTHORIZED', 'SETTLED', 'ROLLED_BACK',
                                                        'TOMBSTONE'));
CREATE DOMAIN wallet.request_name AS text CHECK (length(VALUE) BETWEEN 1 AND 255);

-- Documents ---------------------------------------------------------------------------------------
CREATE TABLE wallet.wallet_currency (
    code      text PRIMARY KEY,
    exponent  smallint NOT NULL CHECK (exponent BETWEEN 0 AND 8)
);
INSERT INTO wallet.wallet_currency VALUES ('KRW', 0), ('USD', 2), ('EUR', 2), ('TRY', 2),
    ('BTC', 8), ('PTS', 0);

CREATE TABLE wallet.wallet_topology (
    code         text NOT NULL,
    version      integer NOT NULL CHECK (version > 0),
    state        text NOT NULL DEFAULT 'DRAFT' CHECK (state IN ('DRAFT', 'ACTIVE', 'SUPERSEDED')),
    document     jsonb NOT NULL,
    saved_by     text NOT NULL,
    saved_at     timestamptz NOT NULL DEFAULT now(),
    activated_at timestamptz,
    PRIMARY KEY (code, version)
);
CREATE UNIQUE INDEX wallet_topology_one_active ON wallet.wallet_topology ((true))
    WHERE state = 'ACTIVE';

CREATE TABLE wallet.wallet_policy (
    policy_key       text NOT NULL,
    version          integer NOT NULL CHECK (version > 0),
    topology_code    text NOT NULL,
    topology_version integer NOT NULL,
    state            text NOT NULL DEFAULT 'DRAFT' CHECK (state IN ('DRAFT', 'ACTIVE',
            'SUPERSEDED')),
    document         jsonb NOT NULL,
    saved_by         text NOT NULL,
    saved_at         timestamptz NOT NULL DEFAULT now(),
    activated_at     timestamptz,
    PRIMARY KEY (policy_key, version)
);
CREATE UNIQUE INDEX wallet_policy_one_active ON wallet.wallet_policy (policy_key)
    WHERE state = 'ACTIVE';

CREATE TABLE wallet.wallet_activation (
    activation_no         bigint PRIMARY KEY,
    topology_code         text NOT NULL,
    topology_version      integer NOT NULL,
    policy_key            text NOT NULL,
    policy_version        integer NOT NULL,
    from_topology_code    text,
    from_topology_version integer,
    from_policy_version   integer,
    caller                text NOT NULL,
    request_id            text NOT NULL,
    activated_at          timestamptz NOT NULL DEFAULT now(),
    UNIQUE (caller, request_id)
);

-- Which requests have saved a draft, and what they were answered, for good: a late repeat must not
-- undo a newer draft.
CREATE TABLE wallet.wallet_draft_request (
    caller         text NOT NULL,
    path           text NOT NULL,
    request_id     text NOT NULL,
    payload_sha256 bytea NOT NULL,
    answer         jsonb,
    asked_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (caller, path, request_id)
);

-- The gate row: the active pair, and the fence that freezing and overtaken operators are stopped
-- by.
CREATE TABLE wallet.wallet_gate (
    one              smallint PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    topology_code    text,
    topology_version integer,
    policy_key       text,
    policy_version   integer,
    activation_no    bigint NOT NULL DEFAULT 0,
    freeze_level     text NOT NULL DEFAULT 'open' CHECK (freeze_level IN ('open', 'ingress',
            'sealed')),
    freeze_epoch     bigint NOT NULL DEFAULT 0,
    -- Up to this epoch no money command is left that saw the level before.
    settled_epoch    bigint NOT NULL DEFAULT 0,
    fence_token      bigint NOT NULL DEFAULT 0,
    restore_epoch    bigint NOT NULL DEFAULT 0
);
INSERT INTO wallet.wallet_gate DEFAULT VALUES;

-- The row that an operator's act locks until it commits, so that no newer token is raised before.
-- It is not the gate row: a long act must not keep a freeze from being raised. change_no counts all
-- changes of what the platform is; ordinary money does not move it.
CREATE TABLE wallet.wallet_fence (
    one       smallint PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    change_no bigint NOT NULL DEFAULT 0
);
INSERT INTO wallet.wallet_fence DEFAULT VALUES;

CREATE TABLE wallet.wallet_canary_pass (
    token_hash   bytea PRIMARY KEY,
    run_id       text NOT NULL,
    fence_token  bigint NOT NULL,
    brand_id     uuid NOT NULL,
    player_id    uuid NOT NULL,
    expires_at   timestamptz NOT NULL
);
