-- Records of bonuses, adjustments, campaigns and wins.

CREATE TABLE wallet.wallet_bonus (
    bonus_id         uuid PRIMARY KEY,
    brand_id         uuid NOT NULL,
    player_id        uuid NOT NULL,
    topology_code    text NOT NULL,
    bucket_type_code text NOT NULL,
    currency         text NOT NULL REFERENCES wallet.wallet_currency,
    amount           bigint NOT NULL CHECK (amount > 0),
    reference        text NOT NULL,
    rolling_id       uuid,
    state            text NOT NULL DEFAULT 'ISSUED' CHECK (state IN ('ISSUED', 'COMPLETED',
            'REVERSED', 'EXPIRED')),
    created_at       timestamptz NOT NULL DEFAULT now(),
    closed_at        timestamptz
);
CREATE INDEX wallet_bonus_player ON wallet.wallet_bonus (brand_id, player_id);
CREATE INDEX wallet_bonus_rolling ON wallet.wallet_bonus (rolling_id) WHERE state = 'ISSUED';

-- A person's name as two are compared, once more where the service forgets to: spaces and letters
-- in one form. Services write names in the normal form of contract/persons.py.
CREATE FUNCTION wallet.person_name(p_name text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT lower(btrim(regexp_replace(normalize(p_name, NFKC), '[[:space:][:cntrl:]]+', ' ', 'g')))
$$;

-- A correction of one account. It is applied by another person than the one who asked for it, or
-- not at all.
CREATE TABLE wallet.wallet_adjustment (
    adjustment_id  uuid PRIMARY KEY,
    brand_id       uuid NOT NULL,
    player_id      uuid NOT NULL,
    account        text NOT NULL,
    currency       text NOT NULL REFERENCES wallet.wallet_currency,
    amount         bigint NOT NULL CHECK (amount <> 0),
    reason         text NOT NULL CHECK (reason <> ''),
    state          text NOT NULL DEFAULT 'REQUESTED' CHECK (state IN ('REQUESTED', 'APPLIED',
            'REJECTED')),
    requested_by   text NOT NULL CHECK (requested_by <> ''),
    -- The id of the key by which a person was known: one key under two names is one person.
    requested_key  text NOT NULL CHECK (requested_key ~ '^[0-9a-f]{32}$'),
    requested_at   timestamptz NOT NULL DEFAULT now(),
    decided_by     text,
    decided_key    text CHECK (decided_key ~ '^[0-9a-f]{32}$'),
    decided_at     timestamptz,
    transaction_id uuid,
    CONSTRAINT wallet_adjustment_two_persons CHECK (
        state <> 'APPLIED' OR decided_key <> requested_key
        AND wallet.person_name(decided_by) <> wallet.person_name(requested_by)),
    CHECK ((state = 'REQUESTED') = (decided_by IS NULL)),
    CHECK ((decided_by IS NULL) = (decided_key IS NULL))
);
CREATE INDEX wallet_adjustment_player ON wallet.wallet_adjustment (brand_id, player_id);

-- A campaign: wins without a stake (free rounds, tournaments) that a provider may pay. A person of
-- the back office makes the row. `spent` is what wins have taken from the cap and reversals have
-- given back.
CREATE TABLE wallet.wallet_campaign (
    brand_id       uuid NOT NULL,
    campaign_code  text NOT NULL CHECK (campaign_code <> ''),
    provider_id    text NOT NULL,
    currency       text NOT NULL REFERENCES wallet.wallet_currency CHECK (currency <> 'PTS'),
    cap            bigint NOT NULL CHECK (cap > 0),
    cap_per_win    bigint NOT NULL CHECK (cap_per_win > 0 AND cap_per_win <= cap),
    spent          bigint NOT NULL DEFAULT 0 CHECK (spent >= 0 AND spent <= cap),
    expires_at     timestamptz NOT NULL,
    created_by     text NOT NULL CHECK (created_by <> ''),
    transaction_id uuid NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (brand_id, campaign_code)
) WITH (fillfactor = 80);

-- A win that HOUSE paid beside the payout of a bet: from a campaign, or on a settled bet (a
-- jackpot). Once per transaction of its provider.
CREATE TABLE wallet.wallet_win (
    win_id                  uuid PRIMARY KEY,
    brand_id                uuid NOT NULL,
    player_id               uuid NOT NULL,
    provider_id             text NOT NULL,
    provider_transaction_id text NOT NULL,
    campaign_code           text,
    authorization_id        uuid,
    bet_id                  text,
    round_id                text,
    currency                text NOT NULL,
    amount                  bigint NOT NULL CHECK (amount > 0),
    -- Where the money came to rest, as a bet's payout_shares.
    shares                  jsonb NOT NULL,
    topology_code           text NOT NULL,
    topology_version        integer NOT NULL,
    policy_key              text NOT NULL,
    policy_version          integer NOT NULL,
    canary                  boolean NOT NULL,
    created_at              timestamptz NOT NULL DEFAULT now(),
    UNIQUE (brand_id, provider_id, provider_transaction_id),
    CHECK ((campaign_code IS NULL) <> (authorization_id IS NULL)),
    CHECK ((authorization_id IS NULL) = (bet_id IS NULL AND round_id IS NULL))
);
CREATE INDEX wallet_win_authorization ON wallet.wallet_win (authorization_id)
    WHERE authorization_id IS NOT NULL;

-- That a win was taken back, whole; once.
CREATE TABLE wallet.wallet_win_reversal (
    win_id         uuid PRIMARY KEY REFERENCES wallet.wallet_win,
    brand_id       uuid NOT NULL,
    player_id      uuid NOT NULL,
    transaction_id uuid NOT NULL UNIQUE,
    created_at     timestamptz NOT NULL DEFAULT now()
);
