-- The ledger's reconciliation. It reports drifts; no program corrects a drift.

-- Return a number for one end of the link between two ledger rows. The random salt prevents that
-- somebody prepares rows whose links cancel out.
CREATE OR REPLACE FUNCTION wallet.link(p_version bigint, p_balance bigint, p_hash bytea,
                                       p_salt bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_hash IS NULL THEN hashint8extended(p_balance,
                                                          hashint8extended(p_version, p_salt))
                ELSE hashtextextended(encode(p_hash, 'hex') COLLATE "C",
                                      hashint8extended(p_balance,
                                                       hashint8extended(p_version, p_salt))) END
$$;

-- Return the key range of the players for the next rotation cycle. The range starts at `from` and
-- ends before `before`, which is NULL in the last cycle of a round. A slice has a 24th of all
-- players. The slices cover all keys, also keys of ledger rows without a player.
CREATE OR REPLACE FUNCTION wallet.rotation_slice(OUT from_brand uuid, OUT from_player uuid,
                                                 OUT before_brand uuid, OUT before_player uuid)
LANGUAGE plpgsql STABLE SET search_path = wallet, pg_temp AS $$
BEGIN
    SELECT k.rotated_brand, k.rotated_player INTO from_brand, from_player
      FROM wallet_reconciliation_mark k;
    SELECT p.brand_id, p.player_id INTO before_brand, before_player FROM wallet_player p
     WHERE (p.brand_id, p.player_id) >= (from_brand, from_player)
     ORDER BY p.brand_id, p.player_id OFFSET (SELECT greatest(1, ceil(count(*) / 24.0))
                                                FROM wallet_player) LIMIT 1;
END $$;

CREATE OR REPLACE FUNCTION wallet.in_slice(p_brand uuid, p_player uuid, p_from_brand uuid,
                                           p_from_player uuid, p_before_brand uuid,
                                           p_before_player uuid)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (p_brand, p_player) >= (p_from_brand, p_from_player)
       AND (p_before_brand IS NULL OR (p_brand, p_player) < (p_before_brand, p_before_player))
$$;

-- Compare accounts with their ledger in one snapshot. The modes are `incremental` (rows since the
-- mark), `rotation` (also all rows of the next slice of players), `full` (all rows without hashes)
-- and `hashes` (all rows with hashes). The first two modes also check hashes. They act like
-- `hashes` in the first cycle and after a restore. The check needs no sort: the XOR of all links of
-- a chain leaves only its first and last end. Returns accounts that are not sound, and accounts
-- with walked rows. `settled_version` is the last row that is older than every open transaction.
-- `jumbled` means that row numbers and transaction ids have a different order.
CREATE OR REPLACE FUNCTION wallet.compare_accounts(p_mode text)
RETURNS TABLE (brand_id uuid, player_id uuid, account text, currency text, balance bigint,
               version bigint, hash bytea, sound boolean,
               base_version bigint, settled_version bigint, jumbled boolean, walked bigint)
LANGUAGE plpgsql STABLE SET search_path = wallet, pg_temp SET plan_cache_mode = force_custom_plan
    SET work_mem = '64MB' AS $$
#variable_conflict use_column
DECLARE
    mark    wallet_reconciliation_mark;
    epoch   bigint := (SELECT g.restore_epoch FROM wallet_gate g);
    horizon xid8 := pg_snapshot_xmin(pg_current_snapshot());
    salt    bigint := (random() * 4e18)::bigint;
    hashed  boolean := p_mode <> 'full';
    whole   boolean;
    sliced  boolean;
    slice   record;
BEGIN
    SELECT * INTO mark FROM wallet_reconciliation_mark;
    SELECT * INTO slice FROM wallet.rotation_slice();
    whole := p_mode IN ('full', 'hashes') OR mark.restore_epoch <> epoch
        OR mark.walked_below > wallet.position(horizon);
    sliced := p_mode = 'rotation' AND NOT whole;
    RETURN QUERY
    WITH picked AS (
        SELECT l.* FROM ledger_content l WHERE whole
        UNION ALL
        -- The upper bound excludes no row. It makes the planner expect few rows and use the index.
        SELECT l.* FROM ledger_content l LEFT JOIN wallet_reconciliation_checkpoint c
         USING (brand_id, player_id, account)
         WHERE NOT whole AND wallet.position(l.xid) >= mark.walked_below
           AND wallet.position(l.xid) < 4611686018427387904
           AND l.restore_epoch = epoch AND c.suspect IS NOT TRUE
           AND NOT (sliced AND in_slice(l.brand_id, l.player_id, slice.from_brand,
                                        slice.from_player, slice.before_brand, slice.before_player))
        UNION ALL
        SELECT l.* FROM ledger_content l LEFT JOIN wallet_reconciliation_checkpoint c
         USING (brand_id, player_id, account)
         WHERE sliced AND c.suspect IS NOT TRUE
           AND in_slice(l.brand_id, l.player_id, slice.from_brand, slice.from_player,
                        slice.before_brand, slice.before_player)
        UNION ALL
        SELECT l.* FROM wallet_reconciliation_checkpoint c JOIN ledger_content l
         USING (brand_id, player_id, account)
         WHERE NOT whole AND c.suspect
    ), chain AS (
        SELECT l.brand_id, l.player_id, l.account, max(l.currency) AS currency, count(*) AS walked,
               min(l.version) AS first_version,
               max(l.version) AS last_version,
               bit_xor(link(l.version, l.balance_after, CASE WHEN hashed THEN l.hash END, salt)
                       # link(l.version - 1, l.balance_after - l.delta,
                              CASE WHEN hashed THEN l.previous_hash END, salt)) AS links,
               count(*) FILTER (WHERE hashed AND l.hash <> l.content_hash) AS wrong,
               min(l.version) FILTER (WHERE l.xid >= horizon) AS unsettled_from,
               count(*) FILTER (WHERE l.xid < horizon) AS settled
          FROM picked l GROUP BY l.brand_id, l.player_id, l.account
    ), compared AS (
        SELECT brand_id, player_id, account, coalesce(a.currency, h.currency) AS currency,
               a.balance, a.version, a.hash,
               coalesce(a.balance, 0) AS held, coalesce(a.version, 0) AS at_version,
               coalesce(a.hash, '') AS at_hash,
               CASE WHEN anew.walk THEN 0 ELSE coalesce(c.version, 0) END AS base_version,
               CASE WHEN anew.walk THEN 0 ELSE coalesce(c.balance, 0) END AS base_balance,
               CASE WHEN anew.walk THEN '' ELSE coalesce(c.hash, '') END AS base_hash,
               coalesce(c.suspect, false) AS suspect, h.walked, h.first_version, h.last_version,
               h.links, h.wrong, h.unsettled_from, h.settled
          FROM wallet_account a
          FULL JOIN wallet_reconciliation_checkpoint c USING (brand_id, player_id, account)
          FULL JOIN chain h USING (brand_id, player_id, account)
         CROSS JOIN LATERAL (SELECT whole OR c.suspect IS TRUE
                                 OR sliced AND in_slice(brand_id, player_id, slice.from_brand,
                                                        slice.from_player, slice.before_brand,
                                                        slice.before_player) AS walk) anew
    ), judged AS (
        SELECT m.*, CASE WHEN m.walked IS NULL
                    THEN m.at_version = m.base_version AND m.held = m.base_balance
                        AND (m.at_hash = m.base_hash OR NOT hashed)
                    ELSE m.walked = m.at_version - m.base_version
                        AND m.first_version = m.base_version + 1 AND m.last_version = m.at_version
                         AND m.wrong = 0
                         AND m.links = link(m.at_version, m.held,
                                            CASE WHEN hashed THEN m.at_hash END, salt)
                                       # link(m.base_version, m.base_balance,
                                              CASE WHEN hashed THEN m.base_hash END,
                                              salt) END AS sound
          FROM compared m
    )
    SELECT m.brand_id, m.player_id, m.account, m.currency, m.balance, m.version, m.hash, m.sound,
           m.base_version,
           coalesce(m.unsettled_from - 1, m.at_version),
           coalesce(m.settled <> coalesce(m.unsettled_from - 1, m.at_version) - m.base_version,
                    false), coalesce(m.walked, 0)
      FROM judged m
     WHERE NOT m.sound OR m.walked IS NOT NULL OR m.suspect;
END $$;

-- Return the reason why an account is not sound, and the last good row of its ledger.
CREATE OR REPLACE FUNCTION wallet.explain_drift(p_brand uuid, p_player uuid, p_account text,
                                                p_balance bigint, p_version bigint, p_hash bytea)
RETURNS TABLE (expected bigint, last_good_version bigint, last_good jsonb, reason text)
LANGUAGE sql STABLE AS $$
    WITH walk AS MATERIALIZED (
        SELECT w.* FROM wallet.ledger_walk w
         WHERE (w.brand_id, w.player_id, w.account) = (p_brand, p_player, p_account)
    ), bad AS (
        SELECT min(version) AS first_bad FROM walk WHERE NOT sound
    ), tip AS (
        SELECT version, balance_after, hash FROM walk ORDER BY version DESC LIMIT 1
    ), good AS (
        SELECT w.version, w.transaction_id, w.created_at, w.balance_after FROM walk w, bad
         WHERE w.version < coalesce(bad.first_bad, 9223372036854775807) ORDER BY w.version DESC
         LIMIT 1
    )
    SELECT tip.balance_after, coalesce(good.version, 0),
           CASE WHEN good.version IS NOT NULL THEN jsonb_build_object('version', good.version,
               'balance_after', good.balance_after,
                'transaction_id', good.transaction_id, 'created_at', good.created_at) END,
           CASE WHEN bad.first_bad IS NOT NULL THEN 'ledger row ' || bad.first_bad
               || ' was changed or added, or the row before it is missing'
                WHEN tip.version IS NULL
                THEN 'the account has a balance or version but no ledger row'
                WHEN p_balance IS NULL THEN 'the ledger has rows but the account is missing'
                WHEN p_balance <> tip.balance_after THEN 'the balance differs from its ledger tip'
                WHEN p_version <> tip.version THEN 'the version differs from its ledger tip'
                WHEN p_hash <> tip.hash THEN 'the hash differs from its ledger tip'
                ELSE 'the account differs from what it was at the last cycle' END
      FROM bad LEFT JOIN tip ON true LEFT JOIN good ON true
$$;

-- Run one cycle over the ledger: compare all accounts, move the checkpoints of sound accounts, mark
-- others as suspect, and move the mark. Returns at most p_limit drifts, each with the totals. The
-- caller must hold the lock of the cycle, in a REPEATABLE READ transaction.
CREATE OR REPLACE FUNCTION wallet.walk_ledger(p_mode text, p_limit integer)
RETURNS TABLE (drift_total bigint, walked_total bigint, brand_id uuid, player_id uuid, account text,
               currency text, expected bigint, actual bigint,
               last_good_version bigint, last_good jsonb, reason text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF current_setting('transaction_isolation') <> 'repeatable read' THEN
        RAISE EXCEPTION 'a cycle needs one snapshot: begin a REPEATABLE READ transaction'
            USING ERRCODE = 'RW003';
    END IF;
    RETURN QUERY
    WITH compared AS MATERIALIZED (
        SELECT * FROM compare_accounts(p_mode)
    ), moved AS (
        INSERT INTO wallet_reconciliation_checkpoint AS held (brand_id, player_id, account, version,
                                                              balance, hash, suspect)
        SELECT m.brand_id, m.player_id, m.account,
               CASE WHEN m.sound AND NOT m.jumbled THEN m.settled_version ELSE 0 END,
               CASE WHEN NOT m.sound OR m.jumbled THEN 0
                    WHEN m.settled_version = m.version THEN m.balance ELSE coalesce(r.balance_after,
                        0) END,
               CASE WHEN NOT m.sound OR m.jumbled THEN ''
                    WHEN m.settled_version = m.version THEN m.hash ELSE coalesce(r.hash, '') END,
               NOT m.sound OR m.jumbled
          FROM compared m
          LEFT JOIN LATERAL (SELECT l.balance_after, l.hash FROM wallet_ledger l
                              WHERE m.settled_version <> m.version AND m.sound
                                AND (l.brand_id, l.player_id, l.account, l.version) = (m.brand_id,
                                    m.player_id, m.account, m.settled_version)) r ON true
        ON CONFLICT (brand_id, player_id, account) DO UPDATE
           SET version = CASE WHEN excluded.suspect THEN held.version ELSE excluded.version END,
               balance = CASE WHEN excluded.suspect THEN held.balance ELSE excluded.balance END,
               hash = CASE WHEN excluded.suspect THEN held.hash ELSE excluded.hash END,
               -- The mode `full` does not check hashes, so it does not clear a suspect account.
               suspect = excluded.suspect OR (held.suspect AND p_mode = 'full')
         WHERE (held.version, held.balance, held.hash,
                held.suspect) IS DISTINCT FROM (excluded.version, excluded.balance, excluded.hash,
                                                excluded.suspect)
    ), marked AS (
        UPDATE wallet_reconciliation_mark k
           SET restore_epoch = g.restore_epoch,
               walked_below = wallet.position(pg_snapshot_xmin(pg_current_snapshot())),
               hashed_at = CASE WHEN p_mode = 'hashes'
                   OR (p_mode <> 'full' AND k.restore_epoch
                       <> g.restore_epoch) THEN now() ELSE k.hashed_at END,
               rotated_brand = CASE p_mode WHEN 'rotation' THEN coalesce(t.before_brand, first.key)
                                    ELSE k.rotated_brand END,
               rotated_player = CASE p_mode
                                     WHEN 'rotation' THEN coalesce(t.before_player,
                                         first.key) ELSE k.rotated_player END
          FROM wallet_gate g, wallet.rotation_slice() t,
              (SELECT '00000000-0000-0000-0000-000000000000'::uuid AS key) first
    ), total AS (
        SELECT count(*) FILTER (WHERE NOT m.sound) AS drifts,
               coalesce(sum(m.walked), 0)::bigint AS walked FROM compared m
    ), shown AS (
        SELECT * FROM compared m WHERE NOT m.sound ORDER BY m.brand_id, m.player_id, m.account
         LIMIT p_limit
    )
    SELECT t.drifts, t.walked, s.brand_id, s.player_id, s.account, s.currency, e.expected,
           s.balance, e.last_good_version, e.last_good, e.reason
      FROM total t LEFT JOIN shown s ON true
      LEFT JOIN LATERAL wallet.explain_drift(s.brand_id, s.player_id, s.account, s.balance,
                                             s.version, s.hash) e ON s.account IS NOT NULL;
END $$;

-- Add new counter-account entries to the running sums. Returns the number of changed sums. A row
-- lock allows one call at a time. Bets do not wait for it.
CREATE OR REPLACE FUNCTION wallet.fold_counters() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
DECLARE
    fold    wallet_counter_fold;
    epoch   bigint := (SELECT restore_epoch FROM wallet_gate);
    horizon bigint;
    folded  bigint;
BEGIN
    SELECT * INTO fold FROM wallet_counter_fold FOR UPDATE;
    IF fold.restore_epoch <> epoch THEN
        -- Transaction ids from before a restore cannot be compared with new ids. So the sums of all
        -- earlier epochs are computed again.
        DELETE FROM wallet_counter_sum;
        INSERT INTO wallet_counter_sum SELECT brand_id, currency, account, sum(delta)
            FROM wallet_counter_entry WHERE restore_epoch < epoch GROUP BY 1, 2, 3;
        UPDATE wallet_counter_fold SET restore_epoch = epoch, folded_below = 0
            RETURNING * INTO fold;
    END IF;
    -- All transactions below the horizon have ended, so the next statement sees all of their rows.
    horizon := wallet.position(pg_snapshot_xmin(pg_current_snapshot()));
    INSERT INTO wallet_counter_sum AS held (brand_id, currency, account, amount)
    SELECT e.brand_id, e.currency, e.account, sum(e.delta) FROM wallet_counter_entry e
     WHERE wallet.position(e.xid) >= fold.folded_below AND wallet.position(e.xid) < horizon
       AND e.restore_epoch = epoch GROUP BY 1, 2, 3
    ON CONFLICT (brand_id, currency, account) DO UPDATE SET amount = held.amount + excluded.amount;
    GET DIAGNOSTICS folded = ROW_COUNT;
    UPDATE wallet_counter_fold SET folded_below = greatest(folded_below, horizon);
    RETURN folded;
END $$;

-- Return the number of rows and the digest of a ledger month. Rows are digested in slices by
-- player, so that memory use does not grow with the month.
CREATE OR REPLACE FUNCTION wallet.month_digest(p_partition text, OUT row_count bigint,
                                               OUT digest bytea) LANGUAGE plpgsql STABLE
SET search_path = wallet, pg_temp SET work_mem = '64MB' AS $$
DECLARE
    month ledger_month;
BEGIN
    SELECT * INTO STRICT month FROM ledger_month m WHERE m.partition = p_partition;
    SELECT coalesce(sum(part.row_count), 0)::bigint,
           sha256(coalesce(string_agg(part.digest, '' ORDER BY part.slice), '')) INTO row_count,
           digest FROM (
        SELECT get_byte(uuid_send(l.player_id), 0) * 256 + get_byte(uuid_send(l.player_id),
            1) AS slice, count(*) AS row_count,
               sha256(string_agg(l.content_hash || l.hash || l.previous_hash, ''
                                 ORDER BY l.brand_id, l.player_id, l.account, l.version)) AS digest
          FROM ledger_content l
         WHERE l.created_at >= month.begins_at AND l.created_at < month.ends_at GROUP BY 1) part;
END $$;

-- Seal a month that ended over a day ago: forbid new rows, and store the digest. A repeat returns
-- the stored digest.
CREATE OR REPLACE FUNCTION wallet.seal_month(p_partition text)
RETURNS SETOF wallet.wallet_ledger_seal
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
    PERFORM 1 FROM ledger_month m
        WHERE m.partition = p_partition AND m.ends_at < now() - interval '1 day';
    IF NOT FOUND THEN
        RAISE EXCEPTION '% is no month of the ledger that ended a day ago', p_partition
            USING ERRCODE = 'RW003';
    END IF;
    EXECUTE format('LOCK TABLE wallet.%I IN SHARE ROW EXCLUSIVE MODE', p_partition);
    IF NOT EXISTS (SELECT FROM wallet_ledger_seal s WHERE s.partition = p_partition) THEN
        EXECUTE format('CREATE TRIGGER sealed BEFORE INSERT ON wallet.%I FOR EACH ROW '
                       'EXECUTE FUNCTION wallet.refuse_change()', p_partition);
        EXECUTE format('ALTER TABLE wallet.%I ENABLE ALWAYS TRIGGER sealed', p_partition);
        INSERT INTO wallet_ledger_seal (partition, ends_at, row_count, digest)
        SELECT m.partition, m.ends_at, d.row_count, d.digest
          FROM ledger_month m, month_digest(p_partition) d WHERE m.partition = p_partition;
    END IF;
    RETURN QUERY SELECT * FROM wallet_ledger_seal s WHERE s.partition = p_partition;
END $$;
