-- What the game side knows: rounds, the providers' callbacks, and each bet as its provider believes
-- it to be.
CREATE SCHEMA game;

CREATE TABLE game.round (
    brand_id    uuid NOT NULL,
    provider_id text NOT NULL,
    round_id    text NOT NULL,
    player_id   uuid NOT NULL,
    game_id     text,
    opened_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (brand_id, provider_id, round_id, player_id)
);

-- One row per callback, however often the provider repeats it. `status` is NULL until the wallet's
-- answer is known.
CREATE TABLE game.callback (
    brand_id    uuid NOT NULL,
    provider_id text NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('authorize', 'settle', 'rollback')),
    request_id  text NOT NULL,
    bet_id      text NOT NULL,
    round_id    text NOT NULL,
    player_id   uuid NOT NULL,
    amount      text,
    attempts    integer NOT NULL DEFAULT 1,
    received_at timestamptz NOT NULL DEFAULT now(),
    answered_at timestamptz,
    status      integer,
    code        text,
    PRIMARY KEY (brand_id, provider_id, kind, request_id)
);
CREATE INDEX callback_unanswered ON game.callback (received_at) WHERE status IS NULL;

-- The mock providers' books. PENDING: asked, and no final answer yet. Amounts are minor units of
-- `currency`.
CREATE TABLE game.bet (
    sequence    bigint GENERATED ALWAYS AS IDENTITY,
    brand_id    uuid NOT NULL,
    provider_id text NOT NULL,
    bet_id      text NOT NULL,
    round_id    text NOT NULL,
    player_id   uuid NOT NULL,
    currency    text NOT NULL,
    stake       bigint NOT NULL CHECK (stake > 0),
    payout      bigint CHECK (payout >= 0),
    state       text NOT NULL CHECK (state IN ('PENDING', 'AUTHORIZED', 'REFUSED', 'SETTLED',
                                               'ROLLED_BACK')),
    placed_at   timestamptz NOT NULL DEFAULT now(),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (brand_id, provider_id, bet_id)
);
CREATE INDEX bet_statement ON game.bet (provider_id, sequence);

-- Wins beside a bet's payout, as the mock providers' books have them: of a campaign, or on a bet of
-- a round.
CREATE TABLE game.win (
    sequence       bigint GENERATED ALWAYS AS IDENTITY,
    brand_id       uuid NOT NULL,
    provider_id    text NOT NULL,
    transaction_id text NOT NULL,
    player_id      uuid NOT NULL,
    campaign       text,
    bet_id         text,
    round_id       text,
    currency       text NOT NULL,
    amount         bigint NOT NULL CHECK (amount > 0),
    state          text NOT NULL CHECK (state IN ('PENDING', 'PAID', 'REFUSED', 'REVERSED')),
    attempts       integer NOT NULL DEFAULT 1,
    placed_at      timestamptz NOT NULL DEFAULT now(),
    changed_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (brand_id, provider_id, transaction_id)
);
CREATE INDEX win_statement ON game.win (provider_id, sequence);
