-- Records that apply_command writes besides the ledger.

-- Open or close a bet authorization, or write a tombstone. The moved stake must equal the stake of
-- the bet. Returns the new state. A bet that differs from its seal is not closed (RW013), because
-- the decision was based on changed data.
CREATE OR REPLACE FUNCTION wallet.put_authorization(c wallet.command, b wallet.bet,
                                                    p_stake_moved bigint) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    closed_stake bigint;
    intact       boolean;
BEGIN
    IF b.state IN ('AUTHORIZED', 'TOMBSTONE') THEN
        INSERT INTO wallet_bet_authorization (authorization_id, brand_id, player_id, provider_id,
                                              provider_type, bet_id, round_id, currency, stake,
                                              state, funding, policy_snapshot, topology_code,
                                              topology_version, policy_key, policy_version,
                                              authorize_transaction_id, canary, seal)
        VALUES (b.authorization_id, c.brand_id, c.player_id, b.provider_id, b.provider_type,
                b.bet_id, b.round_id, c.currency, b.stake,
            b.state, b.funding, b.policy_snapshot, c.topology_code, c.topology_version,
            c.policy_key, c.policy_version, c.transaction_id, c.canary,
            opening_seal(b.authorization_id, c.brand_id, c.player_id, b.provider_id,
                         b.provider_type, b.bet_id, b.round_id, c.currency, b.stake, b.funding,
                         b.policy_snapshot, c.topology_code, c.topology_version, c.policy_key,
                         c.policy_version, c.transaction_id, c.canary, now()));
        IF p_stake_moved IS DISTINCT FROM b.stake THEN
            RAISE EXCEPTION 'stake % differs from the % moved', b.stake, p_stake_moved
                USING ERRCODE = 'RW003';
        END IF;
        RETURN b.state;
    END IF;
    IF b.from_state || '>' || b.state NOT IN ('AUTHORIZED>SETTLED', 'AUTHORIZED>ROLLED_BACK',
                                              'SETTLED>ROLLED_BACK') THEN
        RAISE EXCEPTION 'a bet never goes from % to %', b.from_state, b.state
            USING ERRCODE = 'RW003';
    END IF;
    IF b.from_state = 'SETTLED' THEN
        PERFORM 1 FROM wallet_bet_authorization x
          WHERE x.authorization_id = b.authorization_id AND x.state = 'SETTLED'
            AND x.close_seal IS DISTINCT FROM closing_seal(x.seal, x.state, x.payout,
                                                           x.payout_shares, x.close_transaction_id,
                                                           x.first_close_transaction_id,
                                                           x.closed_at);
        IF FOUND THEN
            RAISE EXCEPTION 'bet % is not as it was settled', b.authorization_id
                USING ERRCODE = 'RW013';
        END IF;
    END IF;
    UPDATE wallet_bet_authorization x
       SET state = b.state, payout = coalesce(b.payout, x.payout),
           payout_shares = coalesce(b.payout_shares, x.payout_shares),
           close_transaction_id = c.transaction_id,
           first_close_transaction_id = coalesce(x.first_close_transaction_id, c.transaction_id),
           closed_at = now(),
           close_seal = CASE WHEN (x.close_seal IS NULL) = (b.from_state = 'AUTHORIZED') THEN
               closing_seal(x.seal, b.state, coalesce(b.payout, x.payout),
                            coalesce(b.payout_shares, x.payout_shares), c.transaction_id,
                            coalesce(x.first_close_transaction_id, c.transaction_id), now()) END
     WHERE x.authorization_id = b.authorization_id AND x.state = b.from_state
       AND x.player_id = c.player_id
    RETURNING CASE WHEN b.from_state = 'AUTHORIZED' THEN x.stake ELSE 0 END,
              x.close_seal IS NOT NULL
                  AND x.seal = opening_seal(x.authorization_id, x.brand_id, x.player_id,
                                            x.provider_id, x.provider_type, x.bet_id, x.round_id,
                                            x.currency, x.stake, x.funding, x.policy_snapshot,
                                            x.topology_code, x.topology_version, x.policy_key,
                                            x.policy_version, x.authorize_transaction_id, x.canary,
                                            x.created_at)
      INTO closed_stake, intact;
    IF NOT intact THEN
        RAISE EXCEPTION 'bet % is not as it was authorized', b.authorization_id
            USING ERRCODE = 'RW013';
    END IF;
    IF NOT FOUND OR closed_stake IS DISTINCT FROM -p_stake_moved THEN
        RAISE EXCEPTION 'authorization % is not % or its stake is not the % moved',
            b.authorization_id, b.from_state, -p_stake_moved
            USING ERRCODE = 'RW003';
    END IF;
    RETURN b.state;
END $$;

-- Record a new cash transaction, or change the state of a transaction that is still in the state
-- that the decision read.
CREATE OR REPLACE FUNCTION wallet.put_cash_transaction(c wallet.command, t jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF t->>'from_state' IS NULL THEN
        INSERT INTO ledger_transactions (transaction_id, tenant_id, player_id, type, state, amount,
                                         currency, provider_ref, idempotency_key, balance_after)
        VALUES ((t->>'transaction_id')::uuid, c.brand_id, c.player_id, t->>'type', t->>'state',
                (t->>'amount')::bigint,
                c.currency, t->>'provider_ref', c.request_id, (t->>'balance_after')::bigint);
        RETURN;
    END IF;
    UPDATE ledger_transactions x
       SET state = t->>'state', updated_at = now(),
           reviewed_by = coalesce(t->>'reviewed_by', x.reviewed_by),
           reviewed_at = CASE WHEN t ? 'reviewed_by' THEN now() ELSE x.reviewed_at END
     WHERE x.transaction_id = (t->>'transaction_id')::uuid AND x.state = t->>'from_state'
       AND x.player_id = c.player_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'cash transaction % is not %', t->>'transaction_id', t->>'from_state'
            USING ERRCODE = 'RW003';
    END IF;
END $$;

-- Record the transfers of a command.
CREATE OR REPLACE FUNCTION wallet.put_transfers(c wallet.command) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO wallet_transfer (transfer_id, brand_id, player_id, kind, from_account, to_account,
                                 currency, amount, topology_code, topology_version,
                                 policy_key, policy_version, transaction_id)
    SELECT (t->>'transfer_id')::uuid, c.brand_id, c.player_id, t->>'kind', t->>'from_account',
           t->>'to_account',
           c.currency, (t->>'amount')::bigint, c.topology_code, c.topology_version, c.policy_key,
           c.policy_version, c.transaction_id
      FROM jsonb_array_elements(c.records->'transfers') t;
END $$;

-- Create the empty rows of new coupon grants. The legs of the command fill them afterwards.
CREATE OR REPLACE FUNCTION wallet.open_grants(c wallet.command) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO wallet_coupon_grant (grant_id, brand_id, player_id, topology_code, topology_version,
                                     policy_key, policy_version, coupon_log_id,
                                     scope, currency, amount, expires_at, transaction_id)
    SELECT (o->>'grant_id')::uuid, c.brand_id, c.player_id, c.topology_code, c.topology_version,
           c.policy_key, c.policy_version,
           o->>'coupon_log_id', o->'scope', c.currency, (o->>'amount')::bigint,
           (o->>'expires_at')::timestamptz, c.transaction_id
      FROM jsonb_array_elements(c.records->'grants_opened') o;
END $$;

-- Close active coupon grants. The legs of the command have emptied them before.
CREATE OR REPLACE FUNCTION wallet.close_grants(c wallet.command) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    wanted integer := jsonb_array_length(c.records->'grants_closed');
    closed integer;
BEGIN
    UPDATE wallet_coupon_grant g SET state = o->>'state', closed_at = now()
      FROM jsonb_array_elements(c.records->'grants_closed') o
     WHERE g.grant_id = (o->>'grant_id')::uuid AND g.brand_id = c.brand_id
       AND g.player_id = c.player_id AND g.state = 'ACTIVE';
    GET DIAGNOSTICS closed = ROW_COUNT;
    IF closed <> wanted THEN
        RAISE EXCEPTION 'of % coupon grants to close % are active', wanted, closed
            USING ERRCODE = 'RW003';
    END IF;
END $$;

-- Open and close rolling obligations.
CREATE OR REPLACE FUNCTION wallet.put_obligations(c wallet.command) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO wallet_rolling_obligation (rolling_id, brand_id, player_id, topology_code,
                                           bucket_type_code, grant_id, currency, amount, earned,
                                           cap, required)
    SELECT (o->>'rolling_id')::uuid, c.brand_id, c.player_id, o->>'topology_code',
           o->>'bucket_type_code',
           (o->>'grant_id')::uuid, c.currency, (o->>'amount')::bigint,
           coalesce((o->>'earned')::bigint, 0), (o->>'cap')::bigint,
           CASE WHEN o ? 'part_of' THEN (o->>'required')::bigint
                ELSE wallet.asked_turnover(c.brand_id, (o->>'required')::bigint) END
      FROM jsonb_array_elements(coalesce(c.records->'obligations_opened', '[]')) o;
    UPDATE wallet_rolling_obligation r SET state = o->>'state', closed_at = now()
      FROM jsonb_array_elements(coalesce(c.records->'obligations_closed', '[]')) o
     WHERE r.rolling_id = (o->>'rolling_id')::uuid AND r.player_id = c.player_id
       AND r.state = 'ACTIVE';
END $$;
