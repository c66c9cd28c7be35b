-- The one path by which money moves. wallet_service decides in Python on what read_state gave; apply_command makes it so.
-- The helpers have no search_path of their own: only apply_command may call them, and setting it again for each costs a bet.
-- Both keep generic plans: one made for a command's own keys looks cheaper, and would be planned anew for every command.
-- Helpers are called in expressions, which costs a tenth of a PERFORM; that is why each returns something.

-- The gate lock is a table lock on wallet_gate: money commands share it (ROW SHARE, which does not even touch shared memory while
-- nobody waits), activation and freezing take it alone (EXCLUSIVE). No login role can take either; readers and dumps disturb neither.

-- The hash of a ledger row over the previous one of the same account; reconciliation recomputes it with this very function.
-- record_send writes each field with its type and length, so that no two rows have the same bytes; texts go as UTF-8 bytes, which no
-- session's client encoding changes.
CREATE FUNCTION wallet.ledger_hash(
    p_previous bytea, p_brand uuid, p_player uuid, p_account text, p_version bigint, p_delta bigint, p_balance_after bigint,
    p_currency text, p_command text, p_request_id text, p_transaction uuid, p_topology text, p_topology_version integer,
    p_policy text, p_policy_version integer, p_restore_epoch bigint, p_created_at timestamptz
) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(p_previous || record_send(ROW(p_brand, p_player, convert_to(p_account, 'UTF8'), p_version, p_delta, p_balance_after,
        p_currency, p_command, convert_to(p_request_id, 'UTF8'), p_transaction, convert_to(p_topology, 'UTF8'), p_topology_version,
        convert_to(p_policy, 'UTF8'), p_policy_version, p_restore_epoch, p_created_at)))
$$;

-- A coupon grant as the rules see it.
CREATE FUNCTION wallet.grant_json(g wallet.wallet_coupon_grant) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('grant_id', g.grant_id, 'player_id', g.player_id, 'coupon_log_id', g.coupon_log_id, 'topology_code', g.topology_code,
                              'scope', g.scope, 'currency', g.currency, 'amount', g.amount, 'balance', g.balance, 'state', g.state,
                              'expires_at', g.expires_at, 'lapsed', coalesce(g.expires_at <= now(), false))
$$;

-- A bet and, after the active grants, the closed ones that it was paid from or has paid out to.
CREATE FUNCTION wallet.read_bet(c jsonb, p_brand uuid, p_player uuid, p_grants jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    bet    wallet.wallet_bet_authorization;
    closed jsonb;
BEGIN
    SELECT * INTO bet FROM wallet_bet_authorization a
     WHERE a.brand_id = p_brand AND a.provider_id = c->>'provider_id' AND a.bet_id = c->>'bet_id';
    IF NOT FOUND THEN
        RETURN '{}';
    END IF;
    SELECT jsonb_agg(wallet.grant_json(g) ORDER BY g.expires_at NULLS LAST, g.created_at, g.grant_id) INTO closed
      FROM wallet_coupon_grant g
     WHERE g.brand_id = p_brand AND g.player_id = p_player AND g.state <> 'ACTIVE'
       AND bet.funding || coalesce(bet.payout_shares, '[]') @> jsonb_build_array(jsonb_build_object('account', g.account));
    RETURN jsonb_build_object('authorization', to_jsonb(bet), 'grants', p_grants || coalesce(closed, '[]'));
END $$;

-- What a command names, or asks for, beside the player's own state. Open stakes are for a snapshot alone: a bet must not become dearer
-- with every bet that is open.
CREATE FUNCTION wallet.read_named(c jsonb, p_brand uuid, p_player uuid) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'open_stakes', CASE WHEN c ? 'with_open_stakes' THEN (
                           SELECT coalesce(sum(s.stake), 0)::bigint FROM wallet.wallet_bet_authorization s
                            WHERE s.brand_id = p_brand AND s.player_id = p_player AND s.state = 'AUTHORIZED') ELSE 0 END,
        'rolling', (SELECT jsonb_build_object('rolling_id', r.rolling_id, 'player_id', r.player_id, 'topology_code', r.topology_code,
                                              'bucket_type_code', r.bucket_type_code, 'amount', r.amount, 'state', r.state,
                                              'grant_id', r.grant_id, 'cap', r.cap)
                      FROM wallet.wallet_rolling_obligation r
                     WHERE r.rolling_id = (c->>'rolling_id')::uuid AND r.brand_id = p_brand),
        'coupon', (SELECT wallet.grant_json(g) FROM wallet.wallet_coupon_grant g
                    WHERE g.brand_id = p_brand AND g.coupon_log_id = c->>'coupon_log_id'),
        'cash_transaction', (SELECT to_jsonb(t) FROM wallet.ledger_transactions t
                              WHERE t.transaction_id = (c->>'cash_transaction_id')::uuid AND t.tenant_id = p_brand))
$$;

-- The active coupon grants, in the order they are used up.
CREATE FUNCTION wallet.read_grants(p_brand uuid, p_player uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('grants', jsonb_agg(wallet.grant_json(g) ORDER BY g.expires_at NULLS LAST, g.created_at, g.grant_id))
              FROM wallet_coupon_grant g WHERE g.brand_id = p_brand AND g.player_id = p_player AND g.state = 'ACTIVE');
END $$;

-- Cash, and the rollings that the player's accounts still owe.
CREATE FUNCTION wallet.read_debts(p_brand uuid, p_player uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object(
        'cash', (SELECT jsonb_build_object('available', w.balance_real_available, 'pending', w.balance_real_pending)
                   FROM wallet_balances w WHERE w.tenant_id = p_brand AND w.player_id = p_player),
        'obligations', (SELECT coalesce(jsonb_agg(jsonb_build_object('rolling_id', o.rolling_id, 'topology_code', o.topology_code,
                                                                     'bucket_type_code', o.bucket_type_code, 'amount', o.amount,
                                                                     'grant_id', o.grant_id, 'cap', o.cap)), '[]')
                          FROM wallet_rolling_obligation o
                         WHERE o.brand_id = p_brand AND o.player_id = p_player AND o.state = 'ACTIVE'));
END $$;

-- Everything a decision needs, in one trip and without a lock: what changes meanwhile is caught by apply_command.
-- Input: brand_id, player_id, caller, route, request_id, without_debts where cash and obligations decide nothing, and provider_id + bet_id, rolling_id, cash_transaction_id,
-- coupon_log_id or with_open_stakes where they apply.
CREATE FUNCTION wallet.read_state(c jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = wallet, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    brand  uuid := (c->>'brand_id')::uuid;
    player uuid := (c->>'player_id')::uuid;
    state  jsonb;
BEGIN
    SELECT jsonb_build_object(
        'gate', jsonb_build_object('activation_no', g.activation_no, 'freeze_level', g.freeze_level, 'freeze_epoch', g.freeze_epoch,
                                   'topology_code', g.topology_code, 'topology_version', g.topology_version,
                                   'policy_key', g.policy_key, 'policy_version', g.policy_version),
        'stored', (SELECT jsonb_build_object('fingerprint', encode(i.fingerprint, 'hex'), 'status', i.status, 'body', i.body)
                     FROM wallet_idempotency i
                    WHERE i.brand_id = brand AND i.caller = c->>'caller' AND i.route = c->>'route'
                      AND i.request_id = c->>'request_id'),
        'player', (SELECT jsonb_build_object('currency', p.currency, 'status', p.status, 'canary', p.canary, 'version', p.version)
                     FROM wallet_player p WHERE p.brand_id = brand AND p.player_id = player),
        'buckets', (SELECT coalesce(jsonb_object_agg(b.account, b.balance), '{}')
                      FROM wallet_bucket b WHERE b.brand_id = brand AND b.player_id = player)) INTO state FROM wallet_gate g;
    -- Most players have none of either; to ask first costs a third of making an empty list.
    IF EXISTS (SELECT FROM wallet_coupon_grant g WHERE g.brand_id = brand AND g.player_id = player AND g.state = 'ACTIVE') THEN
        state := state || wallet.read_grants(brand, player);
    END IF;
    IF NOT c ? 'without_debts' THEN
        state := state || wallet.read_debts(brand, player);
    END IF;
    IF c ? 'bet_id' THEN
        state := state || wallet.read_bet(c, brand, player, coalesce(state->'grants', '[]'));
    END IF;
    IF c ?| ARRAY['with_open_stakes', 'rolling_id', 'coupon_log_id', 'cash_transaction_id'] THEN
        state := state || wallet.read_named(c, brand, player);
    END IF;
    IF c ?| ARRAY['bonus_id', 'adjustment_id', 'with_stakes', 'with_winnings'] THEN
        state := state || wallet.read_movement(c, brand, player);
    END IF;
    IF c ? 'choice_for' THEN
        state := state || wallet.read_choice(c, brand, player);
    END IF;
    RETURN state;
END $$;

-- May this command pass the freeze? Ingress stops what is new; sealed stops all; a canary pass of the run in charge passes both.
-- A token that is no valid pass is refused at every level: whoever sends one must not gain by it, wherever else it was believed.
CREATE FUNCTION wallet.passes_freeze(g wallet.wallet_gate, c jsonb) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF c->>'canary_token' IS NULL THEN
        RETURN g.freeze_level = 'open' OR (g.freeze_level = 'ingress' AND NOT (c->>'starts_new')::boolean);
    END IF;
    RETURN EXISTS (
        SELECT FROM wallet_canary_pass k
         WHERE k.token_hash = sha256(convert_to(c->>'canary_token', 'UTF8')) AND k.fence_token = g.fence_token
           AND k.brand_id = (c->>'brand_id')::uuid AND k.player_id = (c->>'player_id')::uuid AND k.expires_at > clock_timestamp());
END $$;

-- Make the empty row of an account on its first use.
CREATE FUNCTION wallet.open_account(p_brand uuid, p_player uuid, p_account text, p_currency text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF p_account LIKE 'CASH/%' THEN
        INSERT INTO wallet_balances (tenant_id, player_id, currency) VALUES (p_brand, p_player, p_currency);
    ELSE
        PERFORM 1 FROM wallet_topology t, jsonb_array_elements(t.document->'buckets') b
          WHERE t.code = split_part(p_account, '/', 1) AND t.state <> 'DRAFT' AND b->>'code' = split_part(p_account, '/', 2);
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no activated topology has a bucket %', p_account USING ERRCODE = 'RW003';
        END IF;
        INSERT INTO wallet_bucket (brand_id, player_id, topology_code, bucket_type_code, currency)
        VALUES (p_brand, p_player, split_part(p_account, '/', 1), split_part(p_account, '/', 2), p_currency);
    END IF;
END $$;

-- Move one account and write its ledger row; return the account's new version. Rows of accounts are made when first used.
CREATE FUNCTION wallet.move_account(
    p_brand uuid, p_player uuid, p_account text, p_delta bigint, p_currency text, p_command text, p_request_id text, p_transaction uuid,
    p_topology text, p_topology_version integer, p_policy text, p_policy_version integer, p_restore_epoch bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    at          timestamptz := now();
    new_balance bigint;
    new_version bigint;
    new_hash    bytea;
    old_hash    bytea;
BEGIN
    FOR attempt IN 1 .. 2 LOOP
        IF p_account = 'CASH/AVAILABLE' THEN
            UPDATE wallet_balances w
               SET balance_real_available = w.balance_real_available + p_delta, available_version = w.available_version + 1,
                   previous_available_hash = w.available_hash,
                   available_hash = ledger_hash(w.available_hash, p_brand, p_player, p_account, w.available_version + 1, p_delta,
                       w.balance_real_available + p_delta, p_currency, p_command, p_request_id, p_transaction, p_topology, p_topology_version,
                       p_policy, p_policy_version, p_restore_epoch, at)
             WHERE w.tenant_id = p_brand AND w.player_id = p_player AND w.currency = p_currency
            RETURNING w.balance_real_available, w.available_version, w.available_hash, w.previous_available_hash
                 INTO new_balance, new_version, new_hash, old_hash;
        ELSIF p_account = 'CASH/PENDING' THEN
            UPDATE wallet_balances w
               SET balance_real_pending = w.balance_real_pending + p_delta, pending_version = w.pending_version + 1,
                   previous_pending_hash = w.pending_hash,
                   pending_hash = ledger_hash(w.pending_hash, p_brand, p_player, p_account, w.pending_version + 1, p_delta,
                       w.balance_real_pending + p_delta, p_currency, p_command, p_request_id, p_transaction, p_topology, p_topology_version,
                       p_policy, p_policy_version, p_restore_epoch, at)
             WHERE w.tenant_id = p_brand AND w.player_id = p_player AND w.currency = p_currency
            RETURNING w.balance_real_pending, w.pending_version, w.pending_hash, w.previous_pending_hash
                 INTO new_balance, new_version, new_hash, old_hash;
        ELSIF p_account LIKE 'GRANT/%' THEN
            UPDATE wallet_coupon_grant g
               SET balance = g.balance + p_delta, version = g.version + 1, previous_hash = g.hash,
                   hash = ledger_hash(g.hash, p_brand, p_player, p_account, g.version + 1, p_delta, g.balance + p_delta, p_currency, p_command,
                       p_request_id, p_transaction, p_topology, p_topology_version, p_policy, p_policy_version, p_restore_epoch, at)
             WHERE g.grant_id = substr(p_account, 7)::uuid AND g.brand_id = p_brand AND g.player_id = p_player AND g.currency = p_currency
            RETURNING g.balance, g.version, g.hash, g.previous_hash INTO new_balance, new_version, new_hash, old_hash;
        ELSE
            UPDATE wallet_bucket b
               SET balance = b.balance + p_delta, version = b.version + 1, previous_hash = b.hash,
                   hash = ledger_hash(b.hash, p_brand, p_player, p_account, b.version + 1, p_delta, b.balance + p_delta, p_currency, p_command,
                       p_request_id, p_transaction, p_topology, p_topology_version, p_policy, p_policy_version, p_restore_epoch, at)
             WHERE b.brand_id = p_brand AND b.player_id = p_player AND b.topology_code = split_part(p_account, '/', 1)
               AND b.bucket_type_code = split_part(p_account, '/', 2) AND b.currency = p_currency
            RETURNING b.balance, b.version, b.hash, b.previous_hash INTO new_balance, new_version, new_hash, old_hash;
        END IF;
        EXIT WHEN FOUND;
        IF attempt = 2 OR p_account LIKE 'GRANT/%' OR p_delta < 0 THEN
            RAISE EXCEPTION 'account % of player % in % does not exist or holds too little', p_account, p_player, p_currency USING ERRCODE = 'RW003';
        END IF;
        PERFORM wallet.open_account(p_brand, p_player, p_account, p_currency);
    END LOOP;
    INSERT INTO wallet_ledger (brand_id, player_id, account, version, delta, balance_after, currency, command, request_id, transaction_id,
                               topology_code, topology_version, policy_key, policy_version, restore_epoch, previous_hash, hash, created_at)
    VALUES (p_brand, p_player, p_account, new_version, p_delta, new_balance, p_currency, p_command, p_request_id, p_transaction, p_topology,
            p_topology_version, p_policy, p_policy_version, p_restore_epoch, old_hash, new_hash, at);
    RETURN new_version;
END $$;

-- Move every leg; refuse what does not sum to zero in a currency. Returns what went into open stakes (minus what left them).
CREATE FUNCTION wallet.move_legs(c jsonb, p_restore_epoch bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    brand      uuid := (c->>'brand_id')::uuid;
    player     uuid := (c->>'player_id')::uuid;
    request    text := c->>'request_id';
    tx         uuid := (c->>'transaction_id')::uuid;
    legs       jsonb := c->'legs';
    pair       jsonb := c->'pair';
    t_code     text := pair->>'topology_code';
    t_version  integer := (pair->>'topology_version')::integer;
    p_key      text := pair->>'policy_key';
    p_version  integer := (pair->>'policy_version')::integer;
    command    text := c->>'command';
    own        text := c->>'currency';
    leg        jsonb;
    account    text;
    unit       text;
    amount     bigint;
    money      bigint := 0;
    points     bigint := 0;
    stake      bigint := 0;
    moved      bigint;
BEGIN
    -- Counted, because a loop over a query costs more than what it loops over.
    FOR place IN 0 .. coalesce(jsonb_array_length(legs), 0) - 1 LOOP
        leg := legs->place;
        account := leg->>'account';
        unit := leg->>'currency';
        amount := (leg->>'delta')::bigint;
        IF unit = 'PTS' THEN
            points := points + amount;
            IF account = 'STAKE' OR account LIKE 'CASH/%' THEN
                RAISE EXCEPTION 'points can neither be bet nor withdrawn: no leg to %', account USING ERRCODE = 'RW003';
            END IF;
        ELSIF unit = own THEN
            money := money + amount;
        ELSE
            RAISE EXCEPTION 'a leg in % cannot belong to a command in %', unit, own USING ERRCODE = 'RW003';
        END IF;
        IF account = 'STAKE' THEN
            stake := stake + amount;
        ELSIF strpos(account, '/') > 0 THEN
            moved := wallet.move_account(brand, player, account, amount, unit, command, request, tx, t_code, t_version, p_key, p_version,
                                         p_restore_epoch);
        ELSIF account = 'ADJ' AND c->'adjustment'->>'state' IS DISTINCT FROM 'APPLIED' THEN
            RAISE EXCEPTION 'an adjustment moves only what two persons agreed on' USING ERRCODE = 'RW003';
        ELSE
            INSERT INTO wallet_counter_entry (transaction_id, brand_id, player_id, currency, account, delta, command, request_id, restore_epoch,
                                              created_at)
            VALUES (tx, brand, player, unit, account, amount, command, request, p_restore_epoch, now());
        END IF;
    END LOOP;
    IF (money = 0 AND points = 0) IS NOT TRUE THEN
        RAISE EXCEPTION 'legs of % do not sum to zero: % money, % points', command, money, points USING ERRCODE = 'RW003';
    END IF;
    RETURN stake;
END $$;

-- Open, close or pre-empt a bet authorization; the money that moved must be exactly its stake. Returns the state it is in now.
CREATE FUNCTION wallet.put_authorization(c jsonb, p_brand uuid, p_player uuid, p_transaction uuid, p_stake_moved bigint) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    a            jsonb := c->'authorization';
    pair         jsonb := c->'pair';
    closed_stake bigint;
BEGIN
    IF a->>'state' IN ('AUTHORIZED', 'TOMBSTONE') THEN
        INSERT INTO wallet_bet_authorization (authorization_id, brand_id, player_id, provider_id, provider_type, bet_id, round_id, currency, stake,
            state, funding, policy_snapshot, topology_code, topology_version, policy_key, policy_version, authorize_transaction_id, canary)
        VALUES ((a->>'authorization_id')::uuid, p_brand, p_player, a->>'provider_id', a->>'provider_type',
            a->>'bet_id', a->>'round_id', c->>'currency', (a->>'stake')::bigint, a->>'state', a->'funding', a->'policy_snapshot',
            pair->>'topology_code', (pair->>'topology_version')::integer, pair->>'policy_key',
            (pair->>'policy_version')::integer, p_transaction, (c->>'canary')::boolean);
        IF p_stake_moved IS DISTINCT FROM (a->>'stake')::bigint THEN
            RAISE EXCEPTION 'stake % differs from the % moved', a->>'stake', p_stake_moved USING ERRCODE = 'RW003';
        END IF;
        RETURN a->>'state';
    END IF;
    IF (a->>'from_state') || '>' || (a->>'state') NOT IN ('AUTHORIZED>SETTLED', 'AUTHORIZED>ROLLED_BACK', 'SETTLED>ROLLED_BACK') THEN
        RAISE EXCEPTION 'a bet never goes from % to %', a->>'from_state', a->>'state' USING ERRCODE = 'RW003';
    END IF;
    UPDATE wallet_bet_authorization b
       SET state = a->>'state', payout = coalesce((a->>'payout')::bigint, b.payout), payout_shares = coalesce(a->'payout_shares', b.payout_shares),
           close_transaction_id = p_transaction,
           first_close_transaction_id = coalesce(b.first_close_transaction_id, p_transaction), closed_at = now()
     WHERE b.authorization_id = (a->>'authorization_id')::uuid AND b.state = a->>'from_state' AND b.player_id = p_player
    RETURNING CASE WHEN a->>'from_state' = 'AUTHORIZED' THEN b.stake ELSE 0 END INTO closed_stake;
    IF NOT FOUND OR closed_stake IS DISTINCT FROM -p_stake_moved THEN
        RAISE EXCEPTION 'authorization % is not % or its stake is not the % moved', a->>'authorization_id', a->>'from_state', -p_stake_moved
            USING ERRCODE = 'RW003';
    END IF;
    RETURN a->>'state';
END $$;

-- Open a cash transaction, or move it from the state the decision saw.
CREATE FUNCTION wallet.put_cash_transaction(c jsonb, t jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF t->>'from_state' IS NULL THEN
        INSERT INTO ledger_transactions (transaction_id, tenant_id, player_id, type, state, amount, currency, provider_ref, idempotency_key, balance_after)
        VALUES ((t->>'transaction_id')::uuid, (c->>'brand_id')::uuid, (c->>'player_id')::uuid, t->>'type', t->>'state', (t->>'amount')::bigint,
                c->>'currency', t->>'provider_ref', c->>'request_id', (t->>'balance_after')::bigint);
        RETURN;
    END IF;
    UPDATE ledger_transactions x
       SET state = t->>'state', updated_at = now(), reviewed_by = coalesce(t->>'reviewed_by', x.reviewed_by),
           reviewed_at = CASE WHEN t ? 'reviewed_by' THEN now() ELSE x.reviewed_at END
     WHERE x.transaction_id = (t->>'transaction_id')::uuid AND x.state = t->>'from_state' AND x.player_id = (c->>'player_id')::uuid;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'cash transaction % is not %', t->>'transaction_id', t->>'from_state' USING ERRCODE = 'RW003';
    END IF;
END $$;

-- Write the transfers of a decision.
CREATE FUNCTION wallet.put_transfers(c jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO wallet_transfer (transfer_id, brand_id, player_id, kind, from_account, to_account, currency, amount, topology_code, topology_version,
                                 policy_key, policy_version, transaction_id)
    SELECT (t->>'transfer_id')::uuid, (c->>'brand_id')::uuid, (c->>'player_id')::uuid, t->>'kind', t->>'from_account', t->>'to_account',
           c->>'currency', (t->>'amount')::bigint, c->'pair'->>'topology_code', (c->'pair'->>'topology_version')::integer,
           c->'pair'->>'policy_key', (c->'pair'->>'policy_version')::integer, (c->>'transaction_id')::uuid
      FROM jsonb_array_elements(c->'transfers') t;
END $$;

-- Make the empty rows of new coupon grants, before the legs that fill them.
CREATE FUNCTION wallet.open_grants(c jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO wallet_coupon_grant (grant_id, brand_id, player_id, topology_code, topology_version, policy_key, policy_version, coupon_log_id,
                                     scope, currency, amount, expires_at, transaction_id)
    SELECT (o->>'grant_id')::uuid, (c->>'brand_id')::uuid, (c->>'player_id')::uuid, c->'pair'->>'topology_code',
           (c->'pair'->>'topology_version')::integer, c->'pair'->>'policy_key', (c->'pair'->>'policy_version')::integer,
           o->>'coupon_log_id', o->'scope', c->>'currency', (o->>'amount')::bigint, (o->>'expires_at')::timestamptz,
           (c->>'transaction_id')::uuid
      FROM jsonb_array_elements(c->'grants_opened') o;
END $$;

-- Close active coupon grants; the legs have emptied them.
CREATE FUNCTION wallet.close_grants(c jsonb) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    wanted integer := jsonb_array_length(c->'grants_closed');
    closed integer;
BEGIN
    UPDATE wallet_coupon_grant g SET state = o->>'state', closed_at = now()
      FROM jsonb_array_elements(c->'grants_closed') o
     WHERE g.grant_id = (o->>'grant_id')::uuid AND g.brand_id = (c->>'brand_id')::uuid AND g.player_id = (c->>'player_id')::uuid
       AND g.state = 'ACTIVE';
    GET DIAGNOSTICS closed = ROW_COUNT;
    IF closed <> wanted THEN
        RAISE EXCEPTION 'of % coupon grants to close % are active', wanted, closed USING ERRCODE = 'RW003';
    END IF;
END $$;

-- Open and close rolling obligations.
CREATE FUNCTION wallet.put_obligations(c jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO wallet_rolling_obligation (rolling_id, brand_id, player_id, topology_code, bucket_type_code, grant_id, currency, amount, cap)
    SELECT (o->>'rolling_id')::uuid, (c->>'brand_id')::uuid, (c->>'player_id')::uuid, o->>'topology_code', o->>'bucket_type_code',
           (o->>'grant_id')::uuid, c->>'currency', (o->>'amount')::bigint, (o->>'cap')::bigint
      FROM jsonb_array_elements(coalesce(c->'obligations_opened', '[]')) o;
    UPDATE wallet_rolling_obligation r SET state = o->>'state', closed_at = now()
      FROM jsonb_array_elements(coalesce(c->'obligations_closed', '[]')) o
     WHERE r.rolling_id = (o->>'rolling_id')::uuid AND r.player_id = (c->>'player_id')::uuid AND r.state = 'ACTIVE';
END $$;

-- Write the records and events that a decision asked for beside its legs and its bet.
CREATE FUNCTION wallet.put_records(c jsonb, p_brand uuid, p_player uuid, p_restore_epoch bigint, p_player_version bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF c ? 'cash_transaction' THEN
        PERFORM wallet.put_cash_transaction(c, c->'cash_transaction');
    END IF;
    IF c ? 'transfers' THEN
        PERFORM wallet.put_transfers(c);
    END IF;
    IF c ? 'obligations_opened' OR c ? 'obligations_closed' THEN
        PERFORM wallet.put_obligations(c);
    END IF;
    IF c ? 'grants_closed' THEN
        PERFORM wallet.close_grants(c);
    END IF;
    IF c ? 'findings' THEN
        INSERT INTO wallet_finding (kind, subject, brand_id, player_id, details, request_id)
        SELECT f->>'kind', f->>'subject', p_brand, p_player, f->'details', c->>'request_id'
          FROM jsonb_array_elements(c->'findings') f
        ON CONFLICT DO NOTHING;
    END IF;
    IF c ?| ARRAY['bonus', 'adjustment', 'obligations_changed', 'obligations_closed'] THEN
        PERFORM wallet.put_movement(c);
    END IF;
    IF c ? 'events' THEN
        INSERT INTO wallet_outbox (event_id, partition_no, brand_id, player_id, player_version, event_type, payload, occurred_at, restore_epoch)
        SELECT (e->>'event_id')::uuid, (e->>'partition_no')::smallint, p_brand, p_player, p_player_version,
               e->>'event_type', e->'payload', now(), p_restore_epoch
          FROM jsonb_array_elements(c->'events') e;
    END IF;
END $$;

-- Apply one decided command, or change nothing. Outcomes: applied, frozen. What the caller has to read again for is an error:
-- RW001 when the player moved on, RW010 when the active pair did, 23505 when a twin has claimed the request id.
CREATE FUNCTION wallet.apply_command(c jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    brand       uuid := (c->>'brand_id')::uuid;
    player      uuid := (c->>'player_id')::uuid;
    request     text := c->>'request_id';
    transaction uuid := (c->>'transaction_id')::uuid;
    seen        bigint := (c->>'player_version')::bigint;
    gate        wallet_gate;
    held        text;
    stake       bigint;
    bet_state   text;
BEGIN
    LOCK TABLE wallet_gate IN ROW SHARE MODE;
    SELECT * INTO gate FROM wallet_gate;
    IF (gate.freeze_level <> 'open' OR c->>'canary_token' IS NOT NULL) AND wallet.passes_freeze(gate, c) IS NOT TRUE THEN
        RETURN jsonb_build_object('outcome', 'frozen', 'level', gate.freeze_level);
    END IF;
    IF gate.activation_no IS DISTINCT FROM (c->>'activation_no')::bigint THEN
        RAISE EXCEPTION 'decided on activation %, now it is %', c->>'activation_no', gate.activation_no USING ERRCODE = 'RW010';
    END IF;
    INSERT INTO wallet_idempotency (brand_id, caller, route, request_id, fingerprint, status, body, transaction_id)
    VALUES (brand, c->>'caller', c->>'route', request, decode(c->>'fingerprint', 'hex'), (c->>'status')::smallint, c->'body', transaction);
    UPDATE wallet_player p SET version = seen + 1
     WHERE p.brand_id = brand AND p.player_id = player AND p.version = seen
    RETURNING p.currency INTO held;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'decided on player version %', seen USING ERRCODE = 'RW001';
    END IF;
    IF held IS DISTINCT FROM c->>'currency' THEN
        RAISE EXCEPTION 'the player''s wallet is in %, the command in %', held, c->>'currency' USING ERRCODE = 'RW003';
    END IF;
    IF c ? 'grants_opened' THEN
        PERFORM wallet.open_grants(c);
    END IF;
    stake := wallet.move_legs(c, gate.restore_epoch);
    IF c ? 'authorization' THEN
        bet_state := wallet.put_authorization(c, brand, player, transaction, stake);
    ELSIF stake IS DISTINCT FROM 0 THEN
        RAISE EXCEPTION 'a stake of % moved without an authorization', stake USING ERRCODE = 'RW003';
    END IF;
    -- `plain` says that there are none; to look for each kind costs a bet one part in twenty-five.
    IF NOT c ? 'plain' THEN
        PERFORM wallet.put_records(c, brand, player, gate.restore_epoch, seen + 1);
    END IF;
    RETURN '{"outcome": "applied"}';
END $$;

-- Apply many decided commands in one transaction, each for itself: one that cannot be is an outcome, and takes nothing of the others
-- with it. At most 50, because past 64 open subtransactions every other snapshot gets slow. Outcomes come in the order of the commands;
-- whoever calls has put the players in one order, so that two batches cannot wait for each other. One that waits for players holds
-- those it has taken, and the gate: after three seconds the rest is left out as if the lock had timed out.
CREATE FUNCTION wallet.apply_commands(p_commands jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    outcomes jsonb := '[]';
    outcome  jsonb;
    at       text;
    until    timestamptz := clock_timestamp() + interval '3 seconds';
BEGIN
    IF jsonb_array_length(p_commands) > 50 THEN
        RAISE EXCEPTION 'at most 50 commands go together, found %', jsonb_array_length(p_commands) USING ERRCODE = 'RW003';
    END IF;
    FOR place IN 0 .. jsonb_array_length(p_commands) - 1 LOOP
        BEGIN
            IF clock_timestamp() > until THEN
                RAISE EXCEPTION 'the batch has waited too long' USING ERRCODE = '55P03';
            END IF;
            outcome := wallet.apply_command(p_commands->place);
            -- What is checked at the end of a transaction is checked at the end of each command instead.
            SET CONSTRAINTS ALL IMMEDIATE;
            SET CONSTRAINTS ALL DEFERRED;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS at = PG_EXCEPTION_CONTEXT;
            outcome := jsonb_build_object('outcome', 'failed', 'sqlstate', SQLSTATE, 'message', SQLERRM, 'context', at);
        END;
        outcomes := outcomes || jsonb_build_array(outcome);
    END LOOP;
    RETURN outcomes;
END $$;

-- Register a player and the one currency of his wallet; a repeat with the same currency is no change.
CREATE FUNCTION wallet.register_player(p_brand uuid, p_player uuid, p_currency text, p_canary boolean) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
DECLARE
    held text;
BEGIN
    INSERT INTO wallet_player (brand_id, player_id, currency, canary) VALUES (p_brand, p_player, p_currency, p_canary) ON CONFLICT DO NOTHING;
    SELECT currency INTO held FROM wallet_player WHERE brand_id = p_brand AND player_id = p_player;
    RETURN held;
END $$;
