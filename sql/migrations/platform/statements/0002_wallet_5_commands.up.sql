-- What a decided command is made of.

-- A bet's authorization as a command leaves it: a new one, or the close of the one that was found
-- `from_state`.
CREATE TYPE wallet.bet AS (
    authorization_id uuid, provider_id text, provider_type text, bet_id text, round_id text,
    stake bigint, from_state text, state text,
    funding jsonb, policy_snapshot jsonb, payout bigint, payout_shares jsonb
);

-- A decided command. What every bet has is typed: to take it out of a JSON document by its names
-- costs a bet about a tenth.
CREATE TYPE wallet.command AS (
    -- Who asks for what, and under which request id.
    brand_id uuid, player_id uuid, caller text, route text, request_id text, fingerprint bytea,
    transaction_id uuid, canary_token text,
    -- The operator's fencing token; NULL for every other caller, so that a bet pays nothing for it.
    fence_token bigint,
    -- On what it was decided.
    player_version bigint, activation_no bigint, currency text, canary boolean,
    topology_code text, topology_version integer, policy_key text, policy_version integer,
    -- What was decided: the answer, [{account, delta, currency}], the bet, and by its kind what
    -- only some commands write beside these.
    command text, starts_new boolean, status smallint, body jsonb, legs jsonb, bet wallet.bet,
    records jsonb
);

-- Where a movement left an account.
CREATE TYPE wallet.tip AS (balance bigint, version bigint, hash bytea, previous_hash bytea);
