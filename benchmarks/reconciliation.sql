CREATE TABLE public.chain AS
SELECT md5('brand ' || n %% 3)::uuid AS brand_id, md5('player ' || n)::uuid AS player_id,
       'RUBY_SPLIT_V1/SPORTS_NORMAL' AS account, n, 0::bigint AS version, 0::bigint AS balance,
       ''::bytea AS hash
  FROM generate_series(1, %(accounts)s::integer) n;
INSERT INTO wallet.wallet_ledger (brand_id, player_id, account, version, delta, balance_after,
       currency, command, request_id, transaction_id, topology_code, topology_version, policy_key,
       policy_version, restore_epoch, previous_hash, hash, created_at)
SELECT c.brand_id, c.player_id, c.account, 1, 100, 100, 'EUR', 'DEPOSIT', 'first-' || c.n,
       md5('tx ' || c.n)::uuid, 'RUBY_SPLIT_V1', 1, 'default', 1, 0, '',
       wallet.ledger_hash('', c.brand_id, c.player_id, c.account, 1, 100, 100, 'EUR', 'DEPOSIT',
                          'first-' || c.n, md5('tx ' || c.n)::uuid, 'RUBY_SPLIT_V1', 1, 'default',
                          1, 0, now()), now()
  FROM public.chain c;
WITH moved AS (
    SELECT l.*, l.version + 1 AS next_version, (l.version * 7919 + 13) %% 50 + 1 AS change,
           'request-' || l.version || '-' || c.n AS request,
           md5(c.n || ' tx ' || l.version)::uuid AS tx
      FROM wallet.wallet_ledger l JOIN public.chain c USING (brand_id, player_id, account)
     WHERE l.version = %(version)s - 1 AND c.n <= %(limit)s
)
INSERT INTO wallet.wallet_ledger (brand_id, player_id, account, version, delta, balance_after,
       currency, command, request_id, transaction_id, topology_code, topology_version, policy_key,
       policy_version, restore_epoch, previous_hash, hash, created_at)
SELECT m.brand_id, m.player_id, m.account, m.next_version, m.change, m.balance_after + m.change,
       'EUR', 'BET_SETTLE', m.request, m.tx, 'RUBY_SPLIT_V1', 1, 'default', 1, 0, m.hash,
       wallet.ledger_hash(m.hash, m.brand_id, m.player_id, m.account, m.next_version, m.change,
                          m.balance_after + m.change, 'EUR', 'BET_SETTLE', m.request, m.tx,
                          'RUBY_SPLIT_V1', 1, 'default', 1, 0, now()), now()
  FROM moved m;
INSERT INTO wallet.wallet_bucket AS held (brand_id, player_id, topology_code, bucket_type_code,
       currency, balance, version, hash)
SELECT DISTINCT ON (l.brand_id, l.player_id) l.brand_id, l.player_id, 'RUBY_SPLIT_V1',
       'SPORTS_NORMAL', 'EUR', l.balance_after, l.version, l.hash
  FROM wallet.wallet_ledger l ORDER BY l.brand_id, l.player_id, l.version DESC
ON CONFLICT (brand_id, player_id, topology_code, bucket_type_code) DO UPDATE
   SET balance = excluded.balance, version = excluded.version, hash = excluded.hash
 WHERE held.version <> excluded.version;
