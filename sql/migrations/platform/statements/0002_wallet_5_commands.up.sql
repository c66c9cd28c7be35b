-- The types of a decided command.

-- A bet's authorization as a command leaves it: a new one, or the close of the one that was found
-- `from_state`.
CREATE TYPE wallet.bet AS (
    authorization_id uuid, provider_id text, provider_type text, bet_id text, round_id text,
    stake bigint, from_state text, state text,
    funding jsonb, policy_snapshot jsonb, payout bigint, payout_shares jsonb
);

-- A decided command. The fields of every bet are typed: to take them out of a JSON document by
-- their names costs a bet about a tenth.
CREATE TYPE wallet.command AS (
    -- The caller, the route and the request id.
    brand_id uuid, player_id uuid, caller text, route text, request_id text, fingerprint bytea,
    transaction_id uuid, canary_token text,
    -- The operator's fencing token; NULL for every other caller, so that a bet pays nothing for it.
    fence_token bigint,
    -- The state that it was decided on.
    player_version bigint, activation_no bigint, currency text, canary boolean,
    topology_code text, topology_version integer, policy_key text, policy_version integer,
    -- The decision: the answer, [{account, delta, currency}], the bet, and records that only some
    -- commands write, by their kind.
    command text, starts_new boolean, status smallint, body jsonb, legs jsonb, bet wallet.bet,
    records jsonb
);

-- Where a movement left an account.
CREATE TYPE wallet.tip AS (balance bigint, version bigint, hash bytea, previous_hash bytea);
