-- By row for the service, whose canaries pass; by statement for `seed_legacy_players`, which makes
-- millions.
CREATE OR REPLACE TRIGGER unsealed BEFORE INSERT ON player.player
    FOR EACH ROW WHEN (session_user = 'player_service') EXECUTE FUNCTION wallet.refuse_sealed();
CREATE OR REPLACE TRIGGER unsealed_seed BEFORE INSERT ON player.player
    FOR EACH STATEMENT WHEN (session_user <> 'player_service')
    EXECUTE FUNCTION wallet.refuse_sealed();
