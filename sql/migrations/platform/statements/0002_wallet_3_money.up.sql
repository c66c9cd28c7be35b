-- The one path by which money moves. wallet_service decides in Python on what read_state gave; apply_command makes it so.
-- The helpers have no search_path of their own: only apply_command may call them, and setting it again for each costs a bet.
-- Both keep generic plans: one made for a command's own keys looks cheaper, and would be planned anew for every command.
-- Helpers of a bet are called in expressions, which costs a tenth of a PERFORM; that is why each returns something.

-- The gate lock is a table lock on wallet_gate: money commands share it (ROW SHARE, which does not even touch shared memory while
-- nobody waits), activation and freezing take it alone (EXCLUSIVE). No login role can take either; readers and dumps disturb neither.

-- A bet's authorization as a command leaves it: a new one, or the close of the one that was found `from_state`.
CREATE TYPE wallet.bet AS (
    authorization_id uuid, provider_id text, provider_type text, bet_id text, round_id text, stake bigint, from_state text, state text,
    funding jsonb, policy_snapshot jsonb, payout bigint, payout_shares jsonb
);

-- A decided command. What every bet has is typed: to take it out of a JSON document by its names costs a bet about a tenth.
CREATE TYPE wallet.command AS (
    -- Who asks for what, and under which request id.
    brand_id uuid, player_id uuid, caller text, route text, request_id text, fingerprint bytea, transaction_id uuid, canary_token text,
    -- The operator's fencing token; NULL for every other caller, so that a bet pays nothing for it.
    fence_token bigint,
    -- On what it was decided.
    player_version bigint, activation_no bigint, currency text, canary boolean,
    topology_code text, topology_version integer, policy_key text, policy_version integer,
    -- What was decided: the answer, [{account, delta, currency}], the bet, and by its kind what only some commands write beside these.
    command text, starts_new boolean, status smallint, body jsonb, legs jsonb, bet wallet.bet, records jsonb
);

-- Where a movement left an account.
CREATE TYPE wallet.tip AS (balance bigint, version bigint, hash bytea, previous_hash bytea);

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

-- The seal of a bet: 16 bytes for where its winnings go behind 32 for all else, so that a finding tells the two apart. It is written at
-- authorize, and a close pays nothing where it does not hold. All texts are ASCII, so the client's encoding does not change their bytes.
CREATE FUNCTION wallet.opening_seal(
    p_authorization uuid, p_brand uuid, p_player uuid, p_provider text, p_provider_type text, p_bet text, p_round text, p_currency text,
    p_stake bigint, p_funding jsonb, p_snapshot jsonb, p_topology text, p_topology_version integer, p_policy text, p_policy_version integer,
    p_transaction uuid, p_canary boolean, p_created_at timestamptz
) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(record_send(ROW(p_authorization, p_brand, p_player, p_provider, p_provider_type, p_bet, p_round, p_currency, p_stake, p_funding,
               p_topology, p_topology_version, p_policy, p_policy_version, p_transaction, p_canary, p_created_at)))
        || substr(sha256(jsonb_send(p_snapshot)), 1, 16)
$$;

-- How a bet was closed last: what it paid and to where, its state, and the transactions of its closes; over what it was authorized as.
CREATE FUNCTION wallet.closing_seal(p_seal bytea, p_state text, p_payout bigint, p_shares jsonb, p_close uuid, p_first_close uuid, p_closed_at timestamptz)
RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT substr(sha256(p_seal || record_send(ROW(p_payout, convert_to(p_shares::text, 'UTF8')))), 1, 16)
        || substr(sha256(p_seal || record_send(ROW(convert_to(p_state, 'UTF8'), p_close, p_first_close, p_closed_at))), 1, 16)
$$;

-- An entry of a counter-account.
CREATE FUNCTION wallet.entry_seal(p_transaction uuid, p_brand uuid, p_player uuid, p_currency text, p_account text, p_delta bigint, p_command text,
                                  p_request_id text, p_restore_epoch bigint, p_created_at timestamptz) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT substr(sha256(record_send(ROW(p_transaction, p_brand, p_player, p_currency, p_account, p_delta, p_command, convert_to(p_request_id, 'UTF8'),
                                         p_restore_epoch, p_created_at))), 1, 16)
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
                                              'grant_id', r.grant_id, 'cap', r.cap, 'earned', r.earned, 'required', r.required)
                      FROM wallet.wallet_rolling_obligation r
                     WHERE r.rolling_id = (c->>'rolling_id')::uuid AND r.brand_id = p_brand),
        'coupon', (SELECT wallet.grant_json(g) FROM wallet.wallet_coupon_grant g
                    WHERE g.brand_id = p_brand AND g.coupon_log_id = c->>'coupon_log_id'),
        'cash_transaction', (SELECT to_jsonb(t) FROM wallet.ledger_transactions t
                              WHERE t.transaction_id = (c->>'cash_transaction_id')::uuid AND t.tenant_id = p_brand))
$$;

-- The use of a reference that an award or a bonus names (reference_of: its command), null if it is new.
CREATE FUNCTION wallet.read_reference(c jsonb, p_brand uuid) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('reference', (
        SELECT jsonb_build_object('player_id', f.player_id, 'transaction_id', f.transaction_id)
          FROM wallet.wallet_reference f
         WHERE f.brand_id = p_brand AND f.command = c->>'reference_of' AND f.reference = c->>'reference'))
$$;

-- The active coupon grants, in the order they are used up, of a player who has or had one.
CREATE FUNCTION wallet.read_grants(p_brand uuid, p_player uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('had_grants', true, 'grants', coalesce(jsonb_agg(wallet.grant_json(g) ORDER BY g.expires_at NULLS LAST, g.created_at, g.grant_id), '[]'))
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
                                                                     'grant_id', o.grant_id, 'cap', o.cap, 'earned', o.earned,
                                                                     'required', o.required)), '[]')
                          FROM wallet_rolling_obligation o
                         WHERE o.brand_id = p_brand AND o.player_id = p_player AND o.state = 'ACTIVE'));
END $$;

-- Everything a decision needs, in one trip and without a lock: what changes meanwhile is caught by apply_command.
-- Input: brand_id, player_id, caller, route, request_id, without_debts where cash and obligations decide nothing, and provider_id + bet_id, rolling_id, cash_transaction_id,
-- coupon_log_id, reference_of + reference, with_locks or with_open_stakes where they apply.
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
    -- Most players never had one; to ask first costs a third of making an empty list.
    IF EXISTS (SELECT FROM wallet_coupon_grant g WHERE g.brand_id = brand AND g.player_id = player) THEN
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
    IF c ?| ARRAY['rolling_id', 'bonus_id'] THEN
        state := state || wallet.read_turnover(c, brand, player);
    END IF;
    IF c ? 'reference' THEN
        state := state || wallet.read_reference(c, brand);
    END IF;
    IF c ? 'with_locks' THEN
        state := state || wallet.read_locks(brand, player);
    END IF;
    IF c ? 'round_id' THEN
        state := state || wallet.read_round(c, brand, player);
    END IF;
    IF c ? 'with_winnings' THEN
        state := state || jsonb_build_object('further_wins', wallet.wins_on(brand, c->>'provider_id', c->>'bet_id'));
    END IF;
    IF c ? 'win' THEN
        state := state || wallet.read_win(c, brand);
    END IF;
    IF c ? 'choice_for' THEN
        state := state || wallet.read_choice(c, brand, player);
    END IF;
    RETURN state;
END $$;

-- May this command pass the freeze? Ingress stops what is new; sealed stops all; a canary pass of the run in charge passes both.
-- A token that is no valid pass is refused at every level: whoever sends one must not gain by it, wherever else it was believed.
CREATE FUNCTION wallet.passes_freeze(g wallet.wallet_gate, p_brand uuid, p_player uuid, p_canary_token text, p_starts_new boolean) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_canary_token IS NULL THEN
        RETURN g.freeze_level = 'open' OR (g.freeze_level = 'ingress' AND NOT p_starts_new);
    END IF;
    RETURN EXISTS (
        SELECT FROM wallet_canary_pass k
         WHERE k.token_hash = sha256(convert_to(p_canary_token, 'UTF8')) AND k.fence_token = g.fence_token
           AND k.brand_id = p_brand AND k.player_id = p_player AND k.expires_at > clock_timestamp());
END $$;

-- Make the empty row of an account that is paid into for the first time; refuse what cannot be made.
CREATE FUNCTION wallet.open_account(c wallet.command, p_account text, p_delta bigint, p_currency text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF p_account LIKE 'GRANT/%' OR p_delta < 0 THEN
        RAISE EXCEPTION 'account % of player % in % does not exist or holds too little', p_account, c.player_id, p_currency USING ERRCODE = 'RW003';
    ELSIF p_account LIKE 'CASH/%' THEN
        INSERT INTO wallet_balances (tenant_id, player_id, currency) VALUES (c.brand_id, c.player_id, p_currency);
        RETURN true;
    END IF;
    PERFORM 1 FROM wallet_topology t, jsonb_array_elements(t.document->'buckets') b
      WHERE t.code = split_part(p_account, '/', 1) AND t.state <> 'DRAFT' AND b->>'code' = split_part(p_account, '/', 2);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no activated topology has a bucket %', p_account USING ERRCODE = 'RW003';
    END IF;
    INSERT INTO wallet_bucket (brand_id, player_id, topology_code, bucket_type_code, currency)
    VALUES (c.brand_id, c.player_id, split_part(p_account, '/', 1), split_part(p_account, '/', 2), p_currency);
    RETURN true;
END $$;

-- Move cash or a coupon grant; return where that left it, or NULLs if it is not there.
CREATE FUNCTION wallet.move_other(c wallet.command, p_account text, p_delta bigint, p_currency text, p_restore_epoch bigint) RETURNS wallet.tip
LANGUAGE plpgsql AS $$
DECLARE
    tip wallet.tip;
BEGIN
    IF p_account = 'CASH/AVAILABLE' THEN
        UPDATE wallet_balances w
           SET balance_real_available = w.balance_real_available + p_delta, available_version = w.available_version + 1,
               previous_available_hash = w.available_hash,
               available_hash = ledger_hash(w.available_hash, c.brand_id, c.player_id, p_account, w.available_version + 1, p_delta,
                   w.balance_real_available + p_delta, p_currency, c.command, c.request_id, c.transaction_id, c.topology_code,
                   c.topology_version, c.policy_key, c.policy_version, p_restore_epoch, now())
         WHERE w.tenant_id = c.brand_id AND w.player_id = c.player_id AND w.currency = p_currency
        RETURNING w.balance_real_available, w.available_version, w.available_hash, w.previous_available_hash INTO tip;
    ELSIF p_account = 'CASH/PENDING' THEN
        UPDATE wallet_balances w
           SET balance_real_pending = w.balance_real_pending + p_delta, pending_version = w.pending_version + 1,
               previous_pending_hash = w.pending_hash,
               pending_hash = ledger_hash(w.pending_hash, c.brand_id, c.player_id, p_account, w.pending_version + 1, p_delta,
                   w.balance_real_pending + p_delta, p_currency, c.command, c.request_id, c.transaction_id, c.topology_code,
                   c.topology_version, c.policy_key, c.policy_version, p_restore_epoch, now())
         WHERE w.tenant_id = c.brand_id AND w.player_id = c.player_id AND w.currency = p_currency
        RETURNING w.balance_real_pending, w.pending_version, w.pending_hash, w.previous_pending_hash INTO tip;
    ELSIF p_account LIKE 'GRANT/%' THEN
        UPDATE wallet_coupon_grant g
           SET balance = g.balance + p_delta, version = g.version + 1, previous_hash = g.hash,
               hash = ledger_hash(g.hash, c.brand_id, c.player_id, p_account, g.version + 1, p_delta, g.balance + p_delta, p_currency, c.command,
                   c.request_id, c.transaction_id, c.topology_code, c.topology_version, c.policy_key, c.policy_version, p_restore_epoch, now())
         WHERE g.grant_id = substr(p_account, 7)::uuid AND g.brand_id = c.brand_id AND g.player_id = c.player_id AND g.currency = p_currency
        RETURNING g.balance, g.version, g.hash, g.previous_hash INTO tip;
    ELSE
        RAISE EXCEPTION 'there is no account %', p_account USING ERRCODE = 'RW003';
    END IF;
    RETURN tip;
END $$;

-- Write what left an account of the house, or came to it.
CREATE FUNCTION wallet.put_counter_entry(c wallet.command, p_account text, p_delta bigint, p_currency text, p_restore_epoch bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF p_account = 'ADJ' AND c.records->'adjustment'->>'state' IS DISTINCT FROM 'APPLIED' THEN
        RAISE EXCEPTION 'an adjustment moves only what two persons agreed on' USING ERRCODE = 'RW003';
    ELSIF c.command IN ('POINTS_AWARD', 'BONUS_ISSUE') AND (c.records ? 'reference') IS NOT TRUE THEN
        RAISE EXCEPTION '% gives nothing without a reference', c.command USING ERRCODE = 'RW003';
    ELSIF c.command IN ('WIN_PAY', 'WIN_REVERSE') AND (c.records ? 'win') IS NOT TRUE THEN
        RAISE EXCEPTION '% moves nothing without its win', c.command USING ERRCODE = 'RW003';
    END IF;
    INSERT INTO wallet_counter_entry (transaction_id, brand_id, player_id, currency, account, delta, command, request_id, restore_epoch, created_at,
                                      seal)
    VALUES (c.transaction_id, c.brand_id, c.player_id, p_currency, p_account, p_delta, c.command, c.request_id, p_restore_epoch, now(),
            entry_seal(c.transaction_id, c.brand_id, c.player_id, p_currency, p_account, p_delta, c.command, c.request_id, p_restore_epoch, now()));
    RETURN true;
END $$;

-- Move every leg, each with its ledger row; refuse what does not sum to zero in a currency. Returns what went into open stakes (minus what
-- left them). Rows of accounts are made when first paid into. The bucket is moved here and not by a helper: every bet moves one.
CREATE FUNCTION wallet.move_legs(c wallet.command, p_restore_epoch bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    leg     jsonb;
    target  text;
    unit    text;
    amount  bigint;
    tip     wallet.tip;
    money   bigint := 0;
    points  bigint := 0;
    stake   bigint := 0;
    done    boolean;
BEGIN
    -- Counted, because a loop over a query costs more than what it loops over.
    FOR place IN 0 .. coalesce(jsonb_array_length(c.legs), 0) - 1 LOOP
        leg := c.legs->place;
        target := leg->>'account';
        unit := leg->>'currency';
        amount := (leg->>'delta')::bigint;
        IF unit = 'PTS' THEN
            points := points + amount;
            IF target = 'STAKE' OR target LIKE 'CASH/%' THEN
                RAISE EXCEPTION 'points can neither be bet nor withdrawn: no leg to %', target USING ERRCODE = 'RW003';
            END IF;
        ELSIF unit = c.currency THEN
            money := money + amount;
        ELSE
            RAISE EXCEPTION 'a leg in % cannot belong to a command in %', unit, c.currency USING ERRCODE = 'RW003';
        END IF;
        IF target = 'STAKE' THEN
            stake := stake + amount;
            CONTINUE;
        ELSIF strpos(target, '/') = 0 THEN
            done := wallet.put_counter_entry(c, target, amount, unit, p_restore_epoch);
            CONTINUE;
        END IF;
        FOR attempt IN 1 .. 2 LOOP
            IF target LIKE 'CASH/%' OR target LIKE 'GRANT/%' THEN
                tip := wallet.move_other(c, target, amount, unit, p_restore_epoch);
            ELSE
                UPDATE wallet_bucket b
                   SET balance = b.balance + amount, version = b.version + 1, previous_hash = b.hash,
                       hash = ledger_hash(b.hash, c.brand_id, c.player_id, target, b.version + 1, amount, b.balance + amount, unit, c.command,
                           c.request_id, c.transaction_id, c.topology_code, c.topology_version, c.policy_key, c.policy_version, p_restore_epoch, now())
                 WHERE b.brand_id = c.brand_id AND b.player_id = c.player_id AND b.topology_code = split_part(target, '/', 1)
                   AND b.bucket_type_code = split_part(target, '/', 2) AND b.currency = unit
                RETURNING b.balance, b.version, b.hash, b.previous_hash INTO tip;
            END IF;
            EXIT WHEN tip.version IS NOT NULL;
            IF attempt = 2 THEN
                RAISE EXCEPTION 'account % of player % in % was made and cannot be moved', target, c.player_id, unit USING ERRCODE = 'RW003';
            END IF;
            done := wallet.open_account(c, target, amount, unit);
        END LOOP;
        INSERT INTO wallet_ledger (brand_id, player_id, account, version, delta, balance_after, currency, command, request_id, transaction_id,
                                   topology_code, topology_version, policy_key, policy_version, restore_epoch, previous_hash, hash, created_at)
        VALUES (c.brand_id, c.player_id, target, tip.version, amount, tip.balance, unit, c.command, c.request_id, c.transaction_id, c.topology_code,
                c.topology_version, c.policy_key, c.policy_version, p_restore_epoch, tip.previous_hash, tip.hash, now());
    END LOOP;
    IF (money = 0 AND points = 0) IS NOT TRUE THEN
        RAISE EXCEPTION 'legs of % do not sum to zero: % money, % points', c.command, money, points USING ERRCODE = 'RW003';
    END IF;
    RETURN stake;
END $$;

-- Open, close or pre-empt a bet authorization; the money that moved must be exactly its stake. Returns the state it is in now.
-- A bet that is not as it was sealed is closed by nobody (RW013): the decision was made on what somebody has changed.
CREATE FUNCTION wallet.put_authorization(c wallet.command, b wallet.bet, p_stake_moved bigint) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    closed_stake bigint;
    intact       boolean;
BEGIN
    IF b.state IN ('AUTHORIZED', 'TOMBSTONE') THEN
        INSERT INTO wallet_bet_authorization (authorization_id, brand_id, player_id, provider_id, provider_type, bet_id, round_id, currency, stake,
            state, funding, policy_snapshot, topology_code, topology_version, policy_key, policy_version, authorize_transaction_id, canary, seal)
        VALUES (b.authorization_id, c.brand_id, c.player_id, b.provider_id, b.provider_type, b.bet_id, b.round_id, c.currency, b.stake,
            b.state, b.funding, b.policy_snapshot, c.topology_code, c.topology_version, c.policy_key, c.policy_version, c.transaction_id, c.canary,
            opening_seal(b.authorization_id, c.brand_id, c.player_id, b.provider_id, b.provider_type, b.bet_id, b.round_id, c.currency, b.stake,
                b.funding, b.policy_snapshot, c.topology_code, c.topology_version, c.policy_key, c.policy_version, c.transaction_id, c.canary, now()));
        IF p_stake_moved IS DISTINCT FROM b.stake THEN
            RAISE EXCEPTION 'stake % differs from the % moved', b.stake, p_stake_moved USING ERRCODE = 'RW003';
        END IF;
        RETURN b.state;
    END IF;
    IF b.from_state || '>' || b.state NOT IN ('AUTHORIZED>SETTLED', 'AUTHORIZED>ROLLED_BACK', 'SETTLED>ROLLED_BACK') THEN
        RAISE EXCEPTION 'a bet never goes from % to %', b.from_state, b.state USING ERRCODE = 'RW003';
    END IF;
    IF b.from_state = 'SETTLED' THEN
        PERFORM 1 FROM wallet_bet_authorization x
          WHERE x.authorization_id = b.authorization_id AND x.state = 'SETTLED'
            AND x.close_seal IS DISTINCT FROM closing_seal(x.seal, x.state, x.payout, x.payout_shares, x.close_transaction_id,
                                                           x.first_close_transaction_id, x.closed_at);
        IF FOUND THEN
            RAISE EXCEPTION 'bet % is not as it was settled', b.authorization_id USING ERRCODE = 'RW013';
        END IF;
    END IF;
    UPDATE wallet_bet_authorization x
       SET state = b.state, payout = coalesce(b.payout, x.payout), payout_shares = coalesce(b.payout_shares, x.payout_shares),
           close_transaction_id = c.transaction_id,
           first_close_transaction_id = coalesce(x.first_close_transaction_id, c.transaction_id), closed_at = now(),
           close_seal = CASE WHEN (x.close_seal IS NULL) = (b.from_state = 'AUTHORIZED') THEN
               closing_seal(x.seal, b.state, coalesce(b.payout, x.payout), coalesce(b.payout_shares, x.payout_shares), c.transaction_id,
                            coalesce(x.first_close_transaction_id, c.transaction_id), now()) END
     WHERE x.authorization_id = b.authorization_id AND x.state = b.from_state AND x.player_id = c.player_id
    RETURNING CASE WHEN b.from_state = 'AUTHORIZED' THEN x.stake ELSE 0 END,
              x.close_seal IS NOT NULL AND x.seal = opening_seal(x.authorization_id, x.brand_id, x.player_id, x.provider_id, x.provider_type, x.bet_id,
                  x.round_id, x.currency, x.stake, x.funding, x.policy_snapshot, x.topology_code, x.topology_version, x.policy_key, x.policy_version,
                  x.authorize_transaction_id, x.canary, x.created_at)
      INTO closed_stake, intact;
    IF NOT intact THEN
        RAISE EXCEPTION 'bet % is not as it was authorized', b.authorization_id USING ERRCODE = 'RW013';
    END IF;
    IF NOT FOUND OR closed_stake IS DISTINCT FROM -p_stake_moved THEN
        RAISE EXCEPTION 'authorization % is not % or its stake is not the % moved', b.authorization_id, b.from_state, -p_stake_moved
            USING ERRCODE = 'RW003';
    END IF;
    RETURN b.state;
END $$;

-- Open a cash transaction, or move it from the state the decision saw.
CREATE FUNCTION wallet.put_cash_transaction(c wallet.command, t jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF t->>'from_state' IS NULL THEN
        INSERT INTO ledger_transactions (transaction_id, tenant_id, player_id, type, state, amount, currency, provider_ref, idempotency_key, balance_after)
        VALUES ((t->>'transaction_id')::uuid, c.brand_id, c.player_id, t->>'type', t->>'state', (t->>'amount')::bigint,
                c.currency, t->>'provider_ref', c.request_id, (t->>'balance_after')::bigint);
        RETURN;
    END IF;
    UPDATE ledger_transactions x
       SET state = t->>'state', updated_at = now(), reviewed_by = coalesce(t->>'reviewed_by', x.reviewed_by),
           reviewed_at = CASE WHEN t ? 'reviewed_by' THEN now() ELSE x.reviewed_at END
     WHERE x.transaction_id = (t->>'transaction_id')::uuid AND x.state = t->>'from_state' AND x.player_id = c.player_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'cash transaction % is not %', t->>'transaction_id', t->>'from_state' USING ERRCODE = 'RW003';
    END IF;
END $$;

-- Write the transfers of a decision.
CREATE FUNCTION wallet.put_transfers(c wallet.command) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO wallet_transfer (transfer_id, brand_id, player_id, kind, from_account, to_account, currency, amount, topology_code, topology_version,
                                 policy_key, policy_version, transaction_id)
    SELECT (t->>'transfer_id')::uuid, c.brand_id, c.player_id, t->>'kind', t->>'from_account', t->>'to_account',
           c.currency, (t->>'amount')::bigint, c.topology_code, c.topology_version, c.policy_key, c.policy_version, c.transaction_id
      FROM jsonb_array_elements(c.records->'transfers') t;
END $$;

-- Make the empty rows of new coupon grants, before the legs that fill them.
CREATE FUNCTION wallet.open_grants(c wallet.command) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO wallet_coupon_grant (grant_id, brand_id, player_id, topology_code, topology_version, policy_key, policy_version, coupon_log_id,
                                     scope, currency, amount, expires_at, transaction_id)
    SELECT (o->>'grant_id')::uuid, c.brand_id, c.player_id, c.topology_code, c.topology_version, c.policy_key, c.policy_version,
           o->>'coupon_log_id', o->'scope', c.currency, (o->>'amount')::bigint, (o->>'expires_at')::timestamptz, c.transaction_id
      FROM jsonb_array_elements(c.records->'grants_opened') o;
END $$;

-- Close active coupon grants; the legs have emptied them.
CREATE FUNCTION wallet.close_grants(c wallet.command) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    wanted integer := jsonb_array_length(c.records->'grants_closed');
    closed integer;
BEGIN
    UPDATE wallet_coupon_grant g SET state = o->>'state', closed_at = now()
      FROM jsonb_array_elements(c.records->'grants_closed') o
     WHERE g.grant_id = (o->>'grant_id')::uuid AND g.brand_id = c.brand_id AND g.player_id = c.player_id AND g.state = 'ACTIVE';
    GET DIAGNOSTICS closed = ROW_COUNT;
    IF closed <> wanted THEN
        RAISE EXCEPTION 'of % coupon grants to close % are active', wanted, closed USING ERRCODE = 'RW003';
    END IF;
END $$;

-- Open and close rolling obligations.
CREATE FUNCTION wallet.put_obligations(c wallet.command) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO wallet_rolling_obligation (rolling_id, brand_id, player_id, topology_code, bucket_type_code, grant_id, currency, amount, earned,
                                           cap, required)
    SELECT (o->>'rolling_id')::uuid, c.brand_id, c.player_id, o->>'topology_code', o->>'bucket_type_code',
           (o->>'grant_id')::uuid, c.currency, (o->>'amount')::bigint, coalesce((o->>'earned')::bigint, 0), (o->>'cap')::bigint,
           CASE WHEN o ? 'part_of' THEN (o->>'required')::bigint ELSE wallet.asked_turnover(c.brand_id, (o->>'required')::bigint) END
      FROM jsonb_array_elements(coalesce(c.records->'obligations_opened', '[]')) o;
    UPDATE wallet_rolling_obligation r SET state = o->>'state', closed_at = now()
      FROM jsonb_array_elements(coalesce(c.records->'obligations_closed', '[]')) o
     WHERE r.rolling_id = (o->>'rolling_id')::uuid AND r.player_id = c.player_id AND r.state = 'ACTIVE';
END $$;

-- Write the records and events that a decision asked for beside its legs and its bet. `p_last_event`
-- is the number that the player's last event has then.
CREATE FUNCTION wallet.put_records(c wallet.command, p_restore_epoch bigint, p_last_event bigint)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    r jsonb := c.records;
BEGIN
    IF r ? 'reference' THEN
        INSERT INTO wallet_reference (brand_id, command, reference, player_id, transaction_id)
        VALUES (c.brand_id, c.command, r->>'reference', c.player_id, c.transaction_id);
    END IF;
    IF r ? 'win' THEN
        PERFORM wallet.put_win(c, r->'win');
    END IF;
    IF r ? 'cash_transaction' THEN
        PERFORM wallet.put_cash_transaction(c, r->'cash_transaction');
    END IF;
    IF r ? 'transfers' THEN
        PERFORM wallet.put_transfers(c);
    END IF;
    IF r ? 'locks' THEN
        PERFORM wallet.put_locks(c);
    END IF;
    IF r ?| ARRAY['locks', 'transfers'] THEN
        PERFORM wallet.refuse_unlocked(c);
    END IF;
    IF r ?| ARRAY['transfers', 'obligations_opened', 'obligations_closed'] THEN
        PERFORM wallet.follow_turnover(c);
    END IF;
    IF r ? 'obligations_opened' OR r ? 'obligations_closed' THEN
        PERFORM wallet.put_obligations(c);
    END IF;
    IF r ? 'grants_closed' THEN
        PERFORM wallet.close_grants(c);
    END IF;
    IF r ? 'findings' THEN
        INSERT INTO wallet_finding (kind, subject, brand_id, player_id, details, request_id)
        SELECT f->>'kind', f->>'subject', c.brand_id, c.player_id, f->'details', c.request_id
          FROM jsonb_array_elements(r->'findings') f
        ON CONFLICT DO NOTHING;
    END IF;
    IF r ?| ARRAY['bonus', 'adjustment', 'obligations_changed', 'obligations_closed'] THEN
        PERFORM wallet.put_movement(c);
    END IF;
    IF r ? 'events' THEN
        INSERT INTO wallet_outbox (event_id, partition_no, brand_id, player_id, player_version,
                                   event_no, event_type, payload, occurred_at, restore_epoch)
        SELECT (e->>'event_id')::uuid, (e->>'partition_no')::smallint, c.brand_id, c.player_id, c.player_version + 1,
               p_last_event - jsonb_array_length(r->'events') + n, e->>'event_type', e->'payload', now(),
               p_restore_epoch
          FROM jsonb_array_elements(r->'events') WITH ORDINALITY AS each (e, n);
    END IF;
END $$;

-- Apply one decided command, or change nothing. Outcomes: applied, frozen. What the caller has to read again for is an error:
-- RW001 when the player moved on, RW010 when the active pair did, 23505 when a twin has claimed the request id. RW011 is final: the
-- request was answered before, and the answer is no longer kept. RW014 refuses a release that no turnover can stand for.
CREATE FUNCTION wallet.apply_command(c wallet.command) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    gate  wallet_gate;
    held  text;
    stake bigint;
    state text;
    last_event bigint;
    claimed boolean;
    counted boolean;
    -- True for a bet of which any field is told, so that one without a state is refused and not left out.
    of_a_bet boolean := NOT (c.bet IS NULL);
BEGIN
    -- The operator's acts alone lock the fence: the operator's own and those of canaries, whose pass
    -- must be that of the run in charge until the commit.
    IF c.fence_token IS NOT NULL THEN
        PERFORM 1 FROM wallet_fence FOR UPDATE;
    ELSIF c.canary_token IS NOT NULL THEN
        PERFORM 1 FROM wallet_fence FOR SHARE;
    END IF;
    LOCK TABLE wallet_gate IN ROW SHARE MODE;
    SELECT * INTO gate FROM wallet_gate;
    IF (gate.freeze_level <> 'open' OR c.canary_token IS NOT NULL)
       AND wallet.passes_freeze(gate, c.brand_id, c.player_id, c.canary_token, c.starts_new) IS NOT TRUE THEN
        RETURN jsonb_build_object('outcome', 'frozen', 'level', gate.freeze_level);
    END IF;
    IF c.fence_token IS NOT NULL THEN
        PERFORM wallet.note_change(c.fence_token);
    END IF;
    IF gate.activation_no IS DISTINCT FROM c.activation_no THEN
        RAISE EXCEPTION 'decided on activation %, now it is %', c.activation_no, gate.activation_no USING ERRCODE = 'RW010';
    END IF;
    INSERT INTO wallet_idempotency (brand_id, caller, route, request_id, fingerprint, status, body, transaction_id)
    VALUES (c.brand_id, c.caller, c.route, c.request_id, c.fingerprint, c.status, c.body, c.transaction_id);
    -- After the insert, which waits for a prune of the same answer: this statement sees what that has claimed.
    UPDATE wallet_player p
       SET version = c.player_version + 1,
           event_no = p.event_no + coalesce(jsonb_array_length(c.records->'events'), 0)
     WHERE p.brand_id = c.brand_id AND p.player_id = c.player_id AND p.version = c.player_version
    RETURNING p.currency, p.event_no, EXISTS (SELECT FROM wallet_claim k WHERE k.transaction_id = c.transaction_id) INTO held, last_event, claimed;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'decided on player version %', c.player_version USING ERRCODE = 'RW001';
    ELSIF claimed THEN
        RAISE EXCEPTION 'request % was answered before, and its answer was pruned', c.request_id USING ERRCODE = 'RW011';
    END IF;
    IF held IS DISTINCT FROM c.currency THEN
        RAISE EXCEPTION 'the player''s wallet is in %, the command in %', held, c.currency USING ERRCODE = 'RW003';
    END IF;
    IF c.records ? 'grants_opened' THEN
        PERFORM wallet.open_grants(c);
    END IF;
    stake := wallet.move_legs(c, gate.restore_epoch);
    -- A condition of its own: one that holds a query is run as a query, for a new bet, too.
    IF (c.bet).from_state IS NOT NULL THEN
        IF EXISTS (SELECT FROM wallet_turnover t WHERE t.brand_id = c.brand_id AND t.player_id = c.player_id) THEN
            counted := wallet.count_turnover(c);
        END IF;
    END IF;
    IF of_a_bet THEN
        state := wallet.put_authorization(c, c.bet, stake);
    ELSIF stake IS DISTINCT FROM 0 THEN
        RAISE EXCEPTION 'a stake of % moved without an authorization', stake USING ERRCODE = 'RW003';
    END IF;
    IF c.records IS NOT NULL THEN
        PERFORM wallet.put_records(c, gate.restore_epoch, last_event);
    END IF;
    IF NOT of_a_bet AND jsonb_array_length(c.legs) > 0 THEN
        PERFORM wallet.refuse_release(c);
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
            outcome := wallet.apply_command(jsonb_populate_record(NULL::wallet.command, p_commands->place));
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

-- Register a player and the one currency of his wallet; a repeat with the same currency is no change. Under a seal the run in charge
-- alone does, for its canaries.
CREATE FUNCTION wallet.register_player(p_brand uuid, p_player uuid, p_currency text, p_canary boolean) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
DECLARE
    held text;
BEGIN
    IF NOT (p_canary AND coalesce(current_setting('wallet.held_fence', true), '') = (SELECT fence_token::text FROM wallet_gate)) THEN
        PERFORM wallet.hold_unsealed();
    END IF;
    INSERT INTO wallet_player (brand_id, player_id, currency, canary) VALUES (p_brand, p_player, p_currency, p_canary) ON CONFLICT DO NOTHING;
    SELECT currency INTO held FROM wallet_player WHERE brand_id = p_brand AND player_id = p_player;
    RETURN held;
END $$;
