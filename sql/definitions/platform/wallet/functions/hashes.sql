-- Hashes of ledger rows, and seals of bets and of counter entries.

-- Return the hash of a ledger row, which includes the hash of the account's previous row.
-- Reconciliation uses the same function. record_send writes each field with type and length, so
-- that different rows have different bytes. Texts are converted to UTF-8, so that the session's
-- client encoding has no influence.
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

-- Return the seal of an accepted bet. 32 bytes are for all fields except the policy snapshot, and
-- 16 bytes are for the snapshot, so that a finding can name the changed part. A close of the bet
-- fails if the seal does not match. All texts are ASCII, so the client encoding has no influence.
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

-- Return the seal of a bet's close, based on the seal of its acceptance. 16 bytes are for the
-- payout and its shares, and 16 bytes are for the state, the transactions and the time.
CREATE OR REPLACE FUNCTION wallet.closing_seal(p_seal bytea, p_state text, p_payout bigint,
                                               p_shares jsonb, p_close uuid, p_first_close uuid,
                                               p_closed_at timestamptz)
RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT substr(sha256(p_seal || record_send(ROW(p_payout, convert_to(p_shares::text, 'UTF8')))),
                  1, 16)
        || substr(sha256(p_seal || record_send(ROW(convert_to(p_state, 'UTF8'), p_close,
                                                   p_first_close, p_closed_at))), 1, 16)
$$;

-- Return the seal of a counter-account entry.
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
