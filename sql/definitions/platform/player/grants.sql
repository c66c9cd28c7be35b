ALTER SCHEMA player OWNER TO player_owner;
ALTER FUNCTION player.seed_legacy_players(integer) OWNER TO player_owner;

GRANT USAGE ON SCHEMA player TO player_service, wallet_owner, rubyops_read, rubyops_ops;
GRANT SELECT ON player.player TO player_service, wallet_owner, rubyops_read, rubyops_ops;
GRANT INSERT ON player.player TO player_service;
GRANT EXECUTE ON FUNCTION player.seed_legacy_players(integer) TO rubyops_ops;
-- PostgreSQL allows SELECT FOR SHARE only with UPDATE on some column. No function of wallet_owner
-- updates a player.
GRANT UPDATE (status) ON player.player TO wallet_owner;
