-- player_service has a row trigger, because canaries may be created under a seal.
-- seed_legacy_players has a statement trigger, because it inserts millions of rows.
CREATE OR REPLACE TRIGGER unsealed BEFORE INSERT ON player.player
    FOR EACH ROW WHEN (session_user = 'player_service') EXECUTE FUNCTION wallet.refuse_sealed();
CREATE OR REPLACE TRIGGER unsealed_seed BEFORE INSERT ON player.player
    FOR EACH STATEMENT WHEN (session_user <> 'player_service')
    EXECUTE FUNCTION wallet.refuse_sealed();
