-- Records of what was done.

-- Records -----------------------------------------------------------------------------------------
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
    -- Of the account's row before this one, so that every row can be judged by itself and a walk
    -- needs no order.
    previous_hash    bytea NOT NULL DEFAULT '',
    hash             bytea NOT NULL,
    xid              xid8 NOT NULL DEFAULT pg_current_xact_id(),
    created_at       timestamptz NOT NULL
) PARTITION BY RANGE (created_at);
-- No index by transaction: its random keys would cost every movement a page. A query by transaction
-- names the player and the time as well.

CREATE TABLE wallet.wallet_counter_entry (
    transaction_id uuid NOT NULL,
    brand_id       uuid NOT NULL,
    player_id      uuid NOT NULL,
    currency       text NOT NULL,
    account        text NOT NULL CHECK (account IN ('PSP', 'HOUSE', 'PROMO', 'OPENING', 'ADJ',
                                                    'ISSUED', 'REDEEMED', 'EXPIRED')),
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
    -- Of what was authorized, which never changes, and of how it was closed last
    -- (wallet.opening_seal, wallet.closing_seal).
    seal                     bytea NOT NULL DEFAULT '',
    close_seal               bytea,
    created_at               timestamptz NOT NULL DEFAULT now(),
    closed_at                timestamptz,
    UNIQUE (brand_id, provider_id, bet_id)
) WITH (fillfactor = 80);
CREATE INDEX wallet_bet_authorization_open ON wallet.wallet_bet_authorization (brand_id, player_id)
    WHERE state = 'AUTHORIZED';

CREATE TABLE wallet.wallet_transfer (
    transfer_id      uuid PRIMARY KEY,
    brand_id         uuid NOT NULL,
    player_id        uuid NOT NULL,
    kind             text NOT NULL CHECK (kind IN ('EDGE', 'DEPOSIT', 'WITHDRAWAL', 'RELEASE',
                                                   'POINTS', 'MOVE')),
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
                     ELSE state IN ('requested', 'approved', 'rejected', 'canceled', 'paid',
                                    'payout_failed') END)
);
CREATE INDEX ledger_transactions_player
    ON wallet.ledger_transactions (tenant_id, player_id, created_at);

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
    -- The money that it was asked for, and the money of completed rollings whose release waits for
    -- this one. Only their proportion counts: which part of the account is locked when it lapses. A
    -- transfer divides both.
    amount           bigint NOT NULL CHECK (amount >= 0),
    earned           bigint NOT NULL DEFAULT 0 CHECK (earned >= 0),
    -- The most that completing it releases of its account; NULL for all there is.
    cap              bigint CHECK (cap >= 0),
    -- The most turnover that it may still ask for.
    required         bigint NOT NULL CHECK (required >= 0),
    state            text NOT NULL DEFAULT 'ACTIVE' CHECK (state IN ('ACTIVE', 'COMPLETED',
            'CANCELED', 'EXPIRED')),
    created_at       timestamptz NOT NULL DEFAULT now(),
    closed_at        timestamptz,
    CHECK ((grant_id IS NULL) = (bucket_type_code <> ''))
);
CREATE INDEX wallet_rolling_obligation_active
    ON wallet.wallet_rolling_obligation (brand_id, player_id) WHERE state = 'ACTIVE';

-- Money whose rolling ended otherwise than by its turnover: it may be played with, and only its
-- winnings become withdrawable. Each row is a change; an account's newest row says how much is
-- locked there.
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

-- The reference of an award or a bonus, such as a campaign's. It is used once per brand and
-- command, for all callers and keys.
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
CREATE INDEX wallet_outbox_unpublished ON wallet.wallet_outbox (partition_no, outbox_id)
    WHERE published_at IS NULL;
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

-- What the rules refused and a person has to look at, once per subject: such as a settled bet whose
-- winnings are gone.
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
