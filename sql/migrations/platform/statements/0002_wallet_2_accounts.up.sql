-- Accounts, and what hangs on them: turnover, choices of funding.

-- Accounts ----------------------------------------------------------------------------------------
-- The player's row is the compare-and-swap point of every money command: it serialises them and
-- orders their events.
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
    account          text NOT NULL GENERATED ALWAYS AS (topology_code || '/'
                                                        || bucket_type_code) STORED,
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
    state            text NOT NULL DEFAULT 'ACTIVE' CHECK (state IN ('ACTIVE', 'COMPLETED',
            'REVERSED', 'EXPIRED')),
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
    currency               text NOT NULL REFERENCES wallet.wallet_currency CHECK (currency
        <> 'PTS'),
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

-- A row stands while rollings are active on the account. `open` may fall below zero: what exceeds
-- the rollings counts for none that is opened later, but a bet may still be rolled back. `since` is
-- when anything but a bet last changed the row. `seal` is the row as the wallet's functions left it
-- (ADR 18).
CREATE TABLE wallet.wallet_turnover (
    brand_id  uuid NOT NULL,
    player_id uuid NOT NULL,
    account   text NOT NULL,
    open      bigint NOT NULL,
    since     timestamptz NOT NULL DEFAULT clock_timestamp(),
    seal      jsonb,
    PRIMARY KEY (brand_id, player_id, account)
) WITH (fillfactor = 70);

-- The source that a player picked for the bets of a provider type, where the policy leaves the
-- choice (a selection rule). The player says it before any bet: a provider's callback has no field
-- for it.
CREATE TABLE wallet.wallet_funding_choice (
    brand_id      uuid NOT NULL,
    player_id     uuid NOT NULL,
    provider_type text NOT NULL CHECK (provider_type IN ('SPORTS', 'LIVE', 'SLOTS')),
    -- A bucket code, or a coupon grant's account. Whether the rule of the day allows it, authorize
    -- judges.
    source        text NOT NULL CHECK (length(source) BETWEEN 1 AND 128),
    chosen_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (brand_id, player_id, provider_type)
) WITH (fillfactor = 80);
