SET SESSION AUTHORIZATION wallet_owner;
INSERT INTO wallet.wallet_player (brand_id, player_id, currency)
SELECT md5('brand')::uuid, md5('player ' || n)::uuid, 'EUR' FROM generate_series(1, 1000) n
ON CONFLICT DO NOTHING;
RESET SESSION AUTHORIZATION;
CREATE TABLE IF NOT EXISTS public.played (n bigint, at timestamptz, brand uuid, player uuid,
    opened uuid, closed uuid, funding jsonb, snapshot jsonb);
TRUNCATE public.played;
GRANT USAGE ON SCHEMA public TO wallet_owner;
GRANT SELECT ON public.played TO wallet_owner;
INSERT INTO public.played
SELECT n, now() - %(ago)s::interval, md5('brand')::uuid, md5('player ' || n %% 1000 + 1)::uuid,
       md5('open ' || n)::uuid, md5('close ' || n)::uuid,
       '[{"account": "RUBY_SPLIT_V1/SPORTS_NORMAL", "amount": 100}]',
       '{"destinations": {"RUBY_SPLIT_V1/SPORTS_NORMAL":
             ["RUBY_SPLIT_V1/SPORTS_NORMAL", "RUBY_SPLIT_V1/WITHDRAWABLE"]},
         "reaches": ["RUBY_SPLIT_V1/SPORTS_NORMAL", "RUBY_SPLIT_V1/WITHDRAWABLE"],
         "withdrawable": "RUBY_SPLIT_V1/WITHDRAWABLE"}'
  FROM generate_series(%(first)s::bigint, %(last)s::bigint) n;
INSERT INTO wallet.wallet_bet_authorization (authorization_id, brand_id, player_id, provider_id,
       provider_type, bet_id, round_id, currency, stake, payout, state, funding, payout_shares,
       policy_snapshot, topology_code, topology_version, policy_key, policy_version,
       authorize_transaction_id, close_transaction_id, first_close_transaction_id, created_at,
       closed_at, seal, close_seal)
SELECT p.opened, p.brand, p.player, 'mocksports', 'SPORTS', 'bet-' || p.n, 'r', 'EUR', 100, 0,
       'SETTLED', p.funding, '[]', p.snapshot, 'RUBY_SPLIT_V1', 1, 'default', 1, p.opened, p.closed,
       p.closed, p.at, p.at, s.seal,
       wallet.closing_seal(s.seal, 'SETTLED', 0, '[]', p.closed, p.closed, p.at)
  FROM public.played p
 CROSS JOIN LATERAL (
       SELECT wallet.opening_seal(p.opened, p.brand, p.player, 'mocksports', 'SPORTS',
                                  'bet-' || p.n, 'r', 'EUR', 100, p.funding, p.snapshot,
                                  'RUBY_SPLIT_V1', 1, 'default', 1, p.opened, false,
                                  p.at) AS seal) s;
INSERT INTO wallet.wallet_ledger (brand_id, player_id, account, version, delta, balance_after,
       currency, command, request_id, transaction_id, topology_code, topology_version, policy_key,
       policy_version, restore_epoch, hash, created_at)
SELECT p.brand, p.player, 'RUBY_SPLIT_V1/SPORTS_NORMAL', p.n, -100, 0, 'EUR', 'BET_AUTHORIZE',
       'open-' || p.n, p.opened, 'RUBY_SPLIT_V1', 1, 'default', 1, 0, '', p.at
  FROM public.played p;
INSERT INTO wallet.wallet_counter_entry (transaction_id, brand_id, player_id, currency, account,
       delta, command, request_id, restore_epoch, created_at, seal)
SELECT p.closed, p.brand, p.player, 'EUR', 'HOUSE', 100, 'BET_SETTLE', 'close-' || p.n, 0, p.at,
       wallet.entry_seal(p.closed, p.brand, p.player, 'EUR', 'HOUSE', 100, 'BET_SETTLE',
                         'close-' || p.n, 0, p.at)
  FROM public.played p;
INSERT INTO wallet.wallet_idempotency (brand_id, caller, route, request_id, fingerprint, status,
       body, transaction_id, created_at)
SELECT p.brand, 'game_service', a.route, a.route || '-' || p.n, '', 200,
       jsonb_build_object('authorization_id', p.opened), a.tx, p.at
  FROM public.played p
 CROSS JOIN LATERAL (VALUES ('open', p.opened), ('close', p.closed)) a(route, tx);
INSERT INTO wallet.wallet_outbox (event_id, partition_no, brand_id, player_id, player_version,
       event_no, event_type, payload, occurred_at, restore_epoch, published_at)
SELECT md5('event ' || p.n)::uuid, 0, p.brand, p.player, p.n, p.n, 'BET_SETTLED_CONFIRMED',
       jsonb_build_object('authorization_id', p.opened, 'bet_id', 'bet-' || p.n,
                          'provider_type', 'SPORTS', 'currency', 'EUR', 'stake', '100',
                          'payout', '0', 'counts', true, 'funding',
                          '[{"account": "RUBY_SPLIT_V1/SPORTS_NORMAL", "amount": "100"}]'::jsonb),
       p.at, 0, p.at
  FROM public.played p;
SET SESSION AUTHORIZATION wallet_owner;
INSERT INTO wallet.wallet_transfer (transfer_id, brand_id, player_id, kind, from_account,
       to_account, currency, amount, topology_code, topology_version, policy_key, policy_version,
       transaction_id, created_at)
SELECT md5('transfer ' || p.n)::uuid, p.brand, p.player, 'EDGE', 'a/b', 'a/c', 'EUR', 5,
       'RUBY_SPLIT_V1', 1, 'default', 1, p.opened, p.at
  FROM public.played p WHERE p.n %% 10 = 0;
RESET SESSION AUTHORIZATION
