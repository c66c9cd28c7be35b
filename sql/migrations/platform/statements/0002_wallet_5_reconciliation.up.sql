-- What reconciliation compares. It looks and reports; nothing in this platform corrects a drift.

-- A transaction id as a number, so that it can be indexed by block range: new rows lie together at the end of their table.
CREATE FUNCTION wallet.position(p_xid xid8) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT p_xid::text::bigint $$;
CREATE INDEX wallet_ledger_position ON wallet.wallet_ledger USING brin (wallet.position(xid)) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX wallet_counter_entry_position ON wallet.wallet_counter_entry USING brin (wallet.position(xid))
    WITH (pages_per_range = 32, autosummarize = on);

-- Every row below this position, of this restore epoch and all earlier ones, was walked; none before the first cycle.
-- The rotation goes round all players in key order: the next slice begins with rotated_brand and rotated_player.
CREATE TABLE wallet.wallet_reconciliation_mark (
    one            smallint PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    restore_epoch  bigint NOT NULL DEFAULT -1,
    walked_below   bigint NOT NULL DEFAULT 0,
    hashed_at      timestamptz NOT NULL DEFAULT '-infinity',
    rotated_brand  uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    rotated_player uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'
);
INSERT INTO wallet.wallet_reconciliation_mark DEFAULT VALUES;

-- An empty table to lock: one cycle at a time, and the right to lock it is no right to the mark.
CREATE TABLE wallet.wallet_reconciliation_turn ();

-- Up to where each account was walked and found sound. A suspect is walked whole in every cycle until it is sound again.
CREATE TABLE wallet.wallet_reconciliation_checkpoint (
    brand_id  uuid NOT NULL,
    player_id uuid NOT NULL,
    account   text NOT NULL,
    version   bigint NOT NULL,
    balance   bigint NOT NULL,
    hash      bytea NOT NULL,
    suspect   boolean NOT NULL,
    PRIMARY KEY (brand_id, player_id, account)
) WITH (fillfactor = 80);
CREATE INDEX wallet_reconciliation_checkpoint_suspect ON wallet.wallet_reconciliation_checkpoint (brand_id, player_id, account) WHERE suspect;

-- Counter-accounts as running sums, and the position below which entries are in them. Bets only insert entries and wait for nobody.
CREATE TABLE wallet.wallet_counter_sum (
    brand_id uuid NOT NULL,
    currency text NOT NULL,
    account  text NOT NULL,
    amount   bigint NOT NULL,
    PRIMARY KEY (brand_id, currency, account)
);
CREATE TABLE wallet.wallet_counter_fold (
    one           smallint PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    restore_epoch bigint NOT NULL DEFAULT 0,
    folded_below  bigint NOT NULL DEFAULT 0
);
INSERT INTO wallet.wallet_counter_fold DEFAULT VALUES;

-- A closed month of the ledger and the digest over all its rows; also kept in `control` and in a file, out of this server's reach.
CREATE TABLE wallet.wallet_ledger_seal (
    partition   text PRIMARY KEY,
    ends_at     timestamptz NOT NULL,
    row_count   bigint NOT NULL,
    digest      bytea NOT NULL,
    sealed_at   timestamptz NOT NULL DEFAULT now(),
    verified_at timestamptz NOT NULL DEFAULT now()
);

-- Every ledger row with the hash that its content has.
CREATE VIEW wallet.ledger_content AS
    SELECT l.*, wallet.ledger_hash(l.previous_hash, l.brand_id, l.player_id, l.account, l.version, l.delta, l.balance_after, l.currency, l.command,
                    l.request_id, l.transaction_id, l.topology_code, l.topology_version, l.policy_key, l.policy_version, l.restore_epoch,
                    l.created_at) AS content_hash
      FROM wallet.wallet_ledger l;

-- Walk every chain in order: versions without a gap, balances that follow from deltas, hashes over the previous row. For one account.
CREATE VIEW wallet.ledger_walk AS
    SELECT l.*,
           l.version = lag(l.version, 1, 0::bigint) OVER chain + 1
               AND l.balance_after = lag(l.balance_after, 1, 0::bigint) OVER chain + l.delta
               AND l.previous_hash = lag(l.hash, 1, ''::bytea) OVER chain AND l.hash = l.content_hash AS sound
      FROM wallet.ledger_content l
    WINDOW chain AS (PARTITION BY l.brand_id, l.player_id, l.account ORDER BY l.version);

-- One end of a link between two rows, salted so that nobody can make one up in advance.
CREATE FUNCTION wallet.link(p_version bigint, p_balance bigint, p_hash bytea, p_salt bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_hash IS NULL THEN hashint8extended(p_balance, hashint8extended(p_version, p_salt))
                ELSE hashtextextended(encode(p_hash, 'hex') COLLATE "C", hashint8extended(p_balance, hashint8extended(p_version, p_salt))) END
$$;

-- The players whose ledger the rotation walks next: from (brand, player) on and before the other pair, which is NULL at the end of a
-- round. A slice is a 24th of all players, so that 24 cycles go round; keys of nobody's lie in one slice or another too.
CREATE FUNCTION wallet.rotation_slice(OUT from_brand uuid, OUT from_player uuid, OUT before_brand uuid, OUT before_player uuid)
LANGUAGE plpgsql STABLE SET search_path = wallet, pg_temp AS $$
BEGIN
    SELECT k.rotated_brand, k.rotated_player INTO from_brand, from_player FROM wallet_reconciliation_mark k;
    SELECT p.brand_id, p.player_id INTO before_brand, before_player FROM wallet_player p
     WHERE (p.brand_id, p.player_id) >= (from_brand, from_player)
     ORDER BY p.brand_id, p.player_id OFFSET (SELECT greatest(1, ceil(count(*) / 24.0)) FROM wallet_player) LIMIT 1;
END $$;

CREATE FUNCTION wallet.in_slice(p_brand uuid, p_player uuid, p_from_brand uuid, p_from_player uuid, p_before_brand uuid, p_before_player uuid)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (p_brand, p_player) >= (p_from_brand, p_from_player)
       AND (p_before_brand IS NULL OR (p_brand, p_player) < (p_before_brand, p_before_player))
$$;

-- Compare accounts with their ledger in this statement's snapshot; `incremental` (rows since the mark), `rotation` (these, and with
-- hashes all rows of the next slice of players), `full` (all versions and balances) or `hashes` (all of it and every hash).
-- Where nothing was walked yet, or the database was restored since, incremental and rotation mean hashes.
-- A chain needs no order: each row's link to the row before it, and from it to the next, cancel out but for the two ends.
-- Returns accounts that are not sound, or that moved. `settled_version` is the last row older than every open transaction;
-- `jumbled` says that a younger row stands before an older one.
CREATE FUNCTION wallet.compare_accounts(p_mode text)
RETURNS TABLE (brand_id uuid, player_id uuid, account text, currency text, balance bigint, version bigint, hash bytea, sound boolean,
               base_version bigint, settled_version bigint, jumbled boolean, walked bigint)
LANGUAGE plpgsql STABLE SET search_path = wallet, pg_temp SET plan_cache_mode = force_custom_plan SET work_mem = '64MB' AS $$
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
    whole := p_mode IN ('full', 'hashes') OR mark.restore_epoch <> epoch OR mark.walked_below > wallet.position(horizon);
    sliced := p_mode = 'rotation' AND NOT whole;
    RETURN QUERY
    WITH picked AS (
        SELECT l.* FROM ledger_content l WHERE whole
        UNION ALL
        -- The upper bound excludes nothing: with it the planner expects a narrow range, and reads the end of the table alone.
        SELECT l.* FROM ledger_content l LEFT JOIN wallet_reconciliation_checkpoint c USING (brand_id, player_id, account)
         WHERE NOT whole AND wallet.position(l.xid) >= mark.walked_below AND wallet.position(l.xid) < 4611686018427387904
           AND l.restore_epoch = epoch AND c.suspect IS NOT TRUE
           AND NOT (sliced AND in_slice(l.brand_id, l.player_id, slice.from_brand, slice.from_player, slice.before_brand, slice.before_player))
        UNION ALL
        SELECT l.* FROM ledger_content l LEFT JOIN wallet_reconciliation_checkpoint c USING (brand_id, player_id, account)
         WHERE sliced AND c.suspect IS NOT TRUE
           AND in_slice(l.brand_id, l.player_id, slice.from_brand, slice.from_player, slice.before_brand, slice.before_player)
        UNION ALL
        SELECT l.* FROM wallet_reconciliation_checkpoint c JOIN ledger_content l USING (brand_id, player_id, account)
         WHERE NOT whole AND c.suspect
    ), chain AS (
        SELECT l.brand_id, l.player_id, l.account, max(l.currency) AS currency, count(*) AS walked, min(l.version) AS first_version,
               max(l.version) AS last_version,
               bit_xor(link(l.version, l.balance_after, CASE WHEN hashed THEN l.hash END, salt)
                       # link(l.version - 1, l.balance_after - l.delta, CASE WHEN hashed THEN l.previous_hash END, salt)) AS links,
               count(*) FILTER (WHERE hashed AND l.hash <> l.content_hash) AS wrong,
               min(l.version) FILTER (WHERE l.xid >= horizon) AS unsettled_from,
               count(*) FILTER (WHERE l.xid < horizon) AS settled
          FROM picked l GROUP BY l.brand_id, l.player_id, l.account
    ), compared AS (
        SELECT brand_id, player_id, account, coalesce(a.currency, h.currency) AS currency, a.balance, a.version, a.hash,
               coalesce(a.balance, 0) AS held, coalesce(a.version, 0) AS at_version, coalesce(a.hash, '') AS at_hash,
               CASE WHEN anew.walk THEN 0 ELSE coalesce(c.version, 0) END AS base_version,
               CASE WHEN anew.walk THEN 0 ELSE coalesce(c.balance, 0) END AS base_balance,
               CASE WHEN anew.walk THEN '' ELSE coalesce(c.hash, '') END AS base_hash,
               coalesce(c.suspect, false) AS suspect, h.walked, h.first_version, h.last_version, h.links, h.wrong, h.unsettled_from, h.settled
          FROM wallet_account a
          FULL JOIN wallet_reconciliation_checkpoint c USING (brand_id, player_id, account)
          FULL JOIN chain h USING (brand_id, player_id, account)
         CROSS JOIN LATERAL (SELECT whole OR c.suspect IS TRUE OR sliced AND in_slice(brand_id, player_id, slice.from_brand, slice.from_player,
                                                                                      slice.before_brand, slice.before_player) AS walk) anew
    ), judged AS (
        SELECT m.*, CASE WHEN m.walked IS NULL
                    THEN m.at_version = m.base_version AND m.held = m.base_balance AND (m.at_hash = m.base_hash OR NOT hashed)
                    ELSE m.walked = m.at_version - m.base_version AND m.first_version = m.base_version + 1 AND m.last_version = m.at_version
                         AND m.wrong = 0
                         AND m.links = link(m.at_version, m.held, CASE WHEN hashed THEN m.at_hash END, salt)
                                       # link(m.base_version, m.base_balance, CASE WHEN hashed THEN m.base_hash END, salt) END AS sound
          FROM compared m
    )
    SELECT m.brand_id, m.player_id, m.account, m.currency, m.balance, m.version, m.hash, m.sound, m.base_version,
           coalesce(m.unsettled_from - 1, m.at_version),
           coalesce(m.settled <> coalesce(m.unsettled_from - 1, m.at_version) - m.base_version, false), coalesce(m.walked, 0)
      FROM judged m
     WHERE NOT m.sound OR m.walked IS NOT NULL OR m.suspect;
END $$;

-- Say what is wrong with an account that is not sound, and which row of its ledger is the last good one.
CREATE FUNCTION wallet.explain_drift(p_brand uuid, p_player uuid, p_account text, p_balance bigint, p_version bigint, p_hash bytea)
RETURNS TABLE (expected bigint, last_good_version bigint, last_good jsonb, reason text) LANGUAGE sql STABLE AS $$
    WITH walk AS MATERIALIZED (
        SELECT w.* FROM wallet.ledger_walk w WHERE (w.brand_id, w.player_id, w.account) = (p_brand, p_player, p_account)
    ), bad AS (
        SELECT min(version) AS first_bad FROM walk WHERE NOT sound
    ), tip AS (
        SELECT version, balance_after, hash FROM walk ORDER BY version DESC LIMIT 1
    ), good AS (
        SELECT w.version, w.transaction_id, w.created_at, w.balance_after FROM walk w, bad
         WHERE w.version < coalesce(bad.first_bad, 9223372036854775807) ORDER BY w.version DESC LIMIT 1
    )
    SELECT tip.balance_after, coalesce(good.version, 0),
           CASE WHEN good.version IS NOT NULL THEN jsonb_build_object('version', good.version, 'balance_after', good.balance_after,
                'transaction_id', good.transaction_id, 'created_at', good.created_at) END,
           CASE WHEN bad.first_bad IS NOT NULL THEN 'ledger row ' || bad.first_bad || ' was changed or added, or the row before it is missing'
                WHEN tip.version IS NULL THEN 'the account has a balance or version but no ledger row'
                WHEN p_balance IS NULL THEN 'the ledger has rows but the account is missing'
                WHEN p_balance <> tip.balance_after THEN 'the balance differs from its ledger tip'
                WHEN p_version <> tip.version THEN 'the version differs from its ledger tip'
                WHEN p_hash <> tip.hash THEN 'the hash differs from its ledger tip'
                ELSE 'the account differs from what it was at the last cycle' END
      FROM bad LEFT JOIN tip ON true LEFT JOIN good ON true
$$;

-- One row per account that does not agree with its ledger, by a full walk with hashes, with the last row that can be trusted.
CREATE VIEW wallet.ledger_drift AS
    SELECT m.brand_id, m.player_id, m.account, m.currency, e.expected, m.balance AS actual, e.last_good_version, e.last_good, e.reason
      FROM wallet.compare_accounts('hashes') m,
           LATERAL wallet.explain_drift(m.brand_id, m.player_id, m.account, m.balance, m.version, m.hash) e
     WHERE NOT m.sound;

-- One cycle over the ledger: compare, move the checkpoints of what is sound, keep what is not as suspect, move the mark. Answers the
-- drifts, at most p_limit of them explained, each with the total. The caller has the turn, in one REPEATABLE READ snapshot.
CREATE FUNCTION wallet.walk_ledger(p_mode text, p_limit integer)
RETURNS TABLE (drift_total bigint, walked_total bigint, brand_id uuid, player_id uuid, account text, currency text, expected bigint, actual bigint,
               last_good_version bigint, last_good jsonb, reason text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF current_setting('transaction_isolation') <> 'repeatable read' THEN
        RAISE EXCEPTION 'a cycle needs one snapshot: begin a REPEATABLE READ transaction' USING ERRCODE = 'RW003';
    END IF;
    RETURN QUERY
    WITH compared AS MATERIALIZED (
        SELECT * FROM compare_accounts(p_mode)
    ), moved AS (
        INSERT INTO wallet_reconciliation_checkpoint AS held (brand_id, player_id, account, version, balance, hash, suspect)
        SELECT m.brand_id, m.player_id, m.account,
               CASE WHEN m.sound AND NOT m.jumbled THEN m.settled_version ELSE 0 END,
               CASE WHEN NOT m.sound OR m.jumbled THEN 0 WHEN m.settled_version = m.version THEN m.balance ELSE coalesce(r.balance_after, 0) END,
               CASE WHEN NOT m.sound OR m.jumbled THEN '' WHEN m.settled_version = m.version THEN m.hash ELSE coalesce(r.hash, '') END,
               NOT m.sound OR m.jumbled
          FROM compared m
          LEFT JOIN LATERAL (SELECT l.balance_after, l.hash FROM wallet_ledger l
                              WHERE m.settled_version <> m.version AND m.sound
                                AND (l.brand_id, l.player_id, l.account, l.version) = (m.brand_id, m.player_id, m.account, m.settled_version)) r ON true
        ON CONFLICT (brand_id, player_id, account) DO UPDATE
           SET version = CASE WHEN excluded.suspect THEN held.version ELSE excluded.version END,
               balance = CASE WHEN excluded.suspect THEN held.balance ELSE excluded.balance END,
               hash = CASE WHEN excluded.suspect THEN held.hash ELSE excluded.hash END,
               -- A walk without hashes cannot clear what a hash made suspect.
               suspect = excluded.suspect OR (held.suspect AND p_mode = 'full')
         WHERE (held.version, held.balance, held.hash, held.suspect) IS DISTINCT FROM (excluded.version, excluded.balance, excluded.hash, excluded.suspect)
    ), marked AS (
        UPDATE wallet_reconciliation_mark k
           SET restore_epoch = g.restore_epoch, walked_below = wallet.position(pg_snapshot_xmin(pg_current_snapshot())),
               hashed_at = CASE WHEN p_mode = 'hashes' OR (p_mode <> 'full' AND k.restore_epoch <> g.restore_epoch) THEN now() ELSE k.hashed_at END,
               rotated_brand = CASE p_mode WHEN 'rotation' THEN coalesce(t.before_brand, first.key) ELSE k.rotated_brand END,
               rotated_player = CASE p_mode WHEN 'rotation' THEN coalesce(t.before_player, first.key) ELSE k.rotated_player END
          FROM wallet_gate g, wallet.rotation_slice() t, (SELECT '00000000-0000-0000-0000-000000000000'::uuid AS key) first
    ), total AS (
        SELECT count(*) FILTER (WHERE NOT m.sound) AS drifts, coalesce(sum(m.walked), 0)::bigint AS walked FROM compared m
    ), shown AS (
        SELECT * FROM compared m WHERE NOT m.sound ORDER BY m.brand_id, m.player_id, m.account LIMIT p_limit
    )
    SELECT t.drifts, t.walked, s.brand_id, s.player_id, s.account, s.currency, e.expected, s.balance, e.last_good_version, e.last_good, e.reason
      FROM total t LEFT JOIN shown s ON true
      LEFT JOIN LATERAL wallet.explain_drift(s.brand_id, s.player_id, s.account, s.balance, s.version, s.hash) e ON s.account IS NOT NULL;
END $$;

-- Put what was booked on counter-accounts since the last time into the running sums. One at a time; no bet waits for it.
CREATE FUNCTION wallet.fold_counters() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
DECLARE
    fold    wallet_counter_fold;
    epoch   bigint := (SELECT restore_epoch FROM wallet_gate);
    horizon bigint;
    folded  bigint;
BEGIN
    SELECT * INTO fold FROM wallet_counter_fold FOR UPDATE;
    IF fold.restore_epoch <> epoch THEN
        -- Positions of before a restore mean nothing on this server: what is of an earlier epoch is taken whole.
        DELETE FROM wallet_counter_sum;
        INSERT INTO wallet_counter_sum SELECT brand_id, currency, account, sum(delta) FROM wallet_counter_entry WHERE restore_epoch < epoch GROUP BY 1, 2, 3;
        UPDATE wallet_counter_fold SET restore_epoch = epoch, folded_below = 0 RETURNING * INTO fold;
    END IF;
    -- This statement's snapshot is older than the next one's, so every row below its horizon is seen by the next one.
    horizon := wallet.position(pg_snapshot_xmin(pg_current_snapshot()));
    INSERT INTO wallet_counter_sum AS held (brand_id, currency, account, amount)
    SELECT e.brand_id, e.currency, e.account, sum(e.delta) FROM wallet_counter_entry e
     WHERE wallet.position(e.xid) >= fold.folded_below AND wallet.position(e.xid) < horizon AND e.restore_epoch = epoch GROUP BY 1, 2, 3
    ON CONFLICT (brand_id, currency, account) DO UPDATE SET amount = held.amount + excluded.amount;
    GET DIAGNOSTICS folded = ROW_COUNT;
    UPDATE wallet_counter_fold SET folded_below = greatest(folded_below, horizon);
    RETURN folded;
END $$;

-- What each counter-account gave (minus) or took: the running sums and what is not in them yet.
CREATE VIEW wallet.counter_total AS
    SELECT brand_id, currency, account, sum(amount)::bigint AS amount FROM (
        SELECT brand_id, currency, account, amount FROM wallet.wallet_counter_sum
        UNION ALL
        SELECT e.brand_id, e.currency, e.account, e.delta FROM wallet.wallet_counter_entry e
         WHERE wallet.position(e.xid) >= (SELECT folded_below FROM wallet.wallet_counter_fold) AND wallet.position(e.xid) < 4611686018427387904
           AND e.restore_epoch = (SELECT restore_epoch FROM wallet.wallet_counter_fold)
        UNION ALL
        SELECT e.brand_id, e.currency, e.account, e.delta FROM wallet.wallet_counter_entry e
         WHERE (SELECT g.restore_epoch > f.restore_epoch FROM wallet.wallet_gate g, wallet.wallet_counter_fold f)
           AND e.restore_epoch > (SELECT restore_epoch FROM wallet.wallet_counter_fold)) part
     GROUP BY brand_id, currency, account;

-- Running sums that differ from the entries they were made of: an entry or a sum was changed.
CREATE VIEW wallet.counter_drift AS
    SELECT brand_id, currency, account, coalesce(e.amount, 0)::bigint AS expected, coalesce(t.amount, 0) AS actual
      FROM wallet.counter_total t
      FULL JOIN (SELECT brand_id, currency, account, sum(delta) AS amount FROM wallet.wallet_counter_entry GROUP BY 1, 2, 3) e
           USING (brand_id, currency, account)
     WHERE coalesce(e.amount, 0) <> coalesce(t.amount, 0);

-- Per brand and currency: what counter-accounts gave equals what players hold and have staked (SPEC 1.3). Points by themselves.
CREATE VIEW wallet.conservation AS
    WITH parts AS (
        SELECT brand_id, currency, 'counter' AS part, account, amount FROM wallet.counter_total
        UNION ALL
        SELECT brand_id, currency, CASE WHEN account LIKE 'CASH/%' THEN 'cash' WHEN account LIKE 'GRANT/%' THEN 'grants' ELSE 'buckets' END, '',
               sum(balance) FROM wallet.wallet_account GROUP BY 1, 2, 3
        UNION ALL
        SELECT brand_id, currency, 'open_stakes', '', sum(stake)
          FROM wallet.wallet_bet_authorization WHERE state = 'AUTHORIZED' GROUP BY 1, 2
    )
    SELECT brand_id, currency,
           coalesce(-sum(amount) FILTER (WHERE account = 'OPENING'), 0) AS opening,
           coalesce(-sum(amount) FILTER (WHERE account = 'PSP'), 0) AS psp_net_in,
           coalesce(-sum(amount) FILTER (WHERE account = 'PROMO'), 0) AS promo_net_issued,
           coalesce(sum(amount) FILTER (WHERE account = 'HOUSE'), 0) AS house_win,
           coalesce(-sum(amount) FILTER (WHERE account = 'ADJ'), 0) AS adjustments,
           coalesce(sum(amount) FILTER (WHERE part = 'cash'), 0) AS cash,
           coalesce(sum(amount) FILTER (WHERE part = 'buckets'), 0) AS buckets,
           coalesce(sum(amount) FILTER (WHERE part = 'grants'), 0) AS grants,
           coalesce(sum(amount) FILTER (WHERE part = 'open_stakes'), 0) AS open_stakes,
           sum(amount) AS difference
      FROM parts GROUP BY brand_id, currency;

-- One row per transaction: its ledger rows, its counter-accounts and the stake it opened or closed sum to zero.
CREATE VIEW wallet.transaction_sum AS
    SELECT transaction_id, currency, sum(delta) AS difference, count(*) AS legs FROM (
        SELECT transaction_id, currency, delta FROM wallet.wallet_ledger
        UNION ALL SELECT transaction_id, currency, delta FROM wallet.wallet_counter_entry
        UNION ALL SELECT authorize_transaction_id, currency, stake FROM wallet.wallet_bet_authorization WHERE state <> 'TOMBSTONE'
        UNION ALL SELECT first_close_transaction_id, currency, -stake FROM wallet.wallet_bet_authorization
                   WHERE first_close_transaction_id IS NOT NULL) leg
     GROUP BY transaction_id, currency;

-- Months of the ledger, and when each ended; a month that ended a day ago may be sealed.
CREATE VIEW wallet.ledger_month AS
    SELECT c.relname::text AS partition, to_date(right(c.relname, 6), 'YYYYMM')::timestamp AT TIME ZONE 'UTC' AS begins_at,
           (to_date(right(c.relname, 6), 'YYYYMM') + interval '1 month') AT TIME ZONE 'UTC' AS ends_at,
           EXISTS (SELECT FROM wallet.wallet_ledger_seal s WHERE s.partition = c.relname) AS is_sealed
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'wallet.wallet_ledger'::regclass;

-- The digest over every row of a month, in two steps, so that no value grows with the month.
CREATE FUNCTION wallet.month_digest(p_partition text, OUT row_count bigint, OUT digest bytea) LANGUAGE plpgsql STABLE
SET search_path = wallet, pg_temp SET work_mem = '64MB' AS $$
DECLARE
    month ledger_month;
BEGIN
    SELECT * INTO STRICT month FROM ledger_month m WHERE m.partition = p_partition;
    SELECT coalesce(sum(part.row_count), 0)::bigint, sha256(coalesce(string_agg(part.digest, '' ORDER BY part.slice), '')) INTO row_count, digest FROM (
        SELECT get_byte(uuid_send(l.player_id), 0) * 256 + get_byte(uuid_send(l.player_id), 1) AS slice, count(*) AS row_count,
               sha256(string_agg(l.content_hash || l.hash || l.previous_hash, '' ORDER BY l.brand_id, l.player_id, l.account, l.version)) AS digest
          FROM ledger_content l WHERE l.created_at >= month.begins_at AND l.created_at < month.ends_at GROUP BY 1) part;
END $$;

-- Close a month that ended a day ago for ever: no row can come any more, and its digest is kept. A repeat answers the same.
CREATE FUNCTION wallet.seal_month(p_partition text) RETURNS SETOF wallet.wallet_ledger_seal
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp SET lock_timeout = '2s' AS $$
BEGIN
    PERFORM 1 FROM ledger_month m WHERE m.partition = p_partition AND m.ends_at < now() - interval '1 day';
    IF NOT FOUND THEN
        RAISE EXCEPTION '% is no month of the ledger that ended a day ago', p_partition USING ERRCODE = 'RW003';
    END IF;
    EXECUTE format('LOCK TABLE wallet.%I IN SHARE ROW EXCLUSIVE MODE', p_partition);
    IF NOT EXISTS (SELECT FROM wallet_ledger_seal s WHERE s.partition = p_partition) THEN
        EXECUTE format('CREATE TRIGGER sealed BEFORE INSERT ON wallet.%I FOR EACH ROW EXECUTE FUNCTION wallet.refuse_change()', p_partition);
        EXECUTE format('ALTER TABLE wallet.%I ENABLE ALWAYS TRIGGER sealed', p_partition);
        INSERT INTO wallet_ledger_seal (partition, ends_at, row_count, digest)
        SELECT m.partition, m.ends_at, d.row_count, d.digest FROM ledger_month m, month_digest(p_partition) d WHERE m.partition = p_partition;
    END IF;
    RETURN QUERY SELECT * FROM wallet_ledger_seal s WHERE s.partition = p_partition;
END $$;
