-- Everything that wallet_service owns. Amounts are bigint minor units; brand_id is the tenant of the cash tables.
CREATE SCHEMA wallet;

-- What every bet writes is checked by domains: PostgreSQL keeps a domain's check ready and asks it only for a column that is written,
-- while it reads and plans every CHECK of a table anew for each statement.
CREATE DOMAIN wallet.held AS bigint CONSTRAINT not_negative CHECK (VALUE >= 0);
CREATE DOMAIN wallet.player_currency AS text CONSTRAINT no_points CHECK (VALUE <> 'PTS');
CREATE DOMAIN wallet.player_status AS text CHECK (VALUE IN ('active', 'blocked'));
CREATE DOMAIN wallet.bet_state AS text CHECK (VALUE IN ('AUTHORIZED', 'SETTLED', 'ROLLED_BACK', 'TOMBSTONE'));
CREATE DOMAIN wallet.request_name AS text CHECK (length(VALUE) BETWEEN 1 AND 255);

-- Documents -----------------------------------------------------------------------------------------------------------
CREATE TABLE wallet.wallet_currency (
    code      text PRIMARY KEY,
    exponent  smallint NOT NULL CHECK (exponent BETWEEN 0 AND 8)
);
INSERT INTO wallet.wallet_currency VALUES ('KRW', 0), ('USD', 2), ('EUR', 2), ('TRY', 2), ('BTC', 8), ('PTS', 0);

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
CREATE UNIQUE INDEX wallet_topology_one_active ON wallet.wallet_topology ((true)) WHERE state = 'ACTIVE';

CREATE TABLE wallet.wallet_policy (
    policy_key       text NOT NULL,
    version          integer NOT NULL CHECK (version > 0),
    topology_code    text NOT NULL,
    topology_version integer NOT NULL,
    state            text NOT NULL DEFAULT 'DRAFT' CHECK (state IN ('DRAFT', 'ACTIVE', 'SUPERSEDED')),
    document         jsonb NOT NULL,
    saved_by         text NOT NULL,
    saved_at         timestamptz NOT NULL DEFAULT now(),
    activated_at     timestamptz,
    PRIMARY KEY (policy_key, version)
);
CREATE UNIQUE INDEX wallet_policy_one_active ON wallet.wallet_policy (policy_key) WHERE state = 'ACTIVE';

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

-- Which requests have saved a draft, and what they were answered, for good: a late repeat must not undo a newer draft.
CREATE TABLE wallet.wallet_draft_request (
    caller         text NOT NULL,
    path           text NOT NULL,
    request_id     text NOT NULL,
    payload_sha256 bytea NOT NULL,
    answer         jsonb,
    asked_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (caller, path, request_id)
);

-- The gate row: the active pair, and the fence that freezing and overtaken operators are stopped by.
CREATE TABLE wallet.wallet_gate (
    one              smallint PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    topology_code    text,
    topology_version integer,
    policy_key       text,
    policy_version   integer,
    activation_no    bigint NOT NULL DEFAULT 0,
    freeze_level     text NOT NULL DEFAULT 'open' CHECK (freeze_level IN ('open', 'ingress', 'sealed')),
    freeze_epoch     bigint NOT NULL DEFAULT 0,
    -- Up to this epoch no money command is left that saw the level before.
    settled_epoch    bigint NOT NULL DEFAULT 0,
    fence_token      bigint NOT NULL DEFAULT 0,
    restore_epoch    bigint NOT NULL DEFAULT 0
);
INSERT INTO wallet.wallet_gate DEFAULT VALUES;

-- The row that an operator's act locks until it commits, so that no newer token is raised before. It
-- is not the gate row: a long act must not keep a freeze from being raised. change_no counts changes of
-- what the platform is, whoever makes them; ordinary money does not move it.
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

-- Accounts ------------------------------------------------------------------------------------------------------------
-- The player's row is the compare-and-swap point of every money command: it serialises them and orders their events.
CREATE TABLE wallet.wallet_player (
    brand_id   uuid NOT NULL,
    player_id  uuid NOT NULL,
    currency   wallet.player_currency NOT NULL REFERENCES wallet.wallet_currency,
    status     wallet.player_status NOT NULL DEFAULT 'active',
    canary     boolean NOT NULL DEFAULT false,
    version    bigint NOT NULL DEFAULT 0,
    -- The number of the player's last event. Events are numbered without a gap, so a consumer sees
    -- that one is missing.
    event_no   bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (brand_id, player_id)
) WITH (fillfactor = 50);

CREATE TABLE wallet.wallet_bucket (
    brand_id         uuid NOT NULL,
    player_id        uuid NOT NULL,
    topology_code    text NOT NULL,
    bucket_type_code text NOT NULL,
    account          text NOT NULL GENERATED ALWAYS AS (topology_code || '/' || bucket_type_code) STORED,
    currency         text NOT NULL REFERENCES wallet.wallet_currency,
    balance          wallet.held NOT NULL DEFAULT 0,
    version          bigint NOT NULL DEFAULT 0,
    hash             bytea NOT NULL DEFAULT '',
    previous_hash    bytea NOT NULL DEFAULT '',
    PRIMARY KEY (brand_id, player_id, topology_code, bucket_type_code)
) WITH (fillfactor = 50);

CREATE TABLE wallet.wallet_coupon_grant (
    grant_id         uuid PRIMARY KEY,
    brand_id         uuid NOT NULL,
    player_id        uuid NOT NULL,
    topology_code    text NOT NULL,
    coupon_log_id    text NOT NULL,
    account          text NOT NULL GENERATED ALWAYS AS ('GRANT/' || grant_id::text) STORED,
    scope            jsonb NOT NULL,
    currency         text NOT NULL REFERENCES wallet.wallet_currency,
    amount           bigint NOT NULL CHECK (amount > 0),
    balance          wallet.held NOT NULL DEFAULT 0,
    version          bigint NOT NULL DEFAULT 0,
    hash             bytea NOT NULL DEFAULT '',
    previous_hash    bytea NOT NULL DEFAULT '',
    state            text NOT NULL DEFAULT 'ACTIVE' CHECK (state IN ('ACTIVE', 'COMPLETED', 'REVERSED', 'EXPIRED')),
    topology_version integer NOT NULL,
    policy_key       text NOT NULL,
    policy_version   integer NOT NULL,
    transaction_id   uuid NOT NULL,
    expires_at       timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    closed_at        timestamptz,
    UNIQUE (brand_id, coupon_log_id)
) WITH (fillfactor = 80);
CREATE INDEX wallet_coupon_grant_player ON wallet.wallet_coupon_grant (brand_id, player_id);

CREATE TABLE wallet.wallet_balances (
    tenant_id              uuid NOT NULL,
    player_id              uuid NOT NULL,
    currency               text NOT NULL REFERENCES wallet.wallet_currency CHECK (currency <> 'PTS'),
    balance_real_available wallet.held NOT NULL DEFAULT 0,
    balance_real_pending   wallet.held NOT NULL DEFAULT 0,
    available_version      bigint NOT NULL DEFAULT 0,
    available_hash         bytea NOT NULL DEFAULT '',
    previous_available_hash bytea NOT NULL DEFAULT '',
    pending_version        bigint NOT NULL DEFAULT 0,
    pending_hash           bytea NOT NULL DEFAULT '',
    previous_pending_hash  bytea NOT NULL DEFAULT '',
    PRIMARY KEY (tenant_id, player_id)
) WITH (fillfactor = 80);

CREATE VIEW wallet.wallet_account AS
    SELECT brand_id, player_id, account, currency, balance::bigint AS balance, version, hash FROM wallet.wallet_bucket
    UNION ALL SELECT tenant_id, player_id, 'CASH/AVAILABLE', currency, balance_real_available::bigint, available_version, available_hash FROM wallet.wallet_balances
    UNION ALL SELECT tenant_id, player_id, 'CASH/PENDING', currency, balance_real_pending::bigint, pending_version, pending_hash FROM wallet.wallet_balances
    UNION ALL SELECT brand_id, player_id, account, currency, balance::bigint AS balance, version, hash FROM wallet.wallet_coupon_grant;

-- Records -------------------------------------------------------------------------------------------------------------
CREATE TABLE wallet.wallet_ledger (
    brand_id         uuid NOT NULL,
    player_id        uuid NOT NULL,
    account          text NOT NULL,
    version          bigint NOT NULL,
    delta            bigint NOT NULL,
    balance_after    wallet.held NOT NULL,
    currency         text NOT NULL,
    command          text NOT NULL,
    request_id       text NOT NULL,
    transaction_id   uuid NOT NULL,
    topology_code    text NOT NULL,
    topology_version integer NOT NULL,
    policy_key       text NOT NULL,
    policy_version   integer NOT NULL,
    restore_epoch    bigint NOT NULL,
    -- Of the account's row before this one, so that every row can be judged by itself and a walk needs no order.
    previous_hash    bytea NOT NULL DEFAULT '',
    hash             bytea NOT NULL,
    xid              xid8 NOT NULL DEFAULT pg_current_xact_id(),
    created_at       timestamptz NOT NULL
) PARTITION BY RANGE (created_at);
-- No index by transaction: its random keys would cost every movement a page. Whoever asks knows the player, and since when.

CREATE TABLE wallet.wallet_counter_entry (
    transaction_id uuid NOT NULL,
    brand_id       uuid NOT NULL,
    player_id      uuid NOT NULL,
    currency       text NOT NULL,
    account        text NOT NULL CHECK (account IN ('PSP', 'HOUSE', 'PROMO', 'OPENING', 'ADJ', 'ISSUED', 'REDEEMED', 'EXPIRED')),
    delta          bigint NOT NULL,
    command        text NOT NULL,
    request_id     text NOT NULL,
    restore_epoch  bigint NOT NULL,
    -- Of the whole entry (wallet.entry_seal).
    seal           bytea NOT NULL DEFAULT '',
    xid            xid8 NOT NULL DEFAULT pg_current_xact_id(),
    created_at     timestamptz NOT NULL,
    -- Points have counter-accounts of their own, so that money and points are conserved apart.
    CHECK ((currency = 'PTS') = (account IN ('ISSUED', 'REDEEMED', 'EXPIRED')))
);
CREATE INDEX wallet_counter_entry_transaction ON wallet.wallet_counter_entry (transaction_id);

CREATE TABLE wallet.wallet_bet_authorization (
    authorization_id         uuid PRIMARY KEY,
    brand_id                 uuid NOT NULL,
    player_id                uuid NOT NULL,
    provider_id              text NOT NULL,
    provider_type            text NOT NULL,
    bet_id                   text NOT NULL,
    round_id                 text NOT NULL,
    currency                 text NOT NULL,
    stake                    wallet.held NOT NULL,
    payout                   wallet.held,
    state                    wallet.bet_state NOT NULL,
    funding                  jsonb NOT NULL,
    payout_shares            jsonb,
    policy_snapshot          jsonb NOT NULL,
    topology_code            text NOT NULL,
    topology_version         integer NOT NULL,
    policy_key               text NOT NULL,
    policy_version           integer NOT NULL,
    authorize_transaction_id uuid,
    close_transaction_id     uuid,
    first_close_transaction_id uuid,
    canary                   boolean NOT NULL DEFAULT false,
    -- Of what was authorized, which never changes, and of how it was closed last (wallet.opening_seal, wallet.closing_seal).
    seal                     bytea NOT NULL DEFAULT '',
    close_seal               bytea,
    created_at               timestamptz NOT NULL DEFAULT now(),
    closed_at                timestamptz,
    UNIQUE (brand_id, provider_id, bet_id)
) WITH (fillfactor = 80);
CREATE INDEX wallet_bet_authorization_open ON wallet.wallet_bet_authorization (brand_id, player_id) WHERE state = 'AUTHORIZED';

CREATE TABLE wallet.wallet_transfer (
    transfer_id      uuid PRIMARY KEY,
    brand_id         uuid NOT NULL,
    player_id        uuid NOT NULL,
    kind             text NOT NULL CHECK (kind IN ('EDGE', 'DEPOSIT', 'WITHDRAWAL', 'RELEASE', 'POINTS', 'MOVE')),
    from_account     text NOT NULL,
    to_account       text NOT NULL,
    currency         text NOT NULL,
    amount           bigint NOT NULL CHECK (amount >= 0),
    topology_code    text NOT NULL,
    topology_version integer NOT NULL,
    policy_key       text NOT NULL,
    policy_version   integer NOT NULL,
    transaction_id   uuid NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE wallet.ledger_transactions (
    transaction_id  uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    player_id       uuid NOT NULL,
    type            text NOT NULL CHECK (type IN ('deposit', 'withdrawal')),
    state           text NOT NULL,
    amount          bigint NOT NULL CHECK (amount > 0),
    currency        text NOT NULL,
    provider_ref    text,
    idempotency_key text NOT NULL,
    reviewed_by     text,
    reviewed_at     timestamptz,
    balance_after   bigint,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CHECK (CASE type WHEN 'deposit' THEN state IN ('captured')
                     ELSE state IN ('requested', 'approved', 'rejected', 'canceled', 'paid', 'payout_failed') END)
);
CREATE INDEX ledger_transactions_player ON wallet.ledger_transactions (tenant_id, player_id, created_at);

-- wallet_service's own row per active rolling obligation, for A7-8 and for the release of a bucket.
CREATE TABLE wallet.wallet_rolling_obligation (
    rolling_id       uuid PRIMARY KEY,
    brand_id         uuid NOT NULL,
    player_id        uuid NOT NULL,
    topology_code    text NOT NULL,
    bucket_type_code text NOT NULL,
    -- The coupon grant that owes; the bucket is empty then.
    grant_id         uuid REFERENCES wallet.wallet_coupon_grant,
    currency         text NOT NULL,
    -- The money that it was asked for, and that of completed rollings whose release waits for this one. Nothing but their proportion
    -- counts: what of the account is locked when it lapses. A transfer divides both.
    amount           bigint NOT NULL CHECK (amount >= 0),
    earned           bigint NOT NULL DEFAULT 0 CHECK (earned >= 0),
    -- The most that completing it releases of its account; NULL for all there is.
    cap              bigint CHECK (cap >= 0),
    -- The most turnover that it may still ask for.
    required         bigint NOT NULL CHECK (required >= 0),
    state            text NOT NULL DEFAULT 'ACTIVE' CHECK (state IN ('ACTIVE', 'COMPLETED', 'CANCELED', 'EXPIRED')),
    created_at       timestamptz NOT NULL DEFAULT now(),
    closed_at        timestamptz,
    CHECK ((grant_id IS NULL) = (bucket_type_code <> ''))
);
CREATE INDEX wallet_rolling_obligation_active ON wallet.wallet_rolling_obligation (brand_id, player_id) WHERE state = 'ACTIVE';

-- Money whose rolling ended otherwise than by its turnover: it may be played with, and only its winnings become withdrawable. Each
-- row is a change; an account's newest row says how much is locked there.
CREATE TABLE wallet.wallet_lock (
    brand_id       uuid NOT NULL,
    player_id      uuid NOT NULL,
    account        text NOT NULL,
    version        bigint NOT NULL,
    delta          bigint NOT NULL CHECK (delta <> 0),
    locked         wallet.held NOT NULL,
    command        text NOT NULL,
    transaction_id uuid NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (brand_id, player_id, account, version)
);

CREATE TABLE wallet.wallet_idempotency (
    brand_id       uuid NOT NULL,
    caller         text NOT NULL,
    route          text NOT NULL,
    request_id     wallet.request_name NOT NULL,
    fingerprint    bytea NOT NULL,
    status         smallint NOT NULL,
    body           jsonb NOT NULL,
    transaction_id uuid NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (brand_id, caller, route, request_id)
);

-- A request whose stored answer was pruned. The row is for good: a repeat never acts again.
CREATE TABLE wallet.wallet_claim (
    transaction_id uuid PRIMARY KEY
);

-- The reference of an award or a bonus, such as a campaign's. It is used once per brand and command,
-- whoever sends it and under which key.
CREATE TABLE wallet.wallet_reference (
    brand_id       uuid NOT NULL,
    command        text NOT NULL CHECK (command IN ('POINTS_AWARD', 'BONUS_ISSUE')),
    reference      text NOT NULL CHECK (reference <> ''),
    player_id      uuid NOT NULL,
    transaction_id uuid NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (brand_id, command, reference)
);

CREATE TABLE wallet.wallet_outbox (
    outbox_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id       uuid NOT NULL UNIQUE,
    partition_no   smallint NOT NULL CHECK (partition_no BETWEEN 0 AND 7),
    brand_id       uuid NOT NULL,
    player_id      uuid NOT NULL,
    player_version bigint NOT NULL,
    event_no       bigint NOT NULL CHECK (event_no > 0),
    event_type     text NOT NULL,
    schema_version integer NOT NULL DEFAULT 1,
    payload        jsonb NOT NULL,
    occurred_at    timestamptz NOT NULL,
    restore_epoch  bigint NOT NULL,
    published_at   timestamptz,
    attempts       integer NOT NULL DEFAULT 0,
    -- The event's place in the order of publishing of its partition, its entry in the stream, and
    -- how often it was lost there and had to be sent again.
    publication_no bigint,
    entry_id       text,
    resends        integer NOT NULL DEFAULT 0
) WITH (fillfactor = 80);
CREATE INDEX wallet_outbox_unpublished ON wallet.wallet_outbox (partition_no, outbox_id) WHERE published_at IS NULL;
CREATE INDEX wallet_outbox_publication ON wallet.wallet_outbox (partition_no, publication_no)
    WHERE publication_no IS NOT NULL;

CREATE TABLE wallet.wallet_outbox_partition (
    partition_no smallint PRIMARY KEY,
    last_served  timestamptz NOT NULL DEFAULT now(),
    -- The last publication number given, and the one up to which every consumer has every event.
    published_no bigint NOT NULL DEFAULT 0,
    applied_no   bigint NOT NULL DEFAULT 0,
    -- When outbox, stream and consumers were compared last, and how many events were missing then.
    compared_at  timestamptz,
    missing      bigint NOT NULL DEFAULT 0
);
INSERT INTO wallet.wallet_outbox_partition (partition_no) SELECT generate_series(0, 7);

-- What the rules refused and a person has to look at, once per subject: such as a settled bet whose winnings are gone.
CREATE TABLE wallet.wallet_finding (
    finding_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind       text NOT NULL,
    subject    text NOT NULL,
    brand_id   uuid NOT NULL,
    player_id  uuid NOT NULL,
    details    jsonb NOT NULL,
    status     text NOT NULL DEFAULT 'OPEN' CHECK (status IN ('OPEN', 'RESOLVED')),
    request_id text NOT NULL,
    found_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (kind, subject)
);

CREATE TABLE wallet.wallet_reconciliation (
    cycle_id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at          timestamptz NOT NULL,
    finished_at         timestamptz NOT NULL,
    mode                text NOT NULL CHECK (mode IN ('incremental', 'rotation', 'full', 'hashes')),
    drift_buckets       bigint NOT NULL,
    conservation_breaks bigint NOT NULL,
    samples             jsonb NOT NULL,
    forced_by           text NOT NULL
);
