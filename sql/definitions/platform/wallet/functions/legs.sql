-- The legs of a command: apply_command changes one account for each leg, and writes a ledger row.

-- Create the empty row of an account for its first payment. Raises an error if the account is a
-- grant, is to be debited, or is a bucket of no activated topology.
CREATE OR REPLACE FUNCTION wallet.open_account(c wallet.command, p_account text, p_delta bigint,
                                               p_currency text) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF p_account LIKE 'GRANT/%' OR p_delta < 0 THEN
        RAISE EXCEPTION 'account % of player % in % does not exist or holds too little', p_account,
            c.player_id, p_currency USING ERRCODE = 'RW003';
    ELSIF p_account LIKE 'CASH/%' THEN
        INSERT INTO wallet_balances (tenant_id, player_id, currency)
            VALUES (c.brand_id, c.player_id, p_currency);
        RETURN true;
    END IF;
    PERFORM 1 FROM wallet_topology t, jsonb_array_elements(t.document->'buckets') b
      WHERE t.code = split_part(p_account, '/', 1) AND t.state <> 'DRAFT'
        AND b->>'code' = split_part(p_account, '/', 2);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no activated topology has a bucket %', p_account USING ERRCODE = 'RW003';
    END IF;
    INSERT INTO wallet_bucket (brand_id, player_id, topology_code, bucket_type_code, currency)
    VALUES (c.brand_id, c.player_id, split_part(p_account, '/', 1), split_part(p_account, '/', 2),
            p_currency);
    RETURN true;
END $$;

-- Change the balance of cash or of a coupon grant. Returns the new tip, or NULLs if the account
-- does not exist.
CREATE OR REPLACE FUNCTION wallet.move_other(c wallet.command, p_account text, p_delta bigint,
                                             p_currency text, p_restore_epoch bigint)
RETURNS wallet.tip
LANGUAGE plpgsql AS $$
DECLARE
    tip wallet.tip;
BEGIN
    IF p_account = 'CASH/AVAILABLE' THEN
        UPDATE wallet_balances w
           SET balance_real_available = w.balance_real_available + p_delta,
               available_version = w.available_version + 1,
               previous_available_hash = w.available_hash,
               available_hash = ledger_hash(w.available_hash, c.brand_id, c.player_id, p_account,
                                            w.available_version + 1, p_delta,
                                            w.balance_real_available + p_delta, p_currency,
                                            c.command, c.request_id, c.transaction_id,
                                            c.topology_code, c.topology_version, c.policy_key,
                                            c.policy_version, p_restore_epoch, now())
         WHERE w.tenant_id = c.brand_id AND w.player_id = c.player_id AND w.currency = p_currency
        RETURNING w.balance_real_available, w.available_version, w.available_hash,
                  w.previous_available_hash INTO tip;
    ELSIF p_account = 'CASH/PENDING' THEN
        UPDATE wallet_balances w
           SET balance_real_pending = w.balance_real_pending + p_delta,
               pending_version = w.pending_version + 1,
               previous_pending_hash = w.pending_hash,
               pending_hash = ledger_hash(w.pending_hash, c.brand_id, c.player_id, p_account,
                                          w.pending_version + 1, p_delta,
                                          w.balance_real_pending + p_delta, p_currency, c.command,
                                          c.request_id, c.transaction_id, c.topology_code,
                                          c.topology_version, c.policy_key, c.policy_version,
                                          p_restore_epoch, now())
         WHERE w.tenant_id = c.brand_id AND w.player_id = c.player_id AND w.currency = p_currency
        RETURNING w.balance_real_pending, w.pending_version, w.pending_hash,
                  w.previous_pending_hash INTO tip;
    ELSIF p_account LIKE 'GRANT/%' THEN
        UPDATE wallet_coupon_grant g
           SET balance = g.balance + p_delta, version = g.version + 1, previous_hash = g.hash,
               hash = ledger_hash(g.hash, c.brand_id, c.player_id, p_account, g.version + 1,
                                  p_delta, g.balance + p_delta, p_currency, c.command, c.request_id,
                                  c.transaction_id, c.topology_code, c.topology_version,
                                  c.policy_key, c.policy_version, p_restore_epoch, now())
         WHERE g.grant_id = substr(p_account, 7)::uuid AND g.brand_id = c.brand_id
           AND g.player_id = c.player_id AND g.currency = p_currency
        RETURNING g.balance, g.version, g.hash, g.previous_hash INTO tip;
    ELSE
        RAISE EXCEPTION 'there is no account %', p_account USING ERRCODE = 'RW003';
    END IF;
    RETURN tip;
END $$;

-- Write an entry of a counter-account.
CREATE OR REPLACE FUNCTION wallet.put_counter_entry(c wallet.command, p_account text,
                                                    p_delta bigint, p_currency text,
                                                    p_restore_epoch bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF p_account = 'ADJ' AND c.records->'adjustment'->>'state' IS DISTINCT FROM 'APPLIED' THEN
        RAISE EXCEPTION 'an adjustment moves only what two persons agreed on'
            USING ERRCODE = 'RW003';
    ELSIF c.command IN ('POINTS_AWARD', 'BONUS_ISSUE')
        AND (c.records ? 'reference') IS NOT TRUE THEN
        RAISE EXCEPTION '% gives nothing without a reference', c.command USING ERRCODE = 'RW003';
    ELSIF c.command IN ('WIN_PAY', 'WIN_REVERSE') AND (c.records ? 'win') IS NOT TRUE THEN
        RAISE EXCEPTION '% moves nothing without its win', c.command USING ERRCODE = 'RW003';
    END IF;
    INSERT INTO wallet_counter_entry (transaction_id, brand_id, player_id, currency, account, delta,
                                      command, request_id, restore_epoch, created_at,
                                      seal)
    VALUES (c.transaction_id, c.brand_id, c.player_id, p_currency, p_account, p_delta, c.command,
            c.request_id, p_restore_epoch, now(),
            entry_seal(c.transaction_id, c.brand_id, c.player_id, p_currency, p_account, p_delta,
                       c.command, c.request_id, p_restore_epoch, now()));
    RETURN true;
END $$;

-- Apply all legs with their ledger rows, and refuse legs that do not sum to zero per currency.
-- Returns the change of open stakes. Missing accounts are created. Buckets are changed here and not
-- in a helper, because every bet changes a bucket and a call costs time.
CREATE OR REPLACE FUNCTION wallet.move_legs(c wallet.command, p_restore_epoch bigint) RETURNS bigint
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
    -- A loop over numbers, because a FOR loop over a query is slower than the work on the legs.
    FOR place IN 0 .. coalesce(jsonb_array_length(c.legs), 0) - 1 LOOP
        leg := c.legs->place;
        target := leg->>'account';
        unit := leg->>'currency';
        amount := (leg->>'delta')::bigint;
        IF unit = 'PTS' THEN
            points := points + amount;
            IF target = 'STAKE' OR target LIKE 'CASH/%' THEN
                RAISE EXCEPTION 'points can neither be bet nor withdrawn: no leg to %', target
                    USING ERRCODE = 'RW003';
            END IF;
        ELSIF unit = c.currency THEN
            money := money + amount;
        ELSE
            RAISE EXCEPTION 'a leg in % cannot belong to a command in %', unit, c.currency
                USING ERRCODE = 'RW003';
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
                   SET balance = b.balance + amount, version = b.version + 1,
                       previous_hash = b.hash,
                       hash = ledger_hash(b.hash, c.brand_id, c.player_id, target, b.version + 1,
                                          amount, b.balance + amount, unit, c.command, c.request_id,
                                          c.transaction_id, c.topology_code, c.topology_version,
                                          c.policy_key, c.policy_version, p_restore_epoch, now())
                 WHERE b.brand_id = c.brand_id AND b.player_id = c.player_id
                   AND b.topology_code = split_part(target, '/', 1)
                   AND b.bucket_type_code = split_part(target, '/', 2) AND b.currency = unit
                RETURNING b.balance, b.version, b.hash, b.previous_hash INTO tip;
            END IF;
            EXIT WHEN tip.version IS NOT NULL;
            IF attempt = 2 THEN
                RAISE EXCEPTION 'account % of player % in % was made and cannot be moved', target,
                    c.player_id, unit USING ERRCODE = 'RW003';
            END IF;
            done := wallet.open_account(c, target, amount, unit);
        END LOOP;
        INSERT INTO wallet_ledger (brand_id, player_id, account, version, delta, balance_after,
                                   currency, command, request_id, transaction_id,
                                   topology_code, topology_version, policy_key, policy_version,
                                   restore_epoch, previous_hash, hash, created_at)
        VALUES (c.brand_id, c.player_id, target, tip.version, amount, tip.balance, unit, c.command,
                c.request_id, c.transaction_id, c.topology_code,
                c.topology_version, c.policy_key, c.policy_version, p_restore_epoch,
                tip.previous_hash, tip.hash, now());
    END LOOP;
    IF (money = 0 AND points = 0) IS NOT TRUE THEN
        RAISE EXCEPTION 'legs of % do not sum to zero: % money, % points', c.command, money, points
            USING ERRCODE = 'RW003';
    END IF;
    RETURN stake;
END $$;
