-- The backfill (OPS-01): create missing wallet balances of legacy players in batches, with ledger
-- rows against the counter-account OPENING (LE-4).

-- Start a run, or return the row of a started run. The last player is fixed at the start, so that
-- new players do not extend the run.
CREATE OR REPLACE FUNCTION wallet.backfill_start(p_run_id text, p_tenant uuid)
RETURNS wallet.backfill_run
LANGUAGE plpgsql SET search_path = wallet, pg_temp AS $$
DECLARE
    run backfill_run;
    nil uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
    -- The nil UUID is less than the id of every player, so the range starts before the first
    -- player.
    INSERT INTO backfill_run (run_id, tenant_id, upper_tenant, upper_player, last_tenant,
                              last_player)
    SELECT p_run_id, p_tenant, b.tenant_id, b.player_id, coalesce(p_tenant, nil), nil
      FROM (SELECT 1) AS always
      LEFT JOIN (SELECT tenant_id, player_id FROM player.player
                  WHERE p_tenant IS NULL OR tenant_id = p_tenant
                  ORDER BY tenant_id DESC, player_id DESC LIMIT 1) AS b ON true
    ON CONFLICT DO NOTHING;
    SELECT * INTO run FROM backfill_run WHERE run_id = p_run_id FOR UPDATE;
    IF run.tenant_id IS DISTINCT FROM p_tenant THEN
        RAISE EXCEPTION 'backfill % was started for tenant %', p_run_id,
            coalesce(run.tenant_id::text, 'all') USING ERRCODE = 'RW003';
    END IF;
    RETURN run;
END $$;

-- Return the hash of an account's first ledger row. It is empty for an account that opens with 0,
-- because such an account gets no ledger row.
CREATE OR REPLACE FUNCTION wallet.backfill_hash(g wallet.wallet_gate, p_run_id text, p_tenant uuid,
                                                p_player uuid, p_currency text, p_account text,
                                                p_amount bigint)
RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN p_amount > 0 THEN wallet.ledger_hash('', p_tenant, p_player, p_account, 1,
                                                          p_amount, p_amount, p_currency,
                                                          'BACKFILL', p_run_id,
        md5('backfill/' || p_tenant || '/' || p_player)::uuid, coalesce(g.topology_code, ''),
        coalesce(g.topology_version, 0),
        coalesce(g.policy_key, ''), coalesce(g.policy_version, 0), g.restore_epoch,
        now()) ELSE '' END
$$;

-- Create the missing balances of players in the key range (after, upto]. Returns their number. The
-- source rows are locked, so that a legacy transaction cannot change a balance during the copy.
CREATE OR REPLACE FUNCTION wallet.backfill_range(p_run_id text, p_after_tenant uuid,
                                                 p_after_player uuid, p_upto_tenant uuid,
                                                 p_upto_player uuid)
RETURNS bigint LANGUAGE plpgsql SET search_path = wallet, pg_temp AS $$
DECLARE
    gate wallet_gate;
    made bigint;
BEGIN
    SELECT * INTO gate FROM wallet_gate;
    PERFORM 1 FROM player.player p
      WHERE (p.tenant_id, p.player_id) > (p_after_tenant, p_after_player)
        AND (p.tenant_id, p.player_id) <= (p_upto_tenant, p_upto_player)
        AND NOT EXISTS (SELECT FROM wallet_balances w
                         WHERE w.tenant_id = p.tenant_id AND w.player_id = p.player_id)
      ORDER BY p.tenant_id, p.player_id FOR SHARE OF p;
    -- The ledger rows follow from the inserted rows, not from the source. So a balance that was
    -- created in between gets no second ledger row.
    WITH source AS (
        SELECT c.tenant_id, c.player_id, c.currency, c.status, c.canary,
               c.available::bigint AS available, c.pending::bigint AS pending
          FROM backfill_candidate c
         WHERE (c.tenant_id, c.player_id) > (p_after_tenant, p_after_player)
           AND (c.tenant_id, c.player_id) <= (p_upto_tenant, p_upto_player)
           AND NOT c.held AND c.fault IS NULL
    ), inserted AS (
        INSERT INTO wallet_balances AS b (tenant_id, player_id, currency, balance_real_available,
                                          balance_real_pending, available_version,
                                          available_hash, pending_version, pending_hash)
        SELECT s.tenant_id, s.player_id, s.currency, s.available, s.pending,
               (s.available > 0)::integer,
               backfill_hash(gate, p_run_id, s.tenant_id, s.player_id, s.currency, 'CASH/AVAILABLE',
                             s.available),
               (s.pending > 0)::integer,
               backfill_hash(gate, p_run_id, s.tenant_id, s.player_id, s.currency, 'CASH/PENDING',
                             s.pending)
          FROM source s
        ON CONFLICT DO NOTHING
        RETURNING b.*, md5('backfill/' || b.tenant_id || '/' || b.player_id)::uuid AS tx
    ), registered AS (
        INSERT INTO wallet_player (brand_id, player_id, currency, status, canary)
        SELECT s.tenant_id, s.player_id, s.currency, s.status, s.canary FROM source s
         ON CONFLICT DO NOTHING
    ), booked AS (
        INSERT INTO wallet_ledger (brand_id, player_id, account, version, delta, balance_after,
                                   currency, command, request_id, transaction_id,
                                   topology_code, topology_version, policy_key, policy_version,
                                   restore_epoch, hash, created_at)
        SELECT i.tenant_id, i.player_id, leg.account, 1, leg.amount, leg.amount, i.currency,
               'BACKFILL', p_run_id, i.tx,
               coalesce(gate.topology_code, ''), coalesce(gate.topology_version, 0),
               coalesce(gate.policy_key, ''),
               coalesce(gate.policy_version, 0), gate.restore_epoch, leg.hash, now()
          FROM inserted i, LATERAL (
                                     VALUES ('CASH/AVAILABLE', i.balance_real_available,
                                             i.available_hash),
                                           ('CASH/PENDING', i.balance_real_pending,
                                            i.pending_hash)) AS leg(account, amount, hash)
         WHERE leg.amount > 0
    ), opened AS (
        INSERT INTO wallet_counter_entry (transaction_id, brand_id, player_id, currency, account,
                                          delta, command, request_id, restore_epoch,
                                          created_at, seal)
        SELECT i.tx, i.tenant_id, i.player_id, i.currency, 'OPENING',
               -(i.balance_real_available + i.balance_real_pending), 'BACKFILL', p_run_id,
               gate.restore_epoch, now(),
               entry_seal(i.tx, i.tenant_id, i.player_id, i.currency, 'OPENING',
                          -(i.balance_real_available + i.balance_real_pending), 'BACKFILL',
                          p_run_id, gate.restore_epoch, now())
          FROM inserted i WHERE i.balance_real_available + i.balance_real_pending > 0
    )
    SELECT count(*) INTO made FROM inserted;
    RETURN made;
END $$;

-- Process one batch, and update the checkpoint and the counters in the same transaction. Returns
-- true when the run is finished.
CREATE OR REPLACE FUNCTION wallet.backfill_batch(p_run_id text, p_token bigint, p_tenant uuid,
                                                 p_limit integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
DECLARE
    run    backfill_run;
    upto   record;
    looked bigint;
    failed bigint;
    made   bigint;
BEGIN
    PERFORM wallet.note_change(p_token);
    LOCK TABLE wallet_gate IN ROW SHARE MODE;
    IF (SELECT freeze_level FROM wallet_gate) = 'sealed' THEN
        RAISE EXCEPTION 'money is sealed: a backfill writes balances' USING ERRCODE = 'RB002';
    END IF;
    run := wallet.backfill_start(p_run_id, p_tenant);
    SELECT count(*) AS rows,
           (array_agg(page.tenant_id ORDER BY page.tenant_id DESC, page.player_id DESC))[
               1] AS tenant_id,
           (array_agg(page.player_id ORDER BY page.tenant_id DESC, page.player_id DESC))[
               1] AS player_id INTO upto
      FROM (SELECT p.tenant_id, p.player_id FROM player.player p
             WHERE (p.tenant_id, p.player_id) > (run.last_tenant, run.last_player)
               AND (p.tenant_id, p.player_id) <= (run.upper_tenant, run.upper_player)
             ORDER BY p.tenant_id, p.player_id LIMIT p_limit) AS page;
    looked := upto.rows;
    IF looked = 0 THEN
        UPDATE backfill_run SET finished = true WHERE run_id = p_run_id;
        RETURN true;
    END IF;
    made := wallet.backfill_range(p_run_id, run.last_tenant, run.last_player, upto.tenant_id,
                                  upto.player_id);
    INSERT INTO backfill_error (run_id, tenant_id, player_id, reason)
    SELECT p_run_id, c.tenant_id, c.player_id, c.fault FROM backfill_candidate c
     WHERE c.fault IS NOT NULL AND (c.tenant_id, c.player_id) > (run.last_tenant, run.last_player)
       AND (c.tenant_id, c.player_id) <= (upto.tenant_id, upto.player_id);
    GET DIAGNOSTICS failed = ROW_COUNT;
    UPDATE backfill_run
       SET last_tenant = upto.tenant_id, last_player = upto.player_id, scanned = scanned + looked,
           created = created + made,
           errors = errors + failed, skipped_exists = skipped_exists + looked - made - failed,
           finished = looked < p_limit
     WHERE run_id = p_run_id;
    RETURN looked < p_limit;
END $$;
