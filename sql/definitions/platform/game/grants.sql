GRANT USAGE ON SCHEMA game TO game_service, rubyops_read, rubyops_ops;
GRANT SELECT ON ALL TABLES IN SCHEMA game TO game_service, rubyops_read, rubyops_ops;
GRANT INSERT ON game.round TO game_service;
GRANT INSERT, UPDATE (attempts, answered_at, status, code) ON game.callback TO game_service;
GRANT INSERT, UPDATE (round_id, player_id, currency, stake, payout, state, changed_at)
    ON game.bet TO game_service;
GRANT INSERT, UPDATE (player_id, campaign, bet_id, round_id, currency, amount, state, attempts,
                      changed_at) ON game.win TO game_service;
