-- What reconciliation compares. Both views only read; nothing in this platform corrects a drift.

-- Walk every chain: versions without a gap, balances that follow from deltas, hashes over the previous row.
CREATE VIEW wallet.ledger_walk AS
    SELECT l.*,
           lead(l.version) OVER chain IS NULL AS is_tip,
           l.version = lag(l.version, 1, 0::bigint) OVER chain + 1
               AND l.balance_after = lag(l.balance_after, 1, 0::bigint) OVER chain + l.delta
               AND l.hash = wallet.ledger_hash(lag(l.hash, 1, ''::bytea) OVER chain, l.brand_id, l.player_id, l.account, l.version, l.delta,
                       l.balance_after, l.currency, l.command, l.request_id, l.transaction_id, l.topology_code, l.topology_version,
                       l.policy_key, l.policy_version, l.restore_epoch, l.created_at) AS sound
      FROM wallet.wallet_ledger l
    WINDOW chain AS (PARTITION BY l.brand_id, l.player_id, l.account ORDER BY l.version);

-- One row per account that does not agree with its ledger, with the last row that can be trusted.
CREATE VIEW wallet.ledger_drift AS
    WITH chain AS (
        SELECT brand_id, player_id, account, max(currency) AS currency,
               max(version) AS tip_version,
               max(balance_after) FILTER (WHERE is_tip) AS tip_balance,
               max(encode(hash, 'hex')) FILTER (WHERE is_tip) AS tip_hash,
               min(version) FILTER (WHERE NOT sound) AS first_bad
          FROM wallet.ledger_walk GROUP BY brand_id, player_id, account
    )
    SELECT brand_id, player_id, account, coalesce(a.currency, c.currency) AS currency,
           c.tip_balance AS expected, a.balance AS actual,
           CASE WHEN c.first_bad IS NOT NULL THEN c.first_bad - 1 ELSE coalesce(c.tip_version, 0) END AS last_good_version,
           CASE WHEN c.first_bad IS NOT NULL THEN 'ledger row ' || c.first_bad || ' was changed, or the row before it is missing'
                WHEN c.tip_version IS NULL THEN 'the account has a balance or version but no ledger row'
                WHEN a.balance IS NULL THEN 'the ledger has rows but the account is missing'
                WHEN a.balance <> c.tip_balance THEN 'the balance differs from its ledger tip'
                WHEN a.version <> c.tip_version THEN 'the version differs from its ledger tip'
                ELSE 'the hash differs from its ledger tip' END AS reason
      FROM wallet.wallet_account a
      FULL JOIN chain c USING (brand_id, player_id, account)
     WHERE c.first_bad IS NOT NULL
        OR a.balance IS DISTINCT FROM coalesce(c.tip_balance, 0)
        OR a.version IS DISTINCT FROM coalesce(c.tip_version, 0)
        OR encode(a.hash, 'hex') IS DISTINCT FROM coalesce(c.tip_hash, '');

-- Per brand and currency: what counter-accounts gave equals what players hold and have staked (SPEC 1.3). Points by themselves.
CREATE VIEW wallet.conservation AS
    WITH parts AS (
        SELECT brand_id, currency, 'counter' AS part, account, sum(delta) AS amount FROM wallet.wallet_counter_entry GROUP BY 1, 2, 4
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
