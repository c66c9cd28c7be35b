-- Hashes of ledger rows, and seals of bets and of counter entries.

-- The hash of a ledger row over the previous one of the same account; reconciliation recomputes it
-- with this very function. record_send writes each field with its type and length, so that no two
-- rows have the same bytes; texts go as UTF-8 bytes, which no session's client encoding changes.
CREATE OR REPLACE FUNCTION wallet.ledger_hash(p_previous bytea, p_brand uuid, p_player uuid,
                                              p_account text, p_version bigint, p_delta bigint,
                                              p_balance_after bigint, p_currency text,
                                              p_command text, p_request_id text, p_transaction uuid,
                                              p_topology text, p_topology_version integer,
                                              p_policy text, p_policy_version integer,
                                              p_restore_epoch bigint, p_created_at timestamptz)
RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(p_previous
                  || record_send(ROW(p_brand, p_player, convert_to(p_account, 'UTF8'), p_version,
                                     p_delta, p_balance_after, p_currency, p_command,
                                     convert_to(p_request_id, 'UTF8'), p_transaction,
                                     convert_to(p_topology, 'UTF8'), p_topology_version,
                                     convert_to(p_policy, 'UTF8'), p_policy_version,
                                     p_restore_epoch, p_created_at)))
$$;

-- The seal of a bet: 16 bytes for where its winnings go behind 32 for all else, so that a finding
-- tells the two apart. It is written at authorize, and a close pays nothing where it does not hold.
-- All texts are ASCII, so the client's encoding does not change their bytes.
CREATE OR REPLACE FUNCTION wallet.opening_seal(p_authorization uuid, p_brand uuid, p_player uuid,
                                               p_provider text, p_provider_type text, p_bet text,
                                               p_round text, p_currency text, p_stake bigint,
                                               p_funding jsonb, p_snapshot jsonb, p_topology text,
                                               p_topology_version integer, p_policy text,
                                               p_policy_version integer, p_transaction uuid,
                                               p_canary boolean, p_created_at timestamptz)
RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(record_send(ROW(p_authorization, p_brand, p_player, p_provider, p_provider_type,
                                  p_bet, p_round, p_currency, p_stake, p_funding, p_topology,
                                  p_topology_version, p_policy, p_policy_version, p_transaction,
                                  p_canary, p_created_at)))
        || substr(sha256(jsonb_send(p_snapshot)), 1, 16)
$$;

-- How a bet was closed last: what it paid and to where, its state, and the transactions of its
-- closes; over what it was authorized as.
CREATE OR REPLACE FUNCTION wallet.closing_seal(p_seal bytea, p_state text, p_payout bigint,
                                               p_shares jsonb, p_close uuid, p_first_close uuid,
                                               p_closed_at timestamptz)
RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT substr(sha256(p_seal || record_send(ROW(p_payout, convert_to(p_shares::text, 'UTF8')))),
                  1, 16)
        || substr(sha256(p_seal || record_send(ROW(convert_to(p_state, 'UTF8'), p_close,
                                                   p_first_close, p_closed_at))), 1, 16)
$$;

-- An entry of a counter-account.
CREATE OR REPLACE FUNCTION wallet.entry_seal(p_transaction uuid, p_brand uuid, p_player uuid,
                                             p_currency text, p_account text, p_delta bigint,
                                             p_command text, p_request_id text,
                                             p_restore_epoch bigint, p_created_at timestamptz)
RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT substr(sha256(record_send(ROW(p_transaction, p_brand, p_player, p_currency, p_account,
                                         p_delta, p_command, convert_to(p_request_id, 'UTF8'),
                                         p_restore_epoch, p_created_at))), 1, 16)
$$;
