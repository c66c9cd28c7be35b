\set n 1 + :client_id * :share + random(0, :share - 1)
SELECT (wallet.read_state(jsonb_build_object('brand_id', md5('brand')::uuid, 'player_id', md5('player ' || :n)::uuid, 'caller', 'game_service',
        'route', 'authorize', 'request_id', 'r-' || clock_timestamp(), 'provider_id', 'mocksports', 'bet_id', 'none'))
        ->'player'->>'version')::bigint AS version, gen_random_uuid() AS tx \gset
SELECT wallet.apply_command(jsonb_build_object('brand_id', md5('brand')::uuid, 'player_id', md5('player ' || :n)::uuid, 'caller', 'game_service',
        'route', 'authorize', 'request_id', :tx::text, 'fingerprint', 'ab', 'transaction_id', :tx::text, 'player_version', :version::bigint, 'activation_no', 1,
        'currency', 'EUR', 'canary', false, 'command', 'BET_AUTHORIZE', 'status', 200, 'starts_new', true,
        'body', jsonb_build_object('authorization_id', :tx::text, 'state', 'AUTHORIZED', 'stake', '0.10'),
        'pair', '{"topology_code": "RUBY_SPLIT_V1", "topology_version": 1, "policy_key": "default", "policy_version": 1}'::jsonb,
        'legs', '[{"account": "RUBY_SPLIT_V1/SPORTS_NORMAL", "delta": -10, "currency": "EUR"}, {"account": "STAKE", "delta": 10, "currency": "EUR"}]'::jsonb,
        'authorization', jsonb_build_object('authorization_id', :tx::text, 'provider_id', 'mocksports', 'provider_type', 'SPORTS', 'bet_id', :tx::text,
            'round_id', 'r', 'stake', 10, 'state', 'AUTHORIZED', 'funding', '[{"account": "RUBY_SPLIT_V1/SPORTS_NORMAL", "amount": 10}]'::jsonb,
            'policy_snapshot', '{"destinations": {"RUBY_SPLIT_V1/SPORTS_NORMAL": ["RUBY_SPLIT_V1/SPORTS_NORMAL", "RUBY_SPLIT_V1/WITHDRAWABLE"]},
                                 "reaches": ["RUBY_SPLIT_V1/SPORTS_NORMAL", "RUBY_SPLIT_V1/WITHDRAWABLE"]}'::jsonb)));
