-- The wallet's views. Each view follows the views that it reads.

CREATE OR REPLACE VIEW wallet.wallet_account AS
    SELECT brand_id, player_id, account, currency, balance::bigint AS balance, version, hash
      FROM wallet.wallet_bucket
    UNION ALL SELECT tenant_id, player_id, 'CASH/AVAILABLE', currency,
        balance_real_available::bigint, available_version, available_hash
            FROM wallet.wallet_balances
    UNION ALL SELECT tenant_id, player_id, 'CASH/PENDING', currency, balance_real_pending::bigint,
        pending_version, pending_hash FROM wallet.wallet_balances
    UNION ALL SELECT brand_id, player_id, account, currency, balance::bigint AS balance, version,
        hash FROM wallet.wallet_coupon_grant;

-- Every bucket that is in use by money, a grant, an open stake or a rolling obligation (A7-8), with
-- the number of uses.
CREATE OR REPLACE VIEW wallet.live_reference AS
    SELECT topology_code, bucket_type_code, 'balance' AS held_by, count(*) AS references_count
      FROM wallet.wallet_bucket WHERE balance <> 0 GROUP BY 1, 2
    UNION ALL
    SELECT topology_code, '', 'coupon grant', count(*) FROM wallet.wallet_coupon_grant
     WHERE state = 'ACTIVE' GROUP BY 1
    UNION ALL
    SELECT split_part(reach.account, '/', 1), split_part(reach.account, '/', 2), 'open stake',
           count(*)
      FROM wallet.wallet_bet_authorization a,
          jsonb_array_elements_text(a.policy_snapshot->'reaches') AS reach(account)
     WHERE a.state = 'AUTHORIZED' GROUP BY 1, 2
    UNION ALL
    SELECT topology_code, bucket_type_code, 'rolling obligation', count(*)
      FROM wallet.wallet_rolling_obligation WHERE state = 'ACTIVE' GROUP BY 1, 2;

-- Every ledger row, with the hash computed from its content.
CREATE OR REPLACE VIEW wallet.ledger_content AS
    SELECT l.*, wallet.ledger_hash(l.previous_hash, l.brand_id, l.player_id, l.account, l.version,
                                   l.delta, l.balance_after, l.currency, l.command, l.request_id,
                                   l.transaction_id, l.topology_code, l.topology_version,
                                   l.policy_key, l.policy_version, l.restore_epoch,
                                   l.created_at) AS content_hash
      FROM wallet.wallet_ledger l;

-- Every ledger row, and whether it is sound: the next version, the right balance, the hash of the
-- previous row and its own hash. Read it for one account only, because it sorts all rows.
CREATE OR REPLACE VIEW wallet.ledger_walk AS
    SELECT l.*,
           l.version = lag(l.version, 1, 0::bigint) OVER chain + 1
               AND l.balance_after = lag(l.balance_after, 1, 0::bigint) OVER chain + l.delta
               AND l.previous_hash = lag(l.hash, 1, ''::bytea) OVER chain
               AND l.hash = l.content_hash AS sound
      FROM wallet.ledger_content l
    WINDOW chain AS (PARTITION BY l.brand_id, l.player_id, l.account ORDER BY l.version);

-- Accounts that differ from their ledger, each with its last good ledger row. The view checks all
-- rows and hashes.
CREATE OR REPLACE VIEW wallet.ledger_drift AS
    SELECT m.brand_id, m.player_id, m.account, m.currency, e.expected, m.balance AS actual,
           e.last_good_version, e.last_good, e.reason
      FROM wallet.compare_accounts('hashes') m,
           LATERAL wallet.explain_drift(m.brand_id, m.player_id, m.account, m.balance, m.version,
                                        m.hash) e
     WHERE NOT m.sound;

-- The balance of each counter-account: the running sum plus newer entries. It is negative if the
-- account gave money.
CREATE OR REPLACE VIEW wallet.counter_total AS
    SELECT brand_id, currency, account, sum(amount)::bigint AS amount FROM (
        SELECT brand_id, currency, account, amount FROM wallet.wallet_counter_sum
        UNION ALL
        SELECT e.brand_id, e.currency, e.account, e.delta FROM wallet.wallet_counter_entry e
         WHERE wallet.position(e.xid) >= (SELECT folded_below FROM wallet.wallet_counter_fold)
           AND wallet.position(e.xid) < 4611686018427387904
           AND e.restore_epoch = (SELECT restore_epoch FROM wallet.wallet_counter_fold)
        UNION ALL
        SELECT e.brand_id, e.currency, e.account, e.delta FROM wallet.wallet_counter_entry e
         WHERE (SELECT g.restore_epoch > f.restore_epoch
                  FROM wallet.wallet_gate g, wallet.wallet_counter_fold f)
           AND e.restore_epoch > (SELECT restore_epoch FROM wallet.wallet_counter_fold)) part
     GROUP BY brand_id, currency, account;

-- Counter-accounts whose balance differs from the sum of all entries. Then an entry or a running
-- sum was changed.
CREATE OR REPLACE VIEW wallet.counter_drift AS
    SELECT brand_id, currency, account, coalesce(e.amount, 0)::bigint AS expected,
           coalesce(t.amount, 0) AS actual
      FROM wallet.counter_total t
      FULL JOIN (SELECT brand_id, currency, account, sum(delta) AS amount
                   FROM wallet.wallet_counter_entry GROUP BY 1, 2, 3) e
           USING (brand_id, currency, account)
     WHERE coalesce(e.amount, 0) <> coalesce(t.amount, 0);

-- The parts of conservation per brand and currency (SPEC 1.3). `difference` is 0 if the money that
-- counter-accounts gave equals the players' holdings and open stakes. Points are a currency here.
CREATE OR REPLACE VIEW wallet.conservation AS
    WITH parts AS (
        SELECT brand_id, currency, 'counter' AS part, account, amount FROM wallet.counter_total
        UNION ALL
        SELECT brand_id, currency,
               CASE WHEN account LIKE 'CASH/%' THEN 'cash'
                    WHEN account LIKE 'GRANT/%' THEN 'grants' ELSE 'buckets' END, '',
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

-- One row per transaction. `difference` is the sum of its ledger rows, its counter-account entries
-- and the stake that it opened or closed. It must be 0.
CREATE OR REPLACE VIEW wallet.transaction_sum AS
    SELECT transaction_id, currency, sum(delta) AS difference, count(*) AS legs FROM (
        SELECT transaction_id, currency, delta FROM wallet.wallet_ledger
        UNION ALL SELECT transaction_id, currency, delta FROM wallet.wallet_counter_entry
        UNION ALL SELECT authorize_transaction_id, currency, stake
            FROM wallet.wallet_bet_authorization WHERE state <> 'TOMBSTONE'
        UNION ALL SELECT first_close_transaction_id, currency, -stake
            FROM wallet.wallet_bet_authorization
                   WHERE first_close_transaction_id IS NOT NULL) leg
     GROUP BY transaction_id, currency;

-- The monthly partitions of the ledger, with begin and end, and whether each is sealed.
CREATE OR REPLACE VIEW wallet.ledger_month AS
    SELECT c.relname::text AS partition,
           to_date(right(c.relname, 6), 'YYYYMM')::timestamp AT TIME ZONE 'UTC' AS begins_at,
           (to_date(right(c.relname, 6), 'YYYYMM')
            + interval '1 month') AT TIME ZONE 'UTC' AS ends_at,
           EXISTS (SELECT FROM wallet.wallet_ledger_seal s
                    WHERE s.partition = c.relname) AS is_sealed
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'wallet.wallet_ledger'::regclass;

-- Every legacy player with the balances in minor units. `held` says if a wallet balance exists, and
-- `fault` is the reason why a player cannot be converted. The preview and the run of a backfill
-- both read this view, so that their results agree.
CREATE OR REPLACE VIEW wallet.backfill_candidate AS
    SELECT p.tenant_id, p.player_id, p.currency,
           p.balance_real_available * 10::numeric ^ c.exponent AS available,
           p.balance_real_held * 10::numeric ^ c.exponent AS pending,
           p.status, p.canary, w.player_id IS NOT NULL AS held,
           CASE WHEN w.player_id IS NOT NULL THEN NULL
                WHEN c.code IS NULL THEN 'currency ' || p.currency || ' is not known'
                WHEN r.currency <> p.currency THEN 'the wallet is in ' || r.currency
                    || ', the player in ' || p.currency
                WHEN p.balance_real_available IS NULL THEN 'balance_real_available is NULL'
                WHEN p.balance_real_held IS NULL THEN 'balance_real_held is NULL'
                WHEN p.balance_real_available < 0 THEN 'balance_real_available is negative'
                WHEN p.balance_real_held < 0 THEN 'balance_real_held is negative'
                WHEN p.balance_real_available IN ('NaN', 'Infinity')
                THEN 'balance_real_available is not a number'
                WHEN p.balance_real_held IN ('NaN', 'Infinity')
                THEN 'balance_real_held is not a number'
                WHEN trunc(p.balance_real_available, c.exponent) <> p.balance_real_available
                THEN 'balance_real_available has too many places'
                WHEN trunc(p.balance_real_held, c.exponent) <> p.balance_real_held
                THEN 'balance_real_held has too many places'
                WHEN (p.balance_real_available + p.balance_real_held) * 10::numeric ^ c.exponent
                     > 9223372036854775807
                THEN 'the balance is too large'
           END AS fault
      FROM player.player p
      LEFT JOIN wallet.wallet_currency c ON c.code = p.currency AND c.code <> 'PTS'
      LEFT JOIN wallet.wallet_balances w ON w.tenant_id = p.tenant_id AND w.player_id = p.player_id
      LEFT JOIN wallet.wallet_player r ON r.brand_id = p.tenant_id AND r.player_id = p.player_id;

-- Changes since a topology move that forbid its undo: accounts and references that differ from the
-- result of the move, and new money, rollings, grants or bets in the target topology. Changes of
-- canaries do not count, because a move is verified with canaries.
CREATE OR REPLACE VIEW wallet.topology_move_conflict AS
WITH happened AS (
    SELECT l.run_id, l.brand_id, l.player_id, end_of.account AS subject,
           'the account has moved since' AS reason
      FROM wallet.topology_move_leg l
      JOIN wallet.topology_move_run r USING (run_id)
     CROSS JOIN LATERAL (VALUES (r.from_code, l.from_bucket, l.from_version),
                         (r.to_code, l.to_bucket, l.to_version)) AS side(code, bucket, version)
     CROSS JOIN LATERAL (SELECT side.code || '/' || side.bucket AS account) AS end_of
      LEFT JOIN wallet.wallet_bucket b ON b.brand_id = l.brand_id AND b.player_id = l.player_id
                                      AND b.topology_code = side.code
                                      AND b.bucket_type_code = side.bucket
     WHERE b.version IS DISTINCT FROM side.version
    UNION
    SELECT f.run_id, f.brand_id, f.player_id, f.kind || ' ' || f.id, 'it has changed since'
      FROM wallet.topology_move_reference f
      LEFT JOIN wallet.wallet_rolling_obligation o ON f.kind = 'rolling' AND o.rolling_id = f.id
      LEFT JOIN wallet.wallet_coupon_grant g ON f.kind = 'grant' AND g.grant_id = f.id
      LEFT JOIN wallet.wallet_bonus x ON f.kind = 'bonus' AND x.bonus_id = f.id
     -- Times are left out, because their text depends on the session's time zone.
     WHERE CASE f.kind WHEN 'rolling' THEN to_jsonb(o) WHEN 'grant' THEN to_jsonb(g)
                ELSE to_jsonb(x) END
           - ARRAY['created_at', 'closed_at', 'expires_at'] IS DISTINCT FROM f.became
               - ARRAY['created_at', 'closed_at', 'expires_at']
    UNION
    SELECT r.run_id, b.brand_id, b.player_id, b.account,
           'it holds money that the move did not bring'
      FROM wallet.topology_move_run r JOIN wallet.wallet_bucket b ON b.topology_code = r.to_code
          AND b.balance <> 0
     WHERE NOT EXISTS (SELECT FROM wallet.topology_move_leg l
                        WHERE (l.run_id, l.brand_id, l.player_id, l.to_bucket) = (r.run_id,
                            b.brand_id, b.player_id, b.bucket_type_code))
    UNION
    SELECT r.run_id, b.brand_id, b.player_id, b.account, 'money came and went since'
      FROM wallet.topology_move_run r
      JOIN wallet.wallet_bucket b ON b.topology_code = r.to_code AND b.balance = 0 AND b.version > 0
      JOIN wallet.wallet_ledger l ON l.brand_id = b.brand_id AND l.player_id = b.player_id
                                 AND l.account = b.account AND l.version = b.version
                                 AND l.created_at >= r.started_at
                                 AND l.command NOT IN ('TOPOLOGY_MOVE', 'TOPOLOGY_MOVE_UNDO')
     WHERE NOT EXISTS (SELECT FROM wallet.topology_move_leg l
                        WHERE (l.run_id, l.brand_id, l.player_id, l.to_bucket) = (r.run_id,
                            b.brand_id, b.player_id, b.bucket_type_code))
    UNION
    SELECT r.run_id, o.brand_id, o.player_id, 'rolling ' || o.rolling_id, 'it was made since'
      FROM wallet.topology_move_run r JOIN wallet.wallet_rolling_obligation o
          ON o.topology_code = r.to_code AND o.state = 'ACTIVE'
     WHERE NOT EXISTS (SELECT FROM wallet.topology_move_reference f
                        WHERE (f.run_id, f.kind, f.id) = (r.run_id, 'rolling', o.rolling_id))
    UNION
    SELECT r.run_id, g.brand_id, g.player_id, 'grant ' || g.grant_id, 'it was made since'
      FROM wallet.topology_move_run r JOIN wallet.wallet_coupon_grant g
          ON g.topology_code = r.to_code AND g.state = 'ACTIVE'
     WHERE NOT EXISTS (SELECT FROM wallet.topology_move_reference f
                        WHERE (f.run_id, f.kind, f.id) = (r.run_id, 'grant', g.grant_id))
    UNION
    SELECT r.run_id, a.brand_id, a.player_id, 'bet ' || a.authorization_id, 'it is open'
      FROM wallet.topology_move_run r JOIN wallet.wallet_bet_authorization a
          ON a.state = 'AUTHORIZED'
)
SELECT h.* FROM happened h LEFT JOIN wallet.wallet_player p USING (brand_id, player_id)
 WHERE p.canary IS NOT TRUE;
